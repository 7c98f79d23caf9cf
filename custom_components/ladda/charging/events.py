"""What a station reports, in the words of charging.

A version adapter makes these from frames. `at` is the time by the station's
own clock (None: not told or unreadable); `charging.clock` makes it ours.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .model import ConnectorStatus, Job, MeterValue, StationInfo


@dataclass(frozen=True, slots=True)
class Booted:
    """A station presents itself."""

    info: StationInfo


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A station asks for the time."""


@dataclass(frozen=True, slots=True)
class StatusReported:
    """A connector (0: the station itself) tells its status and fault, if any."""

    connector: int
    status: ConnectorStatus
    at: datetime | None = None
    error: str = ""  # empty: no fault
    info: str = ""
    vendor_error: str = ""


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """Somebody held a tag to the reader and asks for leave."""

    token: str


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """A transaction began at a connector; the register read `meter_start_wh`.

    `connector` is None where it cannot be read. `salvaged` holds what the station said,
    as it came, where not all of it could be read.
    """

    connector: int | None
    token: str
    at: datetime | None
    meter_start_wh: Decimal | None
    reservation: int | None = None
    salvaged: str = ""


@dataclass(frozen=True, slots=True)
class TransactionStopped:
    """A transaction ended; the register read `meter_stop_wh`.

    `transaction` is 0 where it stands for none. `salvaged` holds what the station said,
    as it came, where not all of it could be read.
    """

    transaction: int
    at: datetime | None
    meter_stop_wh: Decimal | None
    token: str | None = None
    reason: str = "Local"
    values: tuple[MeterValue, ...] = ()
    salvaged: str = ""


@dataclass(frozen=True, slots=True)
class MeterValuesReported:
    """A connector's meter was read, inside a transaction or outside of one."""

    connector: int
    transaction: int | None
    values: tuple[MeterValue, ...]


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """Something that only the vendor's stations know (DataTransfer)."""

    vendor: str
    message: str
    data: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A long job at the station goes on; `status` is in our spelling: upload_failed."""

    job: Job
    status: str


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A station noticed something about its own security (1.6 whitepaper, A04).

    `kind` is in our spelling: setting_system_time.
    """

    kind: str
    at: datetime | None = None
    info: str = ""


@dataclass(frozen=True, slots=True)
class CertificateRequested:
    """A station asks for its certificate to be signed (1.6 whitepaper, A02)."""

    csr: str  # PKCS #10, PEM


type StationEvent = (
    Booted
    | Heartbeat
    | StatusReported
    | TokenPresented
    | TransactionStarted
    | TransactionStopped
    | MeterValuesReported
    | VendorMessage
    | Progress
    | SecurityEvent
    | CertificateRequested
)
