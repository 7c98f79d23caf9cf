"""Who is no administrator reaches only what is theirs."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.ladda.const import (
    CONF_DEFAULT_USER,
    CONF_PERSON,
    SUBENTRY_STATION,
)
from custom_components.ladda.services import ACTIONS
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_ON
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse
from .station_simulator import Car, SimulatedStation

BOS_TAG = "04BB22"
VALID: dict[str, dict[str, Any]] = {
    "unlock": {},
    "reset": {"type": "soft"},
    "set_availability": {"available": True},
    "trigger": {"message": "Heartbeat"},
    "get_configuration": {},
    "set_configuration": {"key": "A", "value": "1"},
    "set_password": {},
    "data_transfer": {"vendor": "Acme"},
    "update_firmware": {"location": "http://example.com/new.bin"},
    "get_diagnostics": {"location": "ftp://example.com/up"},
    "get_log": {"log": "security", "location": "ftp://example.com/up"},
    "clear_cache": {},
    "get_composite_schedule": {},
    "get_local_list_version": {},
    "list_certificates": {},
    "install_certificate": {"type": "manufacturer", "certificate": "PEM"},
    "delete_certificate": {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "aa",
        "issuer_key_hash": "bb",
        "serial_number": "1",
    },
    "send_message": {"action": "ClearCache", "payload": {}},
}

# What the simulated station would refuse, or restart over
ANSWERED = (
    "ChangeConfiguration",
    "ClearCache",
    "DeleteCertificate",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLog",
    "InstallCertificate",
    "Reset",
    "UpdateFirmware",
)


@pytest.fixture
def bo(hass: HomeAssistant) -> MockUser:
    """Return Bo's account, who is no administrator."""
    account = MockUser().add_to_hass(hass)
    hass.states.async_set("person.bo", "home", {"user_id": account.id})
    return account


@pytest.fixture
async def station(house: LivedInHouse, bo: MockUser) -> SimulatedStation:
    """Return the charger that Astrid and Bo share; a car is plugged in."""
    await house.add_tariff()
    await house.add_user("Astrid", TAG)
    await house.add_user("Bo", BOS_TAG, **{CONF_PERSON: "person.bo"})
    await house.add_station()
    station = await house.station()
    await station.plug_in(1, Car())
    return station


async def refusal(hass: HomeAssistant, action: str, /, **data: Any) -> str | None:
    """Call an action in vain; return the reason."""
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, action, **data)
    return caught.value.translation_key


async def test_everybody_sees_their_own_sessions(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    bo: MockUser,
    hass_admin_user: MockUser,
) -> None:
    astrids = await house.start(station, TAG)
    await house.stop(station, astrids, 100)
    bos = await house.start(station, BOS_TAG)

    async def seen(**by: Any) -> list[int]:
        told = await act(hass, "list_sessions", **by)
        return [session["id"] for session in told["sessions"]]

    assert await seen(by=bo) == [bos]
    assert await seen(by=bo, user="Bo") == [bos]
    assert await seen(by=hass_admin_user) == [bos, astrids]
    assert await seen() == [bos, astrids]
    assert await refusal(hass, "list_sessions", by=bo, user="Astrid") == "not_yours"
    assert await refusal(hass, "list_sessions", by=bo, user="nobody") == "not_yours"

    assert (await act(hass, "get_session", by=bo, session_id=bos))["id"] == bos
    hidden = await refusal(hass, "get_session", by=bo, session_id=astrids)
    assert hidden == "unknown_session"


async def test_who_is_no_administrator_charges_for_themselves(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation, bo: MockUser
) -> None:
    charger = device_id(house)
    for somebody in ({"user": "Astrid"}, {"tag": TAG}):
        reason = await refusal(
            hass, "start_charging", by=bo, device_id=charger, **somebody
        )
        assert reason == "not_yours"
    await act(hass, "start_charging", by=bo, device_id=charger)
    transaction = await station.wait_transaction(1)
    assert transaction.id_tag == BOS_TAG
    await house.until(lambda: bool(house.hub.station(STATION).open))
    await act(hass, "stop_charging", by=bo, device_id=charger)
    await house.until(lambda: not house.hub.station(STATION).open)


