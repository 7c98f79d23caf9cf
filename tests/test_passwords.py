"""Chargers are given passwords, from their form and by an action; nobody is shut out."""

import json
import logging
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import ClientSession
from ocpp.exceptions import PropertyConstraintViolationError
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ladda import keyring
from custom_components.ladda.central_system import credentials
from custom_components.ladda.central_system.credentials import (
    hash_password,
    verify_password,
)
from custom_components.ladda.central_system.rpc import RpcSession
from custom_components.ladda.const import CONF_NEW_PASSWORD_HASHES, CONF_PASSWORD_HASH
from custom_components.ladda.hub import ledger_path
from custom_components.ladda.passwords import MOST_UNSHOWN
from homeassistant import config_entries
from homeassistant.config_entries import ConfigSubentry, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .actions import act, device_id
from .central_system.door import basic
from .house import STATION, LivedInHouse
from .station_simulator import SimulatedStation
from .test_subentry_flows import change, fill_in

OLD = "the old password"
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def little_time(entries_on_disk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chargers answer sooner, and hashes be cheap."""
    monkeypatch.setitem(RpcSession.__init__.__kwdefaults__, "call_timeout", 0.5)
    monkeypatch.setattr(credentials, "_COST", 2)


class Garage:
    """A charger of the house, and what is kept of its passwords."""

    def __init__(self, house: LivedInHouse, subentry: ConfigSubentry) -> None:
        """Take the charger's subentry."""
        self.house = house
        self.subentry = subentry

    @property
    def password_hash(self) -> str | None:
        """The hash of the password that it has to show."""
        kept: str | None = self.subentry.data[CONF_PASSWORD_HASH]
        return kept

    @property
    def new(self) -> list[str]:
        """The hashes of passwords that it has not shown yet."""
        return [*self.subentry.data.get(CONF_NEW_PASSWORD_HASHES, ())]

    def demands(self, key: str) -> bool:
        """Tell whether it is let in with this password, and with no other."""
        kept = self.password_hash
        return (
            kept is not None
            and verify_password(bytes.fromhex(key), kept)
            and self.new == []
        )

    async def station(self, **fittings: Any) -> SimulatedStation:
        """Switch the charger on, and wait until its settings are known."""
        station = await self.house.station(**fittings)
        known = self.house.hub.station(STATION)
        await self.house.until(lambda: "known" in known.settings)
        return station

    async def set_password(self) -> dict[str, Any]:
        """Perform the action."""
        return await act(
            self.house.hass, "set_password", device_id=device_id(self.house)
        )

    async def fill_in(self, **given: Any) -> SubentryFlowResult:
        """Fill in the charger's form so that it is given a password."""
        form = await change(self.house, self.subentry)
        return await fill_in(self.house, form, **{"give_password": True, **given})

    async def refuses(self, headers: dict[str, str] | None = None) -> bool:
        """Tell whether who comes like this gets no further, even before it converses."""
        url = f"{self.house.url.replace('ws', 'http')}/{STATION}"
        async with ClientSession() as client, client.get(url, headers=headers) as told:
            return told.status == 401


@pytest.fixture
async def garage(house: LivedInHouse) -> Garage:
    """Return a charger that has to show its old password."""
    kept = {CONF_PASSWORD_HASH: hash_password(OLD)}
    return Garage(house, await house.add_station(**kept))


@pytest.fixture
async def open_garage(house: LivedInHouse) -> Garage:
    """Return a charger that has no password."""
    return Garage(house, await house.add_station(**{CONF_PASSWORD_HASH: None}))


def key_of(station: SimulatedStation) -> str:
    """Return the password that a charger was given last."""
    keys: list[str] = [
        asked["value"]
        for asked in station.asked("ChangeConfiguration")
        if asked["key"] == "AuthorizationKey"
    ]
    return keys[-1]


def answer_key(station: SimulatedStation, answer: Any) -> None:
    """Let a charger answer so when it is given a password."""

    def change(payload: dict[str, str]) -> Any:
        if payload["key"] == "AuthorizationKey":
            return answer(payload["value"]) if callable(answer) else answer
        return {"status": station.settings.change(payload["key"], payload["value"])}

    station.answers["ChangeConfiguration"] = change


# --- the action ------------------------------------------------------------------------


async def test_a_charger_gets_a_password_that_nobody_knows(
    house: LivedInHouse, garage: Garage
) -> None:
    await house.add_station("YARD", "Yard")
    await house.station("YARD")
    yard = house.hub.desk.links["YARD"]
    station = await garage.station(password=OLD)
    assert await garage.set_password() == {
        "status": "accepted",
        "security_profile": None,
        "security_profile_status": None,
    }
    key = key_of(station)
    assert len(key) == 40
    await house.until(lambda: garage.demands(key))
    await station.wait_registered()

    own = house.hub.desk.links[STATION]
    await house.hass.async_block_till_done()
    assert house.hub.desk.links == {"YARD": yard, STATION: own}
    assert not yard.rpc.closed
    assert not own.rpc.closed
    assert await garage.refuses(basic(STATION, OLD.encode()))
    assert await garage.refuses()
    assert not await garage.refuses(basic(STATION, key.encode()))


async def test_a_password_is_on_the_disk_before_the_charger_gets_it(
    hass: HomeAssistant, garage: Garage
) -> None:
    station = await garage.station(password=OLD)
    kept: list[str] = []

    def look(key: str) -> dict[str, str]:
        path = Path(hass.config.path(".storage", "core.config_entries"))
        [entry] = json.loads(path.read_text())["data"]["entries"]
        [subentry] = entry["subentries"]
        kept.extend(subentry["data"][CONF_NEW_PASSWORD_HASHES])
        assert subentry["data"][CONF_PASSWORD_HASH] == garage.password_hash
        return {"status": "Rejected"}

    answer_key(station, look)
    with pytest.raises(HomeAssistantError):
        await garage.set_password()
    [password_hash] = kept
    assert verify_password(key_of(station).encode(), password_hash)
    assert garage.new == []


async def test_where_the_disk_is_not_written_no_password_is_sent(
    garage: Garage, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = await garage.station(password=OLD)
    monkeypatch.setattr(config_entries, "SAVE_DELAY", 60)
    monkeypatch.setattr(keyring, "WRITTEN_WITHIN", 0.2)
    before = garage.password_hash
    with pytest.raises(HomeAssistantError) as caught:
        await garage.set_password()
    assert caught.value.translation_key == "password_not_kept"
    assert (garage.password_hash, garage.new) == (before, [])
    keys = [asked["key"] for asked in station.asked("ChangeConfiguration")]
    assert "AuthorizationKey" not in keys


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"status": "Rejected"}, "station_declined"),
        ({"status": "NotSupported"}, "station_declined"),
        (PropertyConstraintViolationError("too long"), "station_refused"),
    ],
)
async def test_a_charger_that_refuses_keeps_its_old_password(
    garage: Garage, answer: Any, key: str
) -> None:
    station = await garage.station(password=OLD)
    answer_key(station, answer)
    before = garage.password_hash
    with pytest.raises(HomeAssistantError) as caught:
        await garage.set_password()
    assert caught.value.translation_key == key
    assert (garage.password_hash, garage.new) == (before, [])
    assert not await garage.refuses(basic(STATION, OLD.encode()))
    assert await garage.refuses(basic(STATION, key_of(station).encode()))


