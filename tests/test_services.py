"""Actions ask chargers for what they name, and say what came of it."""

from decimal import Decimal
from typing import Any

from ocpp.exceptions import InternalError
import pytest
import voluptuous as vol

from custom_components.ladda.central_system import BadAnswer, Busy, NoAnswer, Overtaken
from custom_components.ladda.const import CONF_MAX_CURRENT, DOMAIN
from custom_components.ladda.errors import station_errors
from custom_components.ladda.services import ACTIONS
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse, hours_ago
from .station_simulator import Car, SimulatedStation


async def garage(house: LivedInHouse, **fittings: Any) -> SimulatedStation:
    """Let the house have Astrid, a tariff, and a charger that is connected."""
    await house.add_tariff()
    await house.add_user("Astrid", TAG)
    await house.add_station()
    return await house.station(**fittings)


async def test_a_session_is_started_for_a_user_and_stopped(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    await station.plug_in(1, Car())
    charger = device_id(house)

    done = await act(hass, "start_charging", device_id=charger, user="Astrid", limit=10)
    assert done == {"status": "accepted"}
    transaction = await station.wait_transaction(1)
    assert transaction.id_tag == TAG
    [profile] = station.asked("RemoteStartTransaction")
    period = profile["chargingProfile"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period[0]["limit"] == 10

    await house.until(lambda: bool(house.hub.station(STATION).open))
    [session] = house.hub.station(STATION).open
    done = await act(hass, "stop_charging", device_id=charger)
    assert done == {"session_id": session}
    await house.until(lambda: not house.hub.station(STATION).open)
    ended = await house.hub.ledger.session(session)
    assert ended is not None
    assert ended.user_name == "Astrid"


async def test_a_session_is_stopped_by_its_number(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    await station.plug_in(1, Car())
    await station.present_tag(1, TAG)
    await station.wait_transaction(1)
    [session] = house.hub.station(STATION).open
    await act(hass, "stop_charging", session_id=session)
    await house.until(lambda: not house.hub.station(STATION).open)

    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "stop_charging", session_id=session)
    assert caught.value.translation_key == "no_open_session"


@pytest.mark.parametrize("name", ["Astrid", " astrid", "person.astrid"])
async def test_a_user_goes_by_name_or_person(
    hass: HomeAssistant, house: LivedInHouse, name: str
) -> None:
    await house.add_station()
    astrid = await house.add_user("Astrid", TAG, person="person.astrid")
    station = await house.station()
    await station.plug_in(1, Car())
    await act(hass, "start_charging", device_id=device_id(house), user=name)
    await station.wait_transaction(1)
    await house.until(lambda: bool(house.hub.station(STATION).open))
    [opened] = house.hub.station(STATION).open.values()
    assert opened.session.user == astrid.subentry_id


async def test_who_is_meant_must_be_clear_and_may_charge(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await garage(house)
    await house.add_user("Bo", "04BB22")
    await house.add_user("Cecilia", active=False)
    await house.add_user("Cecilia ", "04CC33")

    async def refusal(**who: str) -> str | None:
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, "start_charging", device_id=device_id(house), **who)
        return caught.value.translation_key

    assert await refusal(user="Dag") == "unknown_user"
    assert await refusal(user="Cecilia") == "ambiguous_name"
    [inactive] = [
        user.id for user in house.hub.desk.house.directory.users if not user.active
    ]
    assert await refusal(user=inactive) == "user_may_not_charge"
    assert await refusal(tag="04FFFF") == "unknown_tag"
    assert await refusal(user="Bo", tag=TAG) == "tag_of_another"


async def test_a_charger_that_needs_a_rest_is_not_asked_to_start(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    await house.add_user("Astrid", TAG)
    station = await house.station(vendor="FoxESS")
    session = await house.start(station, at=hours_ago(1))
    await house.stop(station, session, 1000)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "start_charging", device_id=device_id(house), user="Astrid")
    assert caught.value.translation_key == "start_too_soon"
    assert caught.value.translation_placeholders == {
        "station": "Garage",
        "minutes": "3",
    }


async def test_a_tag_stands_for_its_owner(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    await station.plug_in(1, Car())
    await act(hass, "start_charging", device_id=device_id(house), tag=TAG)
    transaction = await station.wait_transaction(1)
    assert transaction.id_tag == TAG
    await house.until(lambda: bool(house.hub.station(STATION).open))
    [opened] = house.hub.station(STATION).open.values()
    assert opened.session.user_name == "Astrid"


async def test_one_of_several_connectors_has_to_be_named(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house, connectors=2)

    async def unlock(identifier: str = STATION, **connector: int) -> str | None:
        with pytest.raises(ServiceValidationError) as caught:
            await act(
                hass, "unlock", device_id=device_id(house, identifier), **connector
            )
        return caught.value.translation_key

    assert await unlock() == "connector_needed"
    assert await unlock(connector=3) == "unknown_connector"
    assert await unlock(f"{STATION}/1", connector=2) == "unknown_connector"

    await act(hass, "unlock", device_id=device_id(house), connector=2)
    await act(hass, "unlock", device_id=device_id(house, f"{STATION}/1"))
    told = [each["connectorId"] for each in station.asked("UnlockConnector")]
    assert told == [2, 1]


async def test_a_users_device_is_no_charger(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    astrid = await house.add_user("Astrid", TAG)
    user = device_id(house, f"user_{astrid.subentry_id}")
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "unlock", device_id=user)
    assert caught.value.translation_key == "not_a_charger"


async def test_a_limit_holds_until_it_is_cleared(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await garage(house)
    await act(hass, "set_limit", device_id=device_id(house), limit=9.7)
    assert house.hub.connector(STATION, 1).limit_a == Decimal("9.7")
    await act(hass, "set_limit", device_id=device_id(house), limit=0)
    assert house.hub.connector(STATION, 1).limit_a == 0
    await act(hass, "clear_limit", device_id=device_id(house))
    assert house.hub.connector(STATION, 1).limit_a is None


@pytest.mark.parametrize("limit", [5.9, 81, -6, "much", True])
async def test_a_limit_is_one_that_a_car_can_be_told(
    hass: HomeAssistant, house: LivedInHouse, limit: object
) -> None:
    await garage(house)
    with pytest.raises(vol.Invalid):
        await act(hass, "set_limit", device_id=device_id(house), limit=limit)


@pytest.mark.parametrize("action", ["set_limit", "start_charging"])
async def test_a_limit_is_no_higher_than_the_chargers_fuse(
    hass: HomeAssistant, house: LivedInHouse, action: str
) -> None:
    await house.add_station(**{CONF_MAX_CURRENT: 16})
    await house.station()
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, action, device_id=device_id(house), limit=17)
    assert caught.value.translation_key == "limit_too_high"


async def test_a_charger_that_is_not_connected_cannot_be_asked(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    await station.go_offline()
    await house.until(lambda: not house.hub.desk.is_online(STATION))
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "start_charging", device_id=device_id(house))
    assert caught.value.translation_key == "station_offline"
    assert caught.value.translation_placeholders is not None
    assert caught.value.translation_placeholders["station"] == "Garage"


async def test_a_chargers_refusal_is_told(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)

    async def refusal(answer: Any) -> HomeAssistantError:
        station.answers["Reset"] = answer
        with pytest.raises(HomeAssistantError) as caught:
            await act(hass, "reset", device_id=device_id(house), type="soft")
        return caught.value

    declined = await refusal({"status": "Rejected"})
    assert declined.translation_key == "station_declined"
    assert str(declined) == "Garage said no: Reset: Rejected"
    failed = await refusal(InternalError(description="flash worn out"))
    assert failed.translation_key == "station_refused"
    assert "flash worn out" in str(failed)


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (NoAnswer("Reset", 30), "station_silent"),
        (Busy("Reset"), "station_busy"),
        (Overtaken(), "limit_overtaken"),
        (BadAnswer("Reset: the answer is no object"), "station_unreadable"),
    ],
)
def test_silence_and_nonsense_are_told(error: Exception, key: str) -> None:
    with pytest.raises(HomeAssistantError) as caught, station_errors("Garage"):
        raise error
    assert caught.value.translation_key == key


async def test_nothing_is_asked_that_the_ledger_cannot_keep(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    await house.hub.ledger.close()
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "start_charging", device_id=device_id(house))
    assert caught.value.translation_key == "not_stored"
    assert station.asked("RemoteStartTransaction") == []


@pytest.mark.parametrize(("kind", "told"), [("soft", "Soft"), ("hard", "Hard")])
async def test_a_charger_is_restarted(
    hass: HomeAssistant, house: LivedInHouse, kind: str, told: str
) -> None:
    station = await garage(house)
    station.answers["Reset"] = {"status": "Accepted"}
    await act(hass, "reset", device_id=device_id(house), type=kind)
    assert station.asked("Reset") == [{"type": told}]


async def test_a_connector_in_use_is_taken_out_of_use_afterwards(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    charger = device_id(house)
    done = await act(hass, "set_availability", device_id=charger, available=False)
    assert done == {"status": "accepted"}
    await act(hass, "set_availability", device_id=charger, available=True)
    await station.plug_in(1, Car())
    await station.present_tag(1, TAG)
    await station.wait_transaction(1)
    done = await act(
        hass, "set_availability", device_id=charger, connector=1, available=False
    )
    assert done == {"status": "scheduled"}
    told = [each["connectorId"] for each in station.asked("ChangeAvailability")]
    assert told == [0, 0, 1]


async def test_a_message_is_requested(hass: HomeAssistant, house: LivedInHouse) -> None:
    station = await garage(house)
    await act(
        hass,
        "trigger",
        device_id=device_id(house),
        connector=1,
        message="MeterValues",
    )
    assert station.asked("TriggerMessage")[-1] == {
        "requestedMessage": "MeterValues",
        "connectorId": 1,
    }


async def test_settings_are_read_and_changed(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await garage(house)
    charger = device_id(house)
    done = await act(
        hass,
        "set_configuration",
        device_id=charger,
        key="LocalPreAuthorize",
        value=True,
    )
    assert done == {"status": "accepted"}
    read = await act(
        hass,
        "get_configuration",
        device_id=charger,
        keys=["LocalPreAuthorize", "NumberOfConnectors", "Colour"],
    )
    assert read == {
        "settings": {
            "LocalPreAuthorize": {"value": "true", "read_only": False},
            "NumberOfConnectors": {"value": "1", "read_only": True},
        },
        "unknown": ["Colour"],
    }
    everything = await act(hass, "get_configuration", device_id=charger)
    assert len(everything["settings"]) > 20


async def test_a_setting_may_need_a_restart(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    station.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
    done = await act(
        hass, "set_configuration", device_id=device_id(house), key="A", value=1
    )
    assert done == {"status": "reboot_required"}


async def test_a_vendors_message_is_answered(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    station = await garage(house)
    charger = device_id(house)
    done = await act(hass, "data_transfer", device_id=charger, vendor="Acme")
    assert done == {"status": "unknown_vendor_id", "data": None}
    station.answers["DataTransfer"] = {"status": "Accepted", "data": "blue"}
    done = await act(
        hass,
        "data_transfer",
        device_id=charger,
        vendor="Acme",
        message="colour",
        data="?",
    )
    assert done == {"status": "accepted", "data": "blue"}
    assert station.asked("DataTransfer")[-1] == {
        "vendorId": "Acme",
        "messageId": "colour",
        "data": "?",
    }


async def test_an_expert_may_send_anything(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await garage(house)
    done = await act(
        hass,
        "send_message",
        device_id=device_id(house),
        action="GetCompositeSchedule",
        payload={"connectorId": 1, "duration": 60},
    )
    assert done["status"] == "Accepted"
    assert done["connectorId"] == 1


async def test_what_is_named_must_belong_together(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    for data in ({}, {"connector": 1}, {"connector": 1, "session_id": 1}):
        with pytest.raises(vol.Invalid):
            await act(hass, "stop_charging", **data)
    with pytest.raises(vol.Invalid):
        await act(hass, "list_sessions", connector=1)


async def test_actions_are_there_before_there_is_a_house(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert set(hass.services.async_services_for_domain(DOMAIN)) == {
        action.name for action in ACTIONS
    }
    with pytest.raises(ServiceValidationError):
        await act(hass, "list_sessions")
