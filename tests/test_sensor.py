"""What sensors show of connectors, sessions, users and tariffs."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from syrupy.assertion import SnapshotAssertion

from custom_components.ladda import hub as hub_module
from custom_components.ladda.const import (
    CONF_DEFAULT_USER,
    CONF_ENTITY,
    CONF_KIND,
    CONF_OPEN_TO_ALL,
    CONF_VAT_INCLUDED,
    CONF_VAT_PERCENT,
    KIND_HELPER,
)
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity

from .house import NOON, STATION, TAG, LivedInHouse, hours_ago

HELPER = "sensor.electricity_price"
FIRST = f"{STATION}/1"
ASTRID = "user_user_astrid"
LIVE = ("status", "power", "fault")
KEPT = ("energy", "session_energy", "session_cost", "session_user")


def show_price(hass: HomeAssistant, price: str, unit: str = "SEK/kWh") -> None:
    """Let the price helper show a price."""
    hass.states.async_set(HELPER, price, {"unit_of_measurement": unit})


def enable(hass: HomeAssistant, entity_id: str) -> None:
    """Enable an entity that is disabled at first."""
    er.async_get(hass).async_update_entity(entity_id, disabled_by=None)


def written(hass: HomeAssistant) -> dict[str, float]:
    """Return when each state was last written, also without a change."""
    return {
        state.entity_id: state.last_reported_timestamp
        for state in hass.states.async_all()
    }


async def test_sensors_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("sensor") == snapshot


async def test_a_session_as_it_goes_on_and_ends(house: LivedInHouse) -> None:
    await house.add_tariff(price="2.50", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    began = hours_ago(2)
    session = await house.start(station, at=began, meter_wh=700_000)
    assert house.state("sensor", f"{FIRST}_energy").state == "700.000"
    assert house.state("sensor", f"{FIRST}_session_energy").state == "0.000"
    assert house.state("sensor", f"{FIRST}_session_cost").state == "0.00"
    assert house.state("sensor", f"{FIRST}_session_user").state == "Astrid"

    await house.measure(station, session, Energy_Active_Import_Register=703_333)
    assert house.state("sensor", f"{FIRST}_session_energy").state == "3.333"
    assert house.state("sensor", f"{FIRST}_session_cost").state == "8.33"  # 8.3325
    assert house.state("sensor", f"{ASTRID}_cost_total").state == "0.00"

    await house.stop(station, session, 710_001)
    assert house.state("sensor", f"{ASTRID}_energy_month").state == "10.001"
    assert house.state("sensor", f"{ASTRID}_cost_total").state == "25.00"
    assert house.state("sensor", f"{FIRST}_energy").state == "710.001"
    assert house.state("sensor", f"{FIRST}_session_energy").state == "10.001"
    cost = house.state("sensor", f"{FIRST}_session_cost")
    assert cost.state == "25.00"  # 25.0025
    assert cost.attributes["last_reset"] == began.isoformat()
    assert cost.attributes["provisional"] is False
    assert house.state("sensor", f"{FIRST}_session_user").state == STATE_UNKNOWN
    last = house.state("sensor", f"{ASTRID}_last_session")
    assert (last.attributes["station"], last.attributes["energy_kwh"]) == (
        "Garage",
        10.001,
    )


async def test_only_what_never_falls_is_added_up_by_the_energy_dashboard(
    house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others give that to intervals and to a session's start, and hertz to RPM."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, meter_wh=16_000_000)
    await house.measure(
        station,
        session,
        Energy_Active_Import_Register=16_000_050,
        Energy_Active_Import_Interval=50,
        RPM=1500,
        Frequency="50.01",
    )
    described = house.entities("sensor").values()
    increasing = [
        each["unique_id"]
        for each in described
        if (each["attributes"] or {}).get("state_class") == "total_increasing"
    ]
    assert set(increasing) == {f"{FIRST}_energy", f"{FIRST}_unassigned_energy"}
    assert not [
        each
        for each in described
        if (each["attributes"] or {}).get("device_class") == "frequency"
    ]


async def test_a_register_that_says_nothing_makes_no_spike(
    hass: HomeAssistant, noon: FrozenDateTimeFactory, house: LivedInHouse
) -> None:
    """#1756: from 0 back to 16 MWh the Energy dashboard would count 16 MWh."""
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(1), meter_wh=16_000_000)
    shown = house.shown("sensor", f"{FIRST}_energy")
    for value in ("16001000", "", "0", "16002000", "none", "4294967295", "16003000"):
        noon.tick(600)
        await house.measure(station, session, Energy_Active_Import_Register=value)
    noon.tick(600)
    await house.stop(station, session, 16_004_000)
    assert shown == ["16001.000", "16002.000", "16003.000", "16004.000"]


