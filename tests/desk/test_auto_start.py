"""Chargers that start only when they are told to, and are told when a car is plugged in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custom_components.ladda import alignment, auto_start, remote_charging
from custom_components.ladda.central_system import profile_of
from custom_components.ladda.central_system.rpc import RpcSession
from custom_components.ladda.charging.model import ConnectorStatus
from tests.station_simulator import Car, SimulatedStation

from .counter import Counter, at_the_desk, house, with_options

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture(autouse=True)
def a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten seconds be a tenth of one."""
    monkeypatch.setattr(auto_start, "PATIENCE", 0.1)


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """Open a desk that knows `garage`."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as opened:
        yield opened


async def station_of(counter: Counter, **options: Any) -> SimulatedStation:
    """Return a connected station whose default user is Bo, with more `options`."""
    options = {"default_user": "bo", "auto_start": True} | options
    counter.desk.move_in(with_options(house("garage"), "garage", **options))
    return await counter.station("garage")


def all_need(monkeypatch: pytest.MonkeyPatch, **pauses: float) -> None:
    """Let every station need the `pauses` of a profile."""
    profile = replace(profile_of(None), **pauses)
    monkeypatch.setattr(remote_charging, "profile_of", lambda _: profile)


def asked(station: SimulatedStation) -> int:
    """Return how often the station was asked to start."""
    return len(station.asked("RemoteStartTransaction"))


async def test_a_session_starts_when_a_car_is_plugged_in(counter: Counter) -> None:
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await station.wait_transaction(1)
    [session] = await counter.sessions()
    assert session.user == "bo"


async def test_what_was_stopped_stays_so_until_a_car_comes_again(
    counter: Counter,
) -> None:
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await station.wait_transaction(1)
    await counter.desk.remote.stop("garage", 1)
    await station.wait_for(lambda: not counter.desk.stations["garage"].open)
    preparing = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}
    await station.send("StatusNotification", preparing)  # as some do, still plugged in
    await asyncio.sleep(0.3)
    assert asked(station) == 1
    await station.unplug(1)
    await station.plug_in(1, Car())
    await station.wait_transaction(1)
    assert asked(station) == 2


async def test_who_holds_up_a_tag_is_not_overtaken(counter: Counter) -> None:
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await station.present_tag(1, "04AA11")
    await station.wait_transaction(1)
    await asyncio.sleep(0.3)
    assert asked(station) == 0
    [session] = await counter.sessions()
    assert session.user == "anna"


async def test_a_car_that_is_gone_again_is_not_waited_for(counter: Counter) -> None:
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await station.unplug(1)
    await asyncio.sleep(0.3)
    assert asked(station) == 0


async def test_a_car_that_came_as_the_line_went_is_charged_all_the_same(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 0.1)
    station = await station_of(counter)
    await station.plug_in(1, Car())
    connector = counter.desk.stations["garage"].connector(1)
    await station.wait_for(lambda: connector.status is ConnectorStatus.PREPARING)
    await station.go_offline()
    await asyncio.sleep(0.3)
    await station.go_online()
    await station.wait_transaction(1)


async def test_a_car_is_charged_all_the_same_where_an_answer_is_lost(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 0.1)
    monkeypatch.setitem(RpcSession.__init__.__kwdefaults__, "call_timeout", 0.2)
    station = await station_of(counter)
    station.answers["RemoteStartTransaction"] = None
    await station.plug_in(1, Car())
    await station.wait_for(lambda: asked(station) == 1)
    await asyncio.sleep(0.4)
    await station.go_offline()
    del station.answers["RemoteStartTransaction"]
    await station.go_online()
    await station.wait_transaction(1)
    await asyncio.sleep(0.4)
    assert asked(station) == 2


async def test_where_nobody_wants_it_nothing_starts(counter: Counter) -> None:
    station = await station_of(counter, auto_start=False)
    await station.plug_in(1, Car())
    await asyncio.sleep(0.3)
    assert asked(station) == 0


async def test_what_cannot_start_is_told(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    station = await station_of(counter, default_user="cecilia")
    await station.plug_in(1, Car())
    await station.wait_for(lambda: "could not be started" in caplog.text)
    assert "Cecilia may not charge now" in caplog.text
    assert asked(station) == 0


async def test_a_station_that_needs_a_rest_gets_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FoxESS goes off the line where it is asked too early."""
    all_need(monkeypatch, restart_gap_s=0.5)
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await station.wait_transaction(1)
    await counter.desk.remote.stop("garage", 1)
    await station.wait_for(lambda: not counter.desk.stations["garage"].open)
    await station.unplug(1)
    await station.plug_in(1, Car())
    await asyncio.sleep(0.25)
    assert asked(station) == 1
    await station.wait_transaction(1)
    assert asked(station) == 2


async def test_a_station_that_has_just_booted_comes_to_itself_first(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wallbox boots again where it is asked too early."""
    all_need(monkeypatch, settle_s=0.6)
    station = await station_of(counter)
    await station.plug_in(1, Car())
    await asyncio.sleep(0.3)
    assert asked(station) == 0
    await station.wait_transaction(1)
