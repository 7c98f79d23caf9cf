"""The hub counts accounts, tells of connectors and tags, and watches prices."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from unittest.mock import AsyncMock

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ladda import hub as hub_module, known_connectors
from custom_components.ladda.balances import Account
from custom_components.ladda.billing.prices import Origin
from custom_components.ladda.central_system.credentials import hash_password
from custom_components.ladda.const import (
    CONF_ENTITY,
    CONF_KIND,
    CONF_TURNED_AWAY,
    DOMAIN,
    KIND_HELPER,
)
from custom_components.ladda.desk import ChargingDesk
from custom_components.ladda.hub import DISCOVERED
from custom_components.ladda.ledger import LedgerError
from custom_components.ladda.polling import PACE as POLLING_PACE
from homeassistant.components.recorder import Recorder
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.dt import utcnow

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse, hours_ago
from .station_simulator import Car

HELPER = "input_number.electricity_price"
SENSOR = "sensor.electricity_price"
ASTRID = "user_user_astrid"


def unknown_tags(hass: HomeAssistant) -> list[str]:
    """Return the issues that tell of unknown tags."""
    return [
        key
        for domain, key in ir.async_get(hass).issues
        if domain == DOMAIN and key.startswith("unknown_tag_")
    ]


# --- connectors ----------------------------------------------------------------------


async def test_connectors_are_told_of_together_when_the_station_does_not_say_how_many(
    house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_connectors, "SETTLE", 0.5)
    told: list[tuple[str, int]] = []
    await house.add_station()
    stop = house.hub.async_listen_connectors(lambda *known: told.append(known))
    station = await house.station(
        connectors=0, settings={"NumberOfConnectors": "unknown"}
    )
    for number in (1, 1, 0, 2):
        await house.report_status(station, "Available", connector=number)
    assert told == []
    await house.until(lambda: bool(told))
    assert told == [(STATION, 1), (STATION, 2)]
    stop()


async def test_who_listens_late_is_told_of_the_connectors_that_there_are(
    house: LivedInHouse,
) -> None:
    told: list[tuple[str, int]] = []
    await house.add_station()
    await house.station(connectors=2)
    house.hub.async_listen_connectors(lambda *known: told.append(known))()
    assert told == [(STATION, 1), (STATION, 2)]


@pytest.mark.parametrize("told", ["0", "", "unknown"])
async def test_a_charger_that_tells_of_no_connector_has_one(
    house: LivedInHouse, told: str
) -> None:
    """As FoxESS, which tells a status of connector 0 only."""
    await house.add_user("Astrid", TAG)
    await house.add_station()
    assert house.hub.connectors(STATION) == []
    station = await house.station(
        silent_about=(1,), settings={"NumberOfConnectors": told}
    )
    assert house.hub.connectors(STATION) == [1]
    assert house.state("switch", f"{STATION}/1_charging").state == "off"
    await station.plug_in(1, Car())
    await act(house.hass, "start_charging", device_id=device_id(house), user="Astrid")
    await station.wait_transaction(1)

    await station.stop()
    await house.unload()
    await house.set_up()
    assert house.hub.connectors(STATION) == [1]


async def test_a_charger_is_not_taken_to_have_one_connector_before_it_is_asked(
    house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As EN+, which is asked nothing for half a minute."""
    monkeypatch.setattr(hub_module, "ChargingDesk", partial(ChargingDesk, settle=0.5))
    await house.unload()
    await house.set_up()
    await house.add_station()
    station = house.simulate(STATION, connectors=2, silent_about=(1, 2))
    await station.start()
    await station.wait_registered()
    await asyncio.sleep(0.3)  # longer than connectors settle
    assert house.hub.connectors(STATION) == []
    await house.until(lambda: house.hub.connectors(STATION) == [1, 2])


async def test_known_connectors_are_there_at_once_after_a_restart(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    station = await house.station(connectors=2)
    await station.stop()
    await house.unload()
    await house.set_up()
    assert house.hub.connectors(STATION) == [1, 2]


# --- accounts ------------------------------------------------------------------------


async def test_a_session_given_to_somebody_else_moves_between_accounts(
    house: LivedInHouse,
) -> None:
    await house.add_tariff(price="2.00", default=True)
    await house.add_user("Astrid", TAG)
    pippi = await house.add_user("Pippi")
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(1))
    await house.stop(station, session, 3_000)
    await house.hub.desk.accounts.assign(session, pippi.subentry_id)
    await house.hass.async_block_till_done()
    assert house.hub.balances.of("user_astrid") == Account()
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "0.000"
    assert house.state("sensor", "user_user_pippi_energy_total").state == "3.000"
    assert house.state("sensor", "user_user_pippi_cost_month").state == "6.00"


