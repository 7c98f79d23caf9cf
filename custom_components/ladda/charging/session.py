"""A session: what a user sees and pays.

OCPP reports transactions; Ladda keeps one session for each. The session's id
is the transaction id that the central system gave it.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .model import Authorization


class Closing(StrEnum):
    """How a session's end is known."""

    REPORTED = "reported"  # the station said so
    ESTIMATED = "estimated"  # the station moved on without saying so


class Flag(StrEnum):
    """What is to be known of a session's times and energy before believing them."""

    CLOCK_CORRECTED = "clock_corrected"
    CONNECTOR_ASSUMED = "connector_assumed"  # 0: there was no telling at which it was
    METER_START_ASSUMED = "meter_start_assumed"  # it is where the meter last stood
    METER_START_UNKNOWN = "meter_start_unknown"  # the first reading is the baseline
    METER_RESCALED = "meter_rescaled"
    METER_STOP_IMPLAUSIBLE = "meter_stop_implausible"  # what was read before counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One charging session, as the ledger keeps it.

    `energy_wh` is None until the session is closed. `tariff` is the rule that
    was in force at the start, as data (`billing.Tariff.as_data`); `cost` is in
    `currency`, VAT included, and None while nothing is known of it. A
    provisional cost leaves out energy whose price is not known yet.
    """

    id: int
    station: str
    connector: int
    token: str | None
    authorization: Authorization
    started_at: datetime
    meter_start_wh: Decimal
    start_key: str | None = None  # what makes a repeated start the same start
    user: str | None = None
    user_name: str | None = None
    ended_at: datetime | None = None
    meter_stop_wh: Decimal | None = None
    energy_wh: Decimal | None = None
    energy_method: str | None = None
    stop_reason: str | None = None
    closing: Closing | None = None
    tariff: dict[str, Any] | None = None
    cost: Decimal | None = None
    currency: str | None = None
    provisional: bool = False
    flags: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the session still goes on."""
        return self.ended_at is None
