"""The config flow: setting up the house, and letting in who knocks."""

import asyncio
from collections.abc import Iterator
import errno
import socket
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ladda.central_system.credentials import verify_password
from custom_components.ladda.const import (
    CONF_AUTO_START,
    CONF_CERTIFICATE,
    CONF_DEFAULT_USER,
    CONF_IDENTITY,
    CONF_KEEP_SETTINGS,
    CONF_LEGACY_CIPHERS,
    CONF_MAX_CURRENT,
    CONF_NEW_PASSWORD_HASHES,
    CONF_OPEN_TO_ALL,
    CONF_PASSWORD_HASH,
    CONF_PRIVATE_KEY,
    CONF_SECOND_CERTIFICATE,
    CONF_SECRET,
    CONF_TURNED_AWAY,
    DOMAIN,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from homeassistant.components.http import ApiConfig
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PASSWORD, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component

from .house import LOOPBACK, STATION, LivedInHouse
from .station_simulator import SimulatedStation

# An address for documentation (RFC 5737), which no machine has
NOWHERE = "192.0.2.1"
STRANGER = {
    CONF_IDENTITY: STATION,
    "vendor": "Simulated",
    "model": "Type 2",
    "serial": "SIM-1",
    "address": LOOPBACK,
}


@pytest.fixture
def taken_port(socket_enabled: None) -> Iterator[int]:
    """Return a port on which something else listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def no_setup() -> Iterator[None]:
    """Let an entry that is made count as set up."""
    with patch("custom_components.ladda.async_setup_entry", return_value=True):
        yield


async def configure(
    hass: HomeAssistant, flow: ConfigFlowResult, **given: Any
) -> ConfigFlowResult:
    """Fill in the form of a flow."""
    return await hass.config_entries.flow.async_configure(flow["flow_id"], given)


async def choose(
    hass: HomeAssistant, flow: ConfigFlowResult, step: str
) -> ConfigFlowResult:
    """Choose from the menu of a flow."""
    return await configure(hass, flow, next_step_id=step)


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    """Begin to set Ladda up."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def knock(hass: HomeAssistant, **stranger: str) -> ConfigFlowResult:
    """Let a charger present itself, as the hub tells of it."""
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data=STRANGER | stranger,
    )


def discovered(hass: HomeAssistant) -> list[ConfigFlowResult]:
    """Return the chargers that wait to be let in."""
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
    ]


# --- the house ---------------------------------------------------------------------


@pytest.mark.usefixtures("no_setup", "socket_enabled")
async def test_a_house_needs_nothing_but_a_port(
    hass: HomeAssistant, unused_tcp_port: int
) -> None:
    flow = await begin(hass)
    assert flow["type"] is FlowResultType.FORM
    assert flow["step_id"] == "user"
    done = await configure(hass, flow, port=unused_tcp_port)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["title"] == "Ladda"
    secret = done["data"][CONF_SECRET]
    assert len(bytes.fromhex(secret)) == 16
    assert done["data"] == {
        CONF_HOST: "",
        CONF_PORT: unused_tcp_port,
        CONF_CERTIFICATE: "",
        CONF_PRIVATE_KEY: "",
        CONF_SECOND_CERTIFICATE: {CONF_CERTIFICATE: "", CONF_PRIVATE_KEY: ""},
        CONF_LEGACY_CIPHERS: False,
        CONF_SECRET: secret,
    }


@pytest.mark.usefixtures("no_setup", "socket_enabled")
@pytest.mark.parametrize(
    ("host", "url"),
    [("", "ws://10.0.0.7:{port}/"), (LOOPBACK, "ws://127.0.0.1:{port}/")],
)
async def test_it_says_what_to_enter_in_the_charger(
    hass: HomeAssistant, unused_tcp_port: int, host: str, url: str
) -> None:
    assert await async_setup_component(hass, "http", {})
    hass.config.api = ApiConfig("10.0.0.7", "10.0.0.7", 8123, False)
    flow = await begin(hass)
    assert flow["description_placeholders"] == {"url": "ws://10.0.0.7:9000/"}
    done = await configure(hass, flow, host=host, port=unused_tcp_port)
    assert done["description_placeholders"] == {"url": url.format(port=unused_tcp_port)}


