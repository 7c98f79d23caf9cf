"""The words of charging, the same for every version of OCPP.

Energy is in Wh, power in W, current in A per phase, voltage in V; times are
aware and in UTC. Everything here is immutable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple


class ConnectorStatus(StrEnum):
    """What a connector says it is doing (OCPP 1.6 §7.7)."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class Job(StrEnum):
    """What takes a station long, so that it tells how far it has come."""

    FIRMWARE = "firmware"
    DIAGNOSTICS = "diagnostics"
    LOG = "log"  # 1.6 whitepaper


class FirmwareStatus(StrEnum):
    """How far new firmware has come (OCPP 1.6 §7.25, and the whitepaper's)."""

    IDLE = "idle"
    DOWNLOAD_SCHEDULED = "download_scheduled"
    DOWNLOADING = "downloading"
    DOWNLOAD_PAUSED = "download_paused"
    DOWNLOADED = "downloaded"
    DOWNLOAD_FAILED = "download_failed"
    SIGNATURE_VERIFIED = "signature_verified"
    INVALID_SIGNATURE = "invalid_signature"
    INSTALL_SCHEDULED = "install_scheduled"
    INSTALLING = "installing"
    INSTALL_REBOOTING = "install_rebooting"
    INSTALL_VERIFICATION_FAILED = "install_verification_failed"
    INSTALLATION_FAILED = "installation_failed"
    INSTALLED = "installed"


class Measurand(StrEnum):
    """What a sample measures (OCPP 1.6 §7.31)."""

    ENERGY_REGISTER = "energy_register"  # Wh, lifetime import
    ENERGY_INTERVAL = "energy_interval"  # Wh, import during the last interval
    POWER = "power"  # W, import
    POWER_OFFERED = "power_offered"  # W
    CURRENT = "current"  # A, import
    CURRENT_OFFERED = "current_offered"  # A
    VOLTAGE = "voltage"  # V
    POWER_FACTOR = "power_factor"
    FREQUENCY = "frequency"  # Hz
    TEMPERATURE = "temperature"  # °C
    STATE_OF_CHARGE = "state_of_charge"  # %


class Phase(IntEnum):
    """Where a sample was taken; TOTAL stands for a sample without a phase."""

    TOTAL = 0
    L1 = 1
    L2 = 2
    L3 = 3
    N = 4


class Context(StrEnum):
    """Why a sample was taken (OCPP 1.6 §7.35)."""

    BEGIN = "begin"
    END = "end"
    PERIODIC = "periodic"
    CLOCK = "clock"
    TRIGGER = "trigger"
    INTERRUPTION = "interruption"
    OTHER = "other"


class Channel(NamedTuple):
    """What a sample measures, on which phase, and why it was taken."""

    measurand: Measurand
    phase: Phase = Phase.TOTAL
    context: Context = Context.PERIODIC


class MeterValue(NamedTuple):
    """The samples that a station took at one moment.

    `at` is the station's own clock, None where it sent none that can be read.
    `samples` are in the units that their measurands name. `signed` holds the meter's
    signed values exactly as they came.
    """

    at: datetime | None
    samples: Mapping[Channel, Decimal]
    signed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StationInfo:
    """What a station says it is, in its BootNotification."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    iccid: str = ""
    imsi: str = ""


class Registration(StrEnum):
    """Whether a station may take part (OCPP 1.6 §4.2)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Authorization(StrEnum):
    """The answer to a presented token (OCPP 1.6 §7.2)."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    CONCURRENT = "concurrent"


class TimedValue(NamedTuple):
    """A meter value, and when it was read by our clock.

    Not `dated`: nobody knows, and it is when it came.
    """

    at: datetime
    value: MeterValue
    dated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a station has shown that it can do; `sample_interval_s` in s."""

    connectors: int | None = None
    profiles: frozenset[str] = frozenset()
    rate_units: frozenset[str] = frozenset()
    max_stack_level: int | None = None
    phase_switching: bool = False
    local_list_length: int | None = None
    local_list_chunk: int | None = None
    sample_interval_s: int | None = None
    security_profile: int | None = None
