"""Measure the server's CPU for each MeterValues, beside a bare WebSocket server.

Each server runs in a process of its own on one core; the stations' side runs on
the other and sends the same frames to all of them. CPU time is what the operating
system counts for the server's process, threads and all.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
import os
from pathlib import Path
from statistics import median
import sys
import tempfile
from typing import Any, Final

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType
import orjson

from . import bench_servers
from .bench_servers import BARE, NAMES

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _frame(number: int, transaction: int, values: int, begun: datetime) -> bytes:
    """Write a MeterValues whose values all change."""
    at = (begun + timedelta(seconds=number / 1000)).isoformat(timespec="milliseconds")
    sampled: list[dict[str, str]] = [
        {
            "value": f"{1000 + number * 0.01:.2f}",
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
            "context": "Sample.Periodic",
        }
    ]
    for index in range(values - 1):
        measurand, unit = (
            ("Current.Import", "A"),
            ("Voltage", "V"),
            ("Power.Active.Import", "W"),
        )[index // 3]
        sampled.append(
            {
                "value": f"{10 + (number + index) % 97 / 10:.1f}",
                "measurand": measurand,
                "phase": f"L{index % 3 + 1}",
                "unit": unit,
                "context": "Sample.Periodic",
            }
        )
    payload = {
        "connectorId": 1,
        "transactionId": transaction,
        "meterValue": [
            {"timestamp": at.replace("+00:00", "Z"), "sampledValue": sampled}
        ],
    }
    return orjson.dumps([2, f"{number}", "MeterValues", payload])


async def _ask(ws: ClientWebSocketResponse, frame: bytes) -> list[Any]:
    """Send a frame and wait for its answer; what the server asks is not answered."""
    await ws.send_frame(frame, WSMsgType.TEXT)
    while True:
        answer: list[Any] = orjson.loads((await ws.receive()).data)
        if answer[0] != 2:
            assert answer[0] == 3, answer
            return answer


async def _charge(
    session: ClientSession,
    url: str,
    number: int,
    values: int,
    rounds: int,
    ready: asyncio.Barrier,
) -> None:
    """One station: start a transaction, then send meter values one after another."""
    ws = await session.ws_connect(f"{url}/s{number}", protocols=("ocpp1.6",))
    begun = datetime.now(UTC) - timedelta(hours=1)
    start = {
        "connectorId": 1,
        "idTag": f"TAG{number}",
        "meterStart": 1000,
        "timestamp": begun.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    answer = await _ask(ws, orjson.dumps([2, "start", "StartTransaction", start]))
    transaction = answer[2]["transactionId"]
    frames = [_frame(index, transaction, values, begun) for index in range(rounds + 50)]
    for frame in frames[:50]:
        await _ask(ws, frame)
    await ready.wait()
    for frame in frames[50:]:
        await _ask(ws, frame)
    await ready.wait()
    await ws.close()


@asynccontextmanager
async def _server(
    kind: str, connections: int, folder: Path
) -> AsyncIterator[tuple[int, int]]:
    """Run a server in a process of its own; yield its pid and port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        bench_servers.__name__,
        kind,
        str(connections),
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.pid, int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def _measure(kind: str, connections: int, values: int, messages: int) -> float:
    """Return the server's CPU in µs for each message."""
    rounds = max(messages // connections, 20)
    with tempfile.TemporaryDirectory() as folder:
        async with _server(kind, connections, Path(folder)) as (pid, port):
            ready = asyncio.Barrier(connections + 1)
            connector = TCPConnector(limit=0)
            async with (
                ClientSession(connector=connector) as session,
                asyncio.TaskGroup() as group,
            ):
                for number in range(connections):
                    url = f"ws://127.0.0.1:{port}"
                    group.create_task(
                        _charge(session, url, number, values, rounds, ready)
                    )
                await ready.wait()
                before = _cpu_seconds(pid)
                await ready.wait()
                used = _cpu_seconds(pid) - before
    return used / (rounds * connections) * 1e6


async def _bench(messages: int, repeats: int) -> None:
    """Measure everything in one run, the servers taking turns, and print a table."""
    print("Server CPU in µs for each MeterValues (and times the bare server's)\n")
    print(
        f"{'connections':>11} {'values':>6}", *(f"{NAMES[kind]:>34}" for kind in NAMES)
    )
    for connections, values in product((1, 20, 200), (1, 10)):
        taken: dict[str, list[float]] = {kind: [] for kind in NAMES}
        for _ in range(repeats):
            for kind, found in taken.items():
                found.append(await _measure(kind, connections, values, messages))
        bare = median(taken[BARE])
        cells = [
            f"{median(found):>24.0f} µs ({median(found) / bare:4.1f}×)"
            for found in taken.values()
        ]
        print(f"{connections:>11} {values:>6}", *cells, flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough look")
    options = parser.parse_args()
    if options.quick:
        asyncio.run(_bench(4000, 1))
    else:
        asyncio.run(_bench(20000, 3))


if __name__ == "__main__":
    main()