@pytest.mark.usefixtures("no_setup", "socket_enabled")
async def test_an_address_of_version_6_is_bracketed(
    hass: HomeAssistant, unused_tcp_port: int
) -> None:
    with patch.object(type(hass.loop), "create_server", side_effect=OSError):
        flow = await configure(hass, await begin(hass), host="::1", port=9000)
    assert flow["description_placeholders"] == {"url": "ws://[::1]:9000/"}


@pytest.mark.usefixtures("no_setup")
async def test_a_port_that_something_else_uses_is_refused_until_it_is_free(
    hass: HomeAssistant, taken_port: int, unused_tcp_port: int
) -> None:
    flow = await configure(hass, await begin(hass), host=LOOPBACK, port=taken_port)
    assert flow["errors"] == {CONF_PORT: "port_in_use"}
    done = await configure(hass, flow, host=LOOPBACK, port=unused_tcp_port)
    assert done["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("no_setup", "socket_enabled")
async def test_an_address_that_this_machine_does_not_have_is_refused(
    hass: HomeAssistant, unused_tcp_port: int
) -> None:
    flow = await configure(hass, await begin(hass), host=NOWHERE, port=unused_tcp_port)
    assert flow["errors"] == {CONF_HOST: "invalid_host"}
    done = await configure(hass, flow, host=LOOPBACK, port=unused_tcp_port)
    assert done["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "problem",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label empty or too long"),
        ValueError("embedded null character"),
    ],
    ids=["unknown", "no name", "no text"],
)
async def test_a_name_that_leads_nowhere_is_refused(
    hass: HomeAssistant, problem: Exception
) -> None:
    with patch.object(type(hass.loop), "create_server", side_effect=problem):
        flow = await configure(hass, await begin(hass), host="garage..lan", port=9000)
    assert flow["errors"] == {CONF_HOST: "invalid_host"}


@pytest.mark.usefixtures("no_setup", "socket_enabled")
async def test_a_port_that_only_the_administrator_may_open_is_refused(
    hass: HomeAssistant, unused_tcp_port: int
) -> None:
    refusal = PermissionError(errno.EACCES, "Permission denied")
    with patch.object(type(hass.loop), "create_server", side_effect=refusal):
        flow = await configure(hass, await begin(hass), port=80)
    assert flow["errors"] == {"base": "cannot_bind"}
    done = await configure(hass, flow, port=unused_tcp_port)
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_there_is_one_house_only(
    hass: HomeAssistant, house_entry: MockConfigEntry
) -> None:
    refused = await begin(hass)
    assert refused["type"] is FlowResultType.ABORT
    assert refused["reason"] == "single_instance_allowed"


async def test_an_ignored_charger_is_no_house(hass: HomeAssistant) -> None:
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE).add_to_hass(hass)
    assert (await begin(hass))["type"] is FlowResultType.FORM


async def test_chargers_users_and_tariffs_can_be_added(
    house_entry: MockConfigEntry,
) -> None:
    kinds = house_entry.supported_subentry_types
    assert kinds == {
        kind: {"supports_reconfigure": True}
        for kind in (SUBENTRY_STATION, SUBENTRY_USER, SUBENTRY_TARIFF)
    }


async def test_the_house_moves_to_another_port(
    house: LivedInHouse, unused_tcp_port_factory: Any
) -> None:
    port = unused_tcp_port_factory()
    flow = await house.entry.start_reconfigure_flow(house.hass)
    assert flow["description_placeholders"] == {"url": f"ws://{LOOPBACK}:{house.port}/"}
    done = await configure(house.hass, flow, host=LOOPBACK, port=port)
    assert done["reason"] == "reconfigure_successful"
    await house.hass.async_block_till_done()
    assert house.entry.state is ConfigEntryState.LOADED
    assert house.entry.data[CONF_PORT] == port
    assert house.entry.data[CONF_SECRET]
    _, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, house.port)


