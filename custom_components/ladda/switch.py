"""The main switch of a connector: charging, on or off."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .charger_actions import payer
from .entity import ConnectorEntity, async_add_for_connectors
from .errors import station_errors
from .hub import LaddaConfigEntry, LaddaHub
from .privileges import async_reach
from .resolve import station_name

# A station's connection sends it one command at a time; stations do not wait for
# each other.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a switch for each connector."""
    async_add_for_connectors(
        entry,
        async_add_entities,
        lambda hub, identity, number: [ChargingSwitch(hub, identity, number)],
    )


class ChargingSwitch(ConnectorEntity[bool], SwitchEntity):
    """On while a session goes on, whoever began it.

    Turning it on asks the station for a session on its default user's account, or on
    that of whoever does it who is a user and no administrator; a station without a car
    waits for one for a while. It goes on when the station reports the session, and off
    when it reports its end.
    """

    _attr_translation_key = "charging"

    def __init__(self, hub: LaddaHub, identity: str, number: int) -> None:
        """Switch the connector `number` of the station `identity`."""
        super().__init__(hub, identity, number, "charging")

    @override
    def _read(self) -> bool:
        """Tell whether a session goes on."""
        return self.opened is not None

    @property
    @override
    def is_on(self) -> bool:
        """Return whether a session goes on."""
        return self._shown

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Ask for a session, unless one goes on."""
        if self.opened is not None:
            return
        context = self._context or Context()
        reach = await async_reach(self.hass, self.hub, context)
        user = payer(self.hub, reach, {}) if reach.users else None
        with station_errors(station_name(self.hub, self.identity)):
            await self.hub.desk.remote.start(self.identity, self.number, user)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Ask for the session's end; without one there is nothing to do."""
        with station_errors(station_name(self.hub, self.identity)):
            await self.hub.desk.remote.stop(self.identity, self.number)
