"""How long a MeterValues waits for its answer at a low load, and what it waits for."""

import asyncio
from pathlib import Path
from statistics import quantiles
import tempfile
import time
from typing import Final

from .servers import NAMES, server
from .stations import TEN, Station, fleet, meter_values, now

STATIONS: Final = 10
PAUSE_S: Final = 1.0


async def _measure(kind: str, messages: int) -> list[float]:
    """Return how long each answer took, in ms."""
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            server(kind, STATIONS, Path(folder)) as (_, port),
            fleet(port, STATIONS) as stations,
        ):
            await stations.charge()

            async def one(station: Station) -> None:
                # Side by side, but not at the same moment
                await asyncio.sleep(PAUSE_S * stations.place(station) / STATIONS)
                for number in range(messages):
                    values = meter_values(number, station.transaction, TEN, now())
                    sent = time.perf_counter()
                    await station.call("MeterValues", values)
                    taken.append((time.perf_counter() - sent) * 1000)
                    await asyncio.sleep(PAUSE_S)

            await stations.all(one)
    return taken


async def bench(messages: int) -> None:
    """Measure each server for so many messages of each station; print a table."""
    print(f"\nAnswer to a MeterValues in ms, {STATIONS} stations, one a second each")
    print(f"{'':>26} {'p50':>8} {'p99':>8}")
    for kind, name in NAMES.items():
        percentiles = quantiles(await _measure(kind, messages), n=100)
        print(f"{name:>26} {percentiles[49]:8.2f} {percentiles[98]:8.2f}", flush=True)
