"""What is looked after each minute, also where the disk is full or somebody moves in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_components.ladda.ledger import LedgerError
from tests.station_simulator import SimulatedStation

from .counter import Counter, at_the_desk, house
from .wire import start

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """Open a desk that knows `garage` and `drive`."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage", "drive")) as opened:
        yield opened


async def forget_a_session(counter: Counter, identity: str) -> SimulatedStation:
    """Let a station begin a session, and forget it."""
    station = await counter.mute(identity)
    await station.send("StartTransaction", start("04AA11", counter.clock(), 1000))
    for status in ("Charging", "Available"):
        told = {"connectorId": 1, "status": status, "errorCode": "NoError"}
        await station.send("StatusNotification", told)
    return station


async def reserve(counter: Counter, station: SimulatedStation) -> None:
    """Keep a station's connector free for Anna, for a minute."""
    station.answers["ReserveNow"] = {"status": "Accepted"}
    until = counter.clock() + timedelta(minutes=1)
    await counter.desk.reservations.reserve(station.identity, 1, "anna", None, until)


async def keep_house(counter: Counter) -> None:
    """Do what is to be done each minute."""
    await counter.desk.close_forgotten()
    await counter.desk.reservations.end_expired()


async def test_what_cannot_be_kept_now_is_done_when_the_disk_has_room(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forget_a_session(counter, "garage")
    station = await counter.mute("drive")
    await reserve(counter, station)
    counter.clock.travel(minutes=6)

    async def full(**_: Any) -> None:
        raise LedgerError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(counter.desk.ledger, "commit", full)
        await keep_house(counter)
    [session] = await counter.sessions()
    assert session.is_open
    assert counter.desk.stations["drive"].connector(1).reservation is not None
    await keep_house(counter)
    [session] = await counter.sessions()
    assert not session.is_open
    assert counter.desk.stations["drive"].connector(1).reservation is None


@pytest.mark.parametrize("work", ["forgotten", "expired"])
async def test_a_station_may_move_in_meanwhile(counter: Counter, work: str) -> None:
    station = await forget_a_session(counter, "garage")
    await reserve(counter, station)
    counter.clock.travel(minutes=6)
    desk = counter.desk
    async with desk.lock("garage"):
        task = asyncio.create_task(
            desk.close_forgotten()
            if work == "forgotten"
            else desk.reservations.end_expired()
        )
        await asyncio.sleep(0)
        desk.move_in(house("garage", "drive", "yard"))
    await task
