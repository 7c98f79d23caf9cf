"""The house is opened and closed, and its parts come and go."""

import socket
import sqlite3

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ladda import async_remove_config_entry_device
from custom_components.ladda.const import DOMAIN
from custom_components.ladda.hub import ledger_path
from custom_components.ladda.ledger import SessionQuery
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    translation,
)

from .house import LOOPBACK, STATION, TAG, LivedInHouse

CONNECTED = f"{STATION}_connected"


def device(house: LivedInHouse, identifier: str) -> dr.DeviceEntry | None:
    """Return one of the house's devices."""
    return dr.async_get(house.hass).async_get_device_by_identifier(
        (DOMAIN, identifier), house.entry.entry_id
    )


def child(house: LivedInHouse, identifier: str) -> dr.ChildDeviceEntry | None:
    """Return one of the house's child devices."""
    return dr.async_get(house.hass).async_get_child_device_by_identifier(
        (DOMAIN, identifier), house.entry.entry_id
    )


def device_of(house: LivedInHouse, platform: str, unique_id: str) -> str | None:
    """Return the id of the device that an entity is on."""
    entity = er.async_get(house.hass).async_get(house.entity_id(platform, unique_id))
    assert entity is not None
    return entity.device_id


# --- opening and closing -------------------------------------------------------------