async def test_another_currency_than_the_houses_is_no_money_of_it(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff(price="2.00", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(1))
    await house.stop(station, session, 3_000)
    await hass.config.async_update(currency="EUR")
    await hass.async_block_till_done()
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "3.000"
    assert house.state("sensor", f"{ASTRID}_cost_total").state == STATE_UNKNOWN


async def test_a_currency_that_is_set_later_counts_from_then_on(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    tariff = await house.add_tariff(price="2.00", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    await hass.config.async_update(currency="EUR")
    await hass.async_block_till_done()
    await house.until(lambda: house.hub.desk.is_online(STATION))
    await station.wait_registered()
    price = house.state("sensor", f"tariff_{tariff.subentry_id}_price")
    assert price.attributes["unit_of_measurement"] == "EUR/kWh"
    session = await house.start(station, at=hours_ago(1))
    await house.stop(station, session, 3_000)
    cost = house.state("sensor", f"{ASTRID}_cost_total")
    assert (cost.state, cost.attributes["unit_of_measurement"]) == ("6.00", "EUR")


async def test_running_costs_are_counted_from_the_ledger_after_a_restart(
    house: LivedInHouse,
) -> None:
    await house.add_tariff(price="2.00", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(1))
    await house.measure(station, session, Energy_Active_Import_Register=3_000)
    await station.stop()
    await house.unload()
    await house.set_up()
    assert house.state("sensor", f"{STATION}/1_session_cost").state == "6.00"


# --- prices --------------------------------------------------------------------------


async def test_a_helper_prices_a_session_as_it_changes(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    def show(price: str) -> None:
        hass.states.async_set(HELPER, price, {"unit_of_measurement": "SEK/kWh"})

    show("1.00")
    await house.add_tariff(
        default=True, **{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER}
    )
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    await house.measure(station, session, Energy_Active_Import_Register=50)
    show("3.00")
    await hass.async_block_till_done()
    await house.measure(station, session, Energy_Active_Import_Register=50)
    await house.measure(station, session, Energy_Active_Import_Register=90)
    cost = house.hub.running_cost(house.hub.station(STATION).open[session])
    assert cost is not None
    assert not cost.provisional
    assert [part.unit_price for part in cost.rating().slices] == [1, 3]


async def test_the_recorder_knows_what_a_helper_showed_while_nobody_watched(
    hass: HomeAssistant, recorder_mock: Recorder, house: LivedInHouse
) -> None:
    def show(price: str) -> None:
        hass.states.async_set(SENSOR, price, {"unit_of_measurement": "SEK/kWh"})

    show("1.00")
    await house.add_tariff(
        default=True, **{CONF_KIND: KIND_HELPER, CONF_ENTITY: SENSOR}
    )
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    await house.unload()
    show("3.00")
    await async_wait_recording_done(hass)
    show("2.00")
    await async_wait_recording_done(hass)

    await house.set_up()
    await station.wait_registered()
    await hass.async_block_till_done(wait_background_tasks=True)
    await house.measure(station, session, Energy_Active_Import_Register=90)
    opened = house.hub.station(STATION).open[session]
    cost = house.hub.running_cost(opened)
    assert cost is not None
    assert not cost.provisional
    assert [(part.unit_price, part.origin) for part in cost.rating().slices] == [
        (1, Origin.LIVE),
        (1, Origin.HISTORY),
        (3, Origin.HISTORY),
        (2, Origin.HISTORY),
        (2, Origin.LIVE),
    ]


async def test_what_a_helper_shows_while_no_tariff_uses_it_is_not_taken_for_known(
    hass: HomeAssistant, recorder_mock: Recorder, house: LivedInHouse
) -> None:
    def show(price: str) -> None:
        hass.states.async_set(HELPER, price, {"unit_of_measurement": "SEK/kWh"})

    spot = {CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER}
    show("1.00")
    tariff = await house.add_tariff("Spot", **spot)
    await house.remove(tariff)
    show("2.00")
    await async_wait_recording_done(hass)
    show("3.00")
    await async_wait_recording_done(hass)
    await house.add_tariff("Spot", **spot)
    await hass.async_block_till_done(wait_background_tasks=True)

    timeline = await house.hub.desk.prices.load(HELPER, None)
    told = timeline.observations_between(hours_ago(1), utcnow())
    assert [(seen.state, seen.origin) for seen in told] == [
        (None, Origin.LIVE),
        ("1.00", Origin.LIVE),
        ("1.00", Origin.HISTORY),
        ("2.00", Origin.HISTORY),
        ("3.00", Origin.HISTORY),
        ("3.00", Origin.LIVE),
    ]


async def test_a_helper_is_watched_as_soon_as_the_ledger_can_be_read(
    hass: HomeAssistant,
    house: LivedInHouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as unheard:
        unheard.setattr(house.hub, "async_update", AsyncMock())
        helper = {CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER}
        tariff = await house.add_tariff(**helper)
    with monkeypatch.context() as failing:
        unread = AsyncMock(side_effect=LedgerError("no disk"))
        failing.setattr(house.hub.ledger, "prices", unread)
        await house.hub.async_update()
    assert "Prices are watched another time: no disk" in caplog.text
    assert house.hub.desk.prices.watched == frozenset()
    await hass.async_block_till_done()  # what needs no ledger is done
    assert house.state("sensor", f"tariff_{tariff.subentry_id}_price")
    await house.a_minute_later()
    await house.until(lambda: house.hub.desk.prices.watched == {HELPER})


async def test_a_helper_that_only_a_session_needs_is_watched_until_that_ends(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    hass.states.async_set(HELPER, "1.00", {"unit_of_measurement": "SEK/kWh"})
    tariff = await house.add_tariff(
        "Spot", **{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER}
    )
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    await house.remove(tariff)
    assert house.hub.desk.prices.watched == {HELPER}
    await house.stop(station, session, 10)
    await house.a_minute_later()
    await house.until(lambda: not house.hub.desk.prices.watched)


async def test_what_became_known_while_the_ledger_refused_is_priced_later(
    hass: HomeAssistant,
    noon: FrozenDateTimeFactory,
    house: LivedInHouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The price was away for some minutes, and back with a disk that was full."""

    def show(state: str) -> None:
        hass.states.async_set(SENSOR, state, {"unit_of_measurement": "SEK/kWh"})

    show("2.00")
    helper = {CONF_KIND: KIND_HELPER, CONF_ENTITY: SENSOR}
    await house.add_tariff(default=True, **helper)
    await house.add_station(open_to_all=True)
    station = await house.station()
    show(STATE_UNAVAILABLE)
    await hass.async_block_till_done()
    session = await house.start(station)
    noon.tick(300)
    await house.stop(station, session, 500)
    assert house.state("sensor", f"{STATION}/1_session_cost").state == STATE_UNKNOWN
    with monkeypatch.context() as full:
        unread = AsyncMock(side_effect=LedgerError("no disk"))
        full.setattr(house.hub.ledger, "sessions", unread)
        show("2.00")
        await hass.async_block_till_done()
    assert f"What {SENSOR} shows is kept later: no disk" in caplog.text
    await house.a_minute_later()
    await house.until(
        lambda: house.state("sensor", f"{STATION}/1_session_cost").state == "1.00"
    )


async def test_a_helper_that_is_removed_shows_no_price(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    hass.states.async_set(HELPER, "1.00", {"unit_of_measurement": "SEK/kWh"})
    tariff = await house.add_tariff(**{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER})
    price = f"tariff_{tariff.subentry_id}_price"
    assert house.number(price) == 1
    hass.states.async_remove(HELPER)
    await hass.async_block_till_done()
    assert house.state("sensor", price).state == STATE_UNKNOWN


async def test_helpers_of_tariffs_that_are_added_at_once_are_watched_until_the_end(
    hass: HomeAssistant, house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def observe(entity: str, *_: object) -> bool:
        seen.append(entity)
        return False

    def show(price: str) -> None:
        for helper in (HELPER, SENSOR):
            hass.states.async_set(helper, price, {"unit_of_measurement": "SEK/kWh"})

    show("1.00")
    tariffs = await asyncio.gather(
        *(
            house.add_tariff(helper, **{CONF_KIND: KIND_HELPER, CONF_ENTITY: helper})
            for helper in (HELPER, SENSOR)
        )
    )
    show("2.00")
    await hass.async_block_till_done()
    for tariff in tariffs:
        assert house.number(f"tariff_{tariff.subentry_id}_price") == 2
    monkeypatch.setattr(house.hub.desk.prices, "observe", observe)
    await house.unload()
    show("3.00")
    await hass.async_block_till_done()
    assert seen == []


async def test_a_price_counts_from_when_it_was_shown_while_a_tariff_is_added(
    hass: HomeAssistant, house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(price: str) -> None:
        hass.states.async_set(HELPER, price, {"unit_of_measurement": "SEK/kWh"})

    last_received_at = house.hub.ledger.last_received_at

    async def slowly() -> datetime | None:
        show("2.00")
        await asyncio.sleep(0.05)
        return await last_received_at()

    show("1.00")
    await house.add_tariff(**{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER})
    monkeypatch.setattr(house.hub.ledger, "last_received_at", slowly)
    await house.add_tariff("Night", **{CONF_KIND: KIND_HELPER, CONF_ENTITY: SENSOR})
    shown = hass.states.get(HELPER)
    timeline = house.hub.desk.prices.timeline(HELPER)
    assert shown is not None
    assert timeline is not None
    [seen] = timeline.observations_between(utcnow(), utcnow())
    assert (seen.at, seen.state) == (shown.last_updated, "2.00")


# --- tags and strangers --------------------------------------------------------------


async def test_an_unknown_tag_is_shown_and_a_known_one_is_not(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    await station.present_tag(1, TAG)
    await station.present_tag(1, "04STRANGE")
    await house.until(lambda: bool(unknown_tags(hass)))
    assert len(unknown_tags(hass)) == 1


async def test_who_has_many_names_does_not_flood_the_discovered_devices(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    for number in range(DISCOVERED + 2):
        stranger = house.simulate(f"STRANGER-{number}")
        await stranger.start()
        await house.until(lambda: bool(house.hub.desk.strangers))
        await stranger.stop()
        await house.until(lambda: not house.hub.desk.strangers)
    flows = hass.config_entries.flow.async_progress()
    assert len(flows) == DISCOVERED


async def test_nobody_is_discovered_before_home_assistant_has_started(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    hass.set_state(CoreState.starting)
    stranger = house.simulate("STRANGER", retry_interval=0.05)
    await stranger.start()
    await stranger.wait_for(lambda: stranger.registration == "Pending")
    hass.set_state(CoreState.running)
    assert not hass.config_entries.flow.async_progress()
    await stranger.stop()
    await stranger.start()
    await house.until(lambda: bool(hass.config_entries.flow.async_progress()))


async def test_a_stranger_appears_and_may_be_turned_away(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    stranger = house.simulate("STRANGER")
    await stranger.start()
    await house.until(lambda: bool(hass.config_entries.flow.async_progress()))
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "integration_discovery"

    house.hub.turn_away("STRANGER")
    await hass.async_block_till_done()
    assert house.entry.options[CONF_TURNED_AWAY] == ["STRANGER"]
    await stranger.wait_for(lambda: stranger.refused_with is not None)


async def test_a_stranger_that_is_adopted_with_a_password_has_to_come_again_with_it(
    house: LivedInHouse,
) -> None:
    stranger = house.simulate(STATION, password="geheim")
    await stranger.start()
    await stranger.wait_for(lambda: stranger.registration == "Pending")
    unproven = house.hub.desk.links[STATION]
    await house.add_station(password_hash=hash_password("geheim"))
    await stranger.wait_registered()
    assert house.hub.desk.links[STATION] is not unproven


async def test_a_stranger_that_is_adopted_without_one_stays_connected(
    house: LivedInHouse,
) -> None:
    stranger = house.simulate(STATION)
    await stranger.start()
    await stranger.wait_for(lambda: stranger.registration == "Pending")
    link = house.hub.desk.links[STATION]
    await house.add_station()
    await stranger.wait_registered()
    assert house.hub.desk.links[STATION] is link


async def test_a_charger_that_tells_nothing_of_a_session_is_asked(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station()
    station = await house.station()
    session = await house.start(station)
    known = house.hub.station(STATION)
    assert known.booted_at is not None
    known.booted_at -= timedelta(minutes=5)
    known.open[session].last_heard -= timedelta(minutes=5)
    house.hub.desk.links[STATION].connected_at -= timedelta(minutes=5)
    async_fire_time_changed(hass, utcnow() + POLLING_PACE)
    question = {"requestedMessage": "MeterValues", "connectorId": 1}
    await station.wait_for(lambda: ("TriggerMessage", question) in station.received)
