"""Transactions as stations really report them: repeated, late, lost, unknown."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.session import Closing
from custom_components.ladda.ledger import LedgerError
from tests.station_simulator import Car

from .counter import at_the_desk, house
from .wire import meter_values, start, stop

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_start_told_twice_is_one_session(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        told = start("04AA11", counter.clock(), 1000)
        first = await station.send("StartTransaction", told)
        again = await station.send("StartTransaction", told)
        assert again == first
        assert first["idTagInfo"]["status"] == "Accepted"
        assert len(await counter.sessions()) == 1


async def test_a_start_told_again_after_its_end_is_still_the_same(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        told = start("04AA11", counter.clock(), 1000)
        first = await station.send("StartTransaction", told)
        counter.clock.travel(hours=1)
        await station.send(
            "StopTransaction", stop(first["transactionId"], counter.clock(), 6000)
        )
        assert await station.send("StartTransaction", told) == first
        [session] = await counter.sessions()
        assert session.energy_wh == 5000


async def test_a_start_without_a_usable_time_told_twice_is_one_session(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        told = start("04AA11", counter.clock(), 1000) | {
            "timestamp": "1970-01-01T00:00:12Z"
        }
        first = await station.send("StartTransaction", told)
        assert await station.send("StartTransaction", told) == first
        [session] = await counter.sessions()
        assert abs(session.started_at - counter.clock()) < timedelta(seconds=5)
        assert "clock_corrected" in session.flags


async def test_a_stop_told_twice_changes_nothing(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        begun = counter.clock()
        answer = await station.send("StartTransaction", start("04AA11", begun, 1000))
        told = stop(answer["transactionId"], begun + timedelta(hours=1), 6000)
        counter.clock.travel(hours=1, minutes=1)
        await station.send("StopTransaction", told)
        before = await counter.sessions()
        assert await station.send("StopTransaction", told) == {}
        assert await counter.sessions() == before


async def test_a_stop_of_an_unknown_transaction_is_kept_and_harms_nobody(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage", "drive")) as counter:
        garage = await counter.station("garage")
        drive = await counter.station("drive")
        answer = await garage.send(
            "StartTransaction", start("04AA11", counter.clock(), 1000)
        )
        counter.clock.travel(minutes=30)
        for foreign in (answer["transactionId"], 4711):
            told = stop(foreign, counter.clock(), 9999)
            assert await drive.send("StopTransaction", told) == {}
        [session] = await counter.sessions()
        assert session.is_open
        orphans = await counter.desk.ledger.entries(kind=Kind.ORPHAN_STOP)
        assert [entry.data["transaction"] for entry in orphans] == [
            4711,
            answer["transactionId"],
        ]


async def test_a_stop_with_no_id_ends_the_only_session_that_fits(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage", connectors=2)
        begun = counter.clock()
        await station.send("StartTransaction", start("04AA11", begun, 1000))
        await station.send("StartTransaction", start("04BB22", begun, 7000, 2))
        counter.clock.travel(hours=1)
        told = stop(-1, counter.clock(), 8000, idTag="04BB22")
        assert await station.send("StopTransaction", told) == {}
        anna, bo = await counter.sessions()
        assert anna.is_open
        assert bo.energy_wh == 1000


async def test_a_forgotten_stop_is_estimated_by_the_next_start(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        answer = await station.send(
            "StartTransaction", start("04AA11", counter.clock(), 1000)
        )
        counter.clock.travel(minutes=30)
        await station.send(
            "MeterValues",
            meter_values(counter.clock(), 4000, transaction=answer["transactionId"]),
        )
        counter.clock.travel(hours=2)
        await station.send("StartTransaction", start("04BB22", counter.clock(), 5500))
        anna, bo = await counter.sessions()
        assert anna.closing is Closing.ESTIMATED
        assert anna.energy_wh == 4500  # up to where the next session began
        assert bo.is_open

        # Ids come again: this one is of another transaction, which an older ledger knew.
        older = stop(anna.id, anna.started_at - timedelta(hours=1), 900)
        await station.send("StopTransaction", older)
        assert await counter.sessions() == [anna, bo]

        late = stop(anna.id, anna.started_at + timedelta(hours=1), 5400)
        await station.send("StopTransaction", late)
        anna, bo = await counter.sessions()
        assert anna.closing is Closing.REPORTED
        assert anna.energy_wh == 4400
        assert anna.cost == Decimal("11.00")
        assert bo.is_open


async def test_a_session_on_a_free_connector_is_closed_after_a_while(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        answer = await station.send(
            "StartTransaction", start("04AA11", counter.clock(), 1000)
        )
        counter.clock.travel(minutes=30)
        read_at = counter.clock()
        await station.send(
            "MeterValues",
            meter_values(read_at, 4000, transaction=answer["transactionId"]),
        )
        for status in ("Charging", "Available"):
            await station.send(
                "StatusNotification",
                {"connectorId": 1, "status": status, "errorCode": "NoError"},
            )
        await counter.desk.close_forgotten()
        [session] = await counter.sessions()
        assert session.is_open  # its stop may be on its way
        counter.clock.travel(minutes=6)
        await counter.desk.close_forgotten()
        [session] = await counter.sessions()
        assert session.closing is Closing.ESTIMATED
        assert session.energy_wh == 3000


async def test_a_station_may_be_adopted_while_others_are_looked_after(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        await counter.station("garage")
        async with counter.desk.lock("garage"):
            looking = asyncio.create_task(counter.desk.close_forgotten())
            await asyncio.sleep(0)
            counter.desk.move_in(house("garage", "drive"))
        await looking


async def test_a_session_at_a_station_that_is_removed_is_closed_after_a_while(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage", "drive")) as counter:
        garage, drive = await counter.station("garage"), await counter.mute("drive")
        answer = await garage.send(
            "StartTransaction", start("04AA11", counter.clock(), 1000)
        )
        id_ = answer["transactionId"]
        counter.clock.travel(minutes=30)
        await garage.send(
            "MeterValues", meter_values(counter.clock(), 4000, transaction=id_)
        )
        await garage.stop()

        counter.desk.move_in(house("drive"))
        elsewhere = await drive.send(
            "StartTransaction", start("04AA11", counter.clock(), 0)
        )
        assert elsewhere["idTagInfo"]["status"] == "Accepted"
        await counter.desk.close_forgotten()
        session, other = await counter.sessions()
        assert session.is_open  # it may be adopted again
        counter.clock.travel(minutes=61)

    async with at_the_desk(path, house("drive"), clock=counter.clock) as counter:
        await counter.desk.close_forgotten()
        session, other = await counter.sessions()
        assert session.closing is Closing.ESTIMATED
        assert session.energy_wh == 3000
        assert other.is_open


async def test_what_cannot_be_stored_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        commit = counter.desk.ledger.commit
        failures = 2

        async def sometimes(**what: Any) -> None:
            nonlocal failures
            starts = [entry.kind for entry in what["entries"]]
            if Kind.START in starts and failures:
                failures -= 1
                raise LedgerError("disk full")
            await commit(**what)

        monkeypatch.setattr(counter.desk.ledger, "commit", sometimes)
        await station.plug_in(1, Car())
        await station.present_tag(1, "04AA11")
        transaction = await station.wait_transaction(1)
        assert failures == 0
        [session] = await counter.sessions()
        assert session.id == transaction.id


async def test_charging_offline_is_told_later_with_its_own_times(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        await station.wait_for(
            lambda: "digest" in counter.desk.stations["garage"].token_list
        )
        await station.go_offline()
        await station.plug_in(1, Car())
        assert await station.present_tag(1, "04AA11") == "Accepted"
        assert await station.present_tag(1, "04CC33") != "Accepted"  # blocked
        counter.clock.travel(minutes=45)
        await station.wait_for(lambda: station.connectors[1].shown_wh > 5000)
        await station.unplug(1)
        counter.clock.travel(hours=3)
        await station.go_online()
        await station.wait_registered()
        await station.wait_queue_empty()
        [session] = await counter.sessions()
        [truth] = station.history
        assert session.user == "anna"
        assert session.energy_wh == truth.energy_wh
        assert truth.ended_at is not None
        assert session.ended_at is not None
        assert abs(session.started_at - truth.started_at) < timedelta(milliseconds=2)
        assert abs(session.ended_at - truth.ended_at) < timedelta(milliseconds=2)
