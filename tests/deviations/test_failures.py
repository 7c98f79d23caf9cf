"""Where others lose energy, money or the overview: each failure that was reproduced."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ladda.charging.journal import Kind
from tests.bad_input.neighbours import connect
from tests.central_system.door import ask, hear, say
from tests.desk.counter import Counter, at_the_desk, house
from tests.desk.wire import meter_values, start, stop
from tests.station_simulator import SimulatedStation

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def begin(counter: Counter, station: SimulatedStation, wh: int = 1000) -> int:
    """Start a session and return its id."""
    told = start("04AA11", counter.clock(), wh)
    return int((await station.send("StartTransaction", told))["transactionId"])


async def read(
    counter: Counter, station: SimulatedStation, wh: int | str, id_: int | None = None
) -> None:
    """Read the meter, ten minutes later."""
    counter.clock.travel(minutes=10)
    told = meter_values(counter.clock(), wh, transaction=id_)
    assert await station.send("MeterValues", told) == {}


def so_far(counter: Counter, id_: int) -> Any:
    """Return the energy of a session that goes on, in Wh."""
    return counter.desk.stations["garage"].open[id_].energy.delivered_wh


async def test_two_connectors_that_start_in_one_second_get_two_ids(
    counter: Counter,
) -> None:
    station = await counter.mute("garage", connectors=2)
    at = counter.clock()
    told = [start("04AA11", at, 0, 1), start("04BB22", at, 0, 2)]
    first, second = [await station.send("StartTransaction", each) for each in told]
    assert first["transactionId"] != second["transactionId"]
    assert len(await counter.sessions()) == 2


async def test_a_session_that_was_kept_offline_lasts_as_long_as_it_did(
    counter: Counter,
) -> None:
    station = await counter.mute("garage")
    begun = counter.clock()
    counter.clock.travel(hours=3)
    answer = await station.send("StartTransaction", start("04AA11", begun, 0))
    ended = begun + timedelta(hours=2)
    told = stop(answer["transactionId"], ended, 7000)
    await station.send("StopTransaction", told)
    [session] = await counter.sessions()
    assert session.ended_at is not None
    assert abs(session.ended_at - session.started_at - timedelta(hours=2)) < timedelta(
        seconds=1
    )


async def test_a_stop_of_an_unknown_transaction_ends_no_session_on_connector_1(
    counter: Counter,
) -> None:
    station = await counter.mute("garage")
    id_ = await begin(counter, station)
    await read(counter, station, 2000, id_)
    told = stop(424242, counter.clock(), 50)
    assert await station.send("StopTransaction", told) == {}
    assert so_far(counter, id_) == 1000
    [session] = await counter.sessions()
    assert session.is_open
    assert len(await counter.desk.ledger.entries(kind=Kind.ORPHAN_STOP)) == 1


@pytest.mark.parametrize("first", ["meter values", "the stop"])
@pytest.mark.parametrize("boots", [True, False])
async def test_a_restart_in_mid_session_loses_nothing(
    tmp_path: Path, first: str, boots: bool
) -> None:
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage")) as counter:
        station = await counter.mute("garage")
        id_ = await begin(counter, station)
        await read(counter, station, 6000, id_)
        clock = counter.clock
    async with (
        at_the_desk(path, house("garage"), clock=clock) as counter,
        ClientSession() as client,
    ):
        assert so_far(counter, id_) == 5000
        ws = await connect(client, counter, "garage")
        if boots:
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            assert (await ask(ws, [2, "b", "BootNotification", boot]))[0] == 3
        if first == "meter values":
            clock.travel(minutes=10)
            told = meter_values(clock(), 7000, transaction=id_)
            assert await ask(ws, [2, "m", "MeterValues", told]) == [3, "m", {}]
            assert so_far(counter, id_) == 6000
        clock.travel(minutes=10)
        ended = stop(id_, clock(), 8000)
        assert await ask(ws, [2, "s", "StopTransaction", ended]) == [3, "s", {}]
        [session] = await counter.sessions()
        assert session.energy_wh == 7000
        await ws.close()


async def test_a_session_is_stopped_from_here_after_a_restart(tmp_path: Path) -> None:
    """The peer forgets the id: the car charges to the end."""
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage")) as counter:
        id_ = await begin(counter, await counter.mute("garage"))
        clock = counter.clock
    async with (
        at_the_desk(path, house("garage"), clock=clock) as counter,
        ClientSession() as client,
    ):
        ws = await connect(client, counter, "garage")
        await ask(ws, [2, "h", "Heartbeat", {}])
        stopping = asyncio.create_task(counter.desk.remote.stop("garage", 1))
        kind, number, action, payload = await hear(ws)
        assert (kind, action, payload) == (
            2,
            "RemoteStopTransaction",
            {"transactionId": id_},
        )
        await say(ws, [3, number, {"status": "Accepted"}])
        assert await stopping
        await ws.close()


async def test_what_an_old_transaction_tells_late_does_not_move_the_next(
    counter: Counter,
) -> None:
    station = await counter.mute("garage")
    first = await begin(counter, station)
    begun = counter.clock()
    counter.clock.travel(minutes=30)
    await station.send("StopTransaction", stop(first, counter.clock(), 6000))
    second = await begin(counter, station, 6000)
    await read(counter, station, 7000, second)
    late = meter_values(begun + timedelta(minutes=10), 2500, transaction=first)
    assert await station.send("MeterValues", late) == {}
    told = stop(first, begun + timedelta(minutes=30), 6000)
    assert await station.send("StopTransaction", told) == {}
    assert so_far(counter, second) == 1000
    counter.clock.travel(minutes=10)
    await station.send("StopTransaction", stop(second, counter.clock(), 8000))
    assert [session.energy_wh for session in await counter.sessions()] == [5000, 2000]


async def test_a_start_without_a_register_is_not_the_start_before(
    counter: Counter,
) -> None:
    """The peer keeps the register of the last start: 7.0 kWh instead of 1.0."""
    station = await counter.mute("garage")
    first = await begin(counter, station)
    counter.clock.travel(minutes=30)
    await station.send("StopTransaction", stop(first, counter.clock(), 7000))
    told = start("04AA11", counter.clock(), 0)
    del told["meterStart"]
    answer = await station.send("StartTransaction", told)
    counter.clock.travel(minutes=10)
    ended = stop(answer["transactionId"], counter.clock(), 8000)
    await station.send("StopTransaction", ended)
    assert [session.energy_wh for session in await counter.sessions()] == [6000, 1000]


async def test_two_starts_in_words_that_do_not_say_where_are_not_one_bill(
    counter: Counter,
) -> None:
    station = await counter.mute("garage", connectors=2)
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)
    annas = await begin(counter, station)
    counter.clock.travel(minutes=10)
    told = start("04BB22", counter.clock(), 500) | {"connectorId": 99}
    bos = (await station.send("StartTransaction", told))["transactionId"]
    counter.clock.travel(minutes=30)
    await station.send("StopTransaction", stop(bos, counter.clock(), 4500))
    await station.send("StopTransaction", stop(annas, counter.clock(), 8000))
    assert [
        (session.connector, session.energy_wh) for session in await counter.sessions()
    ] == [(1, 7000), (2, 4000)]


async def test_a_new_meter_that_starts_at_zero_is_still_a_lifetime_register(
    counter: Counter,
) -> None:
    station = await counter.mute("garage")
    first = await begin(counter, station, 0)
    await read(counter, station, 2000, first)
    await station.send("StopTransaction", stop(first, counter.clock(), 2000))
    counter.clock.travel(hours=1)
    second = await begin(counter, station, 2000)
    await read(counter, station, 5000, second)
    assert so_far(counter, second) == 3000
    assert counter.desk.stations["garage"].connector(1).register_wh == 5000
    await station.send("StopTransaction", stop(second, counter.clock(), 5000))
    energies = [session.energy_wh for session in await counter.sessions()]
    assert energies == [2000, 3000]


@pytest.mark.parametrize("nothing", ["", "  ", "null", "NaN", "-"])
async def test_a_value_that_says_nothing_is_no_zero(
    counter: Counter, nothing: str
) -> None:
    station = await counter.mute("garage")
    id_ = await begin(counter, station, 16_000_000)
    await read(counter, station, 16_000_100, id_)
    await read(counter, station, nothing, id_)
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.register_wh == 16_000_100
    await read(counter, station, 16_000_200, id_)
    assert connector.register_wh == 16_000_200
    assert so_far(counter, id_) == 200


async def test_meter_values_without_an_id_move_the_session(counter: Counter) -> None:
    station = await counter.mute("garage")
    id_ = await begin(counter, station)
    await read(counter, station, 3000)
    assert so_far(counter, id_) == 2000


@pytest.mark.parametrize("stale", [1936029036, 2**63 - 1, 0, -1])
async def test_a_stale_id_between_sessions_makes_no_session(
    counter: Counter, stale: int
) -> None:
    """Wallbox, #511; Alfen, #45."""
    station = await counter.mute("garage")
    await read(counter, station, 5000, stale)
    assert await counter.sessions() == []
    assert counter.desk.stations["garage"].connector(1).register_wh == 5000


