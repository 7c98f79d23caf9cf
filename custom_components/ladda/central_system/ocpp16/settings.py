"""A station's settings, brought to what exact billing needs (OCPP 1.6 §9).

Read first, write only what differs, and never fail because of a refusal:
stations accept, ignore and refuse settings as they like. What a station's
firmware has shown of that is remembered, and nothing is tried twice.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import batched
import logging
from typing import Any, Final, Self

from ocpp.v16.enums import ConfigurationKey

from ...charging.model import Capabilities
from ..errors import (
    BadAnswer,
    Busy,
    Disconnected,
    NoAnswer,
    NotAccepted,
    Refused,
    StationError,
)
from . import values
from .commands import Commands, Setting
from .inbound import MAX_CONNECTOR

_LOGGER = logging.getLogger(__name__)

SAMPLED_MEASURANDS: Final = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "Current.Offered",
    "SoC",
)
_REGISTER: Final = SAMPLED_MEASURANDS[0]
_MEASURANDS_KEY: Final = "MeterValuesSampledData"
_INTERVAL_KEY: Final = "MeterValueSampleInterval"

# In the order in which they are written; the reasons are in the words of OCPP 1.6 §9.
WANTED: Final[dict[str, str]] = {
    _MEASURANDS_KEY: ",".join(SAMPLED_MEASURANDS),
    _INTERVAL_KEY: "30",
    # Register readings on the quarter hours, where prices change.
    "MeterValuesAlignedData": _REGISTER,
    "ClockAlignedDataInterval": "900",
    # An offline session brings its quarter hours along when it ends.
    "StopTxnAlignedData": _REGISTER,
    "StopTxnSampledData": "",
    "HeartbeatInterval": "300",
    "WebSocketPingInterval": "30",
    # Three quarters of an hour of patience before a station discards a message.
    "TransactionMessageAttempts": "10",
    "TransactionMessageRetryInterval": "60",
    # The central system decides who may charge, whenever it can be asked …
    "AuthorizeRemoteTxRequests": "false",
    "LocalPreAuthorize": "false",
    "AuthorizationCacheEnabled": "false",
    # … and the household goes on charging when it can not.
    "LocalAuthListEnabled": "true",
    "LocalAuthorizeOffline": "true",
    "AllowOfflineTxForUnknownId": "false",
    "StopTransactionOnInvalidId": "true",
    "MaxEnergyOnInvalidId": "0",
    "StopTransactionOnEVSideDisconnect": "true",
    "ConnectionTimeOut": "180",
    "MinimumStatusDuration": "1",
}
# What has to be known of a station, whoever sets it up.
ABOUT: Final = (
    _INTERVAL_KEY,
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ConnectorSwitch3to1PhaseSupported",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
)
_MOST_KEYS: Final = "GetConfigurationMaxKeys"
_CHUNK: Final = 10
_PATIENCE: Final = 3  # failures in a row, then a station is not asked for settings
# What OCPP 1.6 names itself, without what is secret or somebody's name.
_SHOWN: Final = frozenset(ConfigurationKey) - {
    ConfigurationKey.authorization_key,
    ConfigurationKey.cpo_name,
}


@dataclass(slots=True, kw_only=True)
class LearnedSettings:
    """What a firmware has shown of its ways with settings, lest it is asked again.

    `refused` are the values that it did not take, `accepted` those that it took: it
    may go on telling others. `absent` are the settings that it does not have.
    """

    refused: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def as_data(self) -> dict[str, Any]:
        """Write it for the journal; `from_data` reads it back."""
        return {
            "refused": self.refused,
            "accepted": self.accepted,
            "absent": sorted(self.absent),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_data` wrote."""
        return cls(
            refused=dict(data.get("refused", {})),
            accepted=dict(data.get("accepted", {})),
            absent=set(data.get("absent", ())),
        )


@dataclass(slots=True, kw_only=True)
class SettingsReport(LearnedSettings):
    """What a station said of its settings, and what was done about them."""

    known: dict[str, Setting] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    reboot_required: bool = False


async def bring_in_line(
    commands: Commands,
    learned: LearnedSettings,
    *,
    write: bool,
    unread: Collection[str] = (),
) -> SettingsReport:
    """Read the settings and, if `write`, change what differs from `WANTED`.

    Where nothing is to be written, only what has to be known is read. Those that the
    station's profile wants `unread` are left alone altogether.

    A setting that makes the station fall off the line counts as refused, lest it does
    so each time it comes back. Raises Disconnected only, and only while reading.
    """
    report = SettingsReport(
        refused=dict(learned.refused),
        accepted=dict(learned.accepted),
        absent=set(learned.absent),
    )
    keys = [key for key in {**WANTED, **dict.fromkeys(ABOUT)} if key not in unread]
    if not write:
        await _read_by_name(commands, ABOUT, report)
        return report
    if not unread:
        await _read_all(commands, report)
    await _read_by_name(commands, keys, report)
    for key in keys:
        if key in WANTED and not await _bring_one_in_line(commands, key, report):
            break
    return report


