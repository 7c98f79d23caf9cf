"""Actions keep a connector free for somebody, and give it up again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockUser
import voluptuous as vol

from custom_components.ladda.const import CONF_PERSON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse
from .station_simulator import SimulatedStation

RESERVED = f"{STATION}/1_reserved_until"


@pytest.fixture
async def station(hass: HomeAssistant, house: LivedInHouse) -> SimulatedStation:
    """Return a charger that takes reservations, and who uses it."""
    await house.add_user("Astrid", TAG)
    await house.add_user("Bo", "04BB22", **{CONF_PERSON: "person.bo"})
    await house.add_station()
    station = await house.station(
        settings={"SupportedFeatureProfiles": "Core, Reservation"}
    )
    accepted = {"status": "Accepted"}
    station.answers["ReserveNow"] = station.answers["CancelReservation"] = accepted
    return station


def told(station: SimulatedStation, action: str) -> dict[str, Any]:
    """Return what the station was last asked by a message of that name."""
    return [payload for name, payload in station.received if name == action][-1]


@pytest.mark.parametrize(
    "end", [{"minutes": 30}, {"until": datetime.now(UTC) + timedelta(minutes=30)}]
)
async def test_a_connector_is_reserved_and_given_up(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    end: dict[str, Any],
) -> None:
    charger = device_id(house)
    done = await act(hass, "reserve", device_id=charger, user="Astrid", **end)
    assert (done["status"], done["reservation_id"]) == ("accepted", 1)
    asked = told(station, "ReserveNow")
    assert (asked["connectorId"], asked["idTag"]) == (1, TAG)
    until = datetime.fromisoformat(asked["expiryDate"])
    assert abs(until - datetime.fromisoformat(done["until"])) < timedelta(seconds=1)
    done = await act(hass, "cancel_reservation", device_id=charger)
    assert done == {"status": "accepted"}
    assert told(station, "CancelReservation") == {"reservationId": 1}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "cancel_reservation", device_id=charger)
    assert caught.value.translation_key == "no_reservation"


async def test_the_sensor_shows_until_when_and_for_whom(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    assert house.state("sensor", RESERVED).state == "unknown"
    done = await act(
        hass, "reserve", device_id=device_id(house), user="Astrid", minutes=30
    )
    shown = house.state("sensor", RESERVED)
    until = datetime.fromisoformat(done["until"]).replace(microsecond=0)
    assert datetime.fromisoformat(shown.state) == until
    assert shown.attributes["user"] == "Astrid"


async def test_a_charger_that_cannot_be_reserved_shows_no_reservation(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    await house.station(settings={"SupportedFeatureProfiles": "Core"})
    entity = er.async_get(hass).async_get(house.entity_id("sensor", RESERVED))
    assert entity is not None
    assert entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION


@pytest.mark.parametrize(
    ("status", "key"),
    [
        ("Occupied", "connector_occupied"),
        ("Faulted", "connector_faulted"),
        ("Unavailable", "connector_out_of_service"),
        ("Rejected", "station_declined"),
    ],
)
async def test_what_stands_in_the_way_is_told(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    status: str,
    key: str,
) -> None:
    station.answers["ReserveNow"] = {"status": status}
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "reserve", device_id=device_id(house), minutes=5)
    assert caught.value.translation_key == key


@pytest.mark.parametrize("end", [{"minutes": 7 * 24 * 60 + 1}, {"until": "2026-01-01"}])
async def test_a_reservation_has_an_end_that_is_not_far_off(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    end: dict[str, Any],
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "reserve", device_id=device_id(house), **end)
    assert caught.value.translation_key == "no_time_to_reserve"
    for none_or_two in ({}, {"minutes": 5, "until": "2026-01-01"}):
        with pytest.raises(vol.Invalid):
            await act(hass, "reserve", device_id=device_id(house), **none_or_two)


async def test_people_reserve_for_themselves_only(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    bo = MockUser().add_to_hass(hass)
    hass.states.async_set("person.bo", "home", {"user_id": bo.id})
    charger = device_id(house)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "reserve", by=bo, device_id=charger, user="Astrid", minutes=5)
    assert caught.value.translation_key == "not_yours"
    await act(hass, "reserve", by=bo, device_id=charger, minutes=5)
    assert told(station, "ReserveNow")["idTag"] == "04BB22"
    await act(hass, "cancel_reservation", by=bo, device_id=charger)
    await act(hass, "reserve", device_id=charger, user="Astrid", minutes=5)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "cancel_reservation", by=bo, device_id=charger)
    assert caught.value.translation_key == "not_yours"
