"""The keyring: hashes of chargers' passwords, kept in the chargers' subentries.

Whenever the power is cut, what is on the disk lets the charger in:

- While a new password is not on the disk, it is not sent: the charger has the old one.
- From then on, the old and the new one are on the disk, whichever the charger has.
- When the charger has shown the new one, the old one is dropped. Home Assistant writes
  that a little later; if it cannot, both are still on the disk, and the charger shows
  the new one again when it comes next.
- When the charger did not take the new one, that is dropped in the same way; if it
  stays, nobody has the password that it is the hash of.
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import STORAGE_KEY, ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import STORAGE_DIR

from .const import (
    CONF_IDENTITY,
    CONF_NEW_PASSWORD_HASHES,
    CONF_PASSWORD_HASH,
    SUBENTRY_STATION,
)
from .passwords import NotKept

# Home Assistant writes its entries a second after the last change, and tells nobody. The
# desk knows by then, for who listens to the entry is called at once.
WRITTEN_WITHIN: Final = 15.0  # s
LOOK_INTERVAL: Final = 0.25  # s


class Keyring:
    """Keeps of each charger which passwords it may show."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Take the entry that the chargers are subentries of."""
        self._hass = hass
        self._entry = entry

    async def expect(self, identity: str, password_hash: str) -> None:
        """Let a charger come with a new password, too, also after a power cut.

        Raises NotKept, and nothing has changed.
        """
        self._keep_new(identity, (*self._new(identity), password_hash))
        path = Path(self._hass.config.path(STORAGE_DIR, STORAGE_KEY))
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                while not await self._hass.async_add_executor_job(  # noqa: ASYNC110
                    _is_on_disk, path, password_hash
                ):
                    await asyncio.sleep(LOOK_INTERVAL)
        except TimeoutError as err:
            self.forget(identity, password_hash)
            raise NotKept from err

    @callback
    def forget(self, identity: str, password_hash: str) -> None:
        """Expect no more a password that a charger did not take."""
        new = self._new(identity)
        self._keep_new(identity, tuple(one for one in new if one != password_hash))

    @callback
    def go_on_expecting(self, identity: str, password_hash: str) -> None:
        """Let a charger come with a password, too, that it may have taken.

        It may, also where the owner has entered another one meanwhile.
        """
        subentry, new = self._subentry(identity), self._new(identity)
        shown = subentry and subentry.data.get(CONF_PASSWORD_HASH) == password_hash
        if not shown and password_hash not in new:
            self._keep_new(identity, (*new, password_hash))

    @callback
    def rely_on(self, identity: str, password_hash: str) -> None:
        """Expect no other new password: a charger took this one.

        It did, also where the owner has entered another one meanwhile.
        """
        subentry = self._subentry(identity)
        if subentry and subentry.data.get(CONF_PASSWORD_HASH) != password_hash:
            self._keep_new(identity, (password_hash,))

    @callback
    def demand(self, identity: str, password_hash: str) -> None:
        """Let a charger in no more without the new password that it has shown.

        One that it was given after that may still come to count.
        """
        new = self._new(identity)
        if password_hash in new:
            later = new[new.index(password_hash) + 1 :]
            self._keep_new(identity, later, **{CONF_PASSWORD_HASH: password_hash})

    def _new(self, identity: str) -> tuple[str, ...]:
        """Return the hashes of passwords that a charger has not shown yet."""
        if (subentry := self._subentry(identity)) is None:
            return ()
        return tuple(subentry.data.get(CONF_NEW_PASSWORD_HASHES, ()))

    @callback
    def _keep_new(self, identity: str, new: tuple[str, ...], **more: str) -> None:
        """Keep these hashes instead; of a charger that is gone nothing is kept."""
        if (subentry := self._subentry(identity)) is not None:
            self._hass.config_entries.async_update_subentry(
                self._entry,
                subentry,
                data={**subentry.data, CONF_NEW_PASSWORD_HASHES: new, **more},
            )

    def _subentry(self, identity: str) -> ConfigSubentry | None:
        """Return a charger's subentry."""
        stations = self._entry.get_subentries_of_type(SUBENTRY_STATION)
        return next(
            (one for one in stations if one.data[CONF_IDENTITY] == identity), None
        )


def _is_on_disk(path: Path, text: str) -> bool:
    """Tell whether a file holds a text, and will do so after a power cut.

    Home Assistant replaces this file without waiting for the disk, so we do.
    """
    try:
        with path.open("rb") as file:
            if text.encode() not in file.read():
                return False
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        return False
    return True
