"""Inside of Home Assistant: count states that are written, and write as many plainly."""

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any, Final

from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    HomeAssistant,
    ServiceCall,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.event_type import EventType

from .bare import serve_bare
from .disk import Disk

DOMAIN: Final = "ladda_bench"


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
        """Serve stations barely, and set so many states for each of their messages.

        `on_disk`: with a row that is committed before the answer.
        """
        attributes = call.data["attributes"]
        numbers = count()
        disk = Disk(Path(hass.config.config_dir)) if call.data["on_disk"] else None

        async def set_states(path: str) -> None:
            station = path.removeprefix("/")
            for index, told in enumerate(attributes):
                hass.states.async_set(
                    f"sensor.bench_{station}_{index}", f"{next(numbers) / 10}", told
                )
            if disk is not None:
                await disk.store()

        return {"port": await serve_bare(set_states)}

    hass.services.async_register(
        DOMAIN, "count_writes", count_writes, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register(
        DOMAIN, "serve", serve, supports_response=SupportsResponse.ONLY
    )
    return True
