"""Energy from meter values: how much a session took, and when.

A station may send a register in total or by phase, energy by interval, only
power, or only volts and amps. The best of these is used for a whole session
(the ladder); where the session's own registers at start and end are known,
what they say is what counts, and the rest only spreads it over time.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from .model import Context, Measurand, MeterValue, Phase

# No charging station delivers more: what exceeds it is a broken reading. W.
MOST_POWER_W: Final = Decimal(400_000)
# What a register may jump by at any time: its resolution and late readings. Wh.
SLACK_WH: Final = Decimal(100)
NOMINAL_VOLTAGE: Final = Decimal(230)
_HOUR: Final = Decimal(3600)
_MILLI: Final = Decimal("0.001")
_ZERO: Final = Decimal(0)
_PHASES: Final = (Phase.L1, Phase.L2, Phase.L3)


class Method(StrEnum):
    """Where a session's energy is read from, best first."""

    REGISTER = "register"
    PHASE_REGISTERS = "phase_registers"
    ONE_PHASE_REGISTER = "one_phase_register"
    INTERVALS = "intervals"
    POWER = "power"
    CURRENT = "current"  # volts × amps
    START_AND_STOP = "start_and_stop"


_RANK: Final = {method: rank for rank, method in enumerate(Method)}


class Reading(NamedTuple):
    """What the samples of one moment say about energy.

    `register_wh` is by `method` where that is one of the registers, `interval_wh`
    was imported since the reading before, `power_w` is imported now.
    """

    at: datetime
    context: Context
    method: Method
    register_wh: Decimal | None = None
    interval_wh: Decimal | None = None
    power_w: Decimal | None = None
    signed: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Write it for the journal; `from_data` reads it back."""
        data: dict[str, Any] = {"context": self.context, "method": self.method}
        if self.register_wh is not None:
            data["register_wh"] = str(self.register_wh)
        if self.interval_wh is not None:
            data["interval_wh"] = str(self.interval_wh)
        if self.power_w is not None:
            data["power_w"] = str(self.power_w)
        if self.signed:
            data["signed"] = self.signed
        return data

    @classmethod
    def from_data(cls, at: datetime, data: dict[str, Any]) -> Reading:
        """Read what `as_data` wrote."""

        def amount(key: str) -> Decimal | None:
            return Decimal(data[key]) if key in data else None

        return cls(
            at,
            Context(data["context"]),
            Method(data["method"]),
            amount("register_wh"),
            amount("interval_wh"),
            amount("power_w"),
            tuple(data.get("signed", ())),
        )


class EnergyPoint(NamedTuple):
    """How much had been delivered since the session's start. Wh."""

    at: datetime
    wh: Decimal


type _ByPhase = dict[Phase, Decimal]


def reading_of(value: MeterValue, at: datetime) -> Reading | None:
    """Read what a meter value says about energy; None where it says nothing.

    Where a station sends the same measurand with several contexts at one moment,
    the one for the transaction's begin never counts.
    """
    found: dict[Measurand, _ByPhase] = {}
    context = Context.BEGIN
    for sample in value.samples:
        if sample.context is Context.BEGIN:
            if context is not Context.BEGIN:
                continue
        elif context is Context.BEGIN:
            context = sample.context
            found = {}
        found.setdefault(sample.measurand, {})[sample.phase] = sample.value
    if not value.samples:
        context = Context.OTHER
    power = _total(found.get(Measurand.POWER))
    register = found.get(Measurand.ENERGY_REGISTER)
    if register:
        method, wh = _register(register)
        return Reading(at, context, method, wh, None, power, value.signed)
    interval = _total(found.get(Measurand.ENERGY_INTERVAL))
    if interval is not None:
        return Reading(
            at, context, Method.INTERVALS, None, interval, power, value.signed
        )
    if power is not None:
        return Reading(at, context, Method.POWER, None, None, power, value.signed)
    estimate = estimated_power(
        found.get(Measurand.CURRENT), found.get(Measurand.VOLTAGE)
    )
    if estimate is not None:
        return Reading(at, context, Method.CURRENT, None, None, estimate, value.signed)
    if value.signed:
        return Reading(at, context, Method.START_AND_STOP, signed=value.signed)
    return None