@pytest.mark.parametrize(
    ("by", "pays"), [("Bo", "Bo"), ("a visitor", "Astrid"), ("an automation", "Astrid")]
)
async def test_who_is_a_user_charges_for_themselves_with_the_switch_too(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    bo: MockUser,
    by: str,
    pays: str,
) -> None:
    [charger] = house.entry.get_subentries_of_type(SUBENTRY_STATION)
    options = {**charger.data, CONF_DEFAULT_USER: "user_astrid"}
    hass.config_entries.async_update_subentry(house.entry, charger, data=options)
    visitor = MockUser().add_to_hass(hass)
    for account in (bo, visitor):
        account.mock_policy({"entities": True})
    who = {"Bo": bo.id, "a visitor": visitor.id, "an automation": None}[by]
    switch = house.entity_id("switch", f"{STATION}/1_charging")
    await hass.services.async_call(
        "switch",
        SERVICE_TURN_ON,
        {ATTR_ENTITY_ID: switch},
        blocking=True,
        context=Context(user_id=who),
    )
    await house.until(lambda: bool(house.hub.station(STATION).open))
    [opened] = house.hub.station(STATION).open.values()
    assert opened.session.user_name == pays


async def test_nobody_meddles_with_anothers_session(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation, bo: MockUser
) -> None:
    charger = device_id(house)
    for meddling in ("set_limit", "clear_limit"):
        data = {"limit": 6} if meddling == "set_limit" else {}
        reason = await refusal(hass, meddling, by=bo, device_id=charger, **data)
        assert reason == "not_yours"
    astrids = await house.start(station, TAG)
    assert await refusal(hass, "stop_charging", by=bo, device_id=charger) == "not_yours"
    reason = await refusal(hass, "stop_charging", by=bo, session_id=astrids)
    assert reason == "not_yours"
    await house.stop(station, astrids, 100)

    await house.start(station, BOS_TAG)
    await act(hass, "set_limit", by=bo, device_id=charger, limit=8)
    assert house.hub.connector(STATION, 1).limit_a == 8


async def test_a_household_member_without_a_user_sees_and_starts_nothing(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    visitor = MockUser().add_to_hass(hass)
    await house.start(station, TAG)
    assert await act(hass, "list_sessions", by=visitor) == {"sessions": []}
    charger = device_id(house)
    reason = await refusal(hass, "start_charging", by=visitor, device_id=charger)
    assert reason == "no_user_of_yours"


async def test_who_is_several_users_says_which(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation, bo: MockUser
) -> None:
    await house.add_user("Bo's firm", "04BB23", **{CONF_PERSON: "person.bo"})
    charger = device_id(house)
    reason = await refusal(hass, "start_charging", by=bo, device_id=charger)
    assert reason == "several_users_of_yours"
    await act(hass, "start_charging", by=bo, device_id=charger, user="Bo's firm")
    transaction = await station.wait_transaction(1)
    assert transaction.id_tag == "04BB23"


async def test_an_account_that_is_gone_reaches_nothing(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    with pytest.raises(UnknownUser):
        await act(hass, "list_sessions", by=MockUser())


@pytest.mark.usefixtures("entries_on_disk")
@pytest.mark.parametrize("action", VALID)
async def test_only_administrators_run_chargers(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    bo: MockUser,
    hass_admin_user: MockUser,
    action: str,
) -> None:
    for asked in ANSWERED:
        station.answers[asked] = {"status": "Accepted", "fileName": "diag.zip"}
    data = {"device_id": device_id(house), **VALID[action]}
    before = len(station.received)
    with pytest.raises(Unauthorized):
        await act(hass, action, by=bo, **data)
    assert len(station.received) == before
    await act(hass, action, by=hass_admin_user, **data)
    assert len(station.received) > before


async def test_only_administrators_decide_who_pays_and_how_much(
    hass: HomeAssistant, house: LivedInHouse, bo: MockUser
) -> None:
    with pytest.raises(Unauthorized):
        await act(hass, "assign_session", by=bo, session_id=1, user="Bo")
    when = {"start": "2026-11-01T00:00:00", "end": "2026-11-01T01:00:00"}
    with pytest.raises(Unauthorized):
        await act(hass, "set_price", by=bo, tariff="Spot", price=0, **when)
    with pytest.raises(Unauthorized):
        await act(hass, "close_session", by=bo, session_id=1)
    reserved = {action.name for action in ACTIONS if action.admin}
    assert reserved == {*VALID, "assign_session", "close_session", "set_price"}
