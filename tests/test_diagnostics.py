"""Diagnostics help to find a fault and tell nothing about people."""

import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ladda.const import DOMAIN
from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .actions import device_id
from .house import STATION, TAG, LivedInHouse, hours_ago
from .station_simulator import SimulatedStation

PRIVATE = {
    "identity": STATION,
    "tag": TAG,
    "presented tag": "04DEAD",
    "serial": "SERIAL-77",
    "user": "Astrid",
    "person": "person.astrid",
    "address": "127.0.0.1",
    "secret": "a secret of the tests",
    "password": "pbkdf2",
    "vendor's password": "hunter22",
}


@pytest.fixture
async def station(house: LivedInHouse) -> SimulatedStation:
    """Return a charger with a past, at which Astrid charges."""
    await house.add_tariff("Astrid's tariff")
    await house.add_user("Astrid", TAG, person="person.astrid")
    await house.add_station(name="Astrid's charger")
    station = await house.station(
        serial="SERIAL-77", settings={"WifiPassword": "hunter22"}
    )
    await house.until(lambda: "known" in house.hub.station(STATION).settings)
    await station.present_tag(1, "04DEAD")
    ended = await house.start(station, "04DEAD", at=hours_ago(3))
    await house.stop(station, ended, 1000, at=hours_ago(2))
    number = await house.start(station, at=hours_ago(1))
    await house.measure(station, number, Energy_Active_Import_Register=2500)
    await house.stop(station, 4711, 1000)
    return station


def private(told: Any) -> list[str]:
    """Return the kinds of private things that are told."""
    text = json.dumps(told)
    return [kind for kind, secret in PRIVATE.items() if secret in text]


async def test_a_house_is_told_without_its_people(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    hass_client: ClientSessionGenerator,
) -> None:
    await house.add_station("YARD", "Yard")
    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, house.entry)
    assert private(told) == []

    assert told["central_system"]["connections"] == 1
    garage, yard = told["stations"]["station 1"], told["stations"]["station 2"]
    assert yard["link"] is None
    assert garage["info"]["model"] == "Type 2"
    assert garage["info"]["serial"] == REDACTED
    assert garage["link"]["registration"] == "Accepted"
    assert garage["link"]["refused_frames"] == 0
    assert garage["odd"] == {"a stop of an unknown transaction": 1}
    assert told["central_system"]["odd"] == {}
    assert garage["settings"]["known"]["NumberOfConnectors"] == "1"
    assert garage["settings"]["known"]["WifiPassword"] == REDACTED
    assert garage["connectors"]["1"]["live"]["energy_register.TOTAL"] == "2500"
    [session] = garage["open_sessions"]
    assert session["energy_so_far_wh"] == "2500"
    assert session["token"] == REDACTED

    assert told["ledger"]["bytes"] > 0
    assert told["ledger"]["entries"]["orphan_stop"] == 1
    kinds = [entry["kind"] for entry in told["journal"]]
    assert {"start", "stop", "token", "settings"} <= {*kinds}
    assert {entry["station"] for entry in told["journal"]} == {"station 1"}


async def test_a_charger_is_told_by_itself(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    hass_client: ClientSessionGenerator,
) -> None:
    await house.add_station("YARD", "Yard")
    registry = dr.async_get(hass)
    garage = registry.async_get(device_id(house))
    assert garage is not None
    told: Any = await get_diagnostics_for_device(hass, hass_client, house.entry, garage)
    assert private(told) == []
    assert told["station"]["info"]["model"] == "Type 2"
    assert len(told["setup"]["parts"]) == 1
    assert told["journal"]


async def test_a_user_is_told_by_how_they_are_set_up(
    hass: HomeAssistant, house: LivedInHouse, hass_client: ClientSessionGenerator
) -> None:
    astrid = await house.add_user("Astrid", TAG)
    device = dr.async_get(hass).async_get(
        device_id(house, f"user_{astrid.subentry_id}")
    )
    assert device is not None
    told: Any = await get_diagnostics_for_device(hass, hass_client, house.entry, device)
    assert private(told) == []
    [part] = told["setup"]["parts"].values()
    assert part == {"type": "user", "data": {"tags": REDACTED}}
    assert "station" not in told


async def test_a_house_that_does_not_run_tells_how_it_is_set_up(
    hass: HomeAssistant,
    house: LivedInHouse,
    hass_client: ClientSessionGenerator,
) -> None:
    await house.add_station()
    garage = dr.async_get(hass).async_get(device_id(house))
    assert garage is not None
    await house.unload()
    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, house.entry)
    assert told["setup"]["data"]["port"] == house.port
    assert told["setup"]["data"]["secret"] == REDACTED
    assert "stations" not in told
    told = await get_diagnostics_for_device(hass, hass_client, house.entry, garage)
    assert "station" not in told


async def test_the_information_page_tells_what_is_connected(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    await house.add_station("YARD", "Yard")
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    assert info.pop("ledger_size").endswith(" MB")
    assert info == {
        "port": house.port,
        "stations_connected": "1/2",
        "open_sessions": 1,
    }