async def test_a_charger_that_is_away_gets_none(garage: Garage) -> None:
    with pytest.raises(HomeAssistantError) as caught:
        await garage.set_password()
    assert caught.value.translation_key == "station_offline"
    assert garage.new == []


async def test_a_lost_answer_and_a_restart_in_between_shut_nobody_out(
    house: LivedInHouse, garage: Garage
) -> None:
    station = await garage.station(password=OLD)

    def take(key: str) -> None:
        station.settings.change("AuthorizationKey", key)

    answer_key(station, take)
    assert (await garage.set_password())["status"] == "unclear"
    key = key_of(station)
    assert len(garage.new) == 1
    await house.unload()
    await house.set_up()
    assert not await garage.refuses(basic(STATION, OLD.encode()))
    await station.wait_registered()
    await house.until(lambda: garage.demands(key))
    assert await garage.refuses(basic(STATION, OLD.encode()))


async def test_a_charger_that_has_to_restart_may_come_with_either(
    house: LivedInHouse,
    garage: Garage,
    hass_client: ClientSessionGenerator,
) -> None:
    station = await garage.station(password=OLD)
    answer_key(station, {"status": "RebootRequired"})
    assert (await garage.set_password())["status"] == "reboot_required"
    key = key_of(station)

    told: Any = await get_diagnostics_for_config_entry(
        house.hass, hass_client, house.entry
    )
    [shown] = told["stations"].values()
    assert (shown["needs_password"], shown["new_passwords_not_shown_yet"]) == (True, 1)
    text = json.dumps(told)
    assert not any(kept in text for kept in (*garage.new, garage.password_hash, key))

    await station.power_cut()
    station.settings.change("AuthorizationKey", key)
    await station.power_on()
    await house.until(lambda: garage.demands(key))


