"""Stations that measure, and tell it only when they are asked (BG SyncEV)."""

from dataclasses import replace
from typing import Any

from ocpp.exceptions import NotImplementedError as NotImplementedHere
import pytest

from custom_components.ladda import polling
from custom_components.ladda.central_system import profile_of
from tests.desk.counter import Counter
from tests.desk.wire import meter_values, start, stop
from tests.station_simulator import SimulatedStation

from .test_asking import ready

pytestmark = pytest.mark.usefixtures("little_time")


class SilentCar:
    """A session at `garage` whose meter is told of when it is asked for only."""

    def __init__(self, counter: Counter, station: SimulatedStation) -> None:
        """Take the house and the station."""
        self.counter = counter
        self.station = station
        self.wh = 0
        self.id = 0
        station.answers["TriggerMessage"] = {"status": "Accepted"}

    async def begin(self) -> None:
        """Begin the session."""
        told = start("04AA11", self.counter.clock(), 0)
        self.id = (await self.station.send("StartTransaction", told))["transactionId"]

    async def look(self, *, answered: bool = True, seconds: float = 30) -> int:
        """Let time pass and the house look; return how often it asked."""
        self.counter.clock.travel(minutes=seconds / 60)
        before = len(self.questions())
        await self.counter.desk.ask_the_silent()
        new = len(self.questions()) - before
        if new and answered:
            await self.tell(transaction=None)
        return new

    async def tell(self, transaction: int | None) -> None:
        """Tell what the meter shows."""
        self.wh += 100
        told = meter_values(self.counter.clock(), self.wh, transaction=transaction)
        await self.station.send("MeterValues", told)

    def questions(self) -> list[dict[str, Any]]:
        """List what was asked for."""
        asked_for = self.station.asked("TriggerMessage")
        return [each for each in asked_for if each["requestedMessage"] == "MeterValues"]


@pytest.fixture
async def car(counter: Counter) -> SilentCar:
    """Return a session that goes on, at a station that tells nothing by itself."""
    station = counter.stranger("garage")
    station.refuse_settings(lambda key, _: "Aligned" in key, "NotSupported")
    silent = SilentCar(counter, station)
    await ready(counter, station)
    await silent.begin()
    return silent


async def test_who_tells_nothing_is_asked_at_the_interval(car: SilentCar) -> None:
    assert [await car.look() for _ in range(2)] == [0, 0]
    assert [await car.look() for _ in range(4)] == [1, 1, 1, 1]
    assert car.questions()[0] == {"requestedMessage": "MeterValues", "connectorId": 1}
    opened = car.counter.desk.stations["garage"].open[car.id]
    assert opened.energy.delivered_wh == 400
    ended = stop(car.id, car.counter.clock(), 450)
    await car.station.send("StopTransaction", ended)
    assert await car.look(seconds=600) == 0
    [session] = await car.counter.sessions()
    assert (session.energy_wh, session.flags) == (450, ())


async def test_who_tells_by_itself_is_never_asked(car: SilentCar) -> None:
    for _ in range(10):
        await car.tell(car.id)
        assert await car.look() == 0
    assert await car.look(seconds=30) == 0


async def test_who_begins_to_tell_is_asked_no_more(car: SilentCar) -> None:
    assert await car.look(seconds=100) == 1
    for _ in range(5):
        car.counter.clock.travel(minutes=0.25)
        await car.tell(car.id)
        assert await car.look(seconds=15) == 0


@pytest.mark.parametrize(
    ("no", "times"),
    [
        ({"status": "NotImplemented"}, 1),
        ({"status": "Rejected"}, 1),
        (NotImplementedHere({}), 1),
        (None, 3),  # it may have been the network
    ],
    ids=repr,
)
async def test_who_does_not_know_the_question_is_asked_no_more(
    car: SilentCar, no: Any, times: int
) -> None:
    car.station.answers["TriggerMessage"] = no
    for _ in range(6):
        await car.look(seconds=700)
    assert len(car.questions()) == times
    car.station.link.boot_again()
    await car.station.wait_registered()
    await car.look(seconds=700)
    assert len(car.questions()) == times


async def test_who_must_not_be_asked_for_it_is_not(
    car: SilentCar, monkeypatch: pytest.MonkeyPatch
) -> None:
    spared = replace(profile_of(None), untriggered=frozenset({"MeterValues"}))
    monkeypatch.setattr(polling, "profile_of", lambda _: spared)
    assert await car.look(seconds=700) == 0


async def test_who_agrees_and_tells_nothing_is_asked_seldom(car: SilentCar) -> None:
    for _ in range(41):
        await car.look(answered=False)
    assert len(car.questions()) == 2  # after a minute and a half, and ten minutes later


async def test_who_has_just_come_is_left_alone_at_first(car: SilentCar) -> None:
    """Some do not survive being asked anything then."""
    car.counter.clock.travel(minutes=60)
    links = car.counter.desk.links
    before = links["garage"]
    await car.station.link.hang_up()
    await car.station.wait_for(
        lambda: links.get("garage") not in (None, before) and car.station.is_online
    )
    assert [await car.look() for _ in range(2)] == [0, 0]
    known = car.counter.desk.stations["garage"]
    booted_at = known.booted_at
    car.station.link.boot_again()
    await car.station.wait_for(lambda: known.booted_at != booted_at)
    assert [await car.look() for _ in range(3)] == [0, 0, 1]


async def test_who_is_away_or_charges_nothing_is_not_asked(
    car: SilentCar, counter: Counter
) -> None:
    other = await counter.station("drive")
    await car.station.stop()
    await car.look(seconds=600)
    assert car.questions() == []
    assert [
        each for each in other.asked("TriggerMessage") if "MeterValues" in each.values()
    ] == []
