"""Stations that are wrong about when it was, or which session it was."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.exceptions import InternalError
import pytest

from custom_components.ladda.central_system import StationError
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.session import Flag, Session
from tests.desk.counter import Counter
from tests.desk.wire import meter_values, start, stop
from tests.station_simulator import SimulatedStation

from .test_failures import begin, read, so_far

LITTLE = timedelta(seconds=5)


def lasted(session: Session, begun: datetime, ended: datetime) -> bool:
    """Tell whether a session has its true times."""
    assert session.ended_at is not None
    return (
        abs(session.started_at - begun) < LITTLE
        and abs(session.ended_at - ended) < LITTLE
    )


# --- when it was ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "stamped", ["1970-01-01T00:03:20Z", "2000-01-01T00:00:00Z", "soon", "", None, 0]
)
async def test_a_station_without_the_time_is_billed_by_ours(
    counter: Counter, stamped: Any
) -> None:
    """MicroOcpp#354, §5 row 20: it has not been told the time yet."""
    station = await counter.mute("garage")
    begun = counter.clock()
    told = start("04AA11", begun, 1000) | {"timestamp": stamped}
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    counter.clock.travel(minutes=10)
    values = meter_values(counter.clock(), 2000, transaction=id_)
    values["meterValue"][0]["timestamp"] = stamped
    assert await station.send("MeterValues", values) == {}
    assert so_far(counter, id_) == 1000
    counter.clock.travel(minutes=20)
    ended = counter.clock()
    told = stop(id_, ended, 6000) | {"timestamp": stamped}
    assert await station.send("StopTransaction", told) == {}
    [session] = await counter.sessions()
    assert session.energy_wh == 5000
    assert lasted(session, begun, ended)
    assert Flag.CLOCK_CORRECTED in session.flags


async def test_summer_time_ends_while_a_car_charges(counter: Counter) -> None:
    """steve#136, §5 row 20: local time as if it were UTC, which falls back an hour."""
    station = await counter.mute("garage")
    summer, winter = timedelta(hours=2), timedelta(hours=1)
    begun = counter.clock()
    told = start("04AA11", begun + summer, 1000)
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    for offset, wh in ((summer, 2000), (winter, 3000), (winter, 4000), (winter, 5000)):
        counter.clock.travel(minutes=10)
        at = counter.clock() + offset
        await station.send("MeterValues", meter_values(at, wh, transaction=id_))
    counter.clock.travel(minutes=10)
    ended = counter.clock()
    await station.send("StopTransaction", stop(id_, ended + winter, 6000))
    [session] = await counter.sessions()
    assert session.energy_wh == 5000
    assert lasted(session, begun, ended)


async def test_a_clock_that_is_late_is_found_out_while_a_car_charges(
    counter: Counter,
) -> None:
    """§5 row 20: the end is known by ours, though nothing said so at the start."""
    station = await counter.mute("garage")
    late = timedelta(hours=7)
    told = start("04AA11", counter.clock() - late, 1000)
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    for wh in (2000, 3000, 4000):
        counter.clock.travel(minutes=10)
        at = counter.clock() - late
        await station.send("MeterValues", meter_values(at, wh, transaction=id_))
    counter.clock.travel(minutes=10)
    ended = counter.clock()
    await station.send("StopTransaction", stop(id_, ended - late, 6000))
    [session] = await counter.sessions()
    assert session.energy_wh == 5000
    assert session.ended_at is not None
    assert abs(session.ended_at - ended) < LITTLE
    assert Flag.CLOCK_CORRECTED in session.flags


async def test_foxess_is_away_for_nineteen_minutes(counter: Counter) -> None:
    """It redials that late; its session goes on, and so does what it said it measured."""
    station = await counter.mute("garage")
    id_ = await begin(counter, station)
    await station.go_offline()
    counter.clock.travel(minutes=19)
    await counter.desk.close_forgotten()
    await counter.desk.ask_the_silent()
    await station.go_online()
    await station.wait_registered()
    await counter.desk.close_forgotten()
    await read(counter, station, 5000, id_)
    assert so_far(counter, id_) == 4000
    await station.send("StopTransaction", stop(id_, counter.clock(), 6000))
    [session] = await counter.sessions()
    assert (session.energy_wh, session.closing) == (5000, "reported")


