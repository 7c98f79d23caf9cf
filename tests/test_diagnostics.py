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

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.const import CONF_TURNED_AWAY, DOMAIN
from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse, hours_ago, stamp
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


# What nobody may read, each to be found by its own words
SECRETS = {
    "identity": "IDENT-9071",
    "identity of a stranger": "STRANGER-9072",
    "identity that was turned away": "AWAY-9073",
    "tag of a user": "04A19074",
    "tag that is asked for": "04A19075",
    "unknown tag": "04A19076",
    "tag of a stop": "04A19077",
    "reserved tag": "04A19078",
    "tag in an old entry": "04A19079",
    "name of a user": "Astrid Secretsdotter",
    "person": "person.astrid_secretsdotter",
    "name of a tariff": "For Astrid",
    "name of a charger": "The car of Astrid",
    "serial number": "SERIAL-9080",
    "serial number of the meter": "METER-9081",
    "card": "8946-9082",
    "subscriber": "24001-9083",
    "signed reading": "OCMF|04A19074|9084",
    "request for a signature": "CSR-9085",
    "secret of the vendor": "hunter-9086",
    "password of the charger": "37303061393038370000000000000000",
    "operator": "Operator 9088",
    "secret of the house": "a secret of the tests",
    "address": "127.0.0.1",
}


async def tell_everything(hass: HomeAssistant, house: LivedInHouse) -> None:
    """Let a charger tell all that can be told, and secrets wherever words may be."""
    here = SECRETS["identity"]
    hass.config_entries.async_update_entry(
        house.entry,
        options={CONF_TURNED_AWAY: [SECRETS["identity that was turned away"]]},
    )
    await house.add_tariff(SECRETS["name of a tariff"], default=True)
    astrid = await house.add_user(
        SECRETS["name of a user"],
        SECRETS["tag of a user"],
        SECRETS["tag that is asked for"],
        SECRETS["reserved tag"],
        person=SECRETS["person"],
    )
    await house.add_station(here, SECRETS["name of a charger"])
    station = await house.station(
        here,
        connectors=2,
        settings={
            "WifiPassword": SECRETS["secret of the vendor"],
            "AuthorizationKey": SECRETS["password of the charger"],
            "CpoName": SECRETS["operator"],
        },
    )
    await house.until(lambda: "known" in house.hub.station(here).settings)
    await house.until(lambda: bool(house.hub.station(here).token_list))
    stranger = house.simulate(SECRETS["identity of a stranger"])
    await stranger.start()
    await stranger.wait_for(lambda: stranger.registration == "Pending")

    # What a charger says in its own words may hold anything.
    words = (
        f"{SECRETS['tag of a user'].lower()} {here} {SECRETS['unknown tag']} 127.0.0.1"
    )
    signed = {"value": SECRETS["signed reading"], "format": "SignedData"}
    await station.send(
        "BootNotification",
        {
            "chargePointVendor": here,
            "chargePointModel": words,
            "chargePointSerialNumber": SECRETS["serial number"],
            "meterSerialNumber": SECRETS["serial number of the meter"],
            "iccid": SECRETS["card"],
            "imsi": SECRETS["subscriber"],
            "firmwareVersion": words,
        },
    )
    for connector in (0, 1):
        await house.report_status(
            station,
            "Available",
            connector=connector,
            info=words,
            vendorErrorCode=words,
            errorCode=words,
        )
    await station.send("Authorize", {"idTag": SECRETS["unknown tag"]})
    await station.send("FirmwareStatusNotification", {"status": words})
    await station.send(
        "SecurityEventNotification",
        {"type": words, "techInfo": words, "timestamp": stamp()},
    )
    await station.send("SignCertificate", {"csr": SECRETS["request for a signature"]})
    station.answers["ReserveNow"] = {"status": "Accepted"}
    await act(
        hass,
        "reserve",
        device_id=device_id(house, f"{here}/2"),
        tag=SECRETS["reserved tag"],
        minutes=5,
    )
    await act(
        hass,
        "start_charging",
        device_id=device_id(house, f"{here}/1"),
        tag=SECRETS["tag that is asked for"],
    )
    ended = await house.start(station, SECRETS["tag of a user"], at=hours_ago(2))
    for wh in (1000, 1001):  # told twice, and not the same
        await station.send(
            "StopTransaction",
            {
                "transactionId": ended,
                "meterStop": wh,
                "timestamp": stamp(hours_ago(1)),
                "idTag": SECRETS["tag of a stop"],
                "reason": words,
            },
        )
    await house.stop(station, 4711, 1000)
    await house.hub.desk.accounts.assign(ended, None)
    await house.hub.desk.accounts.assign(ended, astrid.subentry_id)
    number = await house.start(station, SECRETS["unknown tag"])
    reading = {"timestamp": stamp(), "sampledValue": [signed]}
    await station.send(
        "MeterValues",
        {"connectorId": 1, "transactionId": number, "meterValue": [reading]},
    )
    old = next(e for e in await house.hub.ledger.entries(kind=Kind.START))
    pending = [stamp(), SECRETS["tag in an old entry"], astrid.subentry_id]
    await house.hub.ledger.commit(
        entries=[old._replace(id=None, data=old.data | {"pending": pending})]
    )


@pytest.mark.parametrize("what", ["house", "charger"])
async def test_whatever_a_charger_tells_nothing_private_is_told_on(
    hass: HomeAssistant,
    house: LivedInHouse,
    hass_client: ClientSessionGenerator,
    what: str,
) -> None:
    await tell_everything(hass, house)
    assert await async_setup_component(hass, "diagnostics", {})
    client = await hass_client()
    of_device = f"/device/{device_id(house, SECRETS['identity'])}"
    answer = await client.get(
        f"/api/diagnostics/config_entry/{house.entry.entry_id}"
        + (of_device if what == "charger" else "")
    )
    text = await answer.text()
    kinds = {entry["kind"] for entry in json.loads(text)["data"]["journal"]}
    assert kinds >= {
        "assign",
        "boot",
        "certificate_request",
        "firmware",
        "meter",
        "orphan_stop",
        "remote_start",
        "reservation",
        "second_stop",
        "security",
        "settings",
        "start",
        "status",
        "stop",
        "token",
        "token_list",
    }
    for entry in json.loads(text)["data"]["journal"]:
        if entry["kind"] == "token_list":  # from which a tag could be guessed
            assert entry["data"]["digest"] == REDACTED
    leaks = {
        kind
        for kind, secret in SECRETS.items()
        if secret.casefold() in without_ids(house, text).casefold()
    }
    assert leaks == set()
    assert "unknown_tag" in text  # that there are issues is told


def without_ids(house: LivedInHouse, text: str) -> str:
    """Leave out the ids of parts, which are made of names only in these tests."""
    for subentry_id in house.entry.subentries:
        text = text.replace(subentry_id, "")
    return text


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
