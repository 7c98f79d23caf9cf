"""What is under Repairs: unknown tags, limits not obeyed, helpers that are gone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from custom_components.ladda import limit_watch
from custom_components.ladda.const import (
    CONF_ACTIVE,
    CONF_ENTITY,
    CONF_KIND,
    CONF_PRICE,
    CONF_TAGS,
    DOMAIN,
    KIND_FIXED,
    KIND_HELPER,
    SUBENTRY_STATION,
    SUBENTRY_USER,
)
from custom_components.ladda.unknown_tags import WAITING
from homeassistant.components.repairs import RepairsFlowResult
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME, STATE_UNAVAILABLE
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .house import STATION, TAG, LivedInHouse

HELPER = "sensor.spot_price"
ABOUT = {"tag": TAG, "station": "Garage"}


@pytest.fixture
async def refused(house: LivedInHouse) -> LivedInHouse:
    """Return a house in which a tag that nobody has was held to the garage's reader."""
    assert await async_setup_component(house.hass, "repairs", {})
    await house.add_station()
    station = await house.station()
    assert await station.present_tag(1, TAG) == "Invalid"
    return house


async def fix(hass: HomeAssistant) -> RepairsFlowResult:
    """Begin to put the issue right."""
    [issue] = issues(hass)
    result: RepairsFlowResult = await hass.data["repairs"]["flow_manager"].async_init(
        DOMAIN, context={"issue_id": issue.issue_id}
    )
    return result


async def fill_in(
    hass: HomeAssistant, flow: RepairsFlowResult, **given: Any
) -> RepairsFlowResult:
    """Fill in the form, or choose from the menu, of a flow."""
    flows = hass.data["repairs"]["flow_manager"]
    result: RepairsFlowResult = await flows.async_configure(flow["flow_id"], given)
    await hass.async_block_till_done()
    return result


def issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return what is to be put right."""
    registry = ir.async_get(hass)
    return [issue for issue in registry.issues.values() if issue.domain == DOMAIN]


async def test_a_tag_that_nobody_has_is_an_issue(refused: LivedInHouse) -> None:
    [issue] = issues(refused.hass)
    assert TAG not in issue.issue_id  # which is kept, and part of diagnostics
    assert issue.is_fixable
    assert issue.translation_key == "unknown_tag"
    assert issue.translation_placeholders == ABOUT


async def test_an_unknown_tag_is_given_to_a_user(refused: LivedInHouse) -> None:
    hass = refused.hass
    user = await refused.add_user("Astrid", "AA")
    await refused.add_user("Bo")
    menu = await fix(hass)
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["existing_user", "new_user"]
    assert menu["description_placeholders"] == ABOUT
    form = await fill_in(hass, menu, next_step_id="existing_user")
    assert form["description_placeholders"] == ABOUT
    done = await fill_in(hass, form, user=user.subentry_id)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert user.data[CONF_TAGS] == ["AA", TAG]
    assert issues(hass) == []
    assert await refused.stations["GARAGE-1"].present_tag(1, TAG) == "Accepted"


async def test_an_unknown_tag_is_given_to_a_new_user(refused: LivedInHouse) -> None:
    hass = refused.hass
    await refused.add_user("Astrid", "AA")
    form = await fill_in(hass, await fix(hass), next_step_id="new_user")
    assert form["description_placeholders"] == ABOUT
    done = await fill_in(hass, form, name="Bo")
    assert done["type"] is FlowResultType.CREATE_ENTRY
    _, user = refused.entry.get_subentries_of_type(SUBENTRY_USER)
    assert user.title == "Bo"
    assert user.data == {CONF_TAGS: [TAG], CONF_ACTIVE: True}
    assert issues(hass) == []
    assert await refused.stations["GARAGE-1"].present_tag(1, TAG) == "Accepted"


async def test_a_new_user_has_a_name(refused: LivedInHouse) -> None:
    form = await fix(refused.hass)
    assert not form["errors"]
    form = await fill_in(refused.hass, form, name="  ")
    assert form["errors"] == {CONF_NAME: "invalid_name"}
    await fill_in(refused.hass, form, name=" Bo ")
    [user] = refused.entry.get_subentries_of_type(SUBENTRY_USER)
    assert user.title == "Bo"


async def test_a_tag_goes_to_nobody_who_is_not_chosen_or_not_there(
    refused: LivedInHouse,
) -> None:
    hass = refused.hass
    user = await refused.add_user("Astrid", "AA")
    form = await fill_in(hass, await fix(hass), next_step_id="existing_user")
    with pytest.raises(InvalidData):  # as the form says before it is sent
        await fill_in(hass, form)
    await refused.remove(user)
    again = await fill_in(hass, form, user=user.subentry_id)
    assert again["step_id"] == "existing_user"
    assert len(issues(hass)) == 1


async def test_without_users_there_is_only_a_new_one(refused: LivedInHouse) -> None:
    form = await fix(refused.hass)
    assert form["step_id"] == "new_user"
    await fill_in(refused.hass, form, name="Astrid")
    [user] = refused.entry.get_subentries_of_type(SUBENTRY_USER)
    assert user.title == "Astrid"


async def test_a_tag_that_has_found_its_user_is_no_issue(refused: LivedInHouse) -> None:
    assert await refused.stations["GARAGE-1"].present_tag(1, "04DD") == "Invalid"
    subentries = refused.hass.config_entries.subentries
    flow = await subentries.async_init(
        (refused.entry.entry_id, SUBENTRY_USER), context={"source": SOURCE_USER}
    )
    given = {CONF_NAME: "Astrid", CONF_TAGS: [TAG.lower()]}
    await subentries.async_configure(flow["flow_id"], given)
    await refused.hass.async_block_till_done()
    [issue] = issues(refused.hass)
    assert issue.data is not None
    assert issue.data["tag"] == "04DD"


async def test_a_tag_that_found_its_user_meanwhile_is_left_there(
    refused: LivedInHouse,
) -> None:
    hass = refused.hass
    form = await fix(hass)
    await refused.add_user("Astrid", TAG)
    done = await fill_in(hass, form, name="Bo")
    assert done["type"] is FlowResultType.ABORT
    assert done["reason"] == "tag_taken"
    assert done["description_placeholders"] == {"tag": TAG, "user": "Astrid"}
    [user] = refused.entry.get_subentries_of_type(SUBENTRY_USER)
    assert user.title == "Astrid"


async def present_strange_tags(house: LivedInHouse, start: int, count: int) -> None:
    """Hold so many tags to the reader that nobody has."""
    for number in range(start, start + count):
        token = {"idTag": f"04STRANGE{number}"}
        await house.stations["GARAGE-1"].send("Authorize", token)
    await house.hass.async_block_till_done()


def restart(hass: HomeAssistant) -> None:
    """Let the registry be as it is when Home Assistant has started again."""
    registry = ir.async_get(hass)
    for key, issue in list(registry.issues.items()):
        registry.issues[key] = replace(issue, active=False, data=None)


async def test_only_so_many_tags_wait_whoever_comes(refused: LivedInHouse) -> None:
    await present_strange_tags(refused, 0, WAITING + 3)
    assert len(issues(refused.hass)) == WAITING
    await present_strange_tags(refused, 0, 2)
    assert len(issues(refused.hass)) == WAITING


async def test_tags_that_are_ignored_do_not_keep_others_from_being_shown(
    refused: LivedInHouse,
) -> None:
    registry = ir.async_get(refused.hass)
    await present_strange_tags(refused, 0, WAITING)
    ignored = issues(refused.hass)[0].issue_id
    registry.async_ignore(DOMAIN, ignored, True)
    await present_strange_tags(refused, 100, 1)
    assert len(issues(refused.hass)) == WAITING + 1


async def test_tags_of_before_a_restart_wait_no_more_and_the_ignored_stay_so(
    refused: LivedInHouse,
) -> None:
    hass, registry = refused.hass, ir.async_get(refused.hass)
    await present_strange_tags(refused, 0, WAITING)
    ignored = issues(hass)[0].issue_id
    registry.async_ignore(DOMAIN, ignored, True)
    await refused.unload()
    restart(hass)
    await refused.set_up()
    assert [issue.issue_id for issue in issues(hass)] == [ignored]
    await refused.stations["GARAGE-1"].wait_registered()
    await present_strange_tags(refused, 100, WAITING)
    assert len(issues(hass)) == WAITING + 1
    assert await refused.stations["GARAGE-1"].present_tag(1, TAG) == "Invalid"
    issue = registry.async_get_issue(DOMAIN, ignored)
    assert issue is not None
    assert issue.dismissed_version is not None


async def test_a_house_that_is_gone_asks_nothing(refused: LivedInHouse) -> None:
    await refused.unload()
    assert issues(refused.hass) == []


# --- limits that are not obeyed ----------------------------------------------------------


@pytest.fixture
async def unruly(house: LivedInHouse, monkeypatch: pytest.MonkeyPatch) -> LivedInHouse:
    """Return a house whose charger accepts a limit of 10 A, and draws 16 A."""
    monkeypatch.setattr(limit_watch, "PATIENCE", timedelta())
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    await house.hub.desk.limits.set(STATION, 1, Decimal(10))
    for _ in range(2):
        await house.measure(station, session, Current_Import__L1=16)
    return house


async def test_a_limit_that_is_not_obeyed_is_an_issue(unruly: LivedInHouse) -> None:
    [issue] = issues(unruly.hass)
    assert STATION not in issue.issue_id
    assert issue.translation_key == "limit_ignored"
    assert issue.translation_placeholders == {
        "station": "Garage",
        "connector": "1",
        "limit": "10",
    }
    await unruly.hub.desk.limits.set(STATION, 1, None)
    assert issues(unruly.hass) == []


@pytest.mark.parametrize("end", ["unloaded", "removed"])
async def test_nobody_complains_of_a_charger_that_is_not_watched(
    unruly: LivedInHouse, end: str
) -> None:
    if end == "unloaded":
        await unruly.unload()
    else:
        [subentry] = unruly.hub.subentries(SUBENTRY_STATION)
        await unruly.remove(subentry)
    assert issues(unruly.hass) == []


# --- price helpers that are gone ---------------------------------------------------------


async def look(house: LivedInHouse) -> list[ir.IssueEntry]:
    """Look a minute later."""
    await house.a_minute_later()
    return issues(house.hass)


async def test_a_helper_that_is_gone_is_an_issue_until_it_is_back(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    """Until somebody sees to it, nothing that is charged has a price."""
    hass.states.async_set(HELPER, "1.00", {"unit_of_measurement": "SEK/kWh"})
    await house.add_tariff()
    await house.add_tariff("Spot", **{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER})
    assert await look(house) == []
    hass.states.async_set(HELPER, STATE_UNAVAILABLE)  # its device may be away
    assert await look(house) == []
    hass.states.async_remove(HELPER)
    [issue] = await look(house)
    assert issue.translation_key == "helper_gone"
    assert issue.translation_placeholders == {"tariff": "Spot", "entity": HELPER}
    hass.states.async_set(HELPER, "2.00", {"unit_of_measurement": "SEK/kWh"})
    assert await look(house) == []


@pytest.mark.parametrize("end", ["unloaded", "removed", "fixed"])
async def test_nobody_misses_a_helper_that_no_tariff_uses(
    house: LivedInHouse, end: str
) -> None:
    tariff = await house.add_tariff(**{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER})
    assert len(await look(house)) == 1
    if end == "unloaded":
        await house.unload()
    elif end == "removed":
        await house.remove(tariff)
    else:
        house.hass.config_entries.async_update_subentry(
            house.entry, tariff, data={CONF_KIND: KIND_FIXED, CONF_PRICE: "2.50"}
        )
        await house.hass.async_block_till_done()
    assert issues(house.hass) == []


async def test_a_helper_is_not_missed_before_home_assistant_has_started(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    hass.set_state(CoreState.starting)
    await house.add_tariff(**{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER})
    assert await look(house) == []
    hass.set_state(CoreState.running)
    assert len(await look(house)) == 1