async def test_a_charger_that_shows_none_of_many_is_given_no_more(
    garage: Garage,
) -> None:
    station = await garage.station(password=OLD)
    answer_key(station, None)
    for _ in range(MOST_UNSHOWN):
        assert (await garage.set_password())["status"] == "unclear"
    with pytest.raises(HomeAssistantError) as caught:
        await garage.set_password()
    assert caught.value.translation_key == "passwords_unshown"
    del station.answers["ChangeConfiguration"]
    await garage.fill_in(give_password=False, remove_password=True)
    assert (garage.password_hash, garage.new) == (None, [])
    assert (await garage.set_password())["status"] == "accepted"


# --- a charger without a password ------------------------------------------------------


async def test_a_charger_that_never_shows_its_password_is_not_shut_out(
    house: LivedInHouse, open_garage: Garage
) -> None:
    station = await open_garage.station(settings={"SecurityProfile": "0"})
    station.refuse_settings(lambda key, _: key == "SecurityProfile")
    assert await open_garage.set_password() == {
        "status": "accepted",
        "security_profile": 1,
        "security_profile_status": "refused",
    }
    await house.unload()
    await house.set_up()
    await station.wait_registered()
    assert (open_garage.password_hash, len(open_garage.new)) == (None, 1)
    assert not await open_garage.refuses()
    assert not await open_garage.refuses(basic(STATION, b"whatever"))


async def test_once_it_has_shown_its_password_it_must(
    house: LivedInHouse, open_garage: Garage
) -> None:
    station = await open_garage.station(settings={"SecurityProfile": "0"})
    assert await open_garage.set_password() == {
        "status": "accepted",
        "security_profile": 1,
        "security_profile_status": "accepted",
    }
    await house.until(lambda: open_garage.demands(key_of(station)))
    assert await open_garage.refuses()


# --- the form --------------------------------------------------------------------------


async def test_the_form_gives_a_charger_a_password_that_was_typed(
    house: LivedInHouse, garage: Garage
) -> None:
    station = await garage.station(password=OLD)
    done = await garage.fill_in(name="Carport", password="sixteen letters!")
    assert done["reason"] == "password_given"
    key = b"sixteen letters!".hex()
    assert key_of(station) == key
    await house.until(lambda: garage.demands(key))
    assert garage.subentry.title == "Carport"
    assert not await garage.refuses(basic(STATION, b"sixteen letters!"))