# --- which session it was -------------------------------------------------------------


async def test_simpson_and_partners_keeps_to_the_first_of_two_ids(
    counter: Counter,
) -> None:
    """#1749: it starts again, and goes on by the id that it was given first."""
    station = await counter.mute("garage")
    first = await begin(counter, station)
    counter.clock.travel(minutes=2)
    second = await begin(counter, station)
    assert second != first
    await read(counter, station, 3000, first)
    assert so_far(counter, second) == 2000
    await read(counter, station, 5000, first)
    await station.send("StopTransaction", stop(first, counter.clock(), 6000))
    sessions = await counter.sessions()
    assert [(each.user, each.energy_wh) for each in sessions] == [
        ("anna", 0),
        ("anna", 5000),
    ]
    assert not counter.desk.stations["garage"].open


@pytest.mark.parametrize("no", [{"status": "Rejected"}, InternalError()], ids=repr)
async def test_a_session_is_stopped_by_the_id_that_its_station_has_for_it(
    counter: Counter, no: Any
) -> None:
    """#1749, #1000: others cannot stop it, and the car charges to the end."""
    station = await counter.mute("garage")
    id_ = await begin(counter, station)
    station.answers["RemoteStopTransaction"] = lambda payload: (
        {"status": "Accepted"} if payload["transactionId"] == -16 else no
    )
    with pytest.raises(StationError):
        await counter.desk.remote.stop("garage", 1)
    await read(counter, station, 2000, -16)
    assert await counter.desk.remote.stop("garage", 1)
    asked = [each["transactionId"] for each in station.asked("RemoteStopTransaction")]
    assert asked == [id_, id_, -16]


@pytest.mark.parametrize("minutes", [1, 20])
async def test_a_session_that_has_ended_is_told_of_still(
    counter: Counter, minutes: float
) -> None:
    """Ocular, #2075, EN+, evcc#14673: kept with the session, which stays as it is."""
    station = await counter.mute("garage")
    id_ = await begin(counter, station)
    await read(counter, station, 4000, id_)
    await station.send("StopTransaction", stop(id_, counter.clock(), 6000))
    [before] = await counter.sessions()
    counter.clock.travel(minutes=minutes)
    late = meter_values(counter.clock(), 6000, transaction=id_)
    assert await station.send("MeterValues", late) == {}
    [kept] = await counter.desk.ledger.entries(kind=Kind.LATE_METER)
    assert (kept.session, kept.data["register_wh"]) == (id_, "6000")
    assert await counter.sessions() == [before]
    assert not counter.desk.stations["garage"].open


async def test_the_id_of_the_last_session_is_kept_in_the_next(counter: Counter) -> None:
    """EN+, evcc#14673: what is measured now is the new session's."""
    station = await counter.mute("garage")
    old = await begin(counter, station)
    counter.clock.travel(minutes=30)
    await station.send("StopTransaction", stop(old, counter.clock(), 6000))
    counter.clock.travel(minutes=30)
    new = await begin(counter, station, 6000)
    await read(counter, station, 8000, old)
    assert so_far(counter, new) == 2000
    first, _ = await counter.sessions()
    assert first.energy_wh == 5000


async def test_a_stop_of_what_was_charged_for_nothing(counter: Counter) -> None:
    """Wallbox, ConnectorIO#199: it charged freely, and nobody was told of a start."""
    station = await counter.mute("garage")
    told = stop(1_936_029_036, counter.clock(), 9000)
    assert await station.send("StopTransaction", told) == {}
    assert await counter.sessions() == []
    [kept] = await counter.desk.ledger.entries(kind=Kind.ORPHAN_STOP)
    assert kept.data["meter_stop_wh"] == "9000"


# --- where its meter stood ------------------------------------------------------------


