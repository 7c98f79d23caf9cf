"""Readings: what the samples of one moment say about energy.

A station may send a register in total or by phase, energy by interval, only
power, or only volts and amps: a ladder, of which the best rung counts.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from .model import Context, Measurand, MeterValue, Phase
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


type _ByPhase = dict[Phase, Decimal]


def reading_of(value: MeterValue, at: datetime) -> Reading | None:
    """Read what a meter value says about energy; None where it says nothing.

    Of a measurand that comes with several contexts, one counts; those for the
    transaction's begin only where there is nothing else.
    """
    found = _by_measurand(value)
    context, by_phase = found.get(Measurand.ENERGY_REGISTER, (Context.OTHER, {}))
    power_context, power = _power(found)
    if by_phase:
        method, wh = _register(by_phase)
        return Reading(at, context, method, wh, None, power, value.signed)
    context, by_phase = found.get(Measurand.ENERGY_INTERVAL, (Context.OTHER, {}))
    if by_phase:
        wh = total_of(by_phase)
        return Reading(at, context, Method.INTERVALS, None, wh, power, value.signed)
    if power is not None:
        return Reading(at, power_context, Method.POWER, None, None, power, value.signed)
    context, by_phase = found.get(Measurand.CURRENT, (Context.OTHER, {}))
    _, volts = found.get(Measurand.VOLTAGE, (Context.OTHER, {}))
    if by_phase and (estimate := estimated_power(by_phase, volts)) <= MOST_POWER_W:
        return Reading(at, context, Method.CURRENT, None, None, estimate, value.signed)
    if value.signed:
        return Reading(at, context, Method.START_AND_STOP, signed=value.signed)
    return None


def _by_measurand(value: MeterValue) -> dict[Measurand, tuple[Context, _ByPhase]]:
    """Sort samples by measurand and phase, each measurand with its best context."""
    only_begin = all(sample.context is Context.BEGIN for sample in value.samples)
    found: dict[Measurand, tuple[Context, _ByPhase]] = {}
    for measurand, amount, phase, context in value.samples:
        if context is Context.BEGIN and not only_begin:
            continue
        known = found.get(measurand)
        if known is None or _PREFERENCE[context] < _PREFERENCE[known[0]]:
            found[measurand] = (context, {phase: amount})
        elif context is known[0]:
            known[1][phase] = amount
    return found


def _power(
    found: dict[Measurand, tuple[Context, _ByPhase]],
) -> tuple[Context, Decimal | None]:
    """Read the power, unless it is more than there can be."""
    context, by_phase = found.get(Measurand.POWER, (Context.OTHER, {}))
    power = total_of(by_phase) if by_phase else None
    return context, power if power is None or power <= MOST_POWER_W else None


def _register(by_phase: _ByPhase) -> tuple[Method, Decimal]:
    """Read the best register: the total, the sum of phases, or the only one."""
    if (total := by_phase.get(Phase.TOTAL)) is not None:
        return Method.REGISTER, total
    lines = sum(phase in by_phase for phase in _PHASES)
    method = Method.PHASE_REGISTERS if lines > 1 else Method.ONE_PHASE_REGISTER
    return method, total_of(by_phase)


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
