"""What is told of stations: what was refused, or is odd, or went wrong, or just happened.

Whatever comes again and again is told less and less often, for a log is read by people.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
import logging
import time
from typing import Final, Protocol

_LOGGER = logging.getLogger(__name__)

# All stations that nobody has adopted, for a guesser has any number of names.
STRANGERS: Final = "strangers"
FIRST_PAUSE: Final = 60.0  # s between two lines about the same, twice that after each
LONGEST_PAUSE: Final = 86_400.0


class Note(Protocol):
    """Counts what one station sent that is odd, or where we failed, with our error."""

    def __call__(self, kind: str, error: Exception | None = None) -> None:
        """Count something; `kind` is one of a few words of ours."""


@dataclass(slots=True)
class _Line:
    """A line of the log that would be written again and again."""

    due: float
    pause: float = FIRST_PAUSE
    kept_back: int = 0


@dataclass(slots=True)
class Oddities:
    """Counts by station and kind, and tells of it in the log; `clock` in s.

    `who` is a station's identity or STRANGERS, `kind` one of a few words of ours.
    Nothing of what the station sent is told, for it may be a secret.
    """

    clock: Callable[[], float] = time.monotonic
    _counts: dict[str, Counter[str]] = field(default_factory=dict)
    _lines: dict[tuple[str, str], _Line] = field(default_factory=dict)

    def note(self, who: str, kind: str, error: Exception | None = None) -> None:
        """Count something that is odd, or an error of ours."""
        self._counts.setdefault(who, Counter())[kind] += 1
        if (again := self._again(who, kind)) is None:
            return
        if error is None:
            _LOGGER.warning("%s sent something odd: %s%s", who, kind, again)
        else:
            _LOGGER.error("%s: %s%s", who, kind, again, exc_info=error)

    def mention(self, who: str, event: str, detail: str = "") -> None:
        """Tell of something that happens to every station, and is not counted."""
        if (again := self._again(who, event)) is not None:
            _LOGGER.info("%s %s%s%s", who, event, detail, again)

    def of(self, who: str) -> dict[str, int]:
        """Return what came from there and how often, most often first."""
        return dict(self._counts.get(who, Counter()).most_common())

    def _again(self, who: str, what: str) -> str | None:
        """Return how a line ends that is to be written; None: it was written just before."""
        now = self.clock()
        line = self._lines.setdefault((who, what), _Line(now))
        if now < line.due:
            line.kept_back += 1
            return None
        again = f" ({line.kept_back} times more since)" if line.kept_back else ""
        line.due = now + line.pause
        line.pause = min(2 * line.pause, LONGEST_PAUSE)
        line.kept_back = 0
        return again