async def stopped(
    counter: Counter, station: SimulatedStation, begun_wh: int | None, ended_wh: int
) -> Session:
    """Charge for half an hour between two registers, of which one may go untold."""
    told = start("04AA11", counter.clock(), begun_wh or 0)
    if begun_wh is None:
        del told["meterStart"]
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    await read(counter, station, ended_wh - 2000, id_)
    counter.clock.travel(minutes=20)
    await station.send("StopTransaction", stop(id_, counter.clock(), ended_wh))
    session = await counter.desk.ledger.session(id_)
    assert session is not None
    return session


@pytest.mark.parametrize("begun_wh", [None, -5])
async def test_the_lifetime_is_nobodys_session(
    counter: Counter, begun_wh: int | None
) -> None:
    """evcc#29374: 7.9 MWh were billed, for no start was known."""
    station = await counter.mute("garage")
    session = await stopped(counter, station, begun_wh, 7_902_000)
    assert session.energy_wh == 2000
    assert Flag.METER_START_UNKNOWN in session.flags


async def test_a_negative_start_is_where_the_meter_stood(counter: Counter) -> None:
    """Wallbox, #1069, #1031."""
    station = await counter.mute("garage")
    await stopped(counter, station, 1000, 6000)
    counter.clock.travel(hours=1)
    session = await stopped(counter, station, -40, 9000)
    assert session.energy_wh == 3000
    assert Flag.METER_START_ASSUMED in session.flags


async def test_what_the_meter_moved_between_sessions_is_nobodys(
    counter: Counter,
) -> None:
    """Wallbox, #1069: the first stop was told too low."""
    station = await counter.mute("garage")
    await stopped(counter, station, 1000, 6000)
    counter.clock.travel(hours=1)
    session = await stopped(counter, station, 6500, 9000)
    assert session.energy_wh == 2500
    assert counter.desk.stations["garage"].connector(1).unassigned_wh == 500


async def test_abb_counts_from_zero_in_sessions_and_for_life_between_them(
    counter: Counter,
) -> None:
    """#919, #1776: what is shown adds up, and never falls or jumps."""
    station = await counter.mute("garage")
    connector = counter.desk.stations["garage"].connector(1)
    await read(counter, station, 812_345)
    shown = [connector.register_wh]
    lifetime = 812_345
    for wh in (5000, 3000):
        counter.clock.travel(hours=1)
        session = await stopped(counter, station, 0, wh)
        assert session.energy_wh == wh
        shown.append(connector.register_wh)
        lifetime += wh
        counter.clock.travel(hours=1)
        await read(counter, station, lifetime)
        shown.append(connector.register_wh)
    assert shown == [812_345, 817_345, 817_345, 820_345, 820_345]


# --- what comes with the stop ---------------------------------------------------------


async def test_the_readings_and_the_tag_of_a_stop_are_kept(counter: Counter) -> None:
    """Others ignore both: an offline session's quarter hours are in its stop only."""
    station = await counter.mute("garage")
    begun = counter.clock().replace(microsecond=0)
    counter.clock.travel(hours=1)
    answer = await station.send("StartTransaction", start("04AA11", begun, 1000))
    quarters = [
        meter_values(begun + timedelta(minutes=15 * n), wh)["meterValue"][0]
        for n, wh in ((1, 2000), (2, 5000), (3, 5500))
    ]
    told = stop(
        answer["transactionId"],
        begun + timedelta(hours=1),
        6000,
        idTag="04BB22",
        transactionData=quarters,
    )
    await station.send("StopTransaction", told)
    readings = await counter.desk.ledger.entries(kind=Kind.METER)
    assert [
        ((each.occurred_at - begun) // timedelta(minutes=1), each.data["register_wh"])
        for each in reversed(readings)
    ] == [(15, "2000"), (30, "5000"), (45, "5500")]
    assert all(each.occurred_at.tzinfo is UTC for each in readings)
    [ended] = await counter.desk.ledger.entries(kind=Kind.STOP)
    assert ended.data["token"] == "04BB22"
