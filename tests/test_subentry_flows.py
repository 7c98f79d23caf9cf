"""The flows by which chargers, users and tariffs come into the house."""

from collections.abc import Mapping
from typing import Any

import pytest

from custom_components.ladda import user_flow
from custom_components.ladda.central_system.credentials import verify_password
from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.const import (
    CONF_ACTIVE,
    CONF_AUTO_START,
    CONF_DEFAULT,
    CONF_DEFAULT_USER,
    CONF_ENERGY_TAX,
    CONF_ENTITY,
    CONF_GRID_FEE,
    CONF_IDENTITY,
    CONF_KEEP_SETTINGS,
    CONF_KIND,
    CONF_MARKUP,
    CONF_MAX_CURRENT,
    CONF_NEW_PASSWORD_HASHES,
    CONF_OPEN_TO_ALL,
    CONF_PASSWORD_HASH,
    CONF_PERSON,
    CONF_PRICE,
    CONF_PRICES,
    CONF_SESSION_FEE,
    CONF_TAGS,
    CONF_TARIFF,
    CONF_VALID_FROM,
    CONF_VALID_UNTIL,
    CONF_VAT_INCLUDED,
    CONF_VAT_PERCENT,
    DOMAIN,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from homeassistant.config_entries import (
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
    ConfigSubentry,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData

from .house import STATION, TAG, LivedInHouse


async def add(house: LivedInHouse, kind: str) -> SubentryFlowResult:
    """Begin to add something to the house."""
    return await house.hass.config_entries.subentries.async_init(
        (house.entry.entry_id, kind), context={"source": SOURCE_USER}
    )


async def change(house: LivedInHouse, subentry: ConfigSubentry) -> SubentryFlowResult:
    """Begin to change something in the house."""
    return await house.entry.start_subentry_reconfigure_flow(
        house.hass, subentry.subentry_id
    )


async def fill_in(
    house: LivedInHouse, flow: SubentryFlowResult, **given: Any
) -> SubentryFlowResult:
    """Fill in the form of a flow."""
    result = await house.hass.config_entries.subentries.async_configure(
        flow["flow_id"], given
    )
    await house.hass.async_block_till_done()
    return result


def newest(house: LivedInHouse) -> ConfigSubentry:
    """Return what was added to the house last."""
    return list(house.entry.subentries.values())[-1]


def shown(flow: SubentryFlowResult) -> dict[str, Any]:
    """Return what a form shows in its fields before anybody types."""
    return _shown(flow["data_schema"].schema)


def _shown(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what fields show, those of sections included."""
    values: dict[str, Any] = {}
    for field, selector in fields.items():
        if hasattr(selector, "schema"):
            values |= _shown(selector.schema.schema)
        elif field.description and "suggested_value" in field.description:
            values[str(field)] = field.description["suggested_value"]
    return values


# --- chargers --------------------------------------------------------------------------


async def test_a_charger_is_added_before_it_connects(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid")
    flow = await add(house, SUBENTRY_STATION)
    assert flow["step_id"] == "user"
    done = await fill_in(
        house,
        flow,
        identity=f" {STATION} ",
        name="Garage",
        default_user=user.subentry_id,
        open_to_all=True,
        auto_start=True,
        keep_settings=True,
        max_current=16.0,
        password="sesame",
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    station = newest(house)
    assert (station.title, station.unique_id) == ("Garage", f"station_{STATION}")
    data = dict(station.data)
    assert verify_password(b"sesame", data.pop(CONF_PASSWORD_HASH))
    assert data == {
        CONF_IDENTITY: STATION,
        CONF_NEW_PASSWORD_HASHES: (),
        CONF_DEFAULT_USER: user.subentry_id,
        CONF_OPEN_TO_ALL: True,
        CONF_AUTO_START: True,
        CONF_KEEP_SETTINGS: True,
        CONF_MAX_CURRENT: 16,
    }
    options = house.hub.desk.house.stations[STATION]
    assert options.default_user == user.subentry_id
    assert options.open_to_all
    assert options.auto_start
    assert options.keep_settings


async def test_a_charger_needs_nothing_but_its_identity(house: LivedInHouse) -> None:
    await fill_in(house, await add(house, SUBENTRY_STATION), identity=STATION)
    station = newest(house)
    assert station.title == STATION
    assert station.data == {
        CONF_IDENTITY: STATION,
        CONF_PASSWORD_HASH: None,
        CONF_NEW_PASSWORD_HASHES: (),
        CONF_DEFAULT_USER: None,
        CONF_OPEN_TO_ALL: False,
        CONF_AUTO_START: False,
        CONF_KEEP_SETTINGS: False,
        CONF_MAX_CURRENT: 32,
    }


@pytest.mark.parametrize(
    "identity",
    ["", "  ", "a/b", "a:b", "a b", "a\tb", "a\x00b", "a\u00a0b", "x" * 49],
)
async def test_what_cannot_stand_in_the_path_is_no_identity(
    house: LivedInHouse, identity: str
) -> None:
    flow = await add(house, SUBENTRY_STATION)
    flow = await fill_in(house, flow, identity=identity, name="Garage")
    assert flow["errors"] == {CONF_IDENTITY: "invalid_identity"}
    assert shown(flow)[CONF_NAME] == "Garage"
    done = await fill_in(house, flow, identity="x" * 48)
    assert done["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("current", [5, 81])
async def test_no_charger_is_for_less_than_6_or_more_than_80_amperes(
    house: LivedInHouse, current: int
) -> None:
    flow = await add(house, SUBENTRY_STATION)
    with pytest.raises(InvalidData):
        await fill_in(house, flow, identity=STATION, max_current=current)


async def test_a_charger_is_added_once(house: LivedInHouse) -> None:
    await house.add_station()
    flow = await add(house, SUBENTRY_STATION)
    done = await fill_in(house, flow, identity=STATION)
    assert done["reason"] == "already_configured"


async def test_a_charger_that_was_added_by_hand_is_no_longer_discovered(
    house: LivedInHouse,
) -> None:
    flows = house.hass.config_entries.flow
    stranger = {"vendor": "", "model": "", "serial": "", "address": ""}
    for identity in (STATION, "GARAGE-2"):
        await flows.async_init(
            DOMAIN,
            context={"source": SOURCE_INTEGRATION_DISCOVERY},
            data={CONF_IDENTITY: identity, **stranger},
        )
    await fill_in(house, await add(house, SUBENTRY_STATION), identity=STATION)
    waiting = flows.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["unique_id"] for flow in waiting] == ["station_GARAGE-2"]


async def test_a_charger_that_was_turned_away_is_let_in_when_it_is_added(
    house: LivedInHouse,
) -> None:
    house.hub.turn_away(STATION)
    await house.hass.async_block_till_done()
    await fill_in(house, await add(house, SUBENTRY_STATION), identity=STATION)
    station = await house.station()
    await house.add_user("Astrid")
    assert station.is_online


async def test_a_charger_is_changed_but_keeps_its_identity(house: LivedInHouse) -> None:
    station = await house.add_station(name="Garage", password_hash="scrypt$a$b")
    flow = await change(house, station)
    assert flow["step_id"] == "reconfigure"
    assert flow["description_placeholders"] == {CONF_IDENTITY: STATION}
    assert shown(flow)[CONF_NAME] == "Garage"
    assert CONF_IDENTITY not in flow["data_schema"].schema
    done = await fill_in(house, flow, name="Carport", max_current=20)
    assert done["reason"] == "reconfigure_successful"
    assert station.title == "Carport"
    assert station.data == {
        CONF_IDENTITY: STATION,
        CONF_PASSWORD_HASH: "scrypt$a$b",
        CONF_NEW_PASSWORD_HASHES: (),
        CONF_DEFAULT_USER: None,
        CONF_OPEN_TO_ALL: False,
        CONF_AUTO_START: False,
        CONF_KEEP_SETTINGS: False,
        CONF_MAX_CURRENT: 20,
    }


async def test_a_charger_without_a_name_goes_by_its_identity_again(
    house: LivedInHouse,
) -> None:
    station = await house.add_station(name="Garage")
    await fill_in(house, await change(house, station), name="  ")
    assert station.title == STATION


async def test_a_password_is_replaced_and_removed(house: LivedInHouse) -> None:
    station = await house.add_station()
    flow = await change(house, station)
    assert "remove_password" not in flow["data_schema"].schema
    await fill_in(house, flow, password="sesame")
    assert verify_password(b"sesame", station.data[CONF_PASSWORD_HASH])
    await fill_in(house, await change(house, station), password="mellon")
    assert verify_password(b"mellon", station.data[CONF_PASSWORD_HASH])
    await fill_in(house, await change(house, station), remove_password=True)
    assert station.data[CONF_PASSWORD_HASH] is None


async def test_a_default_user_who_is_gone_is_nobody(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid")
    other = await house.add_user("Bo")
    station = await house.add_station(default_user=user.subentry_id)
    assert house.hub.desk.house.stations[STATION].default_user == user.subentry_id
    await house.remove(user)
    assert house.hub.desk.house.stations[STATION].default_user is None
    flow = await change(house, station)
    assert CONF_DEFAULT_USER not in shown(flow)
    await fill_in(house, flow, default_user=other.subentry_id)
    assert station.data[CONF_DEFAULT_USER] == other.subentry_id


# --- users -----------------------------------------------------------------------------


async def test_a_user_needs_nothing_but_a_name(house: LivedInHouse) -> None:
    flow = await add(house, SUBENTRY_USER)
    assert flow["step_id"] == "user"
    done = await fill_in(house, flow, name="Astrid")
    assert done["type"] is FlowResultType.CREATE_ENTRY
    user = newest(house)
    assert user.title == "Astrid"
    assert user.data == {
        CONF_TAGS: [],
        CONF_PERSON: None,
        CONF_TARIFF: None,
        CONF_ACTIVE: True,
        CONF_VALID_FROM: None,
        CONF_VALID_UNTIL: None,
    }


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
async def test_a_user_has_a_name_that_can_be_shown(
    house: LivedInHouse, name: str
) -> None:
    flow = await add(house, SUBENTRY_USER)
    flow = await fill_in(house, flow, name=name, tags=["AA"])
    assert flow["errors"] == {CONF_NAME: "invalid_name"}
    assert shown(flow)[CONF_TAGS] == ["AA"]
    await fill_in(house, flow, name=" Åsa 🚗 ")
    assert newest(house).title == "Åsa 🚗"


async def test_a_user_has_tags_a_tariff_a_person_and_a_time(
    house: LivedInHouse,
) -> None:
    tariff = await house.add_tariff()
    await fill_in(
        house,
        await add(house, SUBENTRY_USER),
        name="Astrid",
        tags=[" 04A1B2C3 ", "", "04a1b2c3", "AABB"],
        person="person.astrid",
        tariff=tariff.subentry_id,
        active=False,
        valid_from="2026-07-01 08:00:00",
        valid_until="2026-12-01 08:00:00",
    )
    user = newest(house)
    assert user.data == {
        CONF_TAGS: ["04A1B2C3", "AABB"],
        CONF_PERSON: "person.astrid",
        CONF_TARIFF: tariff.subentry_id,
        CONF_ACTIVE: False,
        # In Sweden it is two hours later in summer, and one in winter.
        CONF_VALID_FROM: "2026-07-01T06:00:00+00:00",
        CONF_VALID_UNTIL: "2026-12-01T07:00:00+00:00",
    }
    flow = await change(house, user)
    assert shown(flow) == {
        CONF_NAME: "Astrid",
        CONF_TAGS: ["04A1B2C3", "AABB"],
        CONF_PERSON: "person.astrid",
        CONF_TARIFF: tariff.subentry_id,
        CONF_ACTIVE: False,
        CONF_VALID_FROM: "2026-07-01 08:00:00",
        CONF_VALID_UNTIL: "2026-12-01 08:00:00",
    }
    before = dict(user.data)
    await fill_in(house, flow, **shown(flow))
    assert user.data == before


async def test_what_is_cleared_in_the_form_is_not_kept(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid", TAG, person="person.astrid")
    done = await fill_in(house, await change(house, user), name="Astrid B")
    assert done["reason"] == "reconfigure_successful"
    assert user.title == "Astrid B"
    assert user.data[CONF_TAGS] == []
    assert user.data[CONF_PERSON] is None


async def test_nobody_gets_a_tag_that_somebody_has(house: LivedInHouse) -> None:
    await house.add_user("Astrid", TAG)
    flow = await add(house, SUBENTRY_USER)
    flow = await fill_in(house, flow, name="Bo", tags=["BB", TAG.lower()])
    assert flow["errors"] == {CONF_TAGS: "tag_taken"}
    assert flow["description_placeholders"] == {"tag": TAG.lower(), "user": "Astrid"}
    assert shown(flow)[CONF_TAGS] == ["BB", TAG.lower()]
    await fill_in(house, flow, name="Bo", tags=["BB"])
    assert newest(house).data[CONF_TAGS] == ["BB"]


async def test_nobody_gets_a_tag_that_home_assistant_uses(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid")
    directory = house.hub.desk.house.directory
    for tag in (directory.remote_token(user.subentry_id), directory.remote_token(None)):
        flow = await fill_in(
            house, await change(house, user), name="Astrid", tags=[tag]
        )
        assert flow["errors"] == {CONF_TAGS: "tag_taken"}
        assert flow["description_placeholders"] == {
            "tag": tag,
            "user": "Home Assistant",
        }


async def test_a_user_keeps_their_own_tags(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid", TAG)
    done = await fill_in(
        house, await change(house, user), name="Astrid", tags=[TAG, "BB"]
    )
    assert done["reason"] == "reconfigure_successful"
    assert user.data[CONF_TAGS] == [TAG, "BB"]


@pytest.mark.parametrize("until", ["2026-07-01 08:00:00", "2026-06-30 08:00:00"])
async def test_a_users_time_ends_after_it_begins(
    house: LivedInHouse, until: str
) -> None:
    flow = await fill_in(
        house,
        await add(house, SUBENTRY_USER),
        name="Astrid",
        valid_from="2026-07-01 08:00:00",
        valid_until=until,
    )
    assert flow["errors"] == {CONF_VALID_UNTIL: "ends_before_it_begins"}
    done = await fill_in(house, flow, name="Astrid", valid_until=until)
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_the_tariff_of_a_user_that_is_gone_is_the_default(
    house: LivedInHouse,
) -> None:
    default = await house.add_tariff("Home")
    tariff = await house.add_tariff("Guests", "5")
    user = await house.add_user("Astrid", tariff=tariff.subentry_id)
    found = house.hub.desk.house.tariff_of(user.subentry_id)
    assert found is not None
    assert found.id == tariff.subentry_id
    await house.remove(tariff)
    found = house.hub.desk.house.tariff_of(user.subentry_id)
    assert found is not None
    assert found.id == default.subentry_id
    assert CONF_TARIFF not in shown(await change(house, user))


# --- tags that are read ------------------------------------------------------------------


async def shown_next(
    house: LivedInHouse, flow: SubentryFlowResult
) -> SubentryFlowResult:
    """Return what a flow shows now, as the frontend asks for it."""
    await house.hass.async_block_till_done()
    return await house.hass.config_entries.subentries.async_configure(flow["flow_id"])


async def test_a_new_tag_is_read_while_a_user_is_added(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await house.add_user("Astrid", TAG)
    flow = await add(house, SUBENTRY_USER)
    flow = await fill_in(house, flow, name="Bo", tags=["AA"], read_tag=True)
    assert flow["type"] is FlowResultType.SHOW_PROGRESS
    assert flow["progress_action"] == "read_tag"

    # Astrid charges meanwhile; that is not Bo's tag.
    assert await station.present_tag(1, TAG) == "Accepted"
    await house.start(station)
    waiting = await shown_next(house, flow)
    assert waiting["type"] is FlowResultType.SHOW_PROGRESS

    await station.send("Authorize", {"idTag": "04BB"})
    await station.send("Authorize", {"idTag": "04CC"})
    form = await shown_next(house, flow)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    assert shown(form) == {
        CONF_NAME: "Bo",
        CONF_TAGS: ["AA", "04BB"],
        CONF_ACTIVE: True,
    }
    done = await fill_in(house, form, **shown(form))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert newest(house).data[CONF_TAGS] == ["AA", "04BB"]


async def test_a_new_tag_is_read_while_a_user_is_changed(house: LivedInHouse) -> None:
    user = await house.add_user("Astrid", TAG)
    flow = await change(house, user)
    flow = await fill_in(house, flow, **shown(flow), read_tag=True)
    await present(house, "04BB")
    form = await shown_next(house, flow)
    assert form["step_id"] == "reconfigure"
    await fill_in(house, form, **shown(form))
    assert user.data[CONF_TAGS] == [TAG, "04BB"]


async def present(house: LivedInHouse, tag: str) -> None:
    """Let somebody hold a tag to a reader."""
    await house.add_station()
    house.hub.token_presented(STATION, tag, Authorization.INVALID, None)


async def test_nobody_waits_for_a_tag_for_ever(
    house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_flow, "TAG_PATIENCE", 0.01)
    flow = await add(house, SUBENTRY_USER)
    flow = await fill_in(house, flow, name="Astrid", read_tag=True)
    forms = []

    async def form_is_shown() -> bool:
        forms.append(await shown_next(house, flow))
        return forms[-1]["type"] is FlowResultType.FORM

    while not await form_is_shown():
        pass
    assert forms[-1]["errors"] == {"read_tag": "no_tag"}

    monkeypatch.setattr(user_flow, "TAG_PATIENCE", 60)
    flow = await fill_in(house, forms[-1], **shown(forms[-1]), read_tag=True)
    await present(house, "04BB")
    form = await shown_next(house, flow)
    assert form["errors"] == {}
    assert shown(form)[CONF_TAGS] == ["04BB"]


async def test_who_gives_up_waiting_leaves_nothing_behind(house: LivedInHouse) -> None:
    flow = await add(house, SUBENTRY_USER)
    flow = await fill_in(house, flow, name="Astrid", read_tag=True)
    house.hass.config_entries.subentries.async_abort(flow["flow_id"])
    await present(house, "04BB")
    await house.hass.async_block_till_done()
    assert not house.hass.config_entries.subentries.async_progress()


async def test_no_tag_is_read_while_the_house_is_closed(house: LivedInHouse) -> None:
    flow = await add(house, SUBENTRY_USER)
    await house.unload()
    flow = await fill_in(house, flow, name="Astrid", read_tag=True)
    assert flow["errors"] == {"read_tag": "not_loaded"}


# --- tariffs ---------------------------------------------------------------------------

NO_MARKUPS = {
    CONF_ENERGY_TAX: "0",
    CONF_GRID_FEE: "0",
    CONF_MARKUP: "0",
    CONF_SESSION_FEE: "0",
    CONF_VAT_PERCENT: "0",
    CONF_VAT_INCLUDED: True,
}


async def add_terms(house: LivedInHouse, kind: str, **more: Any) -> SubentryFlowResult:
    """Add a tariff up to its terms."""
    flow = await add(house, SUBENTRY_TARIFF)
    return await fill_in(
        house, flow, **{"name": "Home", "kind": kind, "markups": {}, **more}
    )


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
async def test_a_tariff_has_a_name_that_can_be_shown(
    house: LivedInHouse, name: str
) -> None:
    flow = await add_terms(house, "fixed", name=name)
    assert flow["errors"] == {CONF_NAME: "invalid_name"}
    flow = await fill_in(house, flow, name=" Home ", kind="fixed", markups={})
    await fill_in(house, flow, price="1")
    assert newest(house).title == "Home"


@pytest.mark.parametrize("typed", ["1,25", "1.25", " 1.25 ", "1.250", "0 001,25"])
async def test_a_fixed_price_is_kept_as_it_is_meant(
    house: LivedInHouse, typed: str
) -> None:
    flow = await add_terms(house, "fixed")
    assert flow["step_id"] == "fixed"
    done = await fill_in(house, flow, price=typed)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    tariff = newest(house)
    assert tariff.title == "Home"
    price = tariff.data[CONF_PRICE]
    assert price.rstrip("0") == "1.25"
    assert tariff.data == {
        CONF_KIND: "fixed",
        CONF_PRICE: price,
        CONF_DEFAULT: False,
        **NO_MARKUPS,
    }


@pytest.mark.parametrize("typed", ["", "cheap", "1,250.50", "NaN", "Infinity", "1e99"])
async def test_what_is_no_number_is_no_price(house: LivedInHouse, typed: str) -> None:
    flow = await fill_in(house, await add_terms(house, "fixed"), price=typed)
    assert flow["errors"] == {CONF_PRICE: "not_a_number"}
    assert shown(flow).get(CONF_PRICE) == typed
    done = await fill_in(house, flow, price="2")
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_taxes_fees_and_vat_are_kept(house: LivedInHouse) -> None:
    markups = {
        CONF_ENERGY_TAX: "0,439",
        CONF_GRID_FEE: "0.3",
        CONF_MARKUP: "-0.1",
        CONF_SESSION_FEE: "5",
        CONF_VAT_PERCENT: "25",
        CONF_VAT_INCLUDED: False,
    }
    flow = await add_terms(house, "fixed", markups=markups)
    await fill_in(house, flow, price="1")
    tariff = newest(house)
    assert tariff.data == {
        CONF_KIND: "fixed",
        CONF_PRICE: "1",
        CONF_DEFAULT: False,
        **markups,
        CONF_ENERGY_TAX: "0.439",
    }
    found = house.hub.desk.house.tariffs[tariff.subentry_id]
    assert str(found.unit_price(None)) == "2.04875"


@pytest.mark.parametrize(
    "wrong",
    [
        {CONF_ENERGY_TAX: "much"},
        {CONF_SESSION_FEE: "1.2.3"},
        {CONF_VAT_PERCENT: "-1"},
        {CONF_VAT_PERCENT: "101"},
    ],
)
async def test_taxes_fees_and_vat_are_numbers(
    house: LivedInHouse, wrong: dict[str, str]
) -> None:
    flow = await add_terms(house, "fixed", markups=wrong)
    assert flow["errors"] == {"markups": "not_a_markup"}
    assert shown(flow) | wrong == shown(flow)
    flow = await fill_in(house, flow, name="Home", kind="fixed", markups={})
    assert flow["step_id"] == "fixed"


async def test_the_first_tariff_is_offered_as_the_default(house: LivedInHouse) -> None:
    assert shown(await add(house, SUBENTRY_TARIFF))[CONF_DEFAULT] is True
    await house.add_tariff()
    assert shown(await add(house, SUBENTRY_TARIFF))[CONF_DEFAULT] is False


async def test_there_is_one_default_tariff(house: LivedInHouse) -> None:
    first = await house.add_tariff("First", default=True)
    second = await house.add_tariff("Second")
    flow = await add_terms(house, "fixed", default=True)
    await fill_in(house, flow, price="1")
    third = newest(house)
    assert [t.data[CONF_DEFAULT] for t in (first, second, third)] == [
        False,
        False,
        True,
    ]
    assert house.hub.desk.house.default_tariff == third.subentry_id

    flow = await change(house, second)
    flow = await fill_in(
        house, flow, name="Second", kind="fixed", default=True, markups={}
    )
    await fill_in(house, flow, price="1")
    assert [t.data[CONF_DEFAULT] for t in (first, second, third)] == [
        False,
        True,
        False,
    ]
    assert house.hub.desk.house.default_tariff == second.subentry_id


@pytest.mark.parametrize("unit", ["SEK/kWh", "öre/kWh", "kr/MWh"])
async def test_a_tariff_takes_its_price_from_a_helper(
    house: LivedInHouse, unit: str
) -> None:
    house.hass.states.async_set("sensor.spot", "1.2", {"unit_of_measurement": unit})
    flow = await add_terms(house, "helper")
    assert flow["step_id"] == "helper"
    await fill_in(house, flow, entity="sensor.spot")
    assert newest(house).data == {
        CONF_KIND: "helper",
        CONF_ENTITY: "sensor.spot",
        CONF_DEFAULT: False,
        **NO_MARKUPS,
    }
    assert "sensor.spot" in house.hub.desk.price_helpers()


@pytest.mark.parametrize(
    ("attributes", "error", "unit"),
    [
        (None, "no_entity", ""),
        ({}, "no_unit", ""),
        ({"unit_of_measurement": "kWh"}, "unknown_unit", "kWh"),
        ({"unit_of_measurement": "EUR/kWh"}, "wrong_currency", "EUR/kWh"),
    ],
)
async def test_a_helper_that_shows_no_price_in_our_currency_is_refused(
    house: LivedInHouse, attributes: dict[str, str] | None, error: str, unit: str
) -> None:
    if attributes is not None:
        house.hass.states.async_set("sensor.spot", "1.2", attributes)
    flow = await add_terms(house, "helper")
    flow = await fill_in(house, flow, entity="sensor.spot")
    assert flow["errors"] == {CONF_ENTITY: error}
    assert flow["description_placeholders"] == {"unit": unit, "currency": "SEK"}
    house.hass.states.async_set("sensor.spot", "1", {"unit_of_measurement": "SEK/kWh"})
    done = await fill_in(house, flow, entity="sensor.spot")
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_a_price_helper_is_an_entity_that_shows_a_number(
    house: LivedInHouse,
) -> None:
    flow = await add_terms(house, "helper")
    with pytest.raises(InvalidData):
        await fill_in(house, flow, entity="light.hall")


@pytest.mark.parametrize(
    ("entity", "attributes", "states"),
    [
        ("input_select.tariff", {"options": ["day", "night"]}, ["day", "night"]),
        ("select.tariff", {"options": ["peak", "off-peak"]}, ["peak", "off-peak"]),
        ("schedule.peak", {}, ["on", "off"]),
    ],
)
async def test_each_state_of_a_helper_has_its_price(
    house: LivedInHouse, entity: str, attributes: dict[str, Any], states: list[str]
) -> None:
    house.hass.states.async_set(entity, states[0], attributes)
    flow = await add_terms(house, "states")
    assert flow["step_id"] == "states"
    flow = await fill_in(house, flow, entity=entity)
    assert flow["step_id"] == "prices"
    assert flow["description_placeholders"] == {"entity": entity}
    assert list(flow["data_schema"].schema) == states
    first, second = states
    flow = await fill_in(house, flow, **{first: "2,5", second: "dear"})
    assert flow["errors"] == {second: "not_a_number"}
    assert shown(flow) == {first: "2,5", second: "dear"}
    await fill_in(house, flow, **{first: "2,5", second: "1"})
    assert newest(house).data == {
        CONF_KIND: "states",
        CONF_ENTITY: entity,
        CONF_PRICES: {first: "2.5", second: "1"},
        CONF_DEFAULT: False,
        **NO_MARKUPS,
    }


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_helper_without_states_has_no_prices(
    house: LivedInHouse, is_there: bool
) -> None:
    if is_there:
        house.hass.states.async_set("select.tariff", "unavailable")
    flow = await add_terms(house, "states")
    flow = await fill_in(house, flow, entity="select.tariff")
    assert flow["errors"] == {CONF_ENTITY: "no_states"}
    house.hass.states.async_set("select.tariff", "a", {"options": ["a"]})
    flow = await fill_in(house, flow, entity="select.tariff")
    assert flow["step_id"] == "prices"


async def test_a_tariff_is_changed_to_another_kind(house: LivedInHouse) -> None:
    house.hass.states.async_set("select.tariff", "day", {"options": ["day", "night"]})
    tariff = await house.add_tariff(
        "Home", "2.50", **NO_MARKUPS | {CONF_ENERGY_TAX: "0.4"}
    )
    flow = await change(house, tariff)
    assert flow["step_id"] == "reconfigure"
    known = shown(flow)
    assert (known[CONF_NAME], known[CONF_KIND]) == ("Home", "fixed")
    assert known[CONF_ENERGY_TAX] == "0.4"
    taxed = {CONF_ENERGY_TAX: "0.4"}

    flow = await fill_in(house, flow, name="Spot", kind="fixed", markups=taxed)
    assert shown(flow) == {CONF_PRICE: "2.50"}
    done = await fill_in(house, flow, price="3")
    assert done["reason"] == "reconfigure_successful"
    assert tariff.title == "Spot"
    assert tariff.data[CONF_PRICE] == "3"

    flow = await change(house, tariff)
    flow = await fill_in(house, flow, name="Spot", kind="states", markups=taxed)
    flow = await fill_in(house, flow, entity="select.tariff")
    await fill_in(house, flow, day="2", night="1")
    assert tariff.data == {
        CONF_KIND: "states",
        CONF_ENTITY: "select.tariff",
        CONF_PRICES: {"day": "2", "night": "1"},
        CONF_DEFAULT: False,
        **NO_MARKUPS,
        CONF_ENERGY_TAX: "0.4",
    }

    flow = await change(house, tariff)
    flow = await fill_in(house, flow, name="Spot", kind="states", markups=taxed)
    assert shown(flow) == {CONF_ENTITY: "select.tariff"}
    flow = await fill_in(house, flow, entity="select.tariff")
    assert shown(flow) == {"day": "2", "night": "1"}


async def test_amounts_are_in_the_currency_of_the_house(
    house: LivedInHouse, hass: HomeAssistant
) -> None:
    flow = await add_terms(house, "fixed")
    [price] = flow["data_schema"].schema.values()
    assert price.config["suffix"] == "SEK/kWh"