async def test_the_house_is_opened_closed_and_opened_again(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    station = await house.station()
    await house.unload()
    assert house.entry.state is ConfigEntryState.NOT_LOADED
    await station.wait_for(lambda: not station.is_online)

    await house.set_up()
    await station.wait_registered()
    await house.until(lambda: house.state("binary_sensor", CONNECTED).state == "on")


async def test_stations_are_sent_away_when_home_assistant_stops(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    station = await house.station()
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await station.wait_for(lambda: not station.is_online)


async def test_a_port_that_is_taken_is_tried_again(
    hass: HomeAssistant, house_entry: MockConfigEntry
) -> None:
    with socket.create_server((LOOPBACK, house_entry.data[CONF_PORT])):
        await hass.config_entries.async_setup(house_entry.entry_id)
    assert house_entry.state is ConfigEntryState.SETUP_RETRY
    assert house_entry.error_reason_translation_key == "cannot_listen"


async def test_a_ledger_of_a_newer_version_is_left_alone(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.unload()
    ledger = sqlite3.connect(ledger_path(hass))
    ledger.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    ledger.commit()
    ledger.close()
    assert not await hass.config_entries.async_setup(house.entry.entry_id)
    assert house.entry.state is ConfigEntryState.SETUP_ERROR
    assert house.entry.error_reason_translation_key == "ledger_newer"


async def test_a_ledger_that_is_none_is_left_alone(
    hass: HomeAssistant, house_entry: MockConfigEntry
) -> None:
    path = ledger_path(hass)
    path.parent.mkdir(parents=True)
    path.write_text("This is no database, and longer than a header of one. " * 4)
    assert not await hass.config_entries.async_setup(house_entry.entry_id)
    assert house_entry.state is ConfigEntryState.SETUP_ERROR
    assert house_entry.error_reason_translation_key == "ledger_unusable"


async def test_a_ledger_whose_sessions_cannot_be_read_lets_nobody_charge(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    """Chargers keep what they have to tell until a backup is restored."""
    await house.unload()
    path = ledger_path(hass)
    ledger = sqlite3.connect(path)
    [size] = ledger.execute("PRAGMA page_size").fetchone()
    where = "SELECT rootpage FROM sqlite_master WHERE name = 'session'"
    [page] = ledger.execute(where).fetchone()
    ledger.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    assert not await hass.config_entries.async_setup(house.entry.entry_id)
    assert house.entry.state is ConfigEntryState.SETUP_ERROR
    assert house.entry.error_reason_translation_key == "ledger_unusable"


# --- devices -------------------------------------------------------------------------


async def test_one_connector_is_on_the_stations_device(house: LivedInHouse) -> None:
    await house.add_station()
    await house.station(vendor="Zaptec", model="Go", serial="ZAP1", firmware="3.1")
    garage = device(house, STATION)
    assert garage is not None
    assert (garage.manufacturer, garage.model, garage.serial_number) == (
        "Zaptec",
        "Go",
        "ZAP1",
    )
    assert (garage.name, garage.sw_version) == ("Garage", "3.1")
    assert child(house, f"{STATION}/1") is None
    assert device_of(house, "switch", f"{STATION}/1_charging") == garage.id
    assert house.entity_id("switch", f"{STATION}/1_charging") == (
        "switch.garage_charging"
    )


async def test_each_of_two_connectors_is_a_child_device(house: LivedInHouse) -> None:
    await house.add_station()
    await house.station(connectors=2)
    garage = device(house, STATION)
    second = child(house, f"{STATION}/2")
    assert garage is not None
    assert second is not None
    assert (second.parent_device_id, second.name) == (garage.id, "Connector 2")
    assert device_of(house, "switch", f"{STATION}/2_charging") == second.id
    assert device_of(house, "button", f"{STATION}_restart") == garage.id


async def test_users_and_tariffs_are_service_devices(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid", TAG)
    tariff = await house.add_tariff("Night")
    for identifier, name, subentry in (
        (f"user_{user.subentry_id}", "Astrid", user),
        (f"tariff_{tariff.subentry_id}", "Night", tariff),
    ):
        found = device(house, identifier)
        assert found is not None
        assert found.entry_type is dr.DeviceEntryType.SERVICE
        assert (found.name, found.config_subentry_id) == (name, subentry.subentry_id)


async def test_a_new_name_reaches_the_device(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    user = await house.add_user("Astrid")
    station = await house.add_station()
    hass.config_entries.async_update_subentry(house.entry, user, title="Pippi")
    hass.config_entries.async_update_subentry(house.entry, station, title="Carport")
    await hass.async_block_till_done()
    for identifier, name in (
        (f"user_{user.subentry_id}", "Pippi"),
        (STATION, "Carport"),
    ):
        renamed = device(house, identifier)
        assert renamed is not None
        assert renamed.name == name


async def test_only_devices_of_what_is_gone_can_be_removed(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    await house.station(connectors=2)
    garage, second = device(house, STATION), child(house, f"{STATION}/2")
    assert garage is not None
    assert second is not None
    for kept in (garage, second):
        assert not await async_remove_config_entry_device(hass, house.entry, kept)
    [subentry] = house.entry.subentries.values()
    await house.remove(subentry)
    assert await async_remove_config_entry_device(hass, house.entry, garage)


# --- coming and going ----------------------------------------------------------------


async def test_what_is_added_appears_and_nobody_is_disturbed(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    await house.station()
    link = house.hub.desk.link(STATION)

    await house.add_user("Astrid", TAG)
    tariff = await house.add_tariff()
    await house.add_station("GARAGE-2", "Carport")
    await house.station("GARAGE-2")
    assert house.state("sensor", "user_user_astrid_cost_total").state == "0.00"
    assert house.number(f"tariff_{tariff.subentry_id}_price") == 2.5
    assert house.state("switch", "GARAGE-2/1_charging").state == "off"
    assert house.hub.desk.link(STATION) is link


async def test_what_is_removed_goes_and_nobody_else_is_disturbed(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    await house.station()
    link = house.hub.desk.link(STATION)
    user = await house.add_user("Astrid")
    other = await house.add_station("GARAGE-2", "Carport")
    leaving = await house.station("GARAGE-2", connectors=2)

    await house.remove(user)
    await house.remove(other)
    registry = er.async_get(hass)
    assert {entity.config_subentry_id for entity in registry.entities.values()} == {
        f"station_{STATION.lower()}"
    }
    for identifier in (f"user_{user.subentry_id}", "GARAGE-2"):
        assert device(house, identifier) is None
    assert child(house, "GARAGE-2/1") is None
    await leaving.wait_for(lambda: not leaving.is_online)
    assert house.hub.desk.link(STATION) is link


async def test_a_station_that_is_removed_and_added_again_is_whole(
    house: LivedInHouse,
) -> None:
    subentry = await house.add_station()
    station = await house.station()
    await house.remove(subentry)
    await house.add_station(name="Carport")
    await station.wait_registered()
    await house.until(
        lambda: house.state("switch", f"{STATION}/1_charging").state == "off"
    )


async def test_the_ledger_outlives_the_entry_and_is_found_again(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    await house.stop(station, session, 5_000)
    data = dict(house.entry.data)
    await station.stop()
    await hass.config_entries.async_remove(house.entry.entry_id)

    house.entry = MockConfigEntry(domain=DOMAIN, title="Ladda", data=data)
    house.entry.add_to_hass(hass)
    await house.set_up()
    [kept] = await house.hub.ledger.sessions(SessionQuery())
    assert (kept.id, kept.user_name, kept.is_open) == (session, "Astrid", False)
    # Nobody is given an id that was given before.
    assert await house.hub.ledger.next_session_id() == session + 1


async def test_a_connector_that_shows_late_appears(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await house.report_status(station, "Available", connector=3)
    assert house.state("sensor", f"{STATION}/3_status").state == "available"


# --- what people see -----------------------------------------------------------------


async def test_a_homeowner_sees_only_what_they_need(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    await house.station()
    assert sorted(hass.states.async_entity_ids()) == [
        "binary_sensor.garage_connectivity",
        "button.garage_restart",
        "event.garage_presented_tag",
        "event.garage_session",
        "number.garage_current_limit",
        "sensor.garage_charger_fault",
        "sensor.garage_energy_meter",
        "sensor.garage_fault",
        "sensor.garage_firmware_update",
        "sensor.garage_power",
        "sensor.garage_session_cost",
        "sensor.garage_session_energy",
        "sensor.garage_session_user",
        "sensor.garage_status",
        "switch.garage_charging",
    ]


async def test_an_entity_is_renamed_in_place(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    station = await house.station()
    er.async_get(hass).async_update_entity(
        "switch.garage_charging", new_entity_id="switch.charge_the_car"
    )
    await hass.async_block_till_done()
    await house.start(station)
    renamed = hass.states.get("switch.charge_the_car")
    assert renamed is not None
    assert renamed.state == "on"


async def test_swedes_read_swedish(hass: HomeAssistant, house: LivedInHouse) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    await house.station(connectors=2)
    await house.unload()
    hass.config.language = "sv"
    # Home Assistant does this before it sets a component up for the first time
    await translation.async_load_integrations(hass, {DOMAIN})
    await house.set_up()
    second = child(house, f"{STATION}/2")
    assert second is not None
    assert second.name == "Uttag 2"
    names = {
        house.state(platform, unique_id).name
        for platform, unique_id in (
            ("switch", f"{STATION}/1_charging"),
            ("number", f"{STATION}/2_current_limit"),
            ("sensor", "user_user_astrid_cost_month"),
        )
    }
    assert names == {
        "Uttag 1 Laddning",
        "Uttag 2 Strömgräns",
        "Astrid Kostnad denna månad",
    }


@pytest.mark.parametrize("category", ["entity", "device"])
async def test_every_text_is_there_in_swedish(
    hass: HomeAssistant, category: str
) -> None:
    english, swedish = [
        await translation.async_get_translations(hass, language, category, {DOMAIN})
        for language in ("en", "sv")
    ]
    assert english.keys() == swedish.keys()
    same = {key for key, text in english.items() if swedish[key] == text}
    assert same <= {"component.ladda.entity.sensor.status.name"}