async def test_a_session_is_on_its_users_account_when_it_has_ended(
    house: LivedInHouse,
) -> None:
    await house.add_tariff(price="1.00", default=True)
    await house.add_user("Astrid", TAG, "04FF")
    await house.add_station()
    station = await house.station(connectors=2)
    one = await house.start(station, TAG, at=hours_ago(1))
    two = await house.start(station, "04FF", connector=2, at=hours_ago(1))
    await house.measure(station, one, Energy_Active_Import_Register=1_000)
    await house.measure(station, two, connector=2, Energy_Active_Import_Register=2_500)
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "0.000"
    assert house.state("sensor", f"{ASTRID}_last_session").state == STATE_UNKNOWN
    await house.stop(station, one, 1_500)
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "1.500"
    assert house.state("sensor", f"{ASTRID}_cost_month").state == "1.50"
    await house.stop(station, two, 3_000)
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "4.500"
    assert house.state("sensor", f"{ASTRID}_cost_month").state == "4.50"


async def test_only_what_changed_is_written(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff(default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station(connectors=2)
    session = await house.start(station, at=hours_ago(1))
    values = {"Energy_Active_Import_Register": 5_000, "Power_Active_Import": 7_000}
    await house.measure(station, session, **values)

    before = written(hass)
    await house.measure(station, session, **values)
    assert written(hass) == before

    await house.measure(station, session, **values | {"Power_Active_Import": 7_100})
    after = written(hass)
    assert [entity for entity in after if after[entity] != before[entity]] == [
        house.entity_id("sensor", f"{FIRST}_power")
    ]


async def test_what_was_kept_while_away_is_shown_as_it_comes_in_but_not_each_value(
    hass: HomeAssistant, house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "CATCH_UP_PACE", 0.2)
    await house.add_tariff(price="1.00", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(3))
    shown = house.shown("sensor", f"{FIRST}_session_energy")
    for minutes in range(1, 101):
        await house.measure(
            station,
            session,
            at=hours_ago(3 - minutes / 60),
            Energy_Active_Import_Register=100 * minutes,
        )
    await house.until(
        lambda: house.state("sensor", f"{FIRST}_session_energy").state == "10.000"
    )
    assert 1 <= len(shown) < 50


async def test_what_is_live_goes_with_the_station_and_what_is_kept_stays(
    house: LivedInHouse,
) -> None:
    await house.add_tariff(default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(1))
    await house.measure(
        station, session, Energy_Active_Import_Register=4_000, Power_Active_Import=7_000
    )
    await station.go_offline()
    await house.until(
        lambda: house.state("binary_sensor", f"{STATION}_connected").state == "off"
    )
    for key in LIVE:
        assert house.state("sensor", f"{FIRST}_{key}").state == STATE_UNAVAILABLE
    assert [house.state("sensor", f"{FIRST}_{key}").state for key in KEPT] == [
        "4.000",
        "4.000",
        "10.00",
        "Astrid",
    ]
    assert house.state("sensor", f"{ASTRID}_energy_month").state == "0.000"

    await station.go_online()
    await station.wait_registered()
    await house.until(
        lambda: house.state("sensor", f"{FIRST}_power").state != STATE_UNAVAILABLE
    )


async def test_the_ledger_knows_everything_again_after_a_reload(
    house: LivedInHouse,
) -> None:
    await house.add_tariff(default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=hours_ago(2))
    await house.stop(station, session, 8_000, at=hours_ago(1))
    session = await house.start(station, at=hours_ago(0.5), meter_wh=8_000)
    await house.measure(station, session, Energy_Active_Import_Register=9_500)
    await station.stop()
    before = {
        key: house.state("sensor", f"{FIRST}_{key}").state for key in (*KEPT, "status")
    }
    account = house.state("sensor", f"{ASTRID}_cost_total").state
    await house.unload()

    await house.set_up()
    for key in KEPT:
        assert house.state("sensor", f"{FIRST}_{key}").state == before[key]
    assert house.state("sensor", f"{FIRST}_status").state == STATE_UNAVAILABLE
    assert house.state("sensor", f"{ASTRID}_cost_total").state == account == "20.00"
    assert house.state("switch", f"{FIRST}_charging").state == STATE_UNAVAILABLE


async def test_energy_of_which_nobody_told_is_shown_as_such(
    monkeypatch: pytest.MonkeyPatch, house: LivedInHouse
) -> None:
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    await house.add_station()
    unique_id = f"{FIRST}_unassigned_energy"
    station = await house.station()
    session = await house.start(station, at=hours_ago(3), meter_wh=0)
    await house.stop(station, session, 1000, at=hours_ago(2))
    await house.start(station, at=hours_ago(1), meter_wh=2500)
    assert house.state("sensor", unique_id).state == "1.500"


async def test_energy_without_a_price_costs_nothing_known_and_says_so(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff(
        default=True, **{CONF_KIND: KIND_HELPER, CONF_ENTITY: HELPER}
    )
    await house.add_user("Astrid", TAG)
    await house.add_station()
    assert house.state("sensor", f"{ASTRID}_cost_total").state == "0.00"
    station = await house.station()
    session = await house.start(station, at=hours_ago(1))
    await house.measure(station, session, Energy_Active_Import_Register=4_000)
    cost = house.state("sensor", f"{FIRST}_session_cost")
    assert (cost.state, cost.attributes["provisional"]) == (STATE_UNKNOWN, True)

    await house.stop(station, session, 6_000)
    for unique_id in (
        f"{FIRST}_session_cost",
        f"{ASTRID}_cost_month",
        f"{ASTRID}_cost_total",
    ):
        cost = house.state("sensor", unique_id)
        assert (cost.state, cost.attributes["provisional"]) == (STATE_UNKNOWN, True)
    assert house.state("sensor", f"{ASTRID}_energy_total").state == "6.000"


async def test_a_price_follows_its_helper(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    show_price(hass, "80", "öre/kWh")
    tariff = await house.add_tariff(
        **{
            CONF_KIND: KIND_HELPER,
            CONF_ENTITY: HELPER,
            CONF_VAT_INCLUDED: False,
            CONF_VAT_PERCENT: "25",
        }
    )
    price = f"tariff_{tariff.subentry_id}_price"
    assert house.number(price) == 1
    assert house.state("sensor", price).attributes["unit_of_measurement"] == "SEK/kWh"
    show_price(hass, "1.6")
    await hass.async_block_till_done()
    assert house.number(price) == 2
    hass.states.async_set(HELPER, STATE_UNAVAILABLE)
    await hass.async_block_till_done()
    assert house.state("sensor", price).state == STATE_UNKNOWN
    show_price(hass, "-0.4")
    await hass.async_block_till_done()
    assert str(house.number(price)) == "-0.500"


async def test_a_price_follows_its_tariff(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    tariff = await house.add_tariff(price="2")
    hass.config_entries.async_update_subentry(
        house.entry, tariff, data={**tariff.data, "price": "3"}
    )
    await hass.async_block_till_done()
    assert house.number(f"tariff_{tariff.subentry_id}_price") == 3


async def test_a_session_on_nobodys_account_is_shown_as_such(
    house: LivedInHouse,
) -> None:
    await house.add_station(**{CONF_OPEN_TO_ALL: True})
    station = await house.station()
    await house.start(station, "04STRANGE")
    assert house.state("sensor", f"{FIRST}_session_user").state == "nobody"
    assert house.state("sensor", f"{FIRST}_session_cost").state == STATE_UNKNOWN


async def test_a_session_is_shown_under_the_users_present_name(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    user = await house.add_user("Astrid")
    await house.add_station(
        **{CONF_OPEN_TO_ALL: True, CONF_DEFAULT_USER: user.subentry_id}
    )
    station = await house.station()
    await house.start(station, "04STRANGE")
    hass.config_entries.async_update_subentry(house.entry, user, title="Pippi")
    await hass.async_block_till_done()
    await house.report_status(station, "Charging")
    assert house.state("sensor", f"{FIRST}_session_user").state == "Pippi"


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ("Available", "available"),
        ("SuspendedEV", "suspended_ev"),
        # "unavailable" would mean that the sensor itself is
        ("Unavailable", "out_of_service"),
        ("Faulted", "faulted"),
    ],
)
async def test_status(house: LivedInHouse, reported: str, shown: str) -> None:
    await house.add_station()
    station = await house.station()
    await house.report_status(station, reported)
    assert house.state("sensor", f"{FIRST}_status").state == shown


@pytest.mark.parametrize(
    ("error", "vendor_error", "shown"),
    [
        ("GroundFailure", "", "GroundFailure"),
        ("GroundFailure", "E42", "GroundFailure"),
        # Of a fault that OCPP has no name for, the charger's own word says more
        ("OtherError", "E42", "E42"),
        ("NoError", "E42", "E42"),
        ("OtherError", "0x0000", "OtherError"),
        ("NoError", "0x00", "unspecified_fault"),
    ],
)
async def test_a_fault_is_told_in_the_stations_words(
    house: LivedInHouse, error: str, vendor_error: str, shown: str
) -> None:
    await house.add_station()
    station = await house.station()
    assert house.state("sensor", f"{FIRST}_fault").state == "no_fault"
    await house.report_status(
        station, "Faulted", errorCode=error, info="RCD", vendorErrorCode=vendor_error
    )
    fault = house.state("sensor", f"{FIRST}_fault")
    assert fault.state == shown
    assert fault.attributes["severity"] == "fault"
    assert fault.attributes["info"] == "RCD"
    assert ("vendor_error" in fault.attributes) is (vendor_error == "E42")


@pytest.mark.parametrize("vendor_error", ["", "0", "0x00", "000000", "null", "NoError"])
async def test_words_for_nothing_are_no_fault(
    house: LivedInHouse, vendor_error: str
) -> None:
    await house.add_station()
    station = await house.station()
    await house.report_status(station, "Preparing", vendorErrorCode=vendor_error)
    fault = house.state("sensor", f"{FIRST}_fault")
    assert fault.state == "no_fault"
    assert not fault.attributes.keys() & {"vendor_error", "severity"}


async def test_a_fault_that_stops_nothing_is_a_warning(house: LivedInHouse) -> None:
    await house.add_station()
    station = await house.station()
    await house.start(station)
    await house.report_status(station, "Charging", errorCode="HighTemperature")
    fault = house.state("sensor", f"{FIRST}_fault")
    assert (fault.state, fault.attributes["severity"]) == ("HighTemperature", "warning")
    assert house.state("sensor", f"{FIRST}_status").state == "charging"
    assert house.state("switch", f"{FIRST}_charging").state == "on"


async def test_a_fault_of_the_charger_as_a_whole_is_shown(house: LivedInHouse) -> None:
    """As Alfen tells that it has lost its load balancer."""
    await house.add_station()
    station = await house.station()
    assert house.state("sensor", f"{STATION}_fault").state == "no_fault"
    await house.report_status(
        station,
        "Available",
        connector=0,
        errorCode="OtherError",
        info="safe mode max 14.0A",
        vendorErrorCode="606",
    )
    fault = house.state("sensor", f"{STATION}_fault")
    assert fault.state == "606"
    assert fault.attributes["info"] == "safe mode max 14.0A"
    assert fault.attributes["severity"] == "warning"
    assert house.state("sensor", f"{FIRST}_fault").state == "no_fault"


async def test_a_charger_that_goes_out_of_service_as_a_whole_shows_it(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    """As Grizzl-E does, which then tells of no connector."""
    await house.add_station()
    enable(hass, house.entity_id("sensor", f"{STATION}_status"))
    await hass.config_entries.async_reload(house.entry.entry_id)
    station = await house.station()
    assert house.state("sensor", f"{STATION}_status").state == "available"
    await house.report_status(station, "Unavailable", connector=0)
    assert house.state("sensor", f"{STATION}_status").state == "out_of_service"
    assert house.state("sensor", f"{FIRST}_status").state == "available"


async def test_a_charger_that_says_nothing_of_itself_shows_nothing(
    house: LivedInHouse,
) -> None:
    await house.add_station()
    assert house.state("sensor", f"{STATION}_fault").state == STATE_UNAVAILABLE
    await house.station(silent_about=(0,))
    assert house.state("sensor", f"{STATION}_fault").state == STATE_UNKNOWN


async def test_a_new_month_begins_at_local_midnight(
    hass: HomeAssistant, noon: FrozenDateTimeFactory, house: LivedInHouse
) -> None:
    await house.add_tariff(price="2.50", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=NOON - timedelta(hours=2))
    await house.stop(station, session, 4_000, at=NOON - timedelta(hours=1))
    month = house.state("sensor", f"{ASTRID}_cost_month")
    assert month.state == "10.00"
    assert month.attributes["last_reset"] == "2026-05-01T00:00:00+02:00"

    await station.stop()
    noon.move_to("2026-05-31T22:00:01Z")
    async_fire_time_changed(hass, fire_all=True)
    await house.until(
        lambda: house.state("sensor", f"{ASTRID}_cost_month").state != "10.00"
    )
    month = house.state("sensor", f"{ASTRID}_cost_month")
    assert month.state == "0.00"
    assert month.attributes["last_reset"] == "2026-06-01T00:00:00+02:00"
    assert house.state("sensor", f"{ASTRID}_energy_month").state == "0.000"
    assert house.state("sensor", f"{ASTRID}_cost_total").state == "10.00"