async def test_without_one_the_form_gives_a_random_one(
    house: LivedInHouse, garage: Garage
) -> None:
    station = await garage.station(password=OLD)
    assert (await garage.fill_in())["reason"] == "password_given"
    await house.until(lambda: garage.demands(key_of(station)))


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"password": "too short"}, {"password": "invalid_password"}),
        ({"password": "0" * 31}, {"password": "invalid_password"}),
        ({"remove_password": True}, {"remove_password": "give_or_remove"}),
    ],
)
async def test_what_no_charger_takes_is_told_in_the_form(
    garage: Garage, given: dict[str, Any], errors: dict[str, str]
) -> None:
    station = await garage.station(password=OLD)
    before = garage.subentry.data
    form = await garage.fill_in(name="Carport", **given)
    assert form["errors"] == errors
    assert garage.subentry.title == "Garage"
    assert garage.subentry.data == before
    done = await fill_in(garage.house, form, password=KEY, give_password=True)
    assert done["reason"] == "password_given"
    assert key_of(station) == KEY


async def test_what_a_charger_says_is_told_in_the_form_and_nothing_is_changed(
    garage: Garage,
) -> None:
    before = garage.subentry.data
    form = await garage.fill_in(name="Carport")
    assert form["errors"] == {"base": "station_offline"}
    station = await garage.station(password=OLD)
    answer_key(station, {"status": "Rejected"})
    form = await fill_in(garage.house, form, name="Carport", give_password=True)
    assert form["errors"] == {"base": "station_declined"}
    assert form["description_placeholders"] == {
        "identity": STATION,
        "station": "Garage",
        "error": "ChangeConfiguration: Rejected",
    }
    assert garage.subentry.title == "Garage"
    assert garage.password_hash == before[CONF_PASSWORD_HASH]
    assert garage.new == []
    done = await fill_in(garage.house, form, name="Carport", give_password=False)
    assert done["reason"] == "reconfigure_successful"


async def test_while_ladda_does_not_run_no_charger_is_connected(
    house: LivedInHouse, garage: Garage
) -> None:
    await house.unload()
    form = await garage.fill_in()
    assert form["errors"] == {"base": "station_offline"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": "RebootRequired"}, "password_after_restart"),
        ({}, "password_unclear"),
    ],
)
async def test_the_form_tells_what_is_not_sure_yet(
    garage: Garage, answer: dict[str, str], reason: str
) -> None:
    answer_key(await garage.station(password=OLD), answer)
    assert (await garage.fill_in(name="Carport"))["reason"] == reason
    assert len(garage.new) == 1
    assert garage.subentry.title == "Carport"


async def test_the_form_tells_that_a_charger_will_not_show_its_password(
    open_garage: Garage,
) -> None:
    station = await open_garage.station(settings={"SecurityProfile": "0"})
    station.refuse_settings(lambda key, _: key == "SecurityProfile")
    assert (await open_garage.fill_in())["reason"] == "password_not_shown"


async def test_a_password_that_was_set_in_the_charger_itself_replaces_all(
    garage: Garage,
) -> None:
    answer_key(await garage.station(password=OLD), {"status": "RebootRequired"})
    await garage.set_password()
    await garage.fill_in(give_password=False)
    assert len(garage.new) == 1  # other changes leave passwords as they are
    await garage.fill_in(give_password=False, password="sesame")
    assert garage.password_hash is not None
    assert verify_password(b"sesame", garage.password_hash)
    assert garage.new == []


async def test_what_a_charger_took_counts_whatever_was_entered_meanwhile(
    garage: Garage,
) -> None:
    station = await garage.station(password=OLD)

    def take(key: str) -> dict[str, str]:
        entries = garage.house.hass.config_entries
        entered = {CONF_PASSWORD_HASH: hash_password("sesame")}
        data = {**garage.subentry.data, **entered, CONF_NEW_PASSWORD_HASHES: ()}
        entries.async_update_subentry(garage.house.entry, garage.subentry, data=data)
        return {"status": "Accepted"}

    answer_key(station, take)
    await garage.set_password()
    [password_hash] = garage.new
    assert verify_password(key_of(station).encode(), password_hash)


