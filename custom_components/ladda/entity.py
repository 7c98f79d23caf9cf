"""What all entities of Ladda have in common."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .charging.connector import Connector
from .charging.open_session import OpenSession
from .charging.station import Station
from .devices import async_find_device
from .hub import LaddaConfigEntry, LaddaHub


class LaddaEntity(Entity):
    """An entity on one of the hub's devices.

    Identifiers of devices are tried in turn: a connector's own comes before its
    station's.
    """

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, hub: LaddaHub, unique_id: str, *devices: str) -> None:
        """Attach to the first of `devices` that there is."""
        self.hub = hub
        self.device_entry = async_find_device(hub.hass, hub.entry, *devices)
        self._attr_unique_id = unique_id

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to follow the hub."""
        await super().async_added_to_hass()
        self._async_follow()

    @callback
    @abstractmethod
    def _async_follow(self) -> None:
        """Begin to follow what the hub tells."""

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Be renamed in place: nothing here knows the entity's id (2026.11)."""


class FollowingEntity[Shown](LaddaEntity):
    """An entity that shows something the hub tells of.

    Whenever one of `topics` changes, `_read` says what is to be shown; the state is
    written only when that, or whether it is available, has become different.
    """

    _shown: Shown

    def __init__(
        self, hub: LaddaHub, unique_id: str, *devices: str, topics: Iterable[object]
    ) -> None:
        """Follow the hub's `topics`."""
        super().__init__(hub, unique_id, *devices)
        self._topics = tuple(topics)

    def _take(self, shown: Shown) -> None:
        """Take what is to be shown."""
        self._shown = shown

    @abstractmethod
    def _read(self) -> Shown:
        """Return all that the state depends on."""

    def _is_available(self) -> bool:
        """Tell whether what is shown can be known; the ledger is always there."""
        return True

    @callback
    @override
    def _async_follow(self) -> None:
        """Read what is to be shown, now and whenever a topic changes."""
        self._attr_available = self._is_available()
        self._take(self._read())
        for topic in self._topics:
            self.async_on_remove(self.hub.async_listen(topic, self._async_look))

    @callback
    def _async_look(self) -> None:
        """Write the state if it has become different."""
        available, shown = self._is_available(), self._read()
        if available is not self._attr_available or shown != self._shown:
            self._attr_available = available
            self._take(shown)
            self.async_write_ha_state()


class StationEntity[Shown](FollowingEntity[Shown]):
    """An entity of a station as a whole, available while that is connected."""

    def __init__(self, hub: LaddaHub, identity: str, key: str) -> None:
        """Show something of the station `identity`."""
        super().__init__(
            hub, f"{identity}_{key}", identity, topics=[("station", identity)]
        )
        self.identity = identity

    @property
    def station(self) -> Station:
        """What is known of the station."""
        return self.hub.station(self.identity)

    @override
    def _is_available(self) -> bool:
        """Tell whether the station is connected."""
        return self.hub.desk.is_online(self.identity)


class ConnectorEntity[Shown](FollowingEntity[Shown]):
    """An entity of a connector.

    What is measured now, and what can be asked of the station, is available while
    that is connected; what the ledger knows stays available (`_lasting`). What changes
    with the meter is looked at with each of its readings, too (`_metered`).
    """

    _lasting = False
    _metered = False

    def __init__(self, hub: LaddaHub, identity: str, number: int, key: str) -> None:
        """Show something of the connector `number` of the station `identity`."""
        connector = f"{identity}/{number}"
        topics = ("connector", "meter") if self._metered else ("connector",)
        super().__init__(
            hub,
            f"{connector}_{key}",
            connector,
            identity,
            topics=[(topic, identity, number) for topic in topics],
        )
        self.identity = identity
        self.number = number

    @property
    def connector(self) -> Connector:
        """What is known of the connector."""
        return self.hub.connector(self.identity, self.number)

    @property
    def opened(self) -> OpenSession | None:
        """The session that goes on."""
        return self.hub.station(self.identity).session_at(self.number)

    @override
    def _is_available(self) -> bool:
        """Tell whether the station is connected, where that matters."""
        return self._lasting or self.hub.desk.is_online(self.identity)


@callback
def async_add_for_connectors(
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[LaddaHub, str, int], Iterable[Entity]],
) -> None:
    """Add the entities that `make` makes of each connector, now and later."""
    hub = entry.runtime_data

    @callback
    def add(identity: str, number: int) -> None:
        subentry = hub.subentry(identity)
        assert subentry is not None  # only stations of the house are told of
        async_add_entities(
            make(hub, identity, number), config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(hub.async_listen_connectors(add))


@callback
def async_add_for_subentries(
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    kind: str,
    make: Callable[[LaddaHub, ConfigSubentry], Iterable[Entity]],
) -> None:
    """Add the entities that `make` makes of each subentry of a kind, now and later."""
    hub = entry.runtime_data
    known: set[str] = set()

    @callback
    def add_new() -> None:
        for subentry in hub.subentries(kind):
            if subentry.subentry_id not in known:
                known.add(subentry.subentry_id)
                async_add_entities(
                    make(hub, subentry), config_subentry_id=subentry.subentry_id
                )

    add_new()
    entry.async_on_unload(hub.async_listen(("house",), add_new))
