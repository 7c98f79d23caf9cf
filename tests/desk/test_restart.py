"""Ladda stops and starts again in the middle of things."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.model import ConnectorStatus
from tests.station_simulator import Car

from .counter import TravellingClock, at_the_desk, house
from .wire import meter_values, start, stop

BOOT = {"chargePointVendor": "Simulated", "chargePointModel": "Type 2"}
pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_session_goes_on_over_a_restart(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        answer = await station.send("StartTransaction", start("04AA11", clock(), 1000))
        number = answer["transactionId"]
        clock.travel(minutes=10)
        await station.send(
            "MeterValues", meter_values(clock(), 3000, transaction=number)
        )
        await station.send(
            "StatusNotification",
            {"connectorId": 1, "status": "Charging", "errorCode": "NoError"},
        )
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        known = counter.desk.stations["garage"]
        opened = known.session_at(1)
        assert opened is not None
        assert opened.energy.delivered_wh == 2000
        assert known.connector(1).status is ConnectorStatus.CHARGING
        assert known.connector(1).register_wh == 3000
        running = counter.desk.pricing.running(opened)
        assert running is not None
        assert running.total == Decimal(5)
        station = await counter.station("garage")
        clock.travel(minutes=10)
        await station.send("StopTransaction", stop(number, clock(), 5000))
        [session] = await counter.sessions()
        assert (session.energy_wh, session.cost) == (4000, Decimal("10.00"))
        assert known.connector(1).register_wh == 5000
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        connector = counter.desk.stations["garage"].connector(1)
        assert connector.last_session == session
        assert connector.register_wh == 5000


async def test_the_last_boot_is_known_after_a_restart(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        for _ in range(2):
            clock.travel(hours=1)
            await station.send("BootNotification", BOOT)
        booted_at = counter.desk.stations["garage"].booted_at
        assert booted_at is not None
        assert clock() - booted_at < timedelta(minutes=1)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        assert counter.desk.stations["garage"].booted_at == booted_at


async def test_a_boot_loop_does_not_fill_the_ledger(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        for firmware in (f"1.{number}" for number in range(120)):
            clock.travel(seconds=10)
            await station.send("BootNotification", BOOT | {"firmwareVersion": firmware})
        known = counter.desk.stations["garage"]
        assert known.booted_at is not None
        assert clock() - known.booted_at < timedelta(seconds=10)
        assert known.info is not None
        assert known.info.firmware == "1.119"
        await counter.desk.ledger.commit()
        kept = await counter.desk.ledger.entries(kind=Kind.BOOT)
        # Three in ten minutes, for twenty
        assert len(kept) <= 3 * 3
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        again = counter.desk.stations["garage"].booted_at
        assert again is not None
        assert known.booted_at - again < timedelta(minutes=10)


async def test_what_happened_meanwhile_is_told_afterwards(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        port = int(counter.url.rpartition(":")[2])
        await station.plug_in(1, Car())
        await station.present_tag(1, "04BB22")
        await station.wait_transaction(1)
        counter.stations.clear()  # it stays on when the desk closes
    clock.travel(minutes=20)
    await station.wait_for(lambda: not station.is_online)
    await station.wait_for(lambda: station.connectors[1].shown_wh > 3000)
    await station.unplug(1)
    place = house("garage")
    async with at_the_desk(path, place, port=port, clock=clock) as counter:
        counter.stations.append(station)
        await station.wait_registered()
        await station.wait_queue_empty()
        [session] = await counter.sessions()
        [truth] = station.history
        assert session.id == truth.id
        assert session.energy_wh == truth.energy_wh
        assert session.user == "bo"
        assert not counter.desk.stations["garage"].open


async def test_transaction_ids_never_come_twice(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    ids = []
    for _ in range(3):
        async with at_the_desk(path, house("garage"), clock=clock) as counter:
            station = await counter.station("garage")
            clock.travel(minutes=1)
            answer = await station.send(
                "StartTransaction", start("04AA11", clock(), 1000)
            )
            ids.append(answer["transactionId"])
    assert len(set(ids)) == 3
    assert min(ids) > 0


async def test_sessions_are_what_the_journal_says(tmp_path: Path) -> None:
    """The sessions in the ledger can be made again from the journal alone."""
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        for meter in (1000, 4000):
            answer = await station.send(
                "StartTransaction", start("04AA11", clock(), meter)
            )
            clock.travel(minutes=30)
            number = answer["transactionId"]
            await station.send(
                "MeterValues", meter_values(clock(), meter + 1500, transaction=number)
            )
            clock.travel(minutes=30)
            await station.send("StopTransaction", stop(number, clock(), meter + 3000))
        for session in await counter.sessions():
            rating = await counter.desk.pricing.rating(replace(session, cost=None))
            assert rating is not None
            assert rating.billed == session.cost
            assert rating.energy_wh == session.energy_wh
