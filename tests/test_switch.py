"""Charging is switched on and off."""

from functools import partial

from ocpp.exceptions import NotSupportedError
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ladda.central_system import link
from custom_components.ladda.central_system.rpc import RpcSession
from custom_components.ladda.const import CONF_DEFAULT_USER
from homeassistant.components.switch import SERVICE_TURN_OFF, SERVICE_TURN_ON
from homeassistant.exceptions import HomeAssistantError

from .house import STATION, LivedInHouse
from .station_simulator import Car, SimulatedStation
from .station_simulator.wire import Answer

CHARGING = f"{STATION}/1_charging"


def asked(station: SimulatedStation, action: str) -> int:
    """Return how often a station was asked for something."""
    return len(station.asked(action))


async def test_switches_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("switch") == snapshot


async def test_a_session_is_switched_on_and_off_on_the_default_users_account(
    house: LivedInHouse,
) -> None:
    user = await house.add_user("Astrid")
    await house.add_station(**{CONF_DEFAULT_USER: user.subentry_id})
    station = await house.station()
    await station.plug_in(1, Car())

    await house.act("switch", CHARGING, SERVICE_TURN_ON)
    await house.until(lambda: house.state("switch", CHARGING).state == "on")
    assert house.state("sensor", f"{STATION}/1_session_user").state == "Astrid"
    await house.act("switch", CHARGING, SERVICE_TURN_ON)
    assert asked(station, "RemoteStartTransaction") == 1

    await house.act("switch", CHARGING, SERVICE_TURN_OFF)
    await house.until(lambda: house.state("switch", CHARGING).state == "off")
    [transaction] = station.history
    assert transaction.reason == "Remote"


async def test_off_without_a_session_asks_nothing(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await house.act("switch", CHARGING, SERVICE_TURN_OFF)
    assert asked(station, "RemoteStopTransaction") == 0


async def test_on_without_a_car_stays_off_until_the_station_starts(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    station = await house.station()
    await house.act("switch", CHARGING, SERVICE_TURN_ON)
    assert house.state("switch", CHARGING).state == "off"
    await station.plug_in(1, Car())
    await house.until(lambda: house.state("switch", CHARGING).state == "on")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param({"status": "Rejected"}, "station_declined", id="says no"),
        pytest.param(NotSupportedError(), "station_refused", id="answers an error"),
        pytest.param(None, "station_silent", id="does not answer"),
    ],
)
async def test_a_station_that_does_not_do_it_is_told(
    house: LivedInHouse,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    told: str,
) -> None:
    monkeypatch.setattr(link, "RpcSession", partial(RpcSession, call_timeout=0.5))
    await house.add_station()
    station = await house.station()
    station.answers["RemoteStartTransaction"] = answer
    with pytest.raises(HomeAssistantError) as raised:
        await house.act("switch", CHARGING, SERVICE_TURN_ON)
    assert raised.value.translation_key == told
    assert raised.value.translation_placeholders is not None
    assert raised.value.translation_placeholders["station"] == "Garage"
