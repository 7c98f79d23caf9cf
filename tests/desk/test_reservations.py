"""A connector is kept free for somebody, until they charge or the time is over."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.ladda.central_system import Disconnected, NotAccepted
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.reservation import Reservation
from custom_components.ladda.refusals import MayNotCharge
from tests.station_simulator import SimulatedStation

from .counter import ANNA, BO, Counter, TravellingClock, at_the_desk, house
from .wire import start

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACCEPTED = {"status": "Accepted"}


async def connect(counter: Counter) -> SimulatedStation:
    """Switch on a station that takes reservations."""
    station = await counter.station("garage")
    station.answers["ReserveNow"] = station.answers["CancelReservation"] = ACCEPTED
    return station


async def reserve(counter: Counter, connector: int = 1) -> Reservation:
    """Reserve a connector for Anna, for an hour."""
    until = counter.clock() + timedelta(hours=1)
    return await counter.desk.reservations.reserve(
        "garage", connector, "anna", None, until
    )


def kept(counter: Counter, connector: int = 1) -> Reservation | None:
    """Return a connector's reservation."""
    return counter.desk.stations["garage"].connector(connector).reservation


async def endings(counter: Counter) -> list[str | None]:
    """Return what the journal says of reservations, the newest first."""
    entries = await counter.desk.ledger.entries(kind=Kind.RESERVATION)
    return [entry.data["ended"] for entry in entries]


async def test_a_reservation_outlives_a_restart_and_no_id_is_given_twice(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await connect(counter)
        first = await reserve(counter)
        assert first.token == "04AA11"
        [told] = station.asked("ReserveNow")
        assert (told["idTag"], told["reservationId"]) == ("04AA11", first.id)
        await counter.desk.reservations.cancel("garage", 1)
        second = await reserve(counter)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        assert kept(counter) == second
        await connect(counter)
        third = await reserve(counter)
        assert first.id < second.id < third.id


async def test_who_has_two_tags_may_come_with_the_other_one(tmp_path: Path) -> None:
    anna = replace(ANNA, tokens=(*ANNA.tokens, "04AA99"))
    place = house("garage", users=(anna, BO))
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await connect(counter)
        await reserve(counter)
        [told] = station.asked("ReserveNow")
        answer = await station.send("Authorize", {"idTag": "04AA99"})
        assert told["parentIdTag"] == answer["idTagInfo"]["parentIdTag"]
        # It does not say that it began with the reservation.
        await station.send("StartTransaction", start("04AA99", counter.clock(), 100))
        assert kept(counter) is None
        assert await endings(counter) == ["used", None]


async def test_the_session_that_uses_a_reservation_ends_it(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await connect(counter)
        reservation = await reserve(counter)
        other = start("04BB22", counter.clock(), 0)
        await station.send("StartTransaction", other)
        assert kept(counter) == reservation
        named = start("04FAMILY", counter.clock(), 0)
        named["reservationId"] = reservation.id
        await station.send("StartTransaction", named)
        assert kept(counter) is None
        assert await endings(counter) == ["used", None]


@pytest.mark.parametrize("says", [{}, {"reservationId": 0}], ids=repr)
async def test_a_station_may_forget_to_say_that_a_reservation_is_used(
    tmp_path: Path, says: dict[str, int]
) -> None:
    """Growatt THOR says 0 of every start (evcc#10399)."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await connect(counter)
        await reserve(counter)
        told = start("04aa11", counter.clock(), 0) | says
        await station.send("StartTransaction", told)
        assert kept(counter) is None


async def test_a_reservation_expires(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        await connect(counter)
        await reserve(counter)
        await counter.desk.reservations.end_expired()
        assert kept(counter) is not None
        counter.clock.travel(hours=1)
        counter.ear.told.clear()
        await counter.desk.reservations.end_expired()
        assert kept(counter) is None
        assert ("connector", ("garage", 1)) in counter.ear.told
        assert await endings(counter) == ["expired", None]


@pytest.mark.parametrize(
    ("statuses", "remains"),
    [
        (["Reserved"], True),
        (["Reserved", "Preparing"], True),
        (["Reserved", "Available"], False),
        (["Faulted"], False),
        (["Reserved", "Unavailable"], False),
    ],
)
async def test_a_station_that_keeps_a_reservation_no_more_shows_it(
    tmp_path: Path, statuses: list[str], remains: bool
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await connect(counter)
        await reserve(counter)
        for status in statuses:
            await station.send(
                "StatusNotification",
                {"connectorId": 1, "status": status, "errorCode": "NoError"},
            )
        assert (kept(counter) is not None) is remains


async def test_a_reservation_is_given_up_at_the_station_too(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await connect(counter)
        reservation = await reserve(counter)
        assert await counter.desk.reservations.cancel("garage", 1)
        told = station.asked("CancelReservation")
        assert told == [{"reservationId": reservation.id}]
        assert kept(counter) is None
        assert not await counter.desk.reservations.cancel("garage", 1)


async def test_nothing_is_reserved_that_the_station_does_not_keep(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        with pytest.raises(Disconnected):
            await reserve(counter)
        station = await connect(counter)
        station.answers["ReserveNow"] = {"status": "Occupied"}
        with pytest.raises(NotAccepted):
            await reserve(counter)
        with pytest.raises(MayNotCharge):
            await counter.desk.reservations.reserve(
                "garage", 1, "cecilia", None, counter.clock()
            )
        assert kept(counter) is None
        assert await endings(counter) == []