async def test_a_register_that_falls_to_zero_and_back_is_no_energy(
    counter: Counter,
) -> None:
    """#1756, #1776."""
    station = await counter.mute("garage")
    connector = counter.desk.stations["garage"].connector(1)
    shown = []
    for wh in (358_000, 0, 358_000, 0, 358_010):
        counter.clock.travel(minutes=20)
        await read(counter, station, wh)
        shown.append(connector.register_wh)
    assert shown == sorted(shown)
    assert shown[-1] <= 358_010


async def test_messages_of_two_stations_with_one_name_for_the_connector_do_not_mix(
    counter: Counter,
) -> None:
    """#1991."""
    garage, drive = [await counter.mute(name) for name in ("garage", "drive")]
    id_ = await begin(counter, garage)
    await read(counter, drive, 900_000, id_)
    await read(counter, garage, 2000, id_)
    assert so_far(counter, id_) == 1000


async def test_a_thousand_stale_messages_write_one_line(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """#1646: others wrote 24 186."""
    station = await counter.mute("garage")
    for number in range(100):
        told = stop(900_000 + number, counter.clock(), 1)
        await station.send("StopTransaction", told)
    lines = [each for each in caplog.records if "unknown transaction" in each.message]
    assert len(lines) == 1
    odd = counter.central.oddities.of("garage")
    assert odd == {"a stop of an unknown transaction": 100}
