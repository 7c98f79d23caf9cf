"""The current limit of a connector."""

from decimal import Decimal
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ladda.const import CONF_MAX_CURRENT
from homeassistant.components.number import ATTR_VALUE, SERVICE_SET_VALUE
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .house import STATION, TAG, LivedInHouse
from .station_simulator import Car, SimulatedStation

LIMIT = f"{STATION}/1_current_limit"


async def set_limit(house: LivedInHouse, amperes: float | str) -> None:
    """Set the limit as a person does."""
    await house.act("number", LIMIT, SERVICE_SET_VALUE, **{ATTR_VALUE: amperes})


def profiles(station: SimulatedStation) -> list[dict[str, Any]]:
    """Return the charging profiles that a station was sent."""
    return [
        payload["csChargingProfiles"]
        for action, payload in station.received
        if action == "SetChargingProfile"
    ]


async def test_numbers_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("number") == snapshot


async def test_without_a_limit_it_shows_the_most_there_may_be(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    subentry = await house.add_station(**{CONF_MAX_CURRENT: 16})
    await house.station()
    limit = house.state("number", LIMIT)
    assert (float(limit.state), limit.attributes["max"]) == (16, 16)

    hass.config_entries.async_update_subentry(
        house.entry, subentry, data={**subentry.data, CONF_MAX_CURRENT: 20}
    )
    await hass.async_block_till_done()
    limit = house.state("number", LIMIT)
    assert (float(limit.state), limit.attributes["max"]) == (20, 20)


async def test_a_limit_reaches_the_station_and_is_kept(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await set_limit(house, 10)
    [period] = profiles(station)[-1]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 10
    assert float(house.state("number", LIMIT).state) == 10

    await house.unload()
    await house.set_up()
    await station.wait_registered()
    await house.until(lambda: house.state("number", LIMIT).state != STATE_UNAVAILABLE)
    assert float(house.state("number", LIMIT).state) == 10


async def test_zero_pauses(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await set_limit(house, 0)
    [period] = profiles(station)[-1]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 0
    assert float(house.state("number", LIMIT).state) == 0


@pytest.mark.parametrize("amperes", [5, 0.5, "nan"])
async def test_less_than_a_car_can_take_is_refused(
    house: LivedInHouse, amperes: float | str
) -> None:
    await house.add_station()
    station = await house.station()
    with pytest.raises(ServiceValidationError) as raised:
        await set_limit(house, amperes)
    assert raised.value.translation_key == "limit_too_low"
    assert profiles(station) == []


async def test_a_limit_that_the_station_declines_does_not_show(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    station = await house.station()
    station.answers["SetChargingProfile"] = {"status": "NotSupported"}
    with pytest.raises(HomeAssistantError) as raised:
        await set_limit(house, 10)
    assert raised.value.translation_key == "station_declined"
    assert float(house.state("number", LIMIT).state) == 32


async def test_a_limit_that_the_next_session_does_not_take_does_not_show(
    house: LivedInHouse,
) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    station.controller.profiles.takes = lambda purpose, _: purpose == "TxProfile"
    await set_limit(house, 10)
    assert float(house.state("number", LIMIT).state) == 10  # from the next start

    station.controller.profiles.takes = lambda *_: False
    await house.start(station)
    await house.until(lambda: float(house.state("number", LIMIT).state) == 32)


async def test_the_limit_of_a_start_shows_as_long_as_its_session_goes_on(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    station = await house.station()
    await set_limit(house, 10)
    await station.plug_in(1, Car())
    await house.hub.desk.remote.start(STATION, 1, None, limit_a=Decimal(8))
    await station.wait_transaction(1)
    await house.until(lambda: float(house.state("number", LIMIT).state) == 8)
    await station.unplug(1)
    await house.until(lambda: float(house.state("number", LIMIT).state) == 10)
