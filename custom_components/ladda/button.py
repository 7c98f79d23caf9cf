"""Buttons: restart a station, unlock a connector."""

from typing import override

from homeassistant.components.button import ButtonEntity
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_IDENTITY, SUBENTRY_STATION
from .entity import (
    ConnectorEntity,
    StationEntity,
    async_add_for_connectors,
    async_add_for_subentries,
)
from .errors import station_errors
from .hub import LaddaConfigEntry, LaddaHub
from .resolve import station_name

# A station's connection sends it one command at a time; stations do not wait for
# each other.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of stations and connectors."""
    async_add_for_subentries(
        entry,
        async_add_entities,
        SUBENTRY_STATION,
        lambda hub, station: [RestartButton(hub, station.data[CONF_IDENTITY])],
    )
    async_add_for_connectors(
        entry,
        async_add_entities,
        lambda hub, identity, number: [UnlockButton(hub, identity, number)],
    )


class RestartButton(StationEntity[None], ButtonEntity):
    """Restarts a station, which ends its sessions in good order first."""

    _attr_device_class = ButtonDeviceClass.RESTART
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, hub: LaddaHub, identity: str) -> None:
        """Restart the station `identity`."""
        super().__init__(hub, identity, "restart")

    @override
    def _read(self) -> None:
        """Show nothing but whether the station is connected."""

    @override
    async def async_press(self) -> None:
        """Ask for a soft reset (OCPP 1.6 §5.14)."""
        with station_errors(station_name(self.hub, self.identity)):
            await self.hub.desk.link(self.identity).commands.reset(hard=False)


class UnlockButton(ConnectorEntity[None], ButtonEntity):
    """Unlocks a cable that is stuck; this ends the session."""

    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "unlock"

    def __init__(self, hub: LaddaHub, identity: str, number: int) -> None:
        """Unlock the connector `number` of the station `identity`."""
        super().__init__(hub, identity, number, "unlock")

    @override
    def _read(self) -> None:
        """Show nothing but whether the station is connected."""

    @override
    async def async_press(self) -> None:
        """Ask for the connector to be unlocked (OCPP 1.6 §5.18)."""
        with station_errors(station_name(self.hub, self.identity)):
            await self.hub.desk.link(self.identity).commands.unlock(self.number)
