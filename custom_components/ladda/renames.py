"""Entities that tariffs and users are about, and that are given other ids."""

import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import CONF_ENTITY, CONF_PERSON
from .desk import ChargingDesk
from .ledger import LedgerError

_LOGGER = logging.getLogger(__name__)


@callback
def async_follow_renames(
    hass: HomeAssistant, entry: ConfigEntry[Any], desk: ChargingDesk
) -> CALLBACK_TYPE:
    """Follow renamed price helpers and persons; return how to stop that."""

    @callback
    def is_renamed(data: er.EventEntityRegistryUpdatedData) -> bool:
        return "old_entity_id" in data

    async def follow(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        assert event.data["action"] == "update"
        old, new = event.data["old_entity_id"], event.data["entity_id"]
        try:
            await desk.accounts.follow(old, new)
        except LedgerError as err:  # the name is followed all the same
            _LOGGER.error("What %s showed is not known of %s: %s", old, new, err)
        for subentry in (*entry.subentries.values(),):
            named = [
                key
                for key in (CONF_ENTITY, CONF_PERSON)
                if subentry.data.get(key) == old
            ]
            if named:
                hass.config_entries.async_update_subentry(
                    entry,
                    subentry,
                    data={**subentry.data, **dict.fromkeys(named, new)},
                )

    return hass.bus.async_listen(
        er.EVENT_ENTITY_REGISTRY_UPDATED, follow, event_filter=is_renamed
    )
