"""Whether a station is connected."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_IDENTITY, SUBENTRY_STATION
from .entity import StationEntity, async_add_for_subentries
from .hub import LaddaConfigEntry, LaddaHub

# Nothing is polled.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the connectivity of each station."""
    async_add_for_subentries(
        entry,
        async_add_entities,
        SUBENTRY_STATION,
        lambda hub, station: [Connected(hub, station.data[CONF_IDENTITY])],
    )


class Connected(StationEntity[bool], BinarySensorEntity):
    """On while a station is connected and accepted."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, hub: LaddaHub, identity: str) -> None:
        """Tell of the station `identity`."""
        super().__init__(hub, identity, "connected")

    @override
    def _is_available(self) -> bool:
        """Be always available: that is what it tells."""
        return True

    @override
    def _read(self) -> bool:
        """Tell whether the station can be asked things."""
        return self.hub.desk.is_online(self.identity)

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the station is connected."""
        return self._shown
