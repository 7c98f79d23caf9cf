"""Who may charge: unknown, blocked and busy tags get the right answer, visibly."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.ladda.charging.model import Authorization
from tests.station_simulator import Car, SimulatedStation

from .counter import ANNA, BO, TravellingClock, at_the_desk, house, with_options
from .wire import start, stop

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_tags_are_answered_by_their_standing(tmp_path: Path) -> None:
    expired = replace(
        BO, id="dan", tokens=("04DD44",), valid_until=TravellingClock()() - timedelta(1)
    )
    users = (ANNA, BO, replace(BO, id="cc", tokens=("04CC33",), active=False), expired)
    async with at_the_desk(
        tmp_path / "ladda.db", house("garage", users=users)
    ) as counter:
        station = await counter.station("garage")
        for tag, status in (
            (" 04aa11 ", "Accepted"),
            ("04CC33", "Blocked"),
            ("04DD44", "Expired"),
            ("FFFF", "Invalid"),
        ):
            answer = await station.send("Authorize", {"idTag": tag})
            assert answer["idTagInfo"]["status"] == status
        assert [heard[2] for heard in counter.ear.tokens] == [
            Authorization.ACCEPTED,
            Authorization.BLOCKED,
            Authorization.EXPIRED,
            Authorization.INVALID,
        ]


async def test_a_refused_start_is_a_session_nonetheless(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        answer = await station.send(
            "StartTransaction", start("FFFF", counter.clock(), 100)
        )
        assert answer["idTagInfo"]["status"] == "Invalid"
        assert answer["transactionId"] > 0
        counter.clock.travel(minutes=1)
        told = stop(
            answer["transactionId"], counter.clock(), 150, reason="DeAuthorized"
        )
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert session.authorization is Authorization.INVALID
        assert session.user is None
        assert session.energy_wh == 50


async def test_a_tag_charges_at_one_place_at_a_time(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage", "drive")) as counter:
        garage = await counter.station("garage")
        drive = await counter.station("drive")
        told = start("04AA11", counter.clock(), 0)
        assert (await garage.send("StartTransaction", told))["idTagInfo"] == {
            "status": "Accepted"
        }
        busy = await drive.send("StartTransaction", start("04aa11", counter.clock(), 5))
        assert busy["idTagInfo"]["status"] == "ConcurrentTx"
        # … and the first one, told once more, is still accepted
        again = await garage.send("StartTransaction", told)
        assert again["idTagInfo"]["status"] == "Accepted"


async def test_a_tag_is_not_held_up_by_a_session_that_it_was_refused(
    tmp_path: Path,
) -> None:
    """The charger only pauses it, for as long as the car stays (citrineos-core#334)."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage", "drive")) as counter:
        garage = await counter.station("garage")
        drive = await counter.station("drive")

        async def begin(station: SimulatedStation, meter: int) -> tuple[int, str]:
            told = start("04AA11", counter.clock(), meter)
            answer = await station.send("StartTransaction", told)
            return answer["transactionId"], answer["idTagInfo"]["status"]

        first, _ = await begin(garage, 0)
        assert (await begin(drive, 5))[1] == "ConcurrentTx"
        await garage.send("StopTransaction", stop(first, counter.clock(), 900))
        assert (await begin(garage, 900))[1] == "Accepted"
        assert (await begin(drive, 5))[1] == "ConcurrentTx"


async def test_a_tag_is_not_held_up_by_a_charger_that_was_removed(
    tmp_path: Path,
) -> None:
    place = house("garage", "drive")
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        garage = await counter.station("garage")
        await garage.send("StartTransaction", start("04AA11", counter.clock(), 0))
        counter.desk.move_in(
            replace(place, stations={"drive": place.stations["drive"]})
        )
        drive = await counter.station("drive")
        told = start("04AA11", counter.clock(), 5)
        answer = await drive.send("StartTransaction", told)
        assert answer["idTagInfo"]["status"] == "Accepted"


SPARE_TAG = "04AA99"
WITH_A_SPARE = replace(ANNA, tokens=(*ANNA.tokens, SPARE_TAG))


async def test_who_has_two_tags_stops_with_the_other_one(tmp_path: Path) -> None:
    place = house("garage", users=(WITH_A_SPARE, BO))
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        await station.plug_in(1, Car())
        await station.present_tag(1, ANNA.tokens[0])
        await station.wait_transaction(1)
        assert await station.present_tag(1, BO.tokens[0]) == "Accepted"
        assert len(counter.desk.stations["garage"].open) == 1  # it is not Bo's
        await station.present_tag(1, SPARE_TAG)
        await station.wait_for(lambda: not counter.desk.stations["garage"].open)
        [session] = await counter.sessions()
        assert (session.user, session.stop_reason) == ("anna", "Local")


async def test_a_session_that_was_asked_for_is_stopped_with_any_tag_of_its_user(
    tmp_path: Path,
) -> None:
    place = house("garage", users=(WITH_A_SPARE, BO))
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        await station.plug_in(1, Car())
        await counter.desk.remote.start("garage", 1, "anna")
        await station.wait_transaction(1)
        await station.present_tag(1, SPARE_TAG)
        await station.wait_for(lambda: not counter.desk.stations["garage"].open)


async def test_a_start_told_again_names_the_group_again(tmp_path: Path) -> None:
    place = house("garage", users=(WITH_A_SPARE, BO))
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        told = start(SPARE_TAG, counter.clock(), 100)
        first = await station.send("StartTransaction", told)
        # The same start in another spelling is not the same message.
        again = await station.send("StartTransaction", told | {"idTag": "04aa99"})
        assert again == first
        assert first["idTagInfo"]["parentIdTag"]


async def test_strangers_at_an_open_charger_are_in_no_group(tmp_path: Path) -> None:
    place = house("garage", users=(WITH_A_SPARE, BO))
    place = with_options(place, "garage", open_to_all=True, default_user="anna")
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        answer = await station.send("Authorize", {"idTag": "FFFF"})
        assert answer["idTagInfo"] == {"status": "Accepted"}
        answer = await station.send(
            "StartTransaction", start("FFFF", counter.clock(), 100)
        )
        assert answer["idTagInfo"] == {"status": "Accepted"}
