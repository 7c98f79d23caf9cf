"""Sessions are listed, explained, given to somebody else and priced afterwards."""

from datetime import timedelta
from decimal import Decimal

import pytest
import voluptuous as vol

from custom_components.ladda.const import (
    CONF_DEFAULT,
    CONF_ENTITY,
    CONF_KIND,
    CONF_PRICES,
    CONF_TARIFF,
    KIND_HELPER,
    KIND_STATES,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .actions import act, device_id
from .house import STATION, TAG, LivedInHouse, hours_ago
from .station_simulator import SimulatedStation

SPOT = {CONF_KIND: KIND_HELPER, CONF_ENTITY: "sensor.spot"}
TIME_OF_USE = {
    CONF_KIND: KIND_STATES,
    CONF_ENTITY: "input_select.period",
    CONF_PRICES: {"high": "3.00", "low": "1.00"},
}


async def charge(
    house: LivedInHouse, station: SimulatedStation, tag: str = TAG, ago: float = 3
) -> int:
    """Charge 4 kWh within an hour that began so many hours ago."""
    number = await house.start(station, tag, at=hours_ago(ago), meter_wh=1000)
    await house.stop(station, number, 5000, at=hours_ago(ago - 1))
    return number


@pytest.fixture
async def station(house: LivedInHouse) -> SimulatedStation:
    """Return the garage's charger; Astrid and Bo pay 2.50 a kWh."""
    await house.add_tariff(price="2.50", session_fee="5.00")
    await house.add_user("Astrid", TAG)
    await house.add_user("Bo", "04BB22")
    await house.add_station()
    return await house.station()


async def test_a_session_is_told_with_exact_numbers(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await charge(house, station)
    told = await act(hass, "list_sessions")
    [session] = told["sessions"]
    kept = await house.hub.ledger.session(number)
    assert kept is not None
    assert kept.ended_at is not None
    assert session == {
        "id": number,
        "transaction_id": number,
        "station": STATION,
        "station_name": "Garage",
        "connector": 1,
        "tag": TAG,
        "user": "Astrid",
        "user_id": kept.user,
        "started": kept.started_at.isoformat(),
        "ended": kept.ended_at.isoformat(),
        "meter_start_wh": "1000",
        "meter_stop_wh": "5000",
        "energy_wh": "4000",
        "energy_kwh": 4.0,
        "cost": "15.00",
        "currency": "SEK",
        "provisional": False,
        "stop_reason": "Local",
        "closing": "reported",
        "authorization": "accepted",
        "flags": [],
        "open": False,
    }


async def test_an_open_session_has_what_it_has_so_far(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await house.start(station, at=hours_ago(1), meter_wh=1000)
    await house.measure(station, number, Energy_Active_Import_Register=2234)
    session = await act(hass, "get_session", session_id=number)
    assert session["open"]
    assert session["ended"] is None
    assert session["energy_wh"] == "1234"
    # 1.234 kWh at 2.50 and the fee of 5.00 are 8.085
    assert session["cost"] == "8.09"
    assert not session["provisional"]


async def test_a_cost_is_explained_slice_by_slice(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await charge(house, station)
    session = await act(hass, "get_session", session_id=number)
    assert session["tariff"] == "Home"
    [part] = session["slices"]
    assert part["start"] == session["started"]
    assert part["end"] == session["ended"]
    assert (part["wh"], part["unit_price"]) == ("4000", "2.50")
    assert (part["state"], part["origin"]) == (None, "fixed")
    amounts = [Decimal(part["amount"]) for part in session["slices"]]
    fee = Decimal(session["session_fee"])
    assert sum(amounts) + fee == Decimal(session["cost"])


async def test_without_a_tariff_there_is_energy_and_no_cost(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_station(open_to_all=True)
    station = await house.station()
    number = await house.start(station, at=hours_ago(1))
    await house.measure(station, number, Energy_Active_Import_Register=700)
    session = await act(hass, "get_session", session_id=number)
    assert (session["energy_wh"], session["cost"]) == ("700", None)
    assert (session["tariff"], session["slices"]) == (None, [])


async def test_sessions_are_listed_by_charger_user_and_time(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    await house.add_station("YARD", "Yard")
    yard = await house.station("YARD")
    astrids = await charge(house, station, TAG, ago=30)
    bos = await charge(house, station, "04BB22", ago=20)
    strangers = await charge(house, yard, "04FFFF", ago=10)
    goes_on = await house.start(station)

    async def listed(**which: object) -> list[int]:
        told = await act(hass, "list_sessions", **which)
        return [session["id"] for session in told["sessions"]]

    assert await listed() == [goes_on, strangers, bos, astrids]
    assert await listed(limit=2) == [goes_on, strangers]
    assert await listed(device_id=device_id(house, "YARD")) == [strangers]
    assert await listed(device_id=device_id(house), connector=1, user="Bo") == [bos]
    assert await listed(user="nobody") == [strangers]
    assert await listed(open=True) == [goes_on]
    assert await listed(open=False) == [strangers, bos, astrids]
    since, until = hours_ago(25), hours_ago(15)
    assert await listed(since=since.isoformat(), until=until.isoformat()) == [bos]


async def test_sessions_of_a_user_who_is_gone_are_listed_by_the_users_id(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    kim = await house.add_user("Kim", "04CC33")
    number = await charge(house, station, "04CC33")
    await charge(house, station)
    await house.remove(kim)
    told = await act(hass, "list_sessions", user=kim.subentry_id)
    [session] = told["sessions"]
    assert (session["id"], session["user"]) == (number, "Kim")
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "list_sessions", user="Kim")
    assert caught.value.translation_key == "unknown_user"


async def test_times_without_a_zone_are_the_houses(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await charge(house, station)
    kept = await house.hub.ledger.session(number)
    assert kept is not None
    await hass.config.async_set_time_zone("America/New_York")
    # A clock on the wall there shows at least four hours less.
    wall = (kept.started_at - timedelta(hours=3, minutes=30)).replace(tzinfo=None)
    told = await act(hass, "list_sessions", until=wall.isoformat())
    assert [session["id"] for session in told["sessions"]] == [number]


async def test_a_session_is_given_to_somebody_else(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    dear = await house.add_tariff("Guests", "4.00")
    await house.add_user("Guest", **{CONF_TARIFF: dear.subentry_id})
    number = await charge(house, station)
    session = await act(hass, "assign_session", session_id=number, user="Guest")
    assert (session["user"], session["cost"]) == ("Guest", "16.00")
    session = await act(hass, "assign_session", session_id=number, user="nobody")
    assert (session["user"], session["user_id"]) == (None, None)


@pytest.mark.parametrize(
    ("action", "data"),
    [("get_session", {}), ("assign_session", {"user": "Bo"}), ("close_session", {})],
)
async def test_a_session_that_is_not_there_is_unknown(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    action: str,
    data: dict[str, str],
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, action, session_id=4711, **data)
    assert caught.value.translation_key == "unknown_session"


async def test_a_session_at_a_broken_charger_is_closed_with_what_is_known(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await house.start(station, at=hours_ago(3), meter_wh=1000)
    await house.measure(station, number, Energy_Active_Import_Register=5000)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "close_session", session_id=number)
    assert caught.value.translation_key == "session_goes_on"
    await station.power_cut()
    await house.until(lambda: not house.hub.desk.is_online(STATION))

    session = await act(hass, "close_session", session_id=number)
    assert (session["open"], session["closing"]) == (False, "estimated")
    assert (session["energy_wh"], session["cost"]) == ("4000", "15.00")
    assert await act(hass, "close_session", session_id=number) == session
    # Its tag is free again.
    await house.add_station("YARD", "Yard")
    yard = await house.station("YARD")
    answer = await yard.send(
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": TAG,
            "meterStart": 0,
            "timestamp": hours_ago(0).isoformat(),
        },
    )
    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_a_charger_that_comes_back_still_tells_the_end_of_what_was_closed(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    number = await house.start(station, at=hours_ago(3), meter_wh=1000)
    await house.measure(station, number, Energy_Active_Import_Register=5000)
    await station.go_offline()
    await house.until(lambda: not house.hub.desk.is_online(STATION))
    await act(hass, "close_session", session_id=number)
    await station.go_online()
    await station.wait_registered()
    await house.stop(station, number, 7000)
    session = await act(hass, "get_session", session_id=number)
    assert (session["energy_wh"], session["closing"]) == ("6000", "reported")


async def test_a_price_that_was_not_known_is_filled_in(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff("Spot", **{CONF_DEFAULT: True, "grid_fee": "0.50"}, **SPOT)
    await house.add_station(open_to_all=True)
    number = await charge(house, await house.station())
    session = await act(hass, "get_session", session_id=number)
    assert (session["cost"], session["provisional"]) == (None, True)
    assert session["slices"][0]["amount"] is None

    done = await act(
        hass,
        "set_price",
        tariff="spot",
        start=hours_ago(4).isoformat(),
        end=hours_ago(0.5).isoformat(),
        price=1.25,
    )
    assert done == {"settled": 1}
    session = await act(hass, "get_session", session_id=number)
    assert (session["cost"], session["provisional"]) == ("7.00", False)
    [part] = session["slices"]
    assert (part["state"], part["origin"]) == ("1.25", "manual")


async def test_a_price_that_is_filled_in_is_seen_at_once_in_what_goes_on(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff("Spot", **{CONF_DEFAULT: True}, **SPOT)
    await house.add_station(open_to_all=True)
    station = await house.station()
    number = await house.start(station, at=hours_ago(2))
    await house.measure(
        station, number, at=hours_ago(1), Energy_Active_Import_Register=4000
    )
    await house.measure(station, number, Energy_Active_Import_Register=4000)
    cost = f"{STATION}/1_session_cost"
    assert house.state("sensor", cost).state == "unknown"
    when = {"start": hours_ago(3).isoformat(), "end": hours_ago(0.5).isoformat()}
    done = await act(hass, "set_price", tariff="spot", price=1.25, **when)
    assert done == {"settled": 0}
    assert house.state("sensor", cost).state == "5.00"


async def test_a_state_that_was_not_known_is_filled_in(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff("Periods", **{CONF_DEFAULT: True}, **TIME_OF_USE)
    await house.add_station(open_to_all=True)
    number = await charge(house, await house.station())
    done = await act(
        hass,
        "set_price",
        tariff="Periods",
        start=hours_ago(4).isoformat(),
        end=hours_ago(0.5).isoformat(),
        state="high",
    )
    assert done == {"settled": 1}
    session = await act(hass, "get_session", session_id=number)
    assert (session["cost"], session["provisional"]) == ("12.00", False)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"tariff": "Home", "price": 1}, "tariff_is_fixed"),
        ({"tariff": "Spot", "state": "high"}, "price_needed"),
        ({"tariff": "Periods", "price": 1}, "state_needed"),
        ({"tariff": "Periods", "state": "dear"}, "state_needed"),
        ({"tariff": "Free", "price": 1}, "unknown_tariff"),
    ],
)
async def test_a_price_must_fit_its_tariff(
    hass: HomeAssistant, house: LivedInHouse, data: dict[str, object], key: str
) -> None:
    await house.add_tariff("Home")
    await house.add_tariff("Spot", **SPOT)
    await house.add_tariff("Periods", **TIME_OF_USE)
    with pytest.raises(ServiceValidationError) as caught:
        await act(
            hass,
            "set_price",
            start=hours_ago(4).isoformat(),
            end=hours_ago(3).isoformat(),
            **data,
        )
    assert caught.value.translation_key == key


@pytest.mark.parametrize(("start", "end"), [(3, 4), (3, 3), (1, -1)])
async def test_only_the_past_can_be_filled_in(
    hass: HomeAssistant, house: LivedInHouse, start: float, end: float
) -> None:
    await house.add_tariff("Spot", **SPOT)
    now = hours_ago(0)
    with pytest.raises(ServiceValidationError) as caught:
        await act(
            hass,
            "set_price",
            tariff="Spot",
            start=(now - timedelta(hours=start)).isoformat(),
            end=(now - timedelta(hours=end)).isoformat(),
            price=1,
        )
    assert caught.value.translation_key == "not_a_past_period"


async def test_a_tariff_must_be_the_only_one_of_its_name(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.add_tariff("Spot", **SPOT)
    await house.add_tariff("Spot ", **SPOT)
    when = {"start": hours_ago(4).isoformat(), "end": hours_ago(3).isoformat()}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "set_price", tariff="spot", price=1, **when)
    assert caught.value.translation_key == "ambiguous_name"
    tariff = next(iter(house.hub.desk.house.tariffs))
    done = await act(hass, "set_price", tariff=tariff, price=1, **when)
    assert done == {"settled": 0}


async def test_a_price_is_one_number(hass: HomeAssistant, house: LivedInHouse) -> None:
    when = {"start": hours_ago(4).isoformat(), "end": hours_ago(3).isoformat()}
    for shown in ({"price": "nan"}, {"price": 1, "state": "high"}):
        with pytest.raises(vol.Invalid):
            await act(hass, "set_price", tariff="Spot", **when, **shown)


async def test_a_ledger_that_cannot_be_read_is_told(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    await house.hub.ledger.close()
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "list_sessions")
    assert caught.value.translation_key == "not_stored"
