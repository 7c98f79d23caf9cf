"""Inside of Home Assistant: count states that are written, and write as many barely."""

from collections import Counter
from itertools import count
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED, UnitOfPower
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    HomeAssistant,
    ServiceCall,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_component import EntityComponent
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.event_type import EventType

from .bare import serve_bare
from .disk import Disk

DOMAIN: Final = "ladda_bench"
_LOGGER = logging.getLogger(__name__)


class _Sensor(SensorEntity):
    """As little of a sensor of a power as there can be."""

    _attr_should_poll = False
    _attr_device_class = SensorDeviceClass.POWER
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_native_unit_of_measurement = UnitOfPower.WATT

    def show(self, watts: float) -> None:
        """Show a power."""
        self._attr_native_value = watts
        self.async_write_ha_state()


class _Writes:
    """Counts what Ladda's entities write while it listens."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Listen."""
        self._entities = {
            entity.entity_id
            for entity in er.async_get(hass).entities.values()
            if entity.platform == "ladda"
        }
        self.changed = Counter[str]()
        self.reported = Counter[str]()
        self._stops: list[CALLBACK_TYPE] = []
        for event_type, counter in (
            (EVENT_STATE_CHANGED, self.changed),
            (EVENT_STATE_REPORTED, self.reported),
        ):
            self._listen(hass, event_type, counter)

    def _listen(
        self, hass: HomeAssistant, event_type: EventType[Any], counter: Counter[str]
    ) -> None:
        """Count the events of a kind."""

        @callback
        def wanted(data: Any) -> bool:
            return data["entity_id"] in self._entities

        @callback
        def note(event: Event[Any]) -> None:
            counter[event.data["entity_id"]] += 1

        self._stops.append(hass.bus.async_listen(event_type, note, wanted))

    def stop(self) -> dict[str, Any]:
        """Listen no more; tell what was counted."""
        for stop in self._stops:
            stop()
        return {"changed": dict(self.changed), "reported": dict(self.reported)}


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer what the bench asks for."""
    counting: list[_Writes] = []

    @callback
    def count_writes(call: ServiceCall) -> dict[str, Any]:
        """Begin to count, and tell what was counted before."""
        counted = counting.pop().stop() if counting else {}
        if call.data["go_on"]:
            counting.append(_Writes(hass))
        return counted

    async def serve(call: ServiceCall) -> dict[str, Any]:
        """Serve stations barely, and set so many states for each of their messages."""
        attributes = call.data["attributes"]
        numbers = count()

        async def set_states(path: str) -> None:
            station = path.removeprefix("/")
            for index, told in enumerate(attributes):
                hass.states.async_set(
                    f"sensor.bench_{station}_{index}", f"{next(numbers) / 10}", told
                )

        return {"port": await serve_bare(set_states)}

    async def serve_entities(call: ServiceCall) -> dict[str, Any]:
        """Serve stations barely: a committed row, and sensors that write their states."""
        disk = Disk(Path(hass.config.config_dir))
        numbers = count()
        sensors = {
            f"/s{station}": [_Sensor() for _ in range(call.data["each"])]
            for station in range(call.data["stations"])
        }
        component = EntityComponent[_Sensor](_LOGGER, DOMAIN, hass)
        await component.async_add_entities(
            [one for some in sensors.values() for one in some]
        )

        async def write_states(path: str) -> None:
            await disk.store()
            for sensor in sensors[path]:
                sensor.show(next(numbers) / 10)

        return {"port": await serve_bare(write_states)}

    hass.services.async_register(
        DOMAIN, "count_writes", count_writes, supports_response=SupportsResponse.ONLY
    )
    for name, action in (("serve", serve), ("serve_entities", serve_entities)):
        hass.services.async_register(
            DOMAIN, name, action, supports_response=SupportsResponse.ONLY
        )
    return True