async def test_a_password_that_was_never_shown_can_be_given_up(
    open_garage: Garage,
) -> None:
    answer_key(await open_garage.station(), {"status": "RebootRequired"})
    await open_garage.set_password()
    await open_garage.fill_in(give_password=False, remove_password=True)
    assert (open_garage.password_hash, open_garage.new) == (None, [])


async def test_a_charger_that_is_removed_meanwhile_takes_its_passwords_along(
    house: LivedInHouse, garage: Garage
) -> None:
    station = await garage.station(password=OLD)
    keys: list[str] = []

    def take(key: str) -> None:
        keys.append(key)

    answer_key(station, take)
    asking = house.hass.async_create_task(garage.set_password())
    await station.wait_for(lambda: bool(keys))
    await house.remove(garage.subentry)
    assert (await asking)["status"] == "unclear"
    house.hub.password_shown(STATION, "scrypt$a$b")
    assert house.entry.subentries == MappingProxyType({})


# --- what nobody may read --------------------------------------------------------------


async def test_a_password_is_written_nowhere(
    hass: HomeAssistant, garage: Garage, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where the charger says it, as some do when they refuse, or are asked."""
    caplog.set_level(logging.DEBUG)
    station = await garage.station(password=OLD)
    answer_key(station, lambda key: PropertyConstraintViolationError(f"not {key}"))
    with pytest.raises(HomeAssistantError) as caught:
        await garage.set_password()
    refused = key_of(station)
    assert refused not in str(caught.value)

    del station.answers["ChangeConfiguration"]
    await garage.set_password()
    taken = key_of(station)
    await garage.house.until(lambda: garage.demands(taken))
    told = {"key": "AuthorizationKey", "readonly": False, "value": taken}
    station.answers["GetConfiguration"] = {"configurationKey": [told]}
    await station.power_cut()
    await station.power_on()
    known = garage.house.hub.station(STATION)
    await garage.house.until(lambda: known.settings["known"] == {told["key"]: ""})
    read = await act(hass, "get_configuration", device_id=device_id(garage.house))
    assert read["settings"]["AuthorizationKey"]["value"] == ""

    await garage.house.unload()
    written = ledger_path(hass).read_bytes().decode(errors="replace")
    assert STATION in written
    for record in caplog.records:
        if record.name != "ocpp":  # it is what the simulated charger writes
            written += record.getMessage()
    assert refused not in written.lower()
    assert taken not in written.lower()


@pytest.mark.parametrize("key", ["AuthorizationKey", " authorizationkey "])
async def test_a_password_is_no_setting(
    hass: HomeAssistant, garage: Garage, key: str
) -> None:
    station = await garage.station(password=OLD)
    charger = device_id(garage.house)
    setting = {"key": key, "value": KEY}
    for action, data in (
        ("set_configuration", setting),
        ("send_message", {"action": "ChangeConfiguration", "payload": setting}),
    ):
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, action, device_id=charger, **data)
        assert caught.value.translation_key == "password_is_no_setting"
        assert KEY not in str(caught.value)
    keys = [asked["key"] for asked in station.asked("ChangeConfiguration")]
    assert key not in keys


async def test_who_is_connected_has_to_show_a_password_that_is_entered(
    house: LivedInHouse, open_garage: Garage
) -> None:
    """Else it would be found out the next time that its Wi-Fi fails, at 3 a.m."""
    await house.add_station("YARD", "Yard")
    await house.station("YARD")
    yard = house.hub.desk.links["YARD"]
    await open_garage.station()
    before = house.hub.desk.links[STATION]
    await open_garage.fill_in(give_password=False, password=OLD)
    await house.until(lambda: before.rpc.closed)
    await house.until(lambda: not house.hub.desk.is_online(STATION))
    assert await open_garage.refuses()
    assert house.hub.desk.links["YARD"] is yard
    assert not yard.rpc.closed