async def test_the_port_that_the_house_holds_itself_is_not_in_use(
    house: LivedInHouse,
) -> None:
    flow = await house.entry.start_reconfigure_flow(house.hass)
    flow = await configure(house.hass, flow, host=NOWHERE, port=house.port)
    assert flow["errors"] == {CONF_HOST: "invalid_host"}
    done = await configure(house.hass, flow, port=house.port)
    assert done["reason"] == "reconfigure_successful"
    await house.hass.async_block_till_done()
    assert house.entry.data[CONF_HOST] == ""
    assert house.entry.state is ConfigEntryState.LOADED


async def test_the_house_cannot_move_to_a_port_that_something_else_uses(
    house: LivedInHouse, taken_port: int
) -> None:
    flow = await house.entry.start_reconfigure_flow(house.hass)
    flow = await configure(house.hass, flow, host=LOOPBACK, port=taken_port)
    assert flow["errors"] == {CONF_PORT: "port_in_use"}
    assert house.entry.data[CONF_PORT] == house.port


async def test_a_house_that_found_its_port_taken_opens_at_another(
    hass: HomeAssistant, house_entry: MockConfigEntry
) -> None:
    port = house_entry.data[CONF_PORT]
    with socket.create_server((LOOPBACK, 0)) as other:
        taken = other.getsockname()[1]
        hass.config_entries.async_update_entry(
            house_entry, data={**house_entry.data, CONF_PORT: taken}
        )
        assert not await hass.config_entries.async_setup(house_entry.entry_id)
        assert house_entry.state is ConfigEntryState.SETUP_RETRY
        flow = await house_entry.start_reconfigure_flow(hass)
        done = await configure(hass, flow, host=LOOPBACK, port=port)
        assert done["reason"] == "reconfigure_successful"
        await hass.async_block_till_done()
    assert house_entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(house_entry.entry_id)


# --- chargers that knock -------------------------------------------------------------


async def test_an_unknown_charger_is_discovered_adopted_and_accepted(
    house: LivedInHouse,
) -> None:
    hass = house.hass
    user = await house.add_user("Astrid")
    station = SimulatedStation(STATION, house.url, password="sesame")
    house.stations[STATION] = station
    await station.start()
    await house.until(lambda: station.registration == "Pending")
    await house.until(lambda: bool(discovered(hass)))
    [flow] = discovered(hass)
    assert flow["context"]["title_placeholders"] == {
        CONF_NAME: f"Simulated Type 2 ({STATION})"
    }

    menu = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["adopt", "turn_away"]
    assert menu["description_placeholders"] == STRANGER
    form = await choose(hass, menu, "adopt")
    assert form["description_placeholders"] == {CONF_IDENTITY: STATION}
    assert form["data_schema"]({})[CONF_NAME] == "Simulated Type 2"
    done = await configure(
        hass,
        form,
        name="Garage",
        default_user=user.subentry_id,
        open_to_all=True,
        password="sesame",
    )
    assert done["reason"] == "station_added"
    assert done["description_placeholders"] == {CONF_NAME: "Garage"}

    await station.wait_registered()
    [subentry] = house.entry.get_subentries_of_type(SUBENTRY_STATION)
    assert subentry.title == "Garage"
    assert subentry.unique_id == f"station_{STATION}"
    data = dict(subentry.data)
    assert verify_password(b"sesame", data.pop(CONF_PASSWORD_HASH))
    assert data == {
        CONF_IDENTITY: STATION,
        CONF_NEW_PASSWORD_HASHES: (),
        CONF_DEFAULT_USER: user.subentry_id,
        CONF_OPEN_TO_ALL: True,
        CONF_AUTO_START: False,
        CONF_KEEP_SETTINGS: False,
        CONF_MAX_CURRENT: 32,
    }


async def test_a_charger_may_be_adopted_without_any_choice(house: LivedInHouse) -> None:
    menu = await knock(house.hass)
    form = await choose(house.hass, menu, "adopt")
    assert not any(field == CONF_DEFAULT_USER for field in form["data_schema"].schema)
    await configure(house.hass, form)
    [subentry] = house.entry.get_subentries_of_type(SUBENTRY_STATION)
    assert subentry.title == "Simulated Type 2"
    assert subentry.data[CONF_PASSWORD_HASH] is None
    assert CONF_PASSWORD not in subentry.data


