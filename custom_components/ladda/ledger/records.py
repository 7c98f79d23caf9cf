"""What goes into the ledger beside entries and sessions, and what comes out."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEntry:
    """What a price entity told, as it told it.

    Without `until` the state holds from `at` until the next such row; with it,
    the row fills that stretch only. `origin` says where the price came from.
    """

    entity: str
    at: datetime
    until: datetime | None = None
    state: str | None = None
    unit: str | None = None
    origin: str
    recorded_at: datetime


class _Nobody(Enum):
    """The user of sessions that belong to no user."""

    NOBODY = "nobody"


NOBODY: Final = _Nobody.NOBODY
type User = str | Literal[_Nobody.NOBODY]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions to read; None: whichever.

    `since` and `until` bound the start (until is not included); the order is
    that of the starts.
    """

    station: str | None = None
    connector: int | None = None
    user: User | None = None
    since: datetime | None = None
    until: datetime | None = None
    open: bool | None = None
    provisional: bool | None = None
    limit: int | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The sum of a user's closed sessions at a station, in one currency.

    `cost` is None where none of these sessions has a cost; `provisional` counts
    those whose cost may still change.
    """

    station: str
    user: str | None
    currency: str | None
    sessions: int
    provisional: int
    energy_wh: Decimal
    cost: Decimal | None
