"""Unknown tags: shown among the repairs, and given to a user there."""

from typing import Any

import pytest

from custom_components.ladda.const import CONF_ACTIVE, CONF_TAGS, DOMAIN, SUBENTRY_USER
from homeassistant.components.repairs import RepairsFlowResult
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .house import TAG, LivedInHouse

ISSUE = f"unknown_tag_{TAG}"
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
    result: RepairsFlowResult = await hass.data["repairs"]["flow_manager"].async_init(
        DOMAIN, context={"issue_id": ISSUE}
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


def issues(hass: HomeAssistant) -> list[str]:
    """Return what is to be put right."""
    return [issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN]


async def test_a_tag_that_nobody_has_is_an_issue(refused: LivedInHouse) -> None:
    issue = ir.async_get(refused.hass).async_get_issue(DOMAIN, ISSUE)
    assert issue is not None
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
    assert issues(refused.hass) == ["unknown_tag_04DD"]


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
