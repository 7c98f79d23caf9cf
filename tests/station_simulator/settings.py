"""The configuration keys of a station (OCPP 1.6 §9), and what may be written."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
import re
from typing import Any

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "SoC",
    "Temperature",
)
"""The measurands that the station's meter knows."""


class _Kind(Enum):
    """What a key holds, hence what may be written to it."""

    FIXED = auto()
    COUNT = auto()
    FLAG = auto()
    MEASURANDS = auto()
    PROFILE = auto()
    SECRET = auto()
    TEXT = auto()


_KEYS: dict[str, tuple[_Kind, str]] = {
    "AllowOfflineTxForUnknownId": (_Kind.FLAG, "false"),
    "AuthorizationCacheEnabled": (_Kind.FLAG, "false"),
    "AuthorizationKey": (_Kind.SECRET, ""),
    "AuthorizeRemoteTxRequests": (_Kind.FLAG, "false"),
    "ChargeProfileMaxStackLevel": (_Kind.FIXED, "8"),
    "ChargingScheduleAllowedChargingRateUnit": (_Kind.FIXED, "Current,Power"),
    "ChargingScheduleMaxPeriods": (_Kind.FIXED, "24"),
    "ClockAlignedDataInterval": (_Kind.COUNT, "0"),
    "ConnectionTimeOut": (_Kind.COUNT, "60"),
    "ConnectorPhaseRotation": (_Kind.TEXT, "NotApplicable"),
    "ConnectorSwitch3to1PhaseSupported": (_Kind.FIXED, "false"),
    "GetConfigurationMaxKeys": (_Kind.FIXED, "50"),
    "HeartbeatInterval": (_Kind.COUNT, "300"),
    "LocalAuthListEnabled": (_Kind.FLAG, "true"),
    "LocalAuthListMaxLength": (_Kind.FIXED, "100"),
    "LocalAuthorizeOffline": (_Kind.FLAG, "true"),
    "LocalPreAuthorize": (_Kind.FLAG, "false"),
    "MaxChargingProfilesInstalled": (_Kind.FIXED, "10"),
    "MeterValueSampleInterval": (_Kind.COUNT, "60"),
    "MeterValuesAlignedData": (_Kind.MEASURANDS, "Energy.Active.Import.Register"),
    "MeterValuesSampledData": (_Kind.MEASURANDS, "Energy.Active.Import.Register"),
    "NumberOfConnectors": (_Kind.FIXED, "1"),
    "ResetRetries": (_Kind.COUNT, "1"),
    "SendLocalListMaxLength": (_Kind.FIXED, "50"),
    "StopTransactionOnEVSideDisconnect": (_Kind.FLAG, "true"),
    "StopTransactionOnInvalidId": (_Kind.FLAG, "true"),
    "StopTxnAlignedData": (_Kind.MEASURANDS, ""),
    "StopTxnSampledData": (_Kind.MEASURANDS, ""),
    "SupportedFeatureProfiles": (
        _Kind.FIXED,
        "Core,LocalAuthListManagement,SmartCharging,RemoteTrigger",
    ),
    "TransactionMessageAttempts": (_Kind.COUNT, "3"),
    "TransactionMessageRetryInterval": (_Kind.COUNT, "60"),
    "UnlockConnectorOnEVSideDisconnect": (_Kind.FLAG, "true"),
    "WebSocketPingInterval": (_Kind.COUNT, "0"),
}

_WHITEPAPER: dict[str, _Kind] = {"SecurityProfile": _Kind.PROFILE}
"""The keys that only a station has in which they are fitted."""

_VALID: dict[_Kind, Callable[[str], object]] = {
    _Kind.FIXED: lambda value: False,
    _Kind.COUNT: lambda value: value.isascii() and value.isdigit(),
    _Kind.FLAG: lambda value: value.lower() in ("true", "false"),
    _Kind.MEASURANDS: lambda value: set(_parts(value)) <= set(MEASURANDS),
    _Kind.PROFILE: lambda value: value in ("1", "2"),
    _Kind.SECRET: re.compile("[0-9A-Fa-f]{32,40}").fullmatch,
    _Kind.TEXT: lambda value: True,
}


@dataclass
class Settings:
    """The keys and their values; `fitted` is what the factory set.

    Keys in `fitted` that no standard knows are fixed ones.
    """

    fitted: Mapping[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, key: str) -> str:
        """Return the value in force, KeyError for a key that is not there."""
        if key in self.written:
            return self.written[key]
        return self.fitted[key] if key in self.fitted else _KEYS[key][1]

    def count(self, key: str) -> int:
        """Return a whole number."""
        return int(self[key])

    def flag(self, key: str) -> bool:
        """Return a boolean."""
        return self[key].lower() == "true"

    def items_of(self, key: str) -> tuple[str, ...]:
        """Return the entries of a comma-separated list."""
        return _parts(self[key])

    def change(self, key: str, value: str) -> str:
        """Write a value and return the status (OCPP 1.6 §5.3).

        A list of measurands is taken whole or not at all (§3.16.4).
        """
        if key not in self.keys():
            return "NotSupported"
        if not _VALID[_kind(key)](value) or not self._may_become(key, value):
            return "Rejected"
        self.written[key] = value
        return "Accepted"

    def _may_become(self, key: str, value: str) -> bool:
        """Tell that no profile is lowered, or raised without a password (A05)."""
        if _kind(key) is not _Kind.PROFILE:
            return True
        return bool(self["AuthorizationKey"]) and value >= self[key]

    @property
    def shows_password(self) -> bool:
        """Whether the security profile, where there is one, is of those with one."""
        return "SecurityProfile" not in self.fitted or self["SecurityProfile"] != "0"

    def keys(self) -> list[str]:
        """Return all keys, in order."""
        return sorted(_KEYS.keys() | self.fitted.keys())

    def told(self, asked: Collection[str] | None = None) -> dict[str, list[Any]]:
        """Return the answer to GetConfiguration (OCPP 1.6 §5.8): all, or what is asked."""
        known = self.keys()
        return {
            "configurationKey": [
                self.described(key) for key in asked or known if key in known
            ],
            "unknownKey": [key for key in asked or () if key not in known],
        }

    def described(self, key: str) -> dict[str, str | bool]:
        """Return a key as GetConfiguration tells it; a secret has no value."""
        kind = _kind(key)
        described: dict[str, str | bool] = {
            "key": key,
            "readonly": kind is _Kind.FIXED,
        }
        return described if kind is _Kind.SECRET else described | {"value": self[key]}


def _kind(key: str) -> _Kind:
    return _KEYS[key][0] if key in _KEYS else _WHITEPAPER.get(key, _Kind.FIXED)


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
