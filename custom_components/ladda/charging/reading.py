"""Readings: what the samples of one moment say about energy.

A station may send a register in total or by phase, energy by interval, only
power, or only volts and amps: a ladder, of which the best rung counts.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .model import Channel, Context, Measurand, MeterValue, Phase
from .register import MOST_POWER_W

NOMINAL_VOLTAGE: Final = Decimal(230)
MOST_TO_NEUTRAL: Final = Decimal(300)  # 277 V is the most of any grid
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

    @property
    def measures(self) -> bool:
        """Whether a register is read, and nothing estimated or added up."""
        return self.is_better_than(Method.INTERVALS)

    def is_better_than(self, other: Method) -> bool:
        """Tell whether this is higher on the ladder."""
        return _RANK[self] < _RANK[other]


_RANK: Final = {method: rank for rank, method in enumerate(Method)}
# Which sample counts, where a station sends several of a measurand at one moment.
_PREFERENCE: Final = {
    context: rank
    for rank, context in enumerate(
        (
            Context.END,
            Context.PERIODIC,
            Context.CLOCK,
            Context.TRIGGER,
            Context.OTHER,
            Context.INTERRUPTION,
            Context.BEGIN,
        )
    )
}


class Reading(NamedTuple):
    """What the samples of one moment say about energy.

    `register_wh` is by `method` where that is one of the registers, `interval_wh`
    was imported since the reading before, `power_w` is imported now. Not `dated`: it is
    not known when that was, and `at` is when it came.
    """

    at: datetime
    context: Context
    method: Method
    register_wh: Decimal | None = None
    interval_wh: Decimal | None = None
    power_w: Decimal | None = None
    signed: tuple[str, ...] = ()
    dated: bool = True

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
        if not self.dated:
            data["dated"] = False
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
            data.get("dated", True),
        )


type _ByPhase = dict[Phase, Decimal]


class _Layout(NamedTuple):
    """Which channels tell what about energy, the best of each kind; they add up.

    `method` and `context` are those of `energy`, START_AND_STOP where there is none.
    """

    method: Method
    context: Context
    energy: tuple[Channel, ...]
    power: tuple[Channel, ...]
    current: tuple[Channel, ...]
    voltage: tuple[Channel, ...]


def reading_of(value: MeterValue, at: datetime) -> Reading | None:
    """Read what a meter value says about energy; None where it says nothing.

    Of a measurand that comes with several contexts, one counts; those for the
    transaction's begin only where there is nothing else.
    """
    _, samples, signed = value
    method, context, energy, powers, current, voltage = _layout(tuple(samples))
    power = _sum(samples, powers)
    if power is not None and power > MOST_POWER_W:
        power = None
    if (wh := _sum(samples, energy)) is not None:
        if method is Method.INTERVALS:
            return Reading(at, context, method, None, wh, power, signed)
        return Reading(at, context, method, wh, None, power, signed)
    if power is not None:
        why = powers[0].context
        return Reading(at, why, Method.POWER, None, None, power, signed)
    if current:
        estimate = estimated_power(
            _by_phase(samples, current), _by_phase(samples, voltage)
        )
        if estimate <= MOST_POWER_W:
            why = current[0].context
            return Reading(at, why, Method.CURRENT, None, None, estimate, signed)
    if signed:
        return Reading(at, Context.OTHER, Method.START_AND_STOP, signed=signed)
    return None


@lru_cache(maxsize=1024)
def _layout(channels: tuple[Channel, ...]) -> _Layout:
    """Find the channels that count; stations send the same ones again and again."""
    found = _by_measurand(channels)
    power = _adding_up(found.get(Measurand.POWER, ()))
    current = found.get(Measurand.CURRENT, ())
    voltage = found.get(Measurand.VOLTAGE, ())
    method = Method.START_AND_STOP
    energy = _adding_up(found.get(Measurand.ENERGY_REGISTER, ()))
    if energy:
        method = _register_method(energy)
    elif energy := _adding_up(found.get(Measurand.ENERGY_INTERVAL, ())):
        method = Method.INTERVALS
    context = energy[0].context if energy else Context.OTHER
    return _Layout(method, context, energy, power, current, voltage)


@lru_cache(maxsize=1024)
def shown_channels(
    channels: tuple[Channel, ...],
) -> tuple[tuple[Measurand, tuple[Channel, ...]], ...]:
    """Find the channels that say what is measured now, by measurand.

    What was measured at a transaction's begin is not.
    """
    now = tuple(each for each in channels if each.context is not Context.BEGIN)
    return tuple(_by_measurand(now).items())


def _by_measurand(
    channels: tuple[Channel, ...],
) -> dict[Measurand, tuple[Channel, ...]]:
    """Sort channels by measurand, those of its best context only."""
    only_begin = all(channel.context is Context.BEGIN for channel in channels)
    found: dict[Measurand, tuple[Channel, ...]] = {}
    for channel in channels:
        if channel.context is Context.BEGIN and not only_begin:
            continue
        known = found.get(channel.measurand, ())
        if not known or _PREFERENCE[channel.context] < _PREFERENCE[known[0].context]:
            found[channel.measurand] = (channel,)
        elif channel.context is known[0].context:
            found[channel.measurand] = (*known, channel)
    return found


def _adding_up(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Return those that make the total: its own, the phases, or else the only one."""
    total = [channel for channel in channels if channel.phase is Phase.TOTAL]
    lines = [channel for channel in channels if channel.phase in _PHASES]
    return tuple(total or lines or channels[:1])


def _register_method(energy: tuple[Channel, ...]) -> Method:
    """Tell which of the registers is read."""
    if energy[0].phase is Phase.TOTAL:
        return Method.REGISTER
    return Method.PHASE_REGISTERS if len(energy) > 1 else Method.ONE_PHASE_REGISTER


def _sum(
    samples: Mapping[Channel, Decimal], channels: tuple[Channel, ...]
) -> Decimal | None:
    """Add up the values of some channels; None: there is none."""
    if not channels:
        return None
    first, *others = channels
    return sum((samples[channel] for channel in others), samples[first])


def _by_phase(
    samples: Mapping[Channel, Decimal], channels: tuple[Channel, ...]
) -> _ByPhase:
    """Return the values of some channels by phase."""
    return {channel.phase: samples[channel] for channel in channels}


def total_of(by_phase: _ByPhase) -> Decimal:
    """Return the total of something that adds up over the phases.

    The neutral counts only where a station tells of nothing else.
    """
    if (total := by_phase.get(Phase.TOTAL)) is not None:
        return total
    lines = [by_phase[phase] for phase in _PHASES if phase in by_phase]
    return sum(lines, _ZERO) if lines else next(iter(by_phase.values()))


def estimated_power(current: _ByPhase, voltage: _ByPhase) -> Decimal:
    """Estimate power in W from amps and volts by phase; volts default to 230."""
    volts = {phase: _to_neutral(volts) for phase, volts in voltage.items() if volts}
    any_volts = next(iter(volts.values()), NOMINAL_VOLTAGE)
    return total_of(
        {phase: amps * volts.get(phase, any_volts) for phase, amps in current.items()}
    )


def _to_neutral(volts: Decimal) -> Decimal:
    """Return the voltage to neutral; some stations tell that between the lines."""
    return volts if volts <= MOST_TO_NEUTRAL else volts / Decimal(3).sqrt()