async def test_a_charger_that_says_little_goes_by_its_identity(
    house: LivedInHouse,
) -> None:
    menu = await knock(house.hass, vendor="", model="", serial="")
    [flow] = discovered(house.hass)
    assert flow["context"]["title_placeholders"] == {CONF_NAME: STATION}
    assert menu["description_placeholders"]["serial"] == "–"
    form = await choose(house.hass, menu, "adopt")
    assert form["data_schema"]({})[CONF_NAME] == STATION
    await configure(house.hass, form, name="  ")
    [subentry] = house.entry.get_subentries_of_type(SUBENTRY_STATION)
    assert subentry.title == STATION


async def test_a_charger_that_was_turned_away_stays_outside(
    house: LivedInHouse,
) -> None:
    hass = house.hass
    station = SimulatedStation(STATION, house.url, reconnect_delay=0.05)
    house.stations[STATION] = station
    await station.start()
    await house.until(lambda: bool(discovered(hass)))
    menu = await hass.config_entries.flow.async_configure(
        discovered(hass)[0]["flow_id"]
    )
    done = await choose(hass, menu, "turn_away")
    assert done["reason"] == "station_turned_away"
    assert done["description_placeholders"] == {CONF_IDENTITY: STATION}
    assert house.entry.options == {CONF_TURNED_AWAY: [STATION]}
    await house.until(lambda: station.refused_with == 404)
    assert (await knock(hass))["reason"] == "station_turned_away"


async def test_a_charger_is_asked_about_once(house: LivedInHouse) -> None:
    await knock(house.hass)
    again = await knock(house.hass, serial="SIM-2")
    assert again["reason"] == "already_in_progress"
    assert len(discovered(house.hass)) == 1


async def test_an_ignored_charger_is_not_offered_again(house: LivedInHouse) -> None:
    await knock(house.hass)
    await house.hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": f"station_{STATION}", "title": "A neighbour"},
    )
    await house.hass.async_block_till_done()
    assert discovered(house.hass) == []
    assert (await knock(house.hass))["reason"] == "already_configured"


async def test_a_charger_of_the_house_is_not_offered(house: LivedInHouse) -> None:
    await house.add_station()
    assert (await knock(house.hass))["reason"] == "already_configured"


async def test_a_charger_cannot_be_adopted_twice(house: LivedInHouse) -> None:
    form = await choose(house.hass, await knock(house.hass), "adopt")
    await house.add_station()
    assert (await configure(house.hass, form))["reason"] == "already_configured"


@pytest.mark.parametrize("step", ["adopt", "turn_away"])
async def test_nobody_is_let_in_or_turned_away_while_the_house_is_closed(
    house: LivedInHouse, step: str
) -> None:
    menu = await knock(house.hass)
    await house.unload()
    assert (await choose(house.hass, menu, step))["reason"] == "not_loaded"
    assert (await knock(house.hass))["reason"] == "not_loaded"


# --- options -------------------------------------------------------------------------


async def test_chargers_that_were_turned_away_can_be_let_in_again(
    house: LivedInHouse,
) -> None:
    house.hub.turn_away("GARAGE-1")
    house.hub.turn_away("GARAGE-2")
    options = house.hass.config_entries.options
    flow = await options.async_init(house.entry.entry_id)
    assert flow["data_schema"]({}) == {CONF_TURNED_AWAY: ["GARAGE-1", "GARAGE-2"]}
    await options.async_configure(flow["flow_id"], {CONF_TURNED_AWAY: ["GARAGE-2"]})
    await house.hass.async_block_till_done()
    assert house.entry.options == {CONF_TURNED_AWAY: ["GARAGE-2"]}
    assert (await knock(house.hass))["type"] is FlowResultType.MENU
    assert house.hub.desk.house.turned_away == {"GARAGE-2"}


async def test_without_chargers_that_were_turned_away_there_are_no_options(
    house: LivedInHouse,
) -> None:
    flow = await house.hass.config_entries.options.async_init(house.entry.entry_id)
    assert flow["reason"] == "nobody_turned_away"
