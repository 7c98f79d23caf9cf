"""Meter values of OCPP 1.6, made into samples in plain units (§7.33, §7.43).

What cannot be used is left out, never guessed: an unknown measurand or unit,
a value that is no number, a place that is the grid's or the car's. A wrong zero would
become money.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ...charging.model import Channel, Context, Measurand, MeterValue, Phase
from . import values

_MEASURANDS: Final = {
    "energy.active.import.register": Measurand.ENERGY_REGISTER,
    "energy.active.import.interval": Measurand.ENERGY_INTERVAL,
    "power.active.import": Measurand.POWER,
    "power.offered": Measurand.POWER_OFFERED,
    "current.import": Measurand.CURRENT,
    "current.export": Measurand.CURRENT,
    "current.offered": Measurand.CURRENT_OFFERED,
    "voltage": Measurand.VOLTAGE,
    "power.factor": Measurand.POWER_FACTOR,
    "frequency": Measurand.FREQUENCY,
    "temperature": Measurand.TEMPERATURE,
    "soc": Measurand.STATE_OF_CHARGE,
}
_PLAIN: Final = Decimal(1)
_ENERGY: Final = {"": _PLAIN, "wh": _PLAIN, "kwh": Decimal(1000)}
_POWER: Final = {"": _PLAIN, "w": _PLAIN, "kw": Decimal(1000)}
_CURRENT: Final = {"": _PLAIN, "a": _PLAIN, "ma": Decimal("0.001")}
_UNITS: Final[dict[Measurand, dict[str, Decimal]]] = {
    Measurand.ENERGY_REGISTER: _ENERGY,
    Measurand.ENERGY_INTERVAL: _ENERGY,
    Measurand.POWER: _POWER,
    Measurand.POWER_OFFERED: _POWER,
    Measurand.CURRENT: _CURRENT,
    Measurand.CURRENT_OFFERED: _CURRENT,
    Measurand.VOLTAGE: {"": _PLAIN, "v": _PLAIN, "kv": Decimal(1000)},
    Measurand.POWER_FACTOR: dict.fromkeys(("", "percent", "%", "wh"), _PLAIN),
    Measurand.FREQUENCY: dict.fromkeys(("", "hz", "hertz", "wh"), _PLAIN),
    Measurand.TEMPERATURE: dict.fromkeys(("", "celsius", "celcius", "c", "°c"), _PLAIN),
    Measurand.STATE_OF_CHARGE: dict.fromkeys(("", "percent", "%", "wh"), _PLAIN),
}
_PHASES: Final = {
    "": Phase.TOTAL,
    "l1": Phase.L1,
    "l2": Phase.L2,
    "l3": Phase.L3,
    "n": Phase.N,
    "l1-n": Phase.L1,
    "l2-n": Phase.L2,
    "l3-n": Phase.L3,
    "l1-l2": Phase.L1,
    "l2-l3": Phase.L2,
    "l3-l1": Phase.L3,
}
_CONTEXTS: Final = {
    "": Context.PERIODIC,
    "sample.periodic": Context.PERIODIC,
    "sample.clock": Context.CLOCK,
    "transaction.begin": Context.BEGIN,
    "transaction.end": Context.END,
    "interruption.begin": Context.INTERRUPTION,
    "interruption.end": Context.INTERRUPTION,
    "trigger": Context.TRIGGER,
}
# Where a measurand may be taken: the outlet bills (§7.30); a car tells its own charge.
_ELSEWHERE: Final = {
    Measurand.STATE_OF_CHARGE: ("ev",),
    Measurand.TEMPERATURE: ("body", "cable", "ev"),
}
# Where some say that they measure all that flows; the inlet is the grid's, or the house's.
_NEARBY: Final = ("body", "cable")
# What flows into the car, seen from the meter; by some it is all that is told of it.
_EXPORTED: Final = "current.export"
_MAX_WORD: Final = 50
_ZERO: Final = Decimal(0)
_COLDEST: Final = Decimal(-273)


class _Kind(NamedTuple):
    """What the words around a value mean: a value below `least` is broken.

    An `exported` current counts only where no imported one is told, and what is taken
    `nearby` only where nothing is told of the outlet.
    """

    channel: Channel
    factor: Decimal
    least: Decimal
    exported: bool
    nearby: bool


# A meter's signed reading, which is never to be taken for a number (§7.34)
_SIGNED: Final = _Kind(Channel(Measurand.ENERGY_REGISTER), _PLAIN, _ZERO, False, False)


@lru_cache(maxsize=2048)
def _kind(
    measurand: str | None,
    unit: str | None,
    phase: str | None,
    context: str | None,
    location: str | None,
    form: str | None,
) -> _Kind | None:
    """Read the words around a value; None where the value is of no use to us.

    Raises ValueError for words too long to be remembered, AttributeError or TypeError
    for what is no word.
    """
    words = [(word or "") for word in (measurand, unit, phase, context, location)]
    if max(map(len, words)) > _MAX_WORD:
        raise ValueError("no word of OCPP is that long")
    if values.text(form).casefold() == "signeddata":
        return _SIGNED
    name, scale, line, why, place = (word.strip().casefold() for word in words)
    what = _MEASURANDS.get(name or "energy.active.import.register")
    if what is None:
        return None
    factor = _UNITS[what].get(scale)
    where = _PHASES.get(line)
    if factor is None or where is None:
        return None
    here = place in ("", "outlet") or place in _ELSEWHERE.get(what, ())
    if not here and (place not in _NEARBY or name == _EXPORTED):
        return None
    channel = Channel(what, where, _CONTEXTS.get(why, Context.OTHER))
    least = _COLDEST if what is Measurand.TEMPERATURE else _ZERO
    return _Kind(channel, factor, least, name == _EXPORTED, not here)


def read(raw: Any) -> tuple[MeterValue, ...]:
    """Read the `meterValue` or `transactionData` of a message."""
    return tuple([_meter_value(item) for item in values.objects(raw)])


def _meter_value(raw: dict[str, Any]) -> MeterValue:
    """Read what was sampled at one moment; of two samples of a channel the last counts."""
    samples: dict[Channel, Decimal] = {}
    exported: dict[Channel, Decimal] = {}
    nearby: dict[Channel, Decimal] = {}
    signed: list[str] = []
    for item in values.objects(raw.get("sampledValue")):
        get = item.get
        try:
            kind = _kind(
                get("measurand"),
                get("unit"),
                get("phase"),
                get("context"),
                get("location"),
                get("format"),
            )
        except AttributeError, TypeError, ValueError:  # a word that is none
            continue
        if kind is _SIGNED:
            if isinstance(value := get("value"), str):
                signed.append(value)
        elif kind is not None and (amount := values.number(get("value"))) is not None:
            channel, factor, least, is_exported, is_nearby = kind
            if amount >= least:
                told = nearby if is_nearby else exported if is_exported else samples
                told[channel] = amount if factor is _PLAIN else amount * factor
    if nearby and all(each.measurand in _ELSEWHERE for each in samples):
        samples |= nearby
    if exported and not any(each.measurand is Measurand.CURRENT for each in samples):
        samples |= exported
    return MeterValue(values.moment(raw.get("timestamp")), samples, tuple(signed))
