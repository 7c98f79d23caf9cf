"""Ladda: charging stations in Home Assistant, over OCPP, with exact costs."""

from typing import Final

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .hub import LaddaConfigEntry, LaddaHub
from .services import async_setup_services
from .upload_view import UploadView

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
    """Register the actions, and where to fetch what stations uploaded."""
    async_setup_services(hass)
    hass.http.register_view(UploadView)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LaddaConfigEntry) -> bool:
    """Open the house."""
    hub = LaddaHub(hass, entry)
    await hub.async_start()
    entry.runtime_data = hub
    entry.async_on_unload(entry.add_update_listener(_async_update))

    async def on_core_config(_: Event) -> None:
        await _async_update(hass, entry)

    entry.async_on_unload(
        hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, on_core_config)
    )
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def _async_update(hass: HomeAssistant, entry: LaddaConfigEntry) -> None:
    """Take over what was changed: some by opening the house anew, the rest in place."""
    hub = entry.runtime_data
    if hub.is_outdated:
        hass.config_entries.async_schedule_reload(entry.entry_id)
    else:
        await hub.async_update()


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
    """Allow to remove devices of what is no longer in the house."""
    return device.config_subentry_id not in entry.subentries
