"""The password of a 1.6 station, and its security profile (whitepaper, A01 and A05)."""

from enum import StrEnum
import re
from typing import Final

from ocpp.v16 import call
from ocpp.v16.enums import ConfigurationKey

from ..errors import Busy, NotAccepted, Refused, StationError
from .asking import Asker, status_of


class Taken(StrEnum):
    """Whether a station took what it was given."""

    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot_required"  # it counts once the station has restarted
    REFUSED = "refused"
    UNCLEAR = "unclear"  # it may have it, or not


_PASSWORD: Final = str(ConfigurationKey.authorization_key)
_PROFILE: Final = str(ConfigurationKey.security_profile)
_YES: Final = {"Accepted": Taken.ACCEPTED, "RebootRequired": Taken.REBOOT_REQUIRED}
_NO: Final = frozenset({"Rejected", "NotSupported"})
# A station that failed may have done so when it had taken the setting.
_FAILED: Final = frozenset({"GenericError", "InternalError"})


def holds_password(key: str) -> bool:
    """Tell whether a setting is a station's password, which nobody may read."""
    return key.strip().casefold() == _PASSWORD.casefold()


class Security(Asker):
    """How one connected station proves itself."""

    async def set_password(self, key: str) -> Taken:
        """Give a station another password, as hex digits (A01; OCPP-J 1.6 §6.2.2).

        Raises Busy, NotAccepted or Refused where it certainly did not take it; what
        they say never holds the password, whatever the station said (A01.FR.09).
        """
        try:
            return await self._change(_PASSWORD, key)
        except Refused as err:
            said = (_without(key, text) for text in (err.code, err.description))
            raise Refused(err.action, *said) from None

    async def raise_profile(self, profile: int) -> Taken:
        """Let a station prove itself by a higher security profile (A05)."""
        try:
            return await self._change(_PROFILE, str(profile))
        except NotAccepted, Refused:
            return Taken.REFUSED
        except Busy:
            return Taken.UNCLEAR

    async def _change(self, key: str, value: str) -> Taken:
        """Change a setting (§5.3); raises what tells that the station did not take it."""
        message = call.ChangeConfiguration(key=key, value=value)
        try:
            status = status_of(await self._ask(message))
        except Busy:
            raise
        except Refused as err:
            if err.code in _FAILED:
                return Taken.UNCLEAR
            raise
        except StationError:
            return Taken.UNCLEAR
        if status in _NO:
            raise NotAccepted(type(message).__name__, status)
        return _YES.get(status, Taken.UNCLEAR)


def _without(secret: str, text: str) -> str:
    """Take a secret out of a text."""
    return re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
