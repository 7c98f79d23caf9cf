"""Energy from readings: how much a session took, and when.

The best source that a station has is used for a whole session; where the
session's own registers at start and end are known, what they say is what
counts, and the rest only spreads it over time.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Final, NamedTuple

from .model import Context
from .reading import Method, Reading
from .register import MOST_AT_ONCE_WH, SLACK_WH, Count, RegisterReader, hours, most_wh
from .session import Flag

# The longest interval at which stations usually send; until theirs is known.
USUAL_INTERVAL: Final = timedelta(minutes=15)
_MILLI: Final = Decimal("0.001")
_ZERO: Final = Decimal(0)


class EnergyPoint(NamedTuple):
    """How much had been delivered since the session's start. Wh."""

    at: datetime
    wh: Decimal


class PowerIntegral:
    """Energy as power over time: power holds until the next reading.

    It does not hold over a gap, for longer than twice the interval at which
    readings came before: nobody knows what happened then.
    """

    def __init__(self, at: datetime) -> None:
        """Begin at a time; until the first reading, its power counts."""
        self._at = at
        self._power_w: Decimal | None = None
        self._intervals = deque([USUAL_INTERVAL], maxlen=4)

    def add(self, at: datetime, power_w: Decimal) -> Decimal:
        """Take a reading; return what was delivered since the one before, in Wh."""
        held = min(at - self._at, 2 * max(self._intervals))
        if held:
            self._intervals.append(held)
        before = power_w if self._power_w is None else self._power_w
        self._at, self._power_w = at, power_w
        return (before * hours(held)).quantize(_MILLI)


class EnergyCurve(NamedTuple):
    """What a closed session took: points from zero to `energy_wh`, rising."""

    points: tuple[EnergyPoint, ...]
    energy_wh: Decimal
    method: Method
    flags: tuple[str, ...]
    meter_wh: Decimal | None  # the meter at the end, where it can be believed


class Most(NamedTuple):
    """The most that a session can have taken, in all and since it was last heard of. Wh."""

    in_all: Decimal
    lately: Decimal

    def as_data(self) -> list[str]:
        """Write it for the journal; `from_data` reads it back."""
        return [str(self.in_all), str(self.lately)]

    @classmethod
    def from_data(cls, data: Iterable[str]) -> Most:
        """Read what `as_data` wrote."""
        return cls(*map(Decimal, data))


