"""Price helpers that are gone: under Repairs until they are back, or not needed."""

from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CoreState, HomeAssistant, callback

from .const import CONF_ENTITY, SUBENTRY_TARIFF
from .issues import async_complain, async_take_back

_PREFIX: Final = "helper_gone_"


@callback
def async_miss_helpers(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Say which tariffs take their price from what is not there.

    A helper that is there and shows nothing comes back by itself; one that was renamed
    or removed does not. While Home Assistant starts, they come one after another.
    """
    if hass.state is not CoreState.running:
        return
    gone = {
        f"{_PREFIX}{subentry.subentry_id}": (subentry.title, entity)
        for subentry in entry.get_subentries_of_type(SUBENTRY_TARIFF)
        if (entity := subentry.data.get(CONF_ENTITY)) is not None
        and hass.states.get(entity) is None
    }
    async_take_back(hass, _PREFIX, but=gone.keys())
    for issue_id, (tariff, entity) in gone.items():
        named = {"tariff": tariff, "entity": entity}
        async_complain(hass, issue_id, "helper_gone", named)


@callback
def async_miss_no_helpers(hass: HomeAssistant) -> None:
    """Take all of it back, for nobody looks any more."""
    async_take_back(hass, _PREFIX)
