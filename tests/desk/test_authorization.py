"""Who may charge: unknown, blocked and busy tags get the right answer, visibly."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.ladda.charging.model import Authorization

from .counter import ANNA, BO, TravellingClock, at_the_desk, house
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
