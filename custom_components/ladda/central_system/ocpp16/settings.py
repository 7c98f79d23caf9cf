"""A station's settings, brought to what exact billing needs (OCPP 1.6 §9).

Read first, write only what differs, and never fail because of a refusal:
stations accept, ignore and refuse settings as they like. What a station
refused is remembered per firmware and not tried again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
import logging
from typing import Final

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
_ABOUT: Final = (
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ConnectorSwitch3to1PhaseSupported",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
)
_CHUNK: Final = 10
# What OCPP 1.6 names itself, without what is secret or somebody's name.
_SHOWN: Final = frozenset(ConfigurationKey) - {
    ConfigurationKey.authorization_key,
    ConfigurationKey.cpo_name,
}


@dataclass(slots=True)
class SettingsReport:
    """What a station said of its settings, and what was done about them."""

    known: dict[str, Setting] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    reboot_required: bool = False


async def read(commands: Commands) -> dict[str, Setting]:
    """Read all settings; where that fails, those we care for, in ever smaller lots.

    An answer without what every station must have (§9.1) is no answer.
    """
    try:
        known, _ = await commands.get_configuration()
    except Disconnected:
        raise
    except StationError as err:
        _LOGGER.debug("Reading all settings at once failed: %s", err)
        known = {}
    if _INTERVAL_KEY in known:
        return known
    return known | await _read_in_lots(commands, [*WANTED, *_ABOUT], _CHUNK)


async def _read_in_lots(
    commands: Commands, keys: list[str], size: int
) -> dict[str, Setting]:
    """Read settings `size` at a time, and singly where a lot fails."""
    known: dict[str, Setting] = {}
    for first in range(0, len(keys), size):
        lot = keys[first : first + size]
        try:
            found, _ = await commands.get_configuration(lot)
            known |= found
        except Disconnected:
            raise
        except StationError as err:
            _LOGGER.debug("Reading settings %s failed: %s", lot, err)
            if size == 1:
                return known  # it does not answer such questions at all
            known |= await _read_in_lots(commands, lot, 1)
    return known


async def bring_in_line(
    commands: Commands,
    refused_before: dict[str, str],
    *,
    write: bool,
    untouched: Collection[str] = (),
) -> SettingsReport:
    """Read the settings and, if `write`, change what differs from `WANTED`.

    Those that the station's profile wants `untouched` are left as they are.

    `refused_before` holds the settings (and values) that this firmware refused; a
    setting that makes the station fall off the line counts as refused, lest it does
    so each time it comes back. Raises Disconnected only, and only while reading.
    """
    report = SettingsReport(known=await read(commands), refused=dict(refused_before))
    if not write:
        return report
    for key, value in WANTED.items():
        found = report.known.get(key)
        if found is None or found.read_only or _same(key, found.value, value):
            continue
        if key in untouched or report.refused.get(key) == value:
            continue
        try:
            await _write(commands, key, value, report)
        except Disconnected:
            report.refused[key] = value
            break
    return report


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
        if attempt != value:
            report.refused[key] = value
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
    return Capabilities(
        connectors=whole("NumberOfConnectors"),
        profiles=listed("SupportedFeatureProfiles"),
        rate_units=listed("ChargingScheduleAllowedChargingRateUnit"),
        max_stack_level=whole("ChargeProfileMaxStackLevel"),
        phase_switching=switching.casefold() == "true",
        local_list_length=whole("LocalAuthListMaxLength"),
        local_list_chunk=whole("SendLocalListMaxLength"),
    )


def standard_settings(known: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that may be shown to strangers: OCPP's own, no secrets."""
    return {key: value for key, value in known.items() if key in _SHOWN}
