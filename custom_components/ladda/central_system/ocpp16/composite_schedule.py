"""What a 1.6 station says it will offer over time (OCPP 1.6 §5.7, §7.12)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from ..errors import BadAnswer
from . import values


class Period(NamedTuple):
    """From `start` on, until the next, the limit holds; phases None: not told."""

    start: datetime
    limit: Decimal
    phases: int | None


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """What a connector will be offered; limits in A per phase, or in W."""

    in_watts: bool
    periods: tuple[Period, ...]


def read(answer: dict[str, Any], now: datetime) -> CompositeSchedule:
    """Read the answer of GetCompositeSchedule; without a start it begins now.

    Raises BadAnswer where there is no schedule in it.
    """
    schedule = answer.get("chargingSchedule")
    if not isinstance(schedule, dict):
        raise BadAnswer("GetCompositeSchedule: the answer holds no schedule")
    start = (
        values.moment(schedule.get("startSchedule"))
        or values.moment(answer.get("scheduleStart"))
        or now
    )
    found = []
    for item in values.objects(schedule.get("chargingSchedulePeriod")):
        offset = values.integer(item.get("startPeriod"))
        limit = values.number(item.get("limit"))
        if offset is None or limit is None:
            raise BadAnswer("GetCompositeSchedule: a period cannot be read")
        phases = values.integer(item.get("numberPhases"))
        found.append(Period(start + timedelta(seconds=offset), limit, phases))
    in_watts = values.text(schedule.get("chargingRateUnit")).upper() == "W"
    return CompositeSchedule(in_watts, tuple(found))
