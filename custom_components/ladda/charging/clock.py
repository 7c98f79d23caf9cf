"""A station's clock, and what of it can be believed.

Stations take the time from us, yet some run late, send local time as if it
were UTC, or wake up in 1970. Offline messages are old on purpose, and a status
may be told long after it came about. So an offset is believed only where
nothing but the clock can explain it.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

TOLERANCE: Final = timedelta(seconds=5)
# Old messages come in a burst; what is live and this far apart is not one of them.
APART: Final = timedelta(minutes=1)
_NONE: Final = timedelta()
_MOST_AHEAD: Final = timedelta(days=2)
_MOST_BEHIND: Final = timedelta(days=90)


class Moment(NamedTuple):
    """When something happened.

    `corrected`: the station's own time was set right; `stamped`: it had told one
    that could be used.
    """

    at: datetime
    corrected: bool
    stamped: bool

    @property
    def believed(self) -> bool:
        """Whether it is what the station's own clock said."""
        return self.stamped and not self.corrected


class StationClock:
    """Estimates how far a station's clock is behind ours, during one connection.

    A message cannot come before it was written: where it seems to, the clock is
    ahead by at least that. A late message may be old, so that the clock is known to
    be behind only once two live messages agree on it, a minute or more apart. One
    live message that agrees with our clock shows that the station's is right. What is
    older than any station keeps is not believed: clocks without a battery wake up in
    some year of the past.
    """

    __slots__ = ("_shown", "offset")

    def __init__(self) -> None:
        """Start knowing nothing; `offset` is how far the clock is behind."""
        self.offset = _NONE
        self._shown: tuple[datetime, timedelta] | None = None

    def restart(self) -> None:
        """Forget the offset: the station booted or came anew."""
        self.offset = _NONE
        self._shown = None

    def read(
        self, at: datetime | None, received_at: datetime, *, live: bool = False
    ) -> Moment:
        """Tell when something happened that the station stamped `at`.

        `live`: it is of a kind that stations never keep for later. The answer is
        never later than `received_at`, which it is where the stamp is of no use.
        """
        if at is None:
            return Moment(received_at, corrected=False, stamped=False)
        behind = received_at - at
        if not -_MOST_AHEAD <= behind <= _MOST_BEHIND:
            return Moment(received_at, corrected=True, stamped=False)
        if behind < self.offset - TOLERANCE or (
            live and self._is_proof(behind, received_at)
        ):
            self.offset = behind if abs(behind) > TOLERANCE else _NONE
        moment = min(at + self.offset, received_at)
        return Moment(moment, corrected=bool(self.offset), stamped=True)

    def _is_proof(self, behind: timedelta, received_at: datetime) -> bool:
        """Tell whether a live message shows the offset beyond doubt."""
        if abs(behind) <= TOLERANCE:
            return True
        shown = self._shown
        if shown is None or abs(behind - shown[1]) > TOLERANCE:
            self._shown = (received_at, behind)
            return False
        return received_at - shown[0] >= APART


class AlignedStamps:
    """Finds out whether clock-aligned values carry the start of their interval.

    OCPP 1.6 (§9.1.5) has them sent at an interval's end and stamped with its start;
    most stations stamp the moment of reading. Two values that come an interval apart,
    each late by just that interval, show the former. Values that come in a burst,
    after the station was offline, show nothing.
    """

    __slots__ = ("_last", "interval")

    def __init__(self) -> None:
        """Take stamps for moments of reading until something else is seen."""
        self.interval: timedelta | None = None
        self._last: tuple[datetime, datetime] | None = None

    def read(self, at: datetime, received_at: datetime) -> datetime:
        """Tell when a clock-aligned value was read that is stamped `at`."""
        late = received_at - at
        if self._last is None or at > self._last[0]:
            if self._last is not None:
                step = at - self._last[0]
                pace = received_at - self._last[1]
                if _about(pace, step):
                    self.interval = step if _about(late, step) else None
            self._last = (at, received_at)
        if self.interval is not None and _about(late, self.interval):
            return min(at + self.interval, received_at)
        return at


def _about(duration: timedelta, interval: timedelta) -> bool:
    """Tell whether a duration is that of an interval, but for a message's way."""
    return abs(duration - interval) <= interval / 10
