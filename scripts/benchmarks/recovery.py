"""What happens when stations were away for long and tell everything at once."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
import sqlite3
import tempfile
import time
from typing import Final

from aiohttp import ClientSession, TCPConnector

from .home_assistant import House, house
from .servers import DISK, server
from .stations import EIGHT, Fleet, Station, fleet, meter_values, now
from .usage import cpu_seconds, memory_mib

REPLAYED: Final = 5000  # meter values that one station kept
STATIONS: Final = 200
AWAY: Final = timedelta(hours=2)
INTERVAL: Final = timedelta(seconds=30)
KEPT: Final = AWAY // INTERVAL  # meter values that each station of the garage kept


async def _replay_to(pid: int, station: Station) -> tuple[float, float]:
    """Let a station replay; return what that took of CPU, and of time, in s."""
    begun = now() - INTERVAL * REPLAYED
    await station.start(begun)
    before, began = cpu_seconds(pid), time.perf_counter()
    for number in range(REPLAYED):
        at = begun + INTERVAL * number
        values = meter_values(number, station.transaction, EIGHT, at)
        await station.call("MeterValues", values)
    return cpu_seconds(pid) - before, time.perf_counter() - began


async def _replay_to_bare() -> float:
    """Return the CPU, in s, of a replay to a server that keeps a row of each message."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            server(DISK, 1, Path(folder)) as (pid, port),
            fleet(port, 1) as stations,
        ):
            used, _ = await _replay_to(pid, stations.stations[0])
    return used


async def _replay(place: House) -> None:
    """Let one station replay, and another one ask for the time meanwhile."""
    async with fleet(place.port, 2) as stations:
        replaying, asking = stations.stations
        await stations.all(lambda station: station.boot())
        waited: list[float] = []

        async def ask() -> None:
            while True:
                sent = time.perf_counter()
                await asking.call("Heartbeat", {})
                waited.append((time.perf_counter() - sent) * 1000)
                await asyncio.sleep(0.01)

        asks = asyncio.create_task(ask())
        used, took = await _replay_to(place.pid, replaying)
        asks.cancel()
        print(
            f"\nReplay of {REPLAYED} MeterValues of eight values: {used:.2f} s of CPU"
            f" in {took:.1f} s; another station's Heartbeat waited {max(waited):.0f} ms"
            f" at most (of {len(waited)})"
        )
    bare = await _replay_to_bare()
    print(
        f"  the same to a bare server that commits a row for each: {bare:.2f} s of CPU"
    )


async def _come_back(station: Station, began: datetime, late: float) -> None:
    """Reconnect, tell what was kept, and end the session."""
    await asyncio.sleep(late)
    await station.boot()
    for number in range(KEPT):
        at = began + INTERVAL * (number + 1)
        values = meter_values(number, station.transaction, EIGHT, at)
        await station.call("MeterValues", values)
    await station.stop(began + AWAY, 1000 + KEPT)


async def _power_cut(place: House) -> None:
    """Let a garage come back within a second, and see that nothing was lost."""
    began = now() - AWAY
    transactions: dict[str, int] = {}
    async with fleet(place.port, STATIONS) as stations:
        await stations.all(lambda station: station.boot())
        await stations.all(lambda station: station.start(began))
        for station in stations.stations:
            transactions[station.identity] = station.transaction
    await asyncio.sleep(1)
    before, since = cpu_seconds(place.pid), time.perf_counter()
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        stations = await Fleet.connect(session, place.port, STATIONS)
        for station in stations.stations:
            station.transaction = transactions[station.identity]
        await stations.all(
            lambda station: _come_back(
                station, began, stations.place(station) / STATIONS
            )
        )
        used, took = cpu_seconds(place.pid) - before, time.perf_counter() - since
        await stations.all(lambda station: station.ws.close())
    messages = STATIONS * (KEPT + 3)
    print(
        f"\nA garage of {STATIONS} comes back within a second, each with {KEPT} MeterValues"
        f" of {AWAY} and the end of its session: {used:.1f} s of CPU"
        f" ({used / messages * 1e6:.0f} µs a message) in {took:.1f} s"
    )
    _audit(place.home.folder / ".storage" / "ladda" / "ladda.db")


def _audit(path: Path) -> None:
    """Count in the ledger's file what has been kept."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        (readings,) = connection.execute(
            "SELECT count(*) FROM journal WHERE kind = 'meter'"
            " AND session IN (SELECT id FROM session WHERE energy_wh = ?)",
            [str(KEPT)],
        ).fetchone()
        (sessions,) = connection.execute(
            "SELECT count(*) FROM session WHERE closing = 'reported' AND flags = '[]'"
            " AND energy_wh = ? AND cost = ?",
            [str(KEPT), f"{KEPT * 2.5 / 1000:.2f}"],
        ).fetchone()
    connection.close()
    lost = STATIONS * KEPT - readings
    print(f"  lost: {lost} readings, {STATIONS - sessions} sessions")


async def _idle(place: House, seconds: float) -> None:
    """Measure a garage in which nothing happens."""
    alone = memory_mib(place.pid)
    before = cpu_seconds(place.pid)
    await asyncio.sleep(seconds)
    quiet = (cpu_seconds(place.pid) - before) / seconds
    async with fleet(place.port, STATIONS) as stations:
        await stations.all(lambda station: station.boot())
        listening = [asyncio.create_task(one.listen()) for one in stations.stations]
        await asyncio.sleep(60)  # until their settings have been asked for
        before = cpu_seconds(place.pid)
        await asyncio.sleep(seconds)
        used = (cpu_seconds(place.pid) - before) / seconds
        held = memory_mib(place.pid)
        for task in listening:
            task.cancel()
    print(
        f"\n{STATIONS} idle stations: {used - quiet:.2%} of a core and"
        f" {held - alone:.0f} MiB more than without them ({quiet:.2%}, {alone:.0f} MiB)"
    )


async def bench(seconds: float) -> None:
    """Measure it all in one Home Assistant with two hundred stations."""
    async with house(STATIONS) as place:
        await _idle(place, seconds)
        await _replay(place)
        await _power_cut(place)