def _register(by_phase: _ByPhase) -> tuple[Method, Decimal]:
    """Read the best register: the total, the sum of phases, or the only one."""
    if (total := by_phase.get(Phase.TOTAL)) is not None:
        return Method.REGISTER, total
    lines = [by_phase[phase] for phase in _PHASES if phase in by_phase]
    if len(lines) > 1:
        return Method.PHASE_REGISTERS, sum(lines, _ZERO)
    return Method.ONE_PHASE_REGISTER, next(iter(lines or by_phase.values()))


def _total(by_phase: _ByPhase | None) -> Decimal | None:
    """Read the total of something that adds up over the phases."""
    if not by_phase:
        return None
    if (total := by_phase.get(Phase.TOTAL)) is not None:
        return total
    lines = [by_phase[phase] for phase in _PHASES if phase in by_phase]
    return sum(lines, _ZERO) if lines else next(iter(by_phase.values()))


def estimated_power(
    current: _ByPhase | None, voltage: _ByPhase | None
) -> Decimal | None:
    """Estimate power in W from amps and volts by phase; volts default to 230."""
    if not current:
        return None
    volts = voltage or {}
    any_volts = next(iter(volts.values()), NOMINAL_VOLTAGE)
    lines = [phase for phase in _PHASES if phase in current] or list(current)[:1]
    return sum(
        (current[phase] * (volts.get(phase) or any_volts) for phase in lines), _ZERO
    )


def most_wh(seconds: float) -> Decimal:
    """Return the most that can be delivered in a time, in Wh."""
    return SLACK_WH + MOST_POWER_W * Decimal(max(seconds, 0)) / _HOUR


class RegisterReader:
    """Reads the progress of a register that may be reset, replaced or broken.

    A reading that cannot follow the last one is put aside; if the next one follows
    it, the register has a new scale and goes on from there.
    """

    def __init__(self, at: datetime, wh: Decimal | None) -> None:
        """Start at a reading; None where the first one is yet to come."""
        self._at = at
        self._wh = wh
        self._aside: tuple[datetime, Decimal] | None = None
        self.rescaled = False

    def advance(self, at: datetime, wh: Decimal) -> list[EnergyPoint]:
        """Take a reading; return by how much the energy grew and when (Wh)."""
        last = self._wh
        if last is None or self._follows(self._at, last, at, wh):
            grown = max(wh - last, _ZERO) if last is not None else _ZERO
            self._accept(at, wh if last is None else max(wh, last))
            return [EnergyPoint(at, grown)]
        aside = self._aside
        if aside is None or not self._follows(*aside, at, wh):
            self._aside = (at, wh)
            return []
        # Counted from zero since the last good reading, where that can be.
        before = aside[1] if aside[1] <= self._most(self._at, aside[0]) else _ZERO
        self.rescaled = True
        self._accept(at, wh)
        return [
            EnergyPoint(aside[0], before),
            EnergyPoint(at, max(wh - aside[1], _ZERO)),
        ]

    def _accept(self, at: datetime, wh: Decimal) -> None:
        """Go on from a reading."""
        self._at, self._wh, self._aside = at, wh, None

    def _most(self, since: datetime, until: datetime) -> Decimal:
        """Return the most that the register can have grown."""
        return most_wh((until - since).total_seconds())

    def _follows(
        self, since: datetime, last: Decimal, until: datetime, wh: Decimal
    ) -> bool:
        """Tell whether a reading can come after another; rounding may cost a Wh."""
        return -1 <= wh - last <= self._most(since, until)


class EnergyCurve(NamedTuple):
    """What a closed session took: points from zero to `energy_wh`, rising."""

    points: tuple[EnergyPoint, ...]
    energy_wh: Decimal
    method: Method
    flags: tuple[str, ...]