class EnergyFold:
    """Follows the energy of one session, reading by reading.

    `points` and `delivered_wh` are as of now; `close` looks at all readings again,
    in the order of their own times, and fits them to the session's registers.
    """

    def __init__(self, started_at: datetime, meter_start_wh: Decimal | None) -> None:
        """Start a session at a time and a register in Wh, None where it is not known."""
        self._started_at = started_at
        self._meter_start_wh = meter_start_wh
        self.readings: list[Reading] = []
        self.points = [EnergyPoint(started_at, _ZERO)]
        self.method: Method | None = None
        self._measures = False
        self._reader = self._first_reader()
        self._power = PowerIntegral(started_at)
        self._clock_intervals: bool | None = None
        self._last_interval_at = started_at
        self._meter_end_wh: Decimal | None = None

    def _first_reader(self) -> RegisterReader | None:
        """Return a reader that stands at the session's start."""
        if self._meter_start_wh is None:
            return None
        return RegisterReader(Count(self._started_at, self._meter_start_wh, _ZERO))

    @property
    def delivered_wh(self) -> Decimal:
        """How much has been delivered."""
        return self.points[-1].wh

    def add(self, reading: Reading) -> list[EnergyPoint]:
        """Take a reading; return the points that it added.

        One that is older than what is known counts only when the session is closed.
        """
        self.readings.append(reading)
        last = self.points[-1]
        if reading.at < last.at:
            return []
        if reading.context is Context.END and reading.method is Method.REGISTER:
            self._meter_end_wh = reading.register_wh
        if reading.method is not self.method:
            self._choose_method(reading)
        added = [
            EnergyPoint(max(at, last.at), max(wh, last.wh))
            for at, wh in self._counted(reading)
        ]
        self.points += added
        return added

    def _choose_method(self, reading: Reading) -> None:
        """Use a better method from now on, without going back.

        What stations send at a transaction's begin or end only shows no progress.
        """
        if reading.context is Context.BEGIN:
            return
        if self.method is None or (
            reading.method.is_better_than(self.method)
            and reading.context is not Context.END
        ):
            self.method = reading.method
            self._measures = reading.method.measures
            if self._meter_start_wh is not None:
                self._reader = self._first_reader()

    def _counted(self, reading: Reading) -> list[tuple[datetime, Decimal]]:
        """Return the energy since the start, by the session's method, and when."""
        if reading.register_wh is not None and self._reader is None:
            start = Count(reading.at, reading.register_wh, self.delivered_wh)
            self._reader = RegisterReader(start)
        if reading.context is Context.BEGIN:
            return []
        if self._measures:
            return self._counted_by_register(reading)
        if self.method is Method.INTERVALS:
            grown = self._interval(reading)
        elif reading.power_w is not None and (
            (self.method is Method.CURRENT) == (reading.method is Method.CURRENT)
        ):
            grown = self._power.add(reading.at, reading.power_w)
        else:
            grown = None
        return [] if grown is None else [(reading.at, self.delivered_wh + grown)]

    def _counted_by_register(self, reading: Reading) -> list[tuple[datetime, Decimal]]:
        """Return the energy by the register."""
        if reading.method is not self.method or reading.register_wh is None:
            return []
        assert self._reader is not None
        since = self._reader.last.at
        self._reader, counts = self._reader.read(reading.at, reading.register_wh)
        if not reading.dated:
            self._reader = self._reader.last_read(since)
        return [(count.at, count.counted) for count in counts]

    def _interval(self, reading: Reading) -> Decimal | None:
        """Return the energy of an interval, if it is one that counts.

        Periodic and clock-aligned intervals overlap: only one kind counts. So do
        those that somebody asked for, and those that are told twice.
        """
        wh = reading.interval_wh
        if wh is None or reading.context is Context.TRIGGER:
            return None
        of_clock = reading.context is Context.CLOCK
        if self._clock_intervals is None:
            self._clock_intervals = of_clock
        since = self._last_interval_at
        if of_clock is not self._clock_intervals or reading.at <= since:
            return None
        if wh > most_wh(reading.at - since):
            return None
        self._last_interval_at = reading.at
        return wh

    def close(
        self,
        ended_at: datetime,
        meter_stop_wh: Decimal | None,
        more: Iterable[Reading] = (),
        most: Most | None = None,
    ) -> EnergyCurve:
        """Tell what the session took if it ended so; nothing changes by that.

        Stop minus start counts wherever it can be; otherwise what the readings say,
        and a flag says so. `more` readings came with the end; more than `most`, where
        that is known, cannot be.
        """
        fold = EnergyFold(self._started_at, self._meter_start_wh)
        for reading in _in_order((*self.readings, *more)):
            if reading.at >= self._started_at:
                fold.add(reading._replace(at=min(reading.at, ended_at)))
        return fold.curve(ended_at, meter_stop_wh, most)

    def curve(
        self, ended_at: datetime, meter_stop_wh: Decimal | None, most: Most | None
    ) -> EnergyCurve:
        """Return the curve of a session whose readings came in order, up to its end."""
        stop_wh = self._meter_end_wh if meter_stop_wh is None else meter_stop_wh
        energy = None if stop_wh is None else self._by_stop(ended_at, stop_wh, most)
        method = self.method or Method.START_AND_STOP
        flags = []
        if rescaled := self._reader is not None and self._reader.rescaled:
            flags.append(Flag.METER_RESCALED)
        if stop_wh is not None and energy is None:
            flags.append(Flag.METER_STOP_IMPLAUSIBLE)
            stop_wh = None
        elif stop_wh is None and self._reader is not None and method.measures:
            stop_wh = self._reader.last.wh
        total = self.delivered_wh if energy is None else energy
        exact = method.measures and not rescaled
        return EnergyCurve(
            tuple(_fit(self.points, ended_at, total, exact=exact)),
            total,
            method,
            tuple(flags),
            stop_wh,
        )

    def _by_stop(
        self, ended_at: datetime, stop_wh: Decimal, most: Most | None
    ) -> Decimal | None:
        """Return the energy by the register at the end; None where that cannot be.

        Its scale may have changed since the start: then it is read on the new one. That
        takes times that can be believed, which a station without a clock has not.
        """
        if self._reader is None:
            return None
        reported = None
        if (start_wh := self._meter_start_wh) is not None:
            difference = stop_wh - start_wh
            in_all = MOST_AT_ONCE_WH if most is None else most.in_all
            reported = difference if 0 <= difference <= in_all else None
        if most is not None and stop_wh - self._reader.last.wh > most.lately:
            reported = None
        if reported is not None and (
            not self._reader.rescaled or reported > most_wh(ended_at - self._started_at)
        ):
            return reported
        _, counts = self._reader.read(ended_at, stop_wh)
        if len(counts) != 1:
            return reported
        counted = counts[0].counted
        same = reported is not None and abs(counted - reported) <= SLACK_WH
        return reported if same else counted


def _in_order(readings: Iterable[Reading]) -> list[Reading]:
    """Put readings in the order of their times.

    Late ones take their place unless their register contradicts those around it:
    then not the register but the time of such a reading is wrong (OCPP 1.6 §9.1.5).
    """
    at = attrgetter("at")
    ordered: list[Reading] = []
    late: list[Reading] = []
    for reading in readings:
        in_time = not ordered or reading.at >= ordered[-1].at
        (ordered if in_time else late).append(reading)
    for reading in late:
        place = bisect_right(ordered, reading.at, key=at)
        if _fits(reading, reversed(ordered[:place]), ordered[place:]):
            insort(ordered, reading, key=at)
    return ordered


def _fits(
    reading: Reading, before: Iterable[Reading], after: Iterable[Reading]
) -> bool:
    """Tell whether a register lies between those next to it."""

    def register(readings: Iterable[Reading], otherwise: Decimal) -> Decimal:
        return next(
            (
                other.register_wh
                for other in readings
                if other.register_wh is not None and other.method is reading.method
            ),
            otherwise,
        )

    wh = reading.register_wh
    return wh is None or register(before, wh) <= wh <= register(after, wh)


def _fit(
    points: Iterable[EnergyPoint], ended_at: datetime, total: Decimal, *, exact: bool
) -> Iterable[EnergyPoint]:
    """Make a curve end at `total`: registers are cut off there, estimates stretched."""
    known = list(points)
    measured = known[-1].wh
    for at, wh in known:
        if exact or not measured:
            yield EnergyPoint(at, min(wh, total))
        else:
            yield EnergyPoint(at, min((wh * total / measured).quantize(_MILLI), total))
    yield EnergyPoint(ended_at, total)
