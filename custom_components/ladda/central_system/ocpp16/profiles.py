"""Stations that need more than the general rules: one table, to be added to.

A row belongs here only where no rule for all stations can help, and says where it
was seen. What is matched is the station's BootNotification (OCPP 1.6 §6.1).
"""

from dataclasses import dataclass
import re
from typing import Final

from ...charging.model import StationInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class StationProfile:
    """What some stations need.

    `vendor`, `model` and `firmware` are regular expressions for the whole text, in
    any case. `settle_s`: how long the station is asked nothing after its boot, in s.
    `unread`: settings that are neither read nor written. `untriggered`: messages that
    it is never asked for (TriggerMessage). `restart_gap_s`: how long after a session's
    end it may not be asked to start the next, in s. `source`: where it was seen.
    """

    vendor: str
    model: str = ".*"
    firmware: str = ".*"
    settle_s: float = 0.0
    unread: frozenset[str] = frozenset()
    untriggered: frozenset[str] = frozenset()
    restart_gap_s: float = 0.0
    source: str

    def matches(self, info: StationInfo) -> bool:
        """Tell whether a station is one of these."""
        told = (
            (self.vendor, info.vendor),
            (self.model, info.model),
            (self.firmware, info.firmware),
        )
        return all(re.fullmatch(what, text, re.IGNORECASE) for what, text in told)


PROFILES: Final = (
    StationProfile(
        vendor="ABB|Chargedot",
        model=r".*TACW.*",
        firmware=r"(.*\D)?1\.([0-7]\.\d+|8\.([01]?\d|2[01]))",  # up to 1.8.21
        # It takes any list of measurands, and reboots whenever that is read back.
        unread=frozenset({"MeterValuesSampledData"}),
        source="https://github.com/lbbrhzn/ocpp/issues/1275",
    ),
    StationProfile(
        vendor="EN\\+",
        # Asked anything before, it hangs for half a minute and then hangs up.
        settle_s=30,
        source="https://github.com/evcc-io/evcc/issues/30113",
    ),
    StationProfile(
        vendor="FoxESS.*",
        # Asked to start within minutes after a stop, it goes off the line.
        restart_gap_s=180,
        source="https://github.com/lbbrhzn/ocpp/blob/main/docs/supported-devices.md",
    ),
    StationProfile(
        vendor="MG|Star ?Charge",
        # Its connection dies of a TriggerMessage for a BootNotification.
        untriggered=frozenset({"BootNotification"}),
        source="https://github.com/lbbrhzn/ocpp/issues/1096",
    ),
    StationProfile(
        vendor="Wall ?Box( Chargers)?",
        # Asked anything before, it boots again, for ever.
        settle_s=20,
        source="https://github.com/lbbrhzn/ocpp/issues/1503",
    ),
)

_PLAIN: Final = StationProfile(vendor=".*", source="OCPP 1.6")


def profile_of(info: StationInfo | None) -> StationProfile:
    """Return what a station needs; of one that never booted nothing is known."""
    if info is None:
        return _PLAIN
    return next((each for each in PROFILES if each.matches(info)), _PLAIN)