class EnergyFold:
    """Follows the energy of one session, reading by reading.

    `points` and `delivered_wh` are as of now; `close` looks at all readings again,
    in the order of their own times, and fits them to the session's registers.
    """

    def __init__(self, started_at: datetime, meter_start_wh: Decimal) -> None:
        """Start a session at a time and a register, in Wh."""
        self._started_at = started_at
        self._meter_start_wh = meter_start_wh
        self.readings: list[Reading] = []
        self._begin()

    def _begin(self) -> None:
        """Go back to the start."""
        self.points = [EnergyPoint(self._started_at, _ZERO)]
        self.method: Method | None = None
        self._register = RegisterReader(self._started_at, self._meter_start_wh)
        self._last: Reading | None = None
        self._interval_context: Context | None = None
        self._in_order = True

    @property
    def delivered_wh(self) -> Decimal:
        """How much has been delivered."""
        return self.points[-1].wh

    def add(self, reading: Reading) -> list[EnergyPoint]:
        """Take a reading; return the points that it added."""
        self.readings.append(reading)
        return self._follow(reading)

    def _follow(self, reading: Reading) -> list[EnergyPoint]:
        """Advance by a reading, unless it is older than what is known."""
        last = self.points[-1]
        if reading.at < last.at:
            self._in_order = False
            return []
        if self.method is None or _RANK[reading.method] < _RANK[self.method]:
            self._take_up(reading)
        grown = self._growth(reading)
        self._last = reading
        added = []
        wh = last.wh
        for at, more in grown:
            wh += more
            added.append(EnergyPoint(max(at, last.at), wh))
        self.points.extend(added)
        return added

    def _take_up(self, reading: Reading) -> None:
        """Use a better method from now on, without going back."""
        if self.method is not None and reading.register_wh is not None:
            self._register = RegisterReader(
                self._started_at, self._meter_start_wh + self.delivered_wh
            )
        self.method = reading.method

    def _growth(self, reading: Reading) -> list[EnergyPoint]:
        """Return by how much a reading raises the energy, by the session's method."""
        if reading.method is not self.method:
            return []
        if reading.register_wh is not None:
            return self._register.advance(reading.at, reading.register_wh)
        if reading.interval_wh is not None:
            # Periodic and clock-aligned intervals overlap: only one kind counts.
            self._interval_context = self._interval_context or reading.context
            if reading.context is not self._interval_context:
                return []
            return [EnergyPoint(reading.at, reading.interval_wh)]
        if reading.power_w is None:
            return []
        # The power of the reading before held until now.
        held = self._last.power_w if self._last else None
        since = self.points[-1].at
        seconds = Decimal((reading.at - since).total_seconds())
        wh = (held if held is not None else reading.power_w) * seconds / _HOUR
        return [EnergyPoint(reading.at, wh.quantize(_MILLI))]

    def close(self, ended_at: datetime, meter_stop_wh: Decimal | None) -> EnergyCurve:
        """Fit the session to its registers and return what it took.

        Stop minus start counts wherever it can be; otherwise what the readings say,
        and a flag says so.
        """
        if not self._in_order:
            self._begin()
            for reading in sorted(self.readings, key=lambda reading: reading.at):
                self._follow(reading)
        flags = ["meter_rescaled"] if self._register.rescaled else []
        seconds = (ended_at - self._started_at).total_seconds()
        reported = (
            None if meter_stop_wh is None else meter_stop_wh - self._meter_start_wh
        )
        if reported is not None and not 0 <= reported <= most_wh(seconds):
            flags.append("meter_stop_implausible")
            reported = None
        total = self.delivered_wh if reported is None else reported
        points = [point for point in self.points if point.at <= ended_at]
        method = self.method or Method.START_AND_STOP
        return EnergyCurve(
            tuple(_fit(points, ended_at, total, method, self._register.rescaled)),
            total,
            method,
            tuple(flags),
        )


def _fit(
    points: Iterable[EnergyPoint],
    ended_at: datetime,
    total: Decimal,
    method: Method,
    rescaled: bool,
) -> Iterable[EnergyPoint]:
    """Make a curve end at `total`: registers are cut off there, estimates stretched."""
    known = list(points)
    measured = known[-1].wh
    exact = _RANK[method] <= _RANK[Method.ONE_PHASE_REGISTER] and not rescaled
    for at, wh in known:
        if exact or not measured:
            yield EnergyPoint(at, min(wh, total))
        else:
            yield EnergyPoint(at, min((wh * total / measured).quantize(_MILLI), total))
    yield EnergyPoint(ended_at, total)
