"""What came in and was refused, or is odd: counted by station, told now and then."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
import logging
import time
from typing import Final

_LOGGER = logging.getLogger(__name__)

# All stations that nobody has adopted, for a guesser has any number of names.
STRANGERS: Final = "strangers"
FIRST_PAUSE: Final = 60.0  # s between two lines about the same, twice that after each
LONGEST_PAUSE: Final = 86_400.0


@dataclass(slots=True)
class _Line:
    """A line of the log that would be written again and again."""

    due: float
    pause: float = FIRST_PAUSE
    kept_back: int = 0


@dataclass(slots=True)
class Oddities:
    """Counts by station and kind; `clock` in s.

    `who` is a station's identity or STRANGERS, `kind` one of a few words of ours.
    Nothing of what the station sent is told, for it may be a secret.
    """

    clock: Callable[[], float] = time.monotonic
    _counts: dict[str, Counter[str]] = field(default_factory=dict)
    _lines: dict[tuple[str, str], _Line] = field(default_factory=dict)

    def note(self, who: str, kind: str) -> None:
        """Count something; tell it in the log unless it was told just before."""
        self._counts.setdefault(who, Counter())[kind] += 1
        now = self.clock()
        line = self._lines.setdefault((who, kind), _Line(now))
        if now < line.due:
            line.kept_back += 1
            return
        again = f" ({line.kept_back} times more since)" if line.kept_back else ""
        _LOGGER.warning("%s sent something odd: %s%s", who, kind, again)
        line.due = now + line.pause
        line.pause = min(2 * line.pause, LONGEST_PAUSE)
        line.kept_back = 0

    def of(self, who: str) -> dict[str, int]:
        """Return what came from there and how often, most often first."""
        return dict(self._counts.get(who, Counter()).most_common())
