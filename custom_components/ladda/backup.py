"""Home Assistant's backups: the ledger stands still while it is copied."""

from collections.abc import Iterator
import logging
from typing import Final

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .hub import LaddaConfigEntry
from .ledger import Ledger, LedgerError

_LOGGER = logging.getLogger(__name__)

# s; stations wait so long at most, and then the ledger writes again. Longer than a
# large configuration takes to copy, in case nobody says that it is done.
HOLD: Final = 300.0


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Bring everything into the ledger's file and leave it alone.

    Never raises: that would call off the whole backup. A copy of a ledger that
    is not held is most likely good, and no copy never is.
    """
    for ledger in _ledgers(hass):
        try:
            await ledger.hold(HOLD)
        except LedgerError as err:
            _LOGGER.warning("The ledger is copied while it is in use: %s", err)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Let the ledger write again."""
    for ledger in _ledgers(hass):
        await ledger.release()


def _ledgers(hass: HomeAssistant) -> Iterator[Ledger]:
    """Yield the ledgers that are open."""
    entry: LaddaConfigEntry
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        yield entry.runtime_data.ledger
