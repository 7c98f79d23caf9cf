"""Ladda: charging stations in Home Assistant, over OCPP, with exact costs."""

from typing import Final

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, SUBENTRY_STATION
from .hub import LaddaConfigEntry, LaddaHub
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.SWITCH,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LaddaConfigEntry) -> bool:
    """Open the house."""
    hub = LaddaHub(hass, entry)
    await hub.async_start()
    entry.runtime_data = hub
    entry.async_on_unload(entry.add_update_listener(_async_update))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def _async_update(hass: HomeAssistant, entry: LaddaConfigEntry) -> None:
    """Take over changed options and subentries."""
    await entry.runtime_data.async_update()


async def async_unload_entry(hass: HomeAssistant, entry: LaddaConfigEntry) -> bool:
    """Close the house. The ledger stays, also when the entry is removed."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.async_stop()
    return unloaded


async def async_remove_config_entry_device(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    device: dr.DeviceEntry | dr.ChildDeviceEntry,
) -> bool:
    """Allow to remove devices of stations that are gone."""
    stations = {
        subentry.data["identity"]
        for subentry in entry.get_subentries_of_type(SUBENTRY_STATION)
    }
    return not any(
        identifier in stations or identifier.rpartition("_")[0] in stations
        for domain, identifier in device.identifiers
        if domain == DOMAIN
    )
