"""A house with Ladda in it: a real hub, port and ledger, and simulated stations.

It is in Sweden and pays in kronor. `house` is set up and empty.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ladda import (
    alignment,
    desk,
    hub as hub_module,
    keyring,
    known_connectors,
)
from custom_components.ladda.const import (
    CONF_CERTIFICATE,
    CONF_DEFAULT,
    CONF_IDENTITY,
    CONF_KIND,
    CONF_PRICE,
    CONF_SECRET,
    CONF_TAGS,
    DOMAIN,
    KIND_FIXED,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from custom_components.ladda.hub import HOUSEKEEPING, LaddaHub
from homeassistant import config_entries
from homeassistant.config_entries import ConfigEntryStore, ConfigSubentry
from homeassistant.const import ATTR_ENTITY_ID, CONF_HOST, CONF_PORT
from homeassistant.core import (
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .station_simulator import SimulatedStation

WRITE = Store._async_write_data  # noqa: SLF001, the test plugin has it write nothing
LOOPBACK = "127.0.0.1"
STATION = "GARAGE-1"
TAG = "04A1B2C3"
NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)  # in Sweden


class LivedInHouse:
    """A house: its config entry, what is added to it, and its stations.

    `station` switches a station on, at the end of a test all are switched off.
    """

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, port: int) -> None:
        """Take a house whose entry may not be set up yet."""
        self.hass = hass
        self.entry = entry
        self.port = port
        self.stations: dict[str, SimulatedStation] = {}

    @property
    def hub(self) -> LaddaHub:
        """The hub of the entry as it is set up now."""
        running: LaddaHub = self.entry.runtime_data
        return running

    @property
    def url(self) -> str:
        """Where stations dial."""
        scheme = "wss" if self.entry.data.get(CONF_CERTIFICATE) else "ws"
        return f"{scheme}://{LOOPBACK}:{self.port}"

    async def set_up(self) -> None:
        """Set the entry up."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def unload(self) -> None:
        """Unload the entry."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def add_station(
        self, identity: str = STATION, name: str = "Garage", **options: Any
    ) -> ConfigSubentry:
        """Add a station; `options` are the subentry's other data."""
        return await self._add(
            SUBENTRY_STATION, name, identity, {CONF_IDENTITY: identity, **options}
        )

    async def add_user(
        self, name: str = "Astrid", *tags: str, **options: Any
    ) -> ConfigSubentry:
        """Add a user with tags; `options` are the subentry's other data."""
        return await self._add(
            SUBENTRY_USER, name, name, {CONF_TAGS: list(tags), **options}
        )

    async def add_tariff(
        self, name: str = "Home", price: str = "2.50", **options: Any
    ) -> ConfigSubentry:
        """Add a tariff, of a fixed price unless `options` say otherwise."""
        data = {CONF_KIND: KIND_FIXED, CONF_PRICE: price, CONF_DEFAULT: False}
        return await self._add(SUBENTRY_TARIFF, name, name, {**data, **options})

    async def _add(
        self, kind: str, title: str, unique: str, data: dict[str, Any]
    ) -> ConfigSubentry:
        """Add a subentry, as its flow does."""
        subentry = ConfigSubentry(
            data=MappingProxyType(data),
            subentry_id=f"{kind}_{unique.lower()}",
            subentry_type=kind,
            title=title,
            unique_id=f"{kind}_{unique}",
        )
        self.hass.config_entries.async_add_subentry(self.entry, subentry)
        await self.hass.async_block_till_done()
        return subentry

    async def remove(self, subentry: ConfigSubentry) -> None:
        """Remove a subentry."""
        self.hass.config_entries.async_remove_subentry(self.entry, subentry.subentry_id)
        await self.hass.async_block_till_done()

    def simulate(self, identity: str, **fittings: Any) -> SimulatedStation:
        """Return a station of the house that is not switched on yet.

        `fittings` are arguments of SimulatedStation.
        """
        self.stations[identity] = SimulatedStation(
            identity, self.url, **{"reconnect_delay": 0.05, **fittings}
        )
        return self.stations[identity]

    async def station(
        self, identity: str = STATION, **fittings: Any
    ) -> SimulatedStation:
        """Switch a station on and wait until it and its connectors are known.

        `fittings` are arguments of SimulatedStation.
        """
        station = self.simulate(identity, **fittings)
        await station.start()
        await station.wait_registered()
        await self.until(
            lambda: len(self.hub.connectors(identity)) == len(station.connectors)
        )
        return station

    async def start(
        self,
        station: SimulatedStation,
        tag: str = TAG,
        *,
        connector: int = 1,
        at: datetime | None = None,
        meter_wh: int = 0,
    ) -> int:
        """Let a station report a transaction's start (now); return its id."""
        reply = await station.send(
            "StartTransaction",
            {
                "connectorId": connector,
                "idTag": tag,
                "meterStart": meter_wh,
                "timestamp": stamp(at),
            },
        )
        await self.hass.async_block_till_done()
        return int(reply["transactionId"])

    async def measure(
        self,
        station: SimulatedStation,
        transaction: int | None = None,
        *,
        connector: int = 1,
        at: datetime | None = None,
        **values: float | str,
    ) -> None:
        """Let a station report meter values (now).

        `values` are by measurand, with "_" for "." and "__" before a phase:
        `Energy_Active_Import_Register=1000`, `Voltage__L1_N=230`.
        """
        payload: dict[str, Any] = {
            "connectorId": connector,
            "meterValue": [
                {
                    "timestamp": stamp(at),
                    "sampledValue": [
                        _sample(name, value) for name, value in values.items()
                    ],
                }
            ],
        }
        if transaction is not None:
            payload["transactionId"] = transaction
        await station.send("MeterValues", payload)
        await self.hass.async_block_till_done()

    async def stop(
        self,
        station: SimulatedStation,
        transaction: int,
        meter_wh: int,
        *,
        at: datetime | None = None,
    ) -> None:
        """Let a station report a transaction's end (now)."""
        await station.send(
            "StopTransaction",
            {
                "transactionId": transaction,
                "meterStop": meter_wh,
                "timestamp": stamp(at),
            },
        )
        await self.hass.async_block_till_done()

    async def report_status(
        self,
        station: SimulatedStation,
        status: str,
        *,
        connector: int = 1,
        **more: str,
    ) -> None:
        """Let a station report a connector's status; `more` are other fields."""
        await station.send(
            "StatusNotification",
            {
                "connectorId": connector,
                "errorCode": "NoError",
                "status": status,
                "timestamp": stamp(),
                **more,
            },
        )
        await self.hass.async_block_till_done()

    def entity_id(self, platform: str, unique_id: str) -> str:
        """Return the entity of a unique id; it must be there."""
        registry = er.async_get(self.hass)
        found = registry.async_get_entity_id(platform, DOMAIN, unique_id)
        assert found is not None, f"no {platform} {unique_id}"
        return found

    def state(self, platform: str, unique_id: str) -> State:
        """Return the state of the entity of a unique id; it must be there."""
        state = self.hass.states.get(self.entity_id(platform, unique_id))
        assert state is not None, f"{platform} {unique_id} has no state"
        return state

    def shown(self, platform: str, unique_id: str) -> list[str]:
        """Return what an entity shows from now on; the list grows, in its order."""
        shown: list[str] = []

        @callback  # anything else would be told by threads, in no order
        def note(event: Event[EventStateChangedData]) -> None:
            if (state := event.data["new_state"]) is not None:
                shown.append(state.state)

        async_track_state_change_event(
            self.hass, self.entity_id(platform, unique_id), note
        )
        return shown

    def entities(self, platform: str) -> dict[str, dict[str, Any]]:
        """Describe all entities of a platform, disabled ones too, for a snapshot."""
        devices = dr.async_get(self.hass)
        found = {}
        for entity in er.async_get(self.hass).entities.values():
            if entity.domain != platform or entity.device_id is None:
                continue
            device = devices.async_get(entity.device_id, include_child_devices=True)
            state = self.hass.states.get(entity.entity_id)
            assert device is not None
            found[entity.entity_id] = {
                "unique_id": entity.unique_id,
                "device": device.name,
                "category": entity.entity_category,
                "disabled_by": entity.disabled_by,
                "state": state.state if state else None,
                "attributes": dict(state.attributes) if state else None,
            }
        # As JSON says it: plain text where Home Assistant has enumerations
        plain: dict[str, dict[str, Any]] = json.loads(
            json_bytes(dict(sorted(found.items())))
        )
        return plain

    async def act(
        self, platform: str, unique_id: str, action: str, **data: Any
    ) -> None:
        """Perform a platform's action on the entity of a unique id."""
        target = {ATTR_ENTITY_ID: self.entity_id(platform, unique_id)}
        await self.hass.services.async_call(
            platform, action, {**target, **data}, blocking=True
        )

    def number(self, unique_id: str) -> Decimal:
        """Return the number that a sensor shows."""
        return Decimal(self.state("sensor", unique_id).state)

    async def until(self, condition: Callable[[], bool], timeout: float = 5) -> None:
        """Wait until a condition holds; TimeoutError if it never does."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)
                await self.hass.async_block_till_done()

    async def a_minute_later(self) -> None:
        """Let the house be looked after."""
        soon = dt_util.utcnow() + HOUSEKEEPING + timedelta(seconds=1)
        async_fire_time_changed(self.hass, soon)
        await self.hass.async_block_till_done(wait_background_tasks=True)

    async def close(self) -> None:
        """Switch the stations off and unload the entry."""
        for station in self.stations.values():
            await station.stop()
        if self.entry.state.recoverable and hasattr(self.entry, "runtime_data"):
            await self.hass.config_entries.async_unload(self.entry.entry_id)
        await self.hass.async_block_till_done()


def stamp(at: datetime | None = None) -> str:
    """Write a time (now) as stations do."""
    moment = at or datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hours_ago(hours: float) -> datetime:
    """Return the time that many hours ago, to the millisecond."""
    now = datetime.now(UTC)
    return now - timedelta(hours=hours, microseconds=now.microsecond % 1000)


def _sample(name: str, value: float | str) -> dict[str, str]:
    """Write a SampledValue."""
    measurand, _, phase = name.partition("__")
    sample = {"measurand": measurand.replace("_", "."), "value": str(value)}
    return sample | ({"phase": phase.replace("_", "-")} if phase else {})


@pytest.fixture
def house_entry(
    hass: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    socket_enabled: None,
    unused_tcp_port: int,
) -> MockConfigEntry:
    """Return the entry of an empty house that is not set up yet.

    Stations are asked sooner than real ones would be.
    """
    monkeypatch.setattr(known_connectors, "SETTLE", 0.1)
    monkeypatch.setattr(
        hub_module, "ChargingDesk", partial(desk.ChargingDesk, settle=0.05)
    )
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 0.05)
    hass.config.config_dir = str(tmp_path)
    hass.config.currency = "SEK"
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Ladda",
        data={
            CONF_HOST: LOOPBACK,
            CONF_PORT: unused_tcp_port,
            CONF_SECRET: "a secret of the tests",
        },
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def entries_on_disk(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[None]:
    """Let Home Assistant write its config entries, and sooner than it does.

    What it is at in the end comes to its end before Home Assistant stops.
    """
    monkeypatch.setattr(ConfigEntryStore, "_async_write_data", WRITE, raising=False)
    monkeypatch.setattr(config_entries, "SAVE_DELAY", 0.05)
    monkeypatch.setattr(keyring, "LOOK_INTERVAL", 0.02)
    yield
    await hass.async_block_till_done()


@pytest.fixture
async def noon(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[FrozenDateTimeFactory]:
    """Let it be noon of a Monday in May until the test moves the clock.

    Timers and sockets go on in real time.
    """
    # The test plugin's loop would be frozen too; its class is not.
    monkeypatch.delattr(hass.loop, "time")
    with freeze_time(NOON, real_asyncio=True) as frozen:
        yield frozen


@pytest.fixture
async def house(
    hass: HomeAssistant, house_entry: MockConfigEntry
) -> AsyncGenerator[LivedInHouse]:
    """Return an empty house, set up."""
    await hass.config.async_set_time_zone("Europe/Stockholm")
    lived_in = LivedInHouse(hass, house_entry, house_entry.data[CONF_PORT])
    await lived_in.set_up()
    yield lived_in
    await lived_in.close()


@pytest.fixture
async def full_house(
    noon: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, house: LivedInHouse
) -> LivedInHouse:
    """Return a house at noon: two connectors, a tariff, and a user who charges.

    Astrid took 8 kWh this morning at connector 1 and charges there again; at
    connector 2 nothing has happened yet. All entities are enabled.
    """
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    await house.add_tariff(default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station(connectors=2)
    at_eight = NOON - timedelta(hours=4)
    session = await house.start(station, at=at_eight, meter_wh=1_000_000)
    await house.stop(station, session, 1_008_000, at=at_eight + timedelta(hours=1))
    session = await house.start(
        station, at=NOON - timedelta(hours=1), meter_wh=1_008_000
    )
    await house.report_status(station, "Charging")
    await house.measure(
        station,
        session,
        Energy_Active_Import_Register=1_013_250,
        Power_Active_Import=11_040,
        Current_Import__L1=16.1,
        Current_Import__L2=16,
        Current_Import__L3=15.9,
        Voltage__L1_N=231,
        Voltage__L2_N=230,
        Voltage__L3_N=229,
        Current_Offered=20,
        Temperature=31,
        SoC=64,
    )
    return house
