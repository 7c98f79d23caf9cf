"""The cars of the demo: who comes when, with which tag, and for how much."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Final

from tests.station_simulator import Car, SimulatedStation

ANNA, ANNAS_FOB = "04A1B2C3D4E580", "04A9087F5B3C80"
BO, BOS_FOB = "04B0774C2F6180", "04B5D21E908A80"
STRANGER = "04C0FFEE1D2A80"
TAGS: Final = {"Anna": (ANNA, ANNAS_FOB), "Bo": (BO, BOS_FOB)}
"""One tag starts one session at a time: those with two cars have two tags."""

HATCHBACK: Final = Car(max_current_a=16, battery_wh=58_000, need_wh=9_000)
ESTATE: Final = Car(max_current_a=32, battery_wh=90_000, need_wh=14_000)
CITY_CAR: Final = Car(phases=1, max_current_a=20, battery_wh=24_000, need_wh=3_600)
HYBRID: Final = Car(phases=1, max_current_a=16, battery_wh=12_000, need_wh=3_000)


@dataclass(frozen=True)
class Visit:
    """A car that comes `after` minutes, with a tag, and leaves when it is full.

    A car in a `hurry` leaves after that many minutes, full or not.
    """

    tag: str
    car: Car
    after: float
    hurry: float | None = None


VISITS: Final[dict[tuple[str, int], Sequence[Visit]]] = {
    ("garage", 1): (
        Visit(ANNA, HATCHBACK, 1),
        Visit(ANNA, HATCHBACK, 9, hurry=24),
        Visit(ANNA, CITY_CAR, 12),
    ),
    ("garage", 2): (
        Visit(BO, CITY_CAR, 6),
        Visit(BO, HYBRID, 14),
        Visit(BO, HATCHBACK, 8, hurry=20),
    ),
    ("driveway", 1): (
        Visit(ANNAS_FOB, ESTATE, 14, hurry=40),
        Visit(STRANGER, HATCHBACK, 10),
        Visit(BOS_FOB, HATCHBACK, 7),
    ),
}
"""Who comes to which connector, round and round. Minutes are of simulated time."""


async def come_and_go(station: SimulatedStation, connector: int, speed: float) -> None:
    """Let cars come to a connector and leave it, for ever.

    Whoever stands there since the last time leaves first. Nobody is quite on time,
    but always equally late.
    """
    minute = 60 / speed
    lateness = Random(f"{station.identity} {connector}")  # noqa: S311
    if station.connectors[connector].car:
        await _charge(station, connector, None)
        await _leave(station, connector, minute)
    for visit in cycle(VISITS[station.identity, connector]):
        await asyncio.sleep(visit.after * lateness.uniform(0.7, 1.3) * minute)
        await station.plug_in(connector, visit.car)
        await asyncio.sleep(3)  # to find the tag
        status = await station.present_tag(connector, visit.tag)
        hurry = visit.hurry and visit.hurry * minute
        if status == "Accepted":
            await _charge(station, connector, hurry)
        await _leave(station, connector, minute)


async def _charge(
    station: SimulatedStation, connector: int, hurry: float | None
) -> None:
    """Wait until the car is full, somebody stops it, or its driver is in a hurry."""
    outlet = station.connectors[connector]
    loop = asyncio.get_running_loop()
    leaves_at = None if hurry is None else loop.time() + hurry
    while outlet.transaction and outlet.status != "SuspendedEV":
        if leaves_at is not None and loop.time() >= leaves_at:
            await station.present_tag(connector, outlet.transaction.id_tag)
            return
        await asyncio.sleep(0.5)


async def _leave(station: SimulatedStation, connector: int, minute: float) -> None:
    """Pull the plug after a while."""
    await asyncio.sleep(max(4, 2 * minute))
    if station.connectors[connector].car:
        await station.unplug(connector)
