"""Buttons restart stations and unlock connectors."""

import pytest
from syrupy.assertion import SnapshotAssertion

from homeassistant.components.button import SERVICE_PRESS
from homeassistant.exceptions import HomeAssistantError

from .house import STATION, LivedInHouse

RESTART = f"{STATION}_restart"
UNLOCK = f"{STATION}/2_unlock"


async def test_buttons_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("button") == snapshot


async def test_restart_is_gentle(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    boots = [action for action, _ in station.sent].count("BootNotification")
    await house.act("button", RESTART, SERVICE_PRESS)
    assert ("Reset", {"type": "Soft"}) in station.received
    await station.wait_for(
        lambda: [action for action, _ in station.sent].count("BootNotification") > boots
    )


async def test_unlock_names_its_connector(full_house: LivedInHouse) -> None:
    station = full_house.stations[STATION]
    await full_house.act("button", UNLOCK, SERVICE_PRESS)
    assert ("UnlockConnector", {"connectorId": 2}) in station.received


async def test_a_connector_that_stays_locked_is_told(full_house: LivedInHouse) -> None:
    station = full_house.stations[STATION]
    station.answers["UnlockConnector"] = {"status": "UnlockFailed"}
    with pytest.raises(HomeAssistantError) as raised:
        await full_house.act("button", UNLOCK, SERVICE_PRESS)
    assert raised.value.translation_key == "station_declined"
