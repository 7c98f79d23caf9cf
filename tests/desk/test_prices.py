"""The price moves during a session; sometimes it is not known until later."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from custom_components.ladda.billing.prices import Origin
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.household import House
from custom_components.ladda.ledger import LedgerError
from tests.station_simulator import CallRefused

from .counter import SPOT, Counter, TravellingClock, at_the_desk, house
from .wire import meter_values, start, stop

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def show(
    counter: Counter, price: str | None, unit: str | None = "SEK/kWh"
) -> datetime:
    """Let the helper show a price; return since when it does."""
    at = counter.clock()
    await counter.desk.prices.observe("sensor.spot", at, price, unit)
    return at


def begin_a_slot(clock: TravellingClock) -> None:
    """Go to where a quarter hour of the clock has just begun."""
    clock.travel(seconds=900 - clock().timestamp() % 900 + 10)


async def test_energy_is_split_where_the_price_changes(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, "1.00")
        station = await counter.mute("garage")
        begun = clock()
        answer = await station.send("StartTransaction", start("04BB22", begun, 1000))
        number = answer["transactionId"]
        clock.travel(minutes=10)
        changed = await show(counter, "3.00")
        clock.travel(minutes=20)
        ended = clock()
        await station.send("StopTransaction", stop(number, ended, 7000))
        [session] = await counter.sessions()
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        cheap, dear = rating.slices
        micro = timedelta(microseconds=1)
        begun, ended = session.started_at, session.ended_at or ended
        share = Fraction((changed - begun) // micro, (ended - begun) // micro)
        assert abs(Fraction(cheap.wh) - 6000 * share) <= Fraction(1, 2000)
        assert cheap.wh + dear.wh == 6000
        cost = cheap.wh * 1 / 1000 + dear.wh * 3 / 1000
        assert session.cost == cost.quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert (cheap.state, dear.state) == ("1.00", "3.00")


async def test_a_price_that_is_not_known_is_never_zero(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, None)
        station = await counter.mute("garage")
        begun = clock()
        answer = await station.send("StartTransaction", start("04BB22", begun, 1000))
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 5000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert session.provisional
        assert session.cost is None

        settled = await counter.desk.accounts.set_price(
            SPOT,
            begun - timedelta(minutes=1),
            clock() + timedelta(minutes=1),
            "2.00",
            "SEK/kWh",
        )
        assert settled == 1
        [session] = await counter.sessions()
        assert not session.provisional
        assert session.cost == Decimal("8.00")
        [entry] = await counter.desk.ledger.entries(kind=Kind.RATED)
        assert entry.session == session.id


async def test_what_is_no_price_can_be_filled_in_and_what_is_one_cannot(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        begun = await show(counter, "0.10", "EUR/kWh")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        clock.travel(minutes=30)
        await show(counter, "1.00")
        clock.travel(minutes=30)
        told = stop(answer["transactionId"], clock(), 8000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert session.provisional

        for price in ("2.00", "4.00"):
            await counter.desk.accounts.set_price(
                SPOT, begun, clock(), price, "SEK/kWh"
            )
        [session] = await counter.sessions()
        assert not session.provisional
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert session.cost == rating.billed
        assert [part.unit_price for part in rating.slices] == [2, 1]
        assert [part.origin for part in rating.slices] == ["manual", "live"]


async def test_a_helper_that_goes_away_in_mid_session_leaves_a_provisional_part(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        number = answer["transactionId"]
        clock.travel(minutes=30)
        await station.send(
            "MeterValues", meter_values(clock(), 4000, transaction=number)
        )
        await show(counter, None)
        opened = counter.desk.stations["garage"].open[number]
        running = counter.desk.pricing.running(opened)
        assert running is not None
        assert running.total is not None
        assert round(running.total, 2) == 4
        clock.travel(minutes=30)
        await station.send("StopTransaction", stop(number, clock(), 8000))
        [session] = await counter.sessions()
        assert session.provisional
        assert session.cost is not None
        assert round(session.cost, 1) == 4


async def test_a_helper_that_comes_back_the_same_was_the_same(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        begin_a_slot(clock)
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        number = answer["transactionId"]
        clock.travel(minutes=2)
        await show(counter, None)
        clock.travel(minutes=2)
        await show(counter, "1.00")
        clock.travel(minutes=2)
        await station.send("StopTransaction", stop(number, clock(), 1000))
        [session] = await counter.sessions()
        assert (session.cost, session.provisional) == (Decimal("1.00"), False)
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert Origin.HELD in {part.origin for part in rating.slices}


async def test_a_helper_that_is_away_with_a_unit_and_without_is_away_all_the_time(
    tmp_path: Path,
) -> None:
    """As one that is unavailable, and whose integration is then loaded again."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        begin_a_slot(clock)
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        for price, unit in ((None, "SEK/kWh"), (None, None), ("1.00", "SEK/kWh")):
            clock.travel(minutes=2)
            await show(counter, price, unit)
        clock.travel(minutes=2)
        told = stop(answer["transactionId"], clock(), 1000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert (session.cost, session.provisional) == (Decimal("1.00"), False)


async def test_a_helper_that_shows_the_same_after_a_restart_was_the_same(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    begin_a_slot(clock)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
    clock.travel(minutes=4)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, None)  # it takes a moment to come back
        clock.travel(minutes=1)
        await show(counter, "1.00")
        station = await counter.mute("garage")
        clock.travel(minutes=1)
        told = stop(answer["transactionId"], clock(), 4000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert (session.cost, session.provisional) == (Decimal("4.00"), False)


async def test_a_helper_that_comes_back_in_another_slot_may_have_changed(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        await show(counter, None)
        clock.travel(minutes=16)
        await show(counter, "1.00")
        clock.travel(minutes=2)
        told = stop(answer["transactionId"], clock(), 1800)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert session.provisional


async def test_the_rule_is_fixed_at_the_start(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.mute("garage")
        answer = await station.send(
            "StartTransaction", start("04AA11", counter.clock(), 0)
        )
        place = house("garage")
        dearer = dict(place.tariffs)
        dearer["fixed"] = dearer["spot"]
        counter.desk.move_in(
            place.__class__(
                directory=place.directory, stations=place.stations, tariffs=dearer
            )
        )
        counter.clock.travel(hours=1)
        await station.send(
            "StopTransaction", stop(answer["transactionId"], counter.clock(), 4000)
        )
        [session] = await counter.sessions()
        assert session.cost == Decimal("10.00")


async def test_a_session_given_to_somebody_else_costs_what_theirs_do(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send(
            "StartTransaction", start("FFFF", counter.clock(), 0)
        )
        number = answer["transactionId"]
        await counter.desk.accounts.assign(number, "anna")
        counter.clock.travel(hours=1)
        await station.send("StopTransaction", stop(number, counter.clock(), 4000))
        [session] = await counter.sessions()
        assert (session.user_name, session.cost) == ("Anna", Decimal("10.00"))
        session = await counter.desk.accounts.assign(number, "bo")
        assert (session.user_name, session.cost) == ("Bo", Decimal("4.00"))
        session = await counter.desk.accounts.assign(number, None)
        assert session.user is None


async def test_what_it_costs_so_far_is_known_whenever_it_began(tmp_path: Path) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, "1.00")
        begun = clock()
        clock.travel(hours=2)
        await show(counter, "3.00")
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        station = await counter.station("garage")
        answer = await station.send("StartTransaction", start("04AA11", begun, 0))
        number = answer["transactionId"]
        await station.send(
            "MeterValues",
            meter_values(begun + timedelta(hours=1), 4000, transaction=number),
        )
        await counter.desk.accounts.assign(number, "bo")
        running = counter.desk.pricing.running(
            counter.desk.stations["garage"].open[number]
        )
        assert running is not None
        assert running.total == Decimal("4.00")


async def test_what_a_sensor_showed_while_nobody_watched_is_not_guessed(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        number = answer["transactionId"]
        clock.travel(minutes=10)
        await station.send(
            "MeterValues", meter_values(clock(), 1000, transaction=number)
        )
    clock.travel(minutes=20)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, "2.00")
        station = await counter.mute("garage")
        clock.travel(minutes=10)
        await station.send("StopTransaction", stop(number, clock(), 4000))
        [session] = await counter.sessions()
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert [part.state for part in rating.slices] == ["1.00", None, "2.00"]
        assert [round(part.wh, -1) for part in rating.slices] == [1000, 2000, 1000]
        assert session.provisional


async def test_what_a_helper_showed_while_no_tariff_used_it_is_not_guessed(
    tmp_path: Path,
) -> None:
    place = house("garage")
    without = replace(place, tariffs={"fixed": place.tariffs["fixed"]})
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        clock, desk = counter.clock, counter.desk

        async def live_in(changed: House) -> None:
            desk.move_in(changed)
            await desk.watch_prices(desk.price_helpers(), clock())

        await show(counter, "1.00")
        clock.travel(hours=1)
        await live_in(without)
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04AA11", clock(), 0))
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 4000)
        await station.send("StopTransaction", told)
        await live_in(place)
        await show(counter, "5.00")
        session = await desk.accounts.assign(answer["transactionId"], "bo")
        assert (session.cost, session.provisional) == (None, True)


async def test_a_session_told_hours_later_costs_what_the_price_was_then(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, "1.00")
        clock.travel(minutes=30)
        begun = clock()
        clock.travel(minutes=30)
        await show(counter, "3.00")
        clock.travel(minutes=30)
        ended = clock()
        await show(counter, "9.00")
        clock.travel(hours=5)
        await counter.desk.close_forgotten()  # what is not needed is forgotten
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", begun, 0))
        told = stop(answer["transactionId"], ended, 6000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert not session.provisional
        assert session.cost == Decimal("12.00")


async def test_what_was_billed_does_not_change_with_what_is_said_later(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock = counter.clock
        await show(counter, None)
        station = await counter.mute("garage")
        begun = clock()
        answer = await station.send("StartTransaction", start("04BB22", begun, 0))
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 5000)
        await station.send("StopTransaction", told)
        for price in ("2.00", "4.00"):
            await counter.desk.accounts.set_price(
                SPOT, begun - timedelta(1), clock(), price, "SEK/kWh"
            )
        [session] = await counter.sessions()
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert session.cost == rating.billed == Decimal("10.00")


async def test_a_price_on_its_way_to_the_ledger_is_not_forgotten(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock, desk = counter.clock, counter.desk
        await show(counter, "1.00")
        clock.travel(hours=1)
        await desk.close_forgotten()  # what is not needed is forgotten
        await desk.ledger.hold(60)
        changing = asyncio.create_task(show(counter, "3.00"))
        await asyncio.sleep(0)
        # A session that is told of late asks for prices of then.
        await desk.prices.reach_back("sensor.spot", clock() - timedelta(minutes=30))
        await desk.ledger.release()
        await changing

        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 2000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        assert session.cost == Decimal("6.00")


async def test_of_two_prices_that_are_set_at_once_one_counts(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock, accounts = counter.clock, counter.desk.accounts
        begun = await show(counter, None)
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 1000))
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 5000)
        await station.send("StopTransaction", told)
        await asyncio.gather(
            *(
                accounts.set_price(SPOT, begun, clock(), price, "SEK/kWh")
                for price in ("2.00", "4.00")
            )
        )
        [session] = await counter.sessions()
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert session.cost == rating.billed == Decimal("8.00")


async def test_a_price_that_the_ledger_did_not_take_is_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "ladda.db", TravellingClock()
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        await show(counter, "1.00")
        station = await counter.mute("garage")
        answer = await station.send("StartTransaction", start("04BB22", clock(), 0))
        clock.travel(hours=1)
        with monkeypatch.context() as full:
            refused = AsyncMock(side_effect=LedgerError("the disk is full"))
            full.setattr(counter.desk.ledger, "commit", refused)
            with pytest.raises(LedgerError):
                await show(counter, "3.00")
            await counter.desk.close_forgotten()
        await counter.desk.close_forgotten()
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 8000)
        await station.send("StopTransaction", told)
    async with at_the_desk(path, house("garage"), clock=clock) as counter:
        [session] = await counter.sessions()
        rating = await counter.desk.pricing.rating(session)
        assert rating is not None
        assert [part.state for part in rating.slices] == ["1.00", "3.00"]
        assert session.cost == rating.billed


async def test_a_start_whose_prices_cannot_be_read_is_told_again_and_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock, desk = counter.clock, counter.desk
        await show(counter, "1.00")
        begun = clock()
        clock.travel(hours=3)
        await desk.close_forgotten()  # what is not needed is forgotten
        station = await counter.mute("garage")
        told = start("04BB22", begun, 1000)
        with monkeypatch.context() as failing:
            unread = AsyncMock(side_effect=LedgerError("no disk"))
            failing.setattr(desk.ledger, "prices", unread)
            with pytest.raises(CallRefused):
                await station.send("StartTransaction", told)
        assert not desk.stations["garage"].open
        answer = await station.send("StartTransaction", told)
        number = answer["transactionId"]
        assert counter.ear.told.count(("started", number)) == 1
        values = meter_values(clock(), 5000, transaction=number)
        await station.send("MeterValues", values)
        running = desk.pricing.running(desk.stations["garage"].open[number])
        assert running is not None
        assert running.total == 4
        assert "The ledger cannot be used: no disk" in caplog.text
        assert "went wrong here" not in caplog.text


async def test_a_helper_that_has_shown_nothing_yet_may_be_renamed(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        clock, desk = counter.clock, counter.desk
        station = await counter.mute("garage")
        begun = clock()
        answer = await station.send("StartTransaction", start("04BB22", begun, 0))
        await desk.accounts.follow("sensor.spot", "sensor.electricity")
        clock.travel(minutes=1)
        await desk.prices.observe("sensor.electricity", clock(), "3.00", "SEK/kWh")
        clock.travel(hours=1)
        told = stop(answer["transactionId"], clock(), 5000)
        await station.send("StopTransaction", told)
        [session] = await counter.sessions()
        rating = await desk.pricing.rating(session)
        assert rating is not None
        assert [part.unit_price for part in rating.slices] == [None, 3]
