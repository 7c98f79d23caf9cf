"""A station's clock, and what of it can be believed.

Stations take the time from us, yet some run late, send local time as if it
were UTC, or wake up in 1970. Offline messages are old on purpose. So an offset
is believed only where nothing but the clock can explain it.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

TOLERANCE: Final = timedelta(seconds=5)
_FIRST_YEAR: Final = 2020  # before that no station that speaks to us was built
_MOST_AHEAD: Final = timedelta(days=2)


class Moment(NamedTuple):
    """When something happened, and whether the station's own time was set right."""

    at: datetime
    corrected: bool


class StationClock:
    """Estimates how far a station's clock is behind ours, during one connection.

    What arrives cannot be older than its timestamp says by less than the offset:
    the smallest difference seen is the offset. A positive one (clock behind, or an
    old message?) counts only once a live message has shown it.
    """

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._least: timedelta | None = None
        self._live = False

    def restart(self) -> None:
        """Forget the offset: the station booted or came anew."""
        self.__init__()  # type: ignore[misc]

    @property
    def offset(self) -> timedelta:
        """How far the station's clock is behind; zero within the tolerance."""
        least = self._least
        if least is None or abs(least) <= TOLERANCE:
            return timedelta()
        if least > timedelta() and not self._live:
            return timedelta()
        return least

    def read(
        self, at: datetime | None, received_at: datetime, *, live: bool = False
    ) -> Moment:
        """Tell when something happened that the station stamped `at`.

        `live`: it is of a kind that stations never keep for later.
        """
        if at is None:
            return Moment(received_at, corrected=False)
        if at.year < _FIRST_YEAR or at - received_at > _MOST_AHEAD:
            return Moment(received_at, corrected=True)
        difference = received_at - at
        self._least = (
            difference if self._least is None else min(difference, self._least)
        )
        self._live |= live
        offset = self.offset
        return Moment(min(at + offset, received_at), corrected=bool(offset))