async def _read_all(commands: Commands, report: SettingsReport) -> None:
    """Read all settings at once, as far as the station can tell them."""
    try:
        found, _ = await commands.get_configuration()
    except Disconnected:
        raise
    except StationError as err:
        _LOGGER.debug("Reading all settings at once failed: %s", err)
    else:
        report.known |= found


async def _read_by_name(
    commands: Commands, keys: Iterable[str], report: SettingsReport
) -> None:
    """Read the settings that are missing, in lots that the station takes (§9.1.12).

    Some tell of fewer than they were asked for, and do not say why: those are asked for
    singly, as are those of a lot that was refused.
    """
    missing = [
        key for key in keys if key not in report.known and key not in report.absent
    ]
    told = report.known.get(_MOST_KEYS)
    most = (values.integer(told.value) if told else None) or _CHUNK
    lots = deque(batched(missing, max(1, min(most, _CHUNK)), strict=False))
    failures = 0
    while lots and failures < _PATIENCE:
        lot = lots.popleft()
        try:
            found, unknown = await commands.get_configuration(lot)
        except Disconnected:
            raise
        except StationError as err:
            _LOGGER.debug("Reading settings %s failed: %s", lot, err)
            failures += 1
            untold = lot if len(lot) > 1 else ()
        else:
            failures = 0
            report.known |= found
            absent = set(lot).intersection(unknown if len(lot) > 1 else lot) - {*found}
            report.absent |= absent
            untold = tuple(key for key in lot if key not in absent.union(found))
        lots.extendleft((key,) for key in reversed(untold))


async def _bring_one_in_line(
    commands: Commands, key: str, report: SettingsReport
) -> bool:
    """Change one setting if need be; return whether the station is still there."""
    value = WANTED[key]
    found = report.known.get(key)
    if found is None or found.read_only:
        return True
    if _same(key, found.value, value):
        report.accepted.pop(key, None)
        return True
    if value in (report.refused.get(key), report.accepted.get(key)):
        return True
    try:
        await _write(commands, key, value, report)
    except Disconnected:
        report.refused[key] = value
        return False
    return True


async def _write(
    commands: Commands, key: str, value: str, report: SettingsReport
) -> None:
    """Change one setting, to the next best value where the best is refused.

    Where there is no answer, nothing is known, and it is tried again another time.
    """
    for attempt in _attempts(key, value):
        try:
            status = await commands.set_configuration(key, attempt)
        except NotAccepted, Refused:
            continue
        except NoAnswer, BadAnswer, Busy:
            return
        report.changed[key] = attempt
        report.reboot_required |= status == "RebootRequired"
        (report.accepted if attempt == value else report.refused)[key] = value
        return
    report.refused[key] = value


def _attempts(key: str, value: str) -> Iterable[str]:
    """List the values to try: measurands are all or nothing (§3.16.4)."""
    yield value
    if key == _INTERVAL_KEY:
        yield "60"  # s, the least that some stations take
    elif key == _MEASURANDS_KEY:
        parts = value.split(",")
        for length in range(len(parts) - 1, 0, -1):
            yield ",".join(parts[:length])


def _same(key: str, have: str, want: str) -> bool:
    """Compare two values as stations write them."""
    if key.endswith("Data"):
        return _tokens(have) == _tokens(want)
    return have.casefold() == want.casefold()


def _tokens(value: str) -> set[str]:
    """Split a list; some stations put blanks after the commas."""
    return {token for part in value.split(",") if (token := part.strip().casefold())}


def capabilities(known: Mapping[str, str]) -> Capabilities:
    """Read from the settings what the station can do."""

    def whole(key: str) -> int | None:
        number = values.integer(known.get(key))
        return number if number is not None and number >= 0 else None

    def listed(key: str) -> frozenset[str]:
        return frozenset(_tokens(known.get(key, "")))

    switching = known.get("ConnectorSwitch3to1PhaseSupported", "")
    connectors = whole("NumberOfConnectors")
    return Capabilities(
        connectors=connectors and min(connectors, MAX_CONNECTOR),
        profiles=listed("SupportedFeatureProfiles"),
        rate_units=listed("ChargingScheduleAllowedChargingRateUnit"),
        max_stack_level=whole("ChargeProfileMaxStackLevel"),
        phase_switching=switching.casefold() == "true",
        local_list_length=whole("LocalAuthListMaxLength"),
        local_list_chunk=whole("SendLocalListMaxLength"),
        sample_interval_s=whole(_INTERVAL_KEY),
        security_profile=whole(ConfigurationKey.security_profile),
    )


def standard_settings(known: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that may be shown to strangers: OCPP's own, no secrets."""
    return {key: value for key, value in known.items() if key in _SHOWN}
