"""What the system's information page tells about Ladda."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .hub import LaddaConfigEntry, ledger_size


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register what there is to tell."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Tell how many stations are there, how much goes on, how much is kept."""
    info: dict[str, Any] = {}
    entry: LaddaConfigEntry
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        desk = entry.runtime_data.desk
        connected = sum(map(desk.is_online, desk.house.stations))
        info |= {
            "port": entry.data[CONF_PORT],
            "stations_connected": f"{connected}/{len(desk.house.stations)}",
            "open_sessions": sum(len(each.open) for each in desk.stations.values()),
        }
    size = await hass.async_add_executor_job(ledger_size, hass)
    return info | {"ledger_size": f"{size / 1_000_000:.1f} MB"}
