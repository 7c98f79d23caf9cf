"""What a connector's meter shows, and how a station writes it down."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from .clock import written


class Electricity(NamedTuple):
    """What a connector's instruments show at one moment."""

    register_wh: int
    current_a: Decimal  # per phase
    phases: int
    voltage_v: int
    offered_a: Decimal
    state_of_charge: Decimal | None  # %


def meter_value(
    at: datetime, shown: Electricity, measurands: Iterable[str], context: str
) -> dict[str, Any] | None:
    """Return a MeterValue of the given measurands, None where there is none."""
    sampled = [
        {"value": value, "context": context, "measurand": measurand, "unit": unit}
        | ({"phase": phase} if phase else {})
        for measurand in measurands
        for value, unit, phase in _samples(measurand, shown)
    ]
    return {"timestamp": written(at), "sampledValue": sampled} if sampled else None


def _samples(measurand: str, shown: Electricity) -> list[tuple[str, str, str]]:
    """Return (value, unit, phase) of a measurand; phase is empty for a total."""
    power = shown.current_a * shown.phases * shown.voltage_v
    offered_w = shown.offered_a * shown.phases * shown.voltage_v
    lines = range(1, 4)
    match measurand:
        case "Energy.Active.Import.Register":
            return [(str(shown.register_wh), "Wh", "")]
        case "Power.Active.Import":
            return [(_one_decimal(power), "W", "")]
        case "Power.Offered":
            return [(_one_decimal(offered_w), "W", "")]
        case "Current.Import":
            flows = [shown.current_a if n <= shown.phases else 0 for n in lines]
            return [
                (_one_decimal(Decimal(a)), "A", f"L{n}")
                for n, a in zip(lines, flows, strict=True)
            ]
        case "Current.Offered":
            return [(_one_decimal(shown.offered_a), "A", "")]
        case "Voltage":
            return [(f"{shown.voltage_v}.0", "V", f"L{n}-N") for n in lines]
        case "SoC" if shown.state_of_charge is not None:
            return [(_one_decimal(shown.state_of_charge), "Percent", "")]
        case "Temperature":
            return [("25.0", "Celsius", "")]
        case _:
            return []


def _one_decimal(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.1")))
