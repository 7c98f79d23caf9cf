"""What is answered to a station, in the words of charging."""

from dataclasses import dataclass
from datetime import datetime

from .model import Authorization, Registration


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to Booted; `interval_s` is the heartbeat's, or when to ask again."""

    registration: Registration
    interval_s: int


@dataclass(frozen=True, slots=True)
class Authorized:
    """The answer to a presented token; `until` is how long it may be remembered.

    Each token of a `group` stops what another of it began.
    """

    authorization: Authorization
    until: datetime | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to a started transaction: its id, and whether it may go on."""

    session: int
    authorization: Authorization
    until: datetime | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """The answer to a vendor's own message; `known` when somebody understood it."""

    known: bool = False
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """The answer to everything that only wants to be received."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The answer to what we do not do."""


type Decision = Registered | Authorized | Started | VendorAnswer | Noted | Declined
