"""Stations that take limits in their own ways, forget them, or do not obey them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from ocpp.charge_point import camel_to_snake_case
import pytest

from custom_components.ladda.central_system import NotAccepted, StationError
from custom_components.ladda.charging.journal import Kind
from tests.desk.counter import Counter, at_the_desk, house
from tests.desk.wire import stamp, start
from tests.station_simulator import Car, SimulatedStation

from .test_asking import profile_in

ONE_PHASE = Car(phases=1, max_current_a=32, need_wh=60_000)
THREE_PHASES = Car(need_wh=60_000)
IN_WATTS = {"ChargingScheduleAllowedChargingRateUnit": "Power"}


async def ready(counter: Counter, **options: Any) -> SimulatedStation:
    """Switch a station on and wait until its settings are known."""
    station = await counter.station("garage", **options)
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)
    return station


async def charge(station: SimulatedStation, car: Car = THREE_PHASES) -> int:
    """Plug a car in and begin to charge; return the session."""
    await station.plug_in(1, car)
    await station.present_tag(1, "04AA11")
    transaction = await station.wait_transaction(1)
    assert transaction.id is not None
    return transaction.id


async def drive_off(station: SimulatedStation) -> None:
    """End the session and unplug."""
    await station.unplug(1)
    await station.wait_queue_empty()


async def limit(counter: Counter, amps: int | None, connector: int = 1) -> None:
    """Limit a connector as a person does."""
    amount = None if amps is None else Decimal(amps)
    await counter.desk.limits.set("garage", connector, amount)


def shown(counter: Counter) -> Decimal | None:
    """Return the limit that a person sees."""
    return counter.desk.limits.in_force("garage", 1)


def sent(station: SimulatedStation) -> list[tuple[str, int, float, int | None]]:
    """List purpose, connector, limit and phases of all profiles that were sent."""
    found = []
    for payload in station.asked("SetChargingProfile"):
        profile = profile_in(payload)
        [period] = profile["chargingSchedule"]["chargingSchedulePeriod"]
        found.append(
            (
                profile["chargingProfilePurpose"],
                payload["connectorId"],
                period["limit"],
                period.get("numberPhases"),
            )
        )
    return found


def flows(station: SimulatedStation, amps: float) -> Callable[[], bool]:
    """Tell whether so many A per phase flow."""
    return lambda: station.connectors[1].current_a == Decimal(str(amps))


# --- watts ------------------------------------------------------------------------------


async def counting_power(counter: Counter) -> SimulatedStation:
    """Return a station whose limits are what all phases may take together."""
    station = await ready(counter, settings=IN_WATTS)
    station.controller.profiles.counts_power = True
    return station


async def test_a_limit_in_watts_is_corrected_when_the_session_shows_its_phases(
    counter: Counter,
) -> None:
    station = await counting_power(counter)
    await limit(counter, 10)
    await charge(station, ONE_PHASE)
    await station.wait_for(flows(station, 30))  # three times as much
    counter.clock.travel(minutes=1)
    await station.wait_for(flows(station, 10))
    assert sent(station) == [
        ("TxDefaultProfile", 1, 6900, 3),
        ("TxDefaultProfile", 1, 2300, 1),
    ]
    counter.clock.travel(minutes=3)
    await station.wait_queue_empty()
    assert len(sent(station)) == 2


async def test_a_limit_in_watts_is_for_the_phases_that_carry_current(
    counter: Counter,
) -> None:
    station = await counting_power(counter)
    await charge(station, ONE_PHASE)
    counter.clock.travel(minutes=1)
    connector = counter.desk.stations["garage"].connector(1)
    await station.wait_for(lambda: connector.current_a == 32)
    await limit(counter, 10)
    await limit(counter, 0)
    await station.wait_for(flows(station, 0))
    counter.clock.travel(minutes=1)
    await station.wait_for(lambda: connector.current_a == 0)
    await limit(counter, 12)  # it still is the same car
    assert [each[2:] for each in sent(station)] == [(2300, 1), (0, 1), (2760, 1)]


async def test_the_next_car_may_use_all_phases(counter: Counter) -> None:
    """With the watts of one phase it would never start, and show no phases."""
    station = await counting_power(counter)
    await limit(counter, 10)
    await charge(station, ONE_PHASE)
    counter.clock.travel(minutes=1)
    await station.wait_for(flows(station, 10))
    await drive_off(station)
    await charge(station, THREE_PHASES)
    await station.wait_for(flows(station, 10))
    assert sent(station)[-1] == ("TxDefaultProfile", 1, 6900, 3)


async def test_a_start_with_a_limit_in_watts_is_corrected_too(counter: Counter) -> None:
    station = await counting_power(counter)
    await station.plug_in(1, ONE_PHASE)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(10))
    await station.wait_transaction(1)
    counter.clock.travel(minutes=1)
    await station.wait_for(flows(station, 10))
    assert sent(station) == [("TxProfile", 1, 2300, 1)]


async def test_in_amps_phases_make_no_difference(counter: Counter) -> None:
    station = await ready(counter)
    await limit(counter, 10)
    await charge(station, ONE_PHASE)
    counter.clock.travel(minutes=3)
    await station.wait_for(flows(station, 10))
    await station.wait_queue_empty()
    assert sent(station) == [("TxDefaultProfile", 1, 10, None)]


# --- the station as a whole -------------------------------------------------------------


async def test_a_limit_is_taken_for_the_station_only(counter: Counter) -> None:
    station = await ready(counter)
    station.controller.profiles.takes = lambda _, connector: connector == 0
    await limit(counter, 10)
    await charge(station)
    await station.wait_for(flows(station, 10))
    assert sent(station)[-1][:2] == ("TxDefaultProfile", 0)
    await limit(counter, None)
    await station.wait_for(flows(station, 16))


@pytest.mark.parametrize("untold", [(), (2,)], ids=["used", "never used"])
async def test_with_several_connectors_none_is_limited_for_all(
    counter: Counter, untold: tuple[int, ...]
) -> None:
    """Of one that was never used only the settings may tell."""
    station = await ready(counter, connectors=2, silent_about=untold)
    station.controller.profiles.takes = lambda _, connector: connector == 0
    await charge(station)
    with pytest.raises(Exception, match="Rejected"):
        await limit(counter, 10)
    assert 0 not in [connector for _, connector, *_ in sent(station)]


# --- limits that end with the session ---------------------------------------------------


def takes_tx_profiles(purpose: str, _: int) -> bool:
    """Take limits for transactions only."""
    return purpose == "TxProfile"


async def forgetful(counter: Counter) -> SimulatedStation:
    """Return a station whose limits end with each session."""
    station = await ready(counter)
    station.controller.profiles.takes = takes_tx_profiles
    return station


async def test_a_limit_holds_for_the_next_session_too(counter: Counter) -> None:
    station = await forgetful(counter)
    await charge(station)
    await limit(counter, 10)
    await station.wait_for(flows(station, 10))
    await drive_off(station)
    assert shown(counter) == 10
    second = await charge(station)
    await station.wait_for(flows(station, 10))
    assert shown(counter) == 10
    profile = profile_in(station.asked("SetChargingProfile")[-1])
    assert profile["transactionId"] == second


async def test_a_limit_that_is_set_between_sessions_holds_from_the_next(
    counter: Counter,
) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    assert shown(counter) == 10
    await charge(station)
    await station.wait_for(flows(station, 10))
    assert shown(counter) == 10


async def test_a_station_that_is_not_ready_yet_is_asked_again(
    counter: Counter,
) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    before = len(sent(station))
    ready_then = iter([False])
    station.controller.profiles.takes = lambda purpose, connector: (
        takes_tx_profiles(purpose, connector) and next(ready_then, True)
    )
    await charge(station)
    await station.wait_for(flows(station, 10))
    purposes = [purpose for purpose, *_ in sent(station)[before:]]
    assert purposes.count("TxProfile") == 2


async def test_a_limit_that_is_lifted_is_not_sent_again(counter: Counter) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    await limit(counter, None)
    before = len(sent(station))
    await charge(station)
    await station.wait_for(flows(station, 16))
    assert len(sent(station)) == before
    assert shown(counter) is None


async def test_a_limit_that_the_next_session_does_not_take_is_not_shown(
    counter: Counter,
) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    station.controller.profiles.takes = lambda *_: False
    await charge(station)
    await station.wait_for(lambda: shown(counter) is None)
    before = len(sent(station))
    counter.clock.travel(minutes=3)
    await station.wait_queue_empty()
    assert len(sent(station)) == before  # it is not pestered
    await drive_off(station)
    station.controller.profiles.takes = takes_tx_profiles
    await charge(station)
    await station.wait_for(flows(station, 10))
    assert shown(counter) == 10


async def test_a_limit_waits_for_a_station_that_went_away(counter: Counter) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    await station.go_offline()
    await station.plug_in(1, THREE_PHASES)
    station.settings.change("AllowOfflineTxForUnknownId", "true")
    await station.present_tag(1, "04AA11")
    assert station.connectors[1].transaction is not None
    await station.go_online()
    await station.wait_for(flows(station, 10))
    assert shown(counter) == 10


async def test_what_is_shown_after_a_restart_is_true(counter: Counter) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    session = await charge(station)
    connector = counter.desk.stations["garage"].connector(1)
    await station.wait_for(lambda: connector.limit_session == session)  # it is kept
    async with at_the_desk(counter.path, house("garage")) as restarted:
        assert shown(restarted) == 10
    station.controller.profiles.takes = lambda *_: False
    await drive_off(station)
    await charge(station)
    await station.wait_for(lambda: shown(counter) is None)
    async with at_the_desk(counter.path, house("garage")) as restarted:
        assert shown(restarted) is None


async def test_a_station_that_knows_no_limits_is_promised_nothing(
    counter: Counter,
) -> None:
    station = await ready(counter)
    station.answers["SetChargingProfile"] = {"status": "NotSupported"}
    with pytest.raises(Exception, match="NotSupported"):
        await limit(counter, 10)
    assert shown(counter) is None


# --- a start with a limit ----------------------------------------------------------------


@pytest.mark.parametrize("takes", [takes_tx_profiles, lambda *_: True])
async def test_a_limit_given_with_the_start_holds_for_its_session_only(
    counter: Counter, takes: Any
) -> None:
    station = await ready(counter)
    station.controller.profiles.takes = takes
    await limit(counter, 12)
    await station.plug_in(1, THREE_PHASES)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    await station.wait_transaction(1)
    await station.wait_for(flows(station, 8))
    assert shown(counter) == 8
    counter.clock.travel(minutes=1)
    await station.wait_queue_empty()
    assert station.connectors[1].current_a == 8
    async with at_the_desk(counter.path, house("garage")) as restarted:
        assert shown(restarted) == 8
    await drive_off(station)
    assert shown(counter) == 12
    await charge(station)
    await station.wait_for(flows(station, 12))


async def test_a_start_that_is_refused_leaves_no_limit_behind(
    counter: Counter,
) -> None:
    """No car is there yet; when it is, its owner holds up the tag instead."""
    station = await ready(counter)
    station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    with pytest.raises(NotAccepted):
        await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    async with at_the_desk(counter.path, house("garage")) as restarted:
        assert restarted.desk.stations["garage"].connector(1).remote_start is None
    await charge(station)
    await station.wait_for(flows(station, 16))
    assert shown(counter) is None
    [session] = await counter.sessions()
    assert session.user == "anna"


async def test_a_start_that_is_refused_leaves_the_one_before_it(
    counter: Counter,
) -> None:
    station = await ready(counter)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    with pytest.raises(NotAccepted):
        await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(10))
    async with at_the_desk(counter.path, house("garage")) as restarted:
        kept = restarted.desk.stations["garage"].connector(1).remote_start
        assert kept is not None
        assert kept.limit_a == 8
    await station.plug_in(1, THREE_PHASES)
    await station.wait_transaction(1)
    await station.wait_for(flows(station, 8))
    assert shown(counter) == 8


async def test_no_start_gets_more_than_the_station_as_a_whole(counter: Counter) -> None:
    station = await ready(counter)
    station.controller.profiles.takes = lambda purpose, _: (
        purpose == "ChargePointMaxProfile"
    )
    await limit(counter, 10)
    station.controller.profiles.takes = lambda *_: True
    await station.plug_in(1, THREE_PHASES)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(14))
    await station.wait_transaction(1)
    await station.wait_for(flows(station, 10))
    assert shown(counter) == 10


@pytest.mark.parametrize("takes", [takes_tx_profiles, lambda *_: True])
async def test_a_newer_limit_takes_the_place_of_that_of_the_start(
    counter: Counter, takes: Any
) -> None:
    station = await ready(counter)
    station.controller.profiles.takes = takes
    await station.plug_in(1, THREE_PHASES)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    await station.wait_transaction(1)
    await station.wait_for(flows(station, 8))
    await limit(counter, 14)
    await station.wait_for(flows(station, 14))
    assert shown(counter) == 14
    await limit(counter, None)
    await station.wait_for(flows(station, 16))
    assert shown(counter) is None


# --- limits that get no answer ------------------------------------------------------------


async def charge_limited(counter: Counter) -> SimulatedStation:
    """Return a station that charges by 6 A, and began its session by 8 A."""
    station = await ready(counter)
    await limit(counter, 6)
    await station.plug_in(1, THREE_PHASES)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    await station.wait_transaction(1)
    await station.wait_for(flows(station, 8))
    return station


def answers_no_more(station: SimulatedStation, *, hangs_up: bool = False) -> None:
    """Let a station do as it is told, and its answers be lost; or the line, too."""

    def install(payload: dict[str, Any]) -> None:
        told = camel_to_snake_case(payload)
        profile = told["cs_charging_profiles"]
        station.controller.set_profile(told["connector_id"], profile)

    def clear(payload: dict[str, Any]) -> None:
        station.controller.clear_profiles(**payload)

    def lost(obey: Callable[[dict[str, Any]], None]) -> Callable[[Any], None]:
        def answer(payload: dict[str, Any]) -> None:
            obey(payload)
            if hangs_up:
                station.afterwards(station.link.hang_up())

        return answer

    station.answers |= {
        "SetChargingProfile": lost(install),
        "ClearChargingProfile": lost(clear),
    }


def answers_again(station: SimulatedStation) -> None:
    """Let the answers of a station come through again."""
    del station.answers["SetChargingProfile"], station.answers["ClearChargingProfile"]


async def test_a_limit_that_is_refused_leaves_that_of_the_start(
    counter: Counter,
) -> None:
    station = await charge_limited(counter)
    station.controller.profiles.takes = lambda *_: False
    with pytest.raises(NotAccepted):
        await limit(counter, 14)
    assert shown(counter) == 8
    await station.wait_for(flows(station, 8))
    assert station.asked("ClearChargingProfile") == []


@pytest.mark.usefixtures("little_time")
@pytest.mark.parametrize("hangs_up", [True, False])
@pytest.mark.parametrize("amps", [14, None])
async def test_where_the_answer_is_lost_the_limit_that_is_shown_is_sent_again(
    counter: Counter, amps: int | None, hangs_up: bool
) -> None:
    """Else 6 A were shown, and 14 A would flow."""
    station = await ready(counter)
    await limit(counter, 6)
    await charge(station)
    answers_no_more(station, hangs_up=hangs_up)
    with pytest.raises(StationError):
        await limit(counter, amps)
    await station.wait_for(flows(station, amps or 16))
    answers_again(station)
    await station.wait_for(flows(station, 6))
    await station.wait_for(lambda: shown(counter) == 6)
    before = len(sent(station))
    counter.clock.travel(minutes=3)
    await station.wait_queue_empty()
    assert len(sent(station)) == before


@pytest.mark.usefixtures("little_time")
async def test_a_limit_is_lifted_again_that_may_have_been_taken(
    counter: Counter,
) -> None:
    station = await ready(counter)
    await charge(station)
    answers_no_more(station)
    with pytest.raises(StationError):
        await limit(counter, 10)
    assert shown(counter) is None
    answers_again(station)
    await station.wait_for(flows(station, 16))


@pytest.mark.usefixtures("little_time")
async def test_what_is_in_doubt_is_not_shown(counter: Counter) -> None:
    station = await ready(counter)
    await limit(counter, 6)
    answers_no_more(station)
    with pytest.raises(StationError):
        await limit(counter, 14)
    await station.wait_for(lambda: shown(counter) is None)


async def test_the_limit_of_a_start_is_sent_again_too(counter: Counter) -> None:
    """The new limit was taken, and that of the start could not be lifted for it."""
    station = await charge_limited(counter)
    station.answers["ClearChargingProfile"] = {"status": "Sulking"}
    station.controller.clear_profiles(id=7501)  # though it was
    with pytest.raises(NotAccepted):
        await limit(counter, 14)
    await station.wait_for(flows(station, 8))
    assert shown(counter) == 8
    await drive_off(station)
    await charge(station)
    await station.wait_for(flows(station, 6))
    assert shown(counter) == 6


async def test_who_asks_for_a_limit_may_change_their_mind(counter: Counter) -> None:
    """An automation that begins anew cancels what it was at."""
    station = await ready(counter)
    await limit(counter, 6)
    await charge(station)
    answers_no_more(station)
    asked = len(sent(station))
    setting = asyncio.create_task(limit(counter, 14))
    await station.wait_for(lambda: len(sent(station)) > asked)
    setting.cancel()
    answers_again(station)
    with suppress(asyncio.CancelledError):
        await setting
    await station.wait_for(flows(station, 6))
    await station.wait_for(lambda: shown(counter) == 6)


async def test_what_is_kept_of_limits(counter: Counter) -> None:
    station = await counting_power(counter)
    session = await charge(station, ONE_PHASE)
    counter.clock.travel(minutes=1)
    connector = counter.desk.stations["garage"].connector(1)
    await station.wait_for(lambda: connector.current_a == 32)
    await limit(counter, 10)
    [entry] = await counter.desk.ledger.entries(kind=Kind.LIMIT)
    assert entry.data == {
        "limit_a": "10",
        "way": "TxDefaultProfile/Absolute",
        "phases": 1,
        "session": session,
    }


# --- limits that are not obeyed ------------------------------------------------------------


def complaints(counter: Counter) -> list[Any]:
    """List what was said about limits that are not obeyed, and None that they are."""
    return [what[2] for kind, what in counter.ear.told if kind == "ignored"]  # type: ignore[index]


async def measure(counter: Counter, station: SimulatedStation, minutes: float) -> None:
    """Let time pass; the station tells what it measured in it."""
    counter.clock.travel(minutes=minutes)
    station.controller.catch_up()
    await station.wait_queue_empty()


@pytest.mark.parametrize("amps", [10, 0])
async def test_a_limit_that_is_accepted_and_not_obeyed_is_told_of_once(
    counter: Counter, amps: int
) -> None:
    """Grizzl-E, firmware 03.09."""
    station = await ready(counter)
    station.controller.profiles.obedient = False
    await charge(station)
    await limit(counter, amps)
    for _ in range(3):
        await measure(counter, station, 0.5)
        assert complaints(counter) == []
    for _ in range(8):
        await measure(counter, station, 0.5)
    assert complaints(counter) == [amps]
    station.controller.profiles.obedient = True
    await measure(counter, station, 1)
    assert complaints(counter) == [amps, None]


async def test_a_limit_that_is_for_the_next_session_only_is_sent_for_this_one(
    counter: Counter,
) -> None:
    """ConnectorIO addons#160: the default is accepted, and a session goes on as it was."""
    station = await ready(counter)
    await charge(station)

    def for_this_one(payload: dict[str, Any]) -> dict[str, str]:
        profile = camel_to_snake_case(payload)["cs_charging_profiles"]
        if profile["charging_profile_purpose"] == "TxProfile":
            station.controller.set_profile(1, profile)
        return {"status": "Accepted"}

    station.answers["SetChargingProfile"] = for_this_one
    await limit(counter, 10)
    for _ in range(6):
        await measure(counter, station, 0.5)
    await station.wait_for(flows(station, 10))
    await measure(counter, station, 1)
    assert complaints(counter) == [10, None]
    assert shown(counter) == 10
    assert [purpose for purpose, *_ in sent(station)] == [
        "TxDefaultProfile",
        "TxProfile",
    ]


async def test_a_limit_that_was_overlooked_is_sent_once_more(counter: Counter) -> None:
    """go-e, API-v2#155: the first one after a pause is."""
    station = await ready(counter)
    await charge(station)
    station.answers["SetChargingProfile"] = {"status": "Accepted"}
    await limit(counter, 10)
    del station.answers["SetChargingProfile"]
    station.controller.profiles.takes = lambda purpose, _: purpose != "TxProfile"
    for _ in range(6):
        await measure(counter, station, 0.5)
    await station.wait_for(flows(station, 10))


@pytest.mark.parametrize("amps", [None, 12])
async def test_nothing_is_said_of_a_limit_that_is_lifted_or_changed(
    counter: Counter, amps: int | None
) -> None:
    station = await ready(counter)
    station.controller.profiles.obedient = False
    await charge(station)
    await limit(counter, 10)
    for _ in range(6):
        await measure(counter, station, 0.5)
    await limit(counter, amps)
    assert complaints(counter) == [10, None]
    await measure(counter, station, 1)
    assert complaints(counter) == [10, None]


async def test_the_limit_of_a_start_is_nothing_to_tell_of_once_its_session_is_over(
    counter: Counter,
) -> None:
    station = await ready(counter)
    station.controller.profiles.obedient = False
    await station.plug_in(1, THREE_PHASES)
    await counter.desk.remote.start("garage", 1, "anna", limit_a=Decimal(8))
    await station.wait_transaction(1)
    for _ in range(8):
        await measure(counter, station, 0.5)
    assert complaints(counter) == [8]
    await drive_off(station)
    assert complaints(counter) == [8, None]


async def test_a_limit_that_the_session_did_not_take_is_told_of(
    counter: Counter,
) -> None:
    station = await forgetful(counter)
    await limit(counter, 10)
    station.controller.profiles.takes = lambda *_: False
    await charge(station)
    for _ in range(6):
        await measure(counter, station, 0.5)
    assert complaints(counter) == [10]


async def test_a_car_that_draws_nothing_has_not_obeyed(counter: Counter) -> None:
    station = await ready(counter)
    station.controller.profiles.obedient = False
    await charge(station, Car(need_wh=1500, taper_below_wh=1))
    await limit(counter, 10)
    for _ in range(30):
        await measure(counter, station, 0.5)
    assert station.connectors[1].current_a == 0
    assert complaints(counter) == [10]


type Samples = dict[tuple[str, str], str]


@pytest.mark.parametrize(
    ("samples", "beyond"),
    [
        ({("Current.Import", "L1"): "11.0"}, False),  # by no more than 1 A
        ({("Current.Import", "L1"): "11.1"}, True),
        ({("Current.Import", "L1"): "0", ("Current.Import", "L2"): "16"}, True),
        ({("Current.Offered", ""): "16"}, True),
        ({("Current.Offered", ""): "16", ("Current.Import", "L1"): "10"}, False),
        ({("Power.Active.Import", ""): "7590"}, False),
        ({("Power.Active.Import", ""): "11000"}, True),
        ({("Energy.Active.Import.Register", ""): "11000"}, False),
    ],
    ids=repr,
)
async def test_what_is_measured_is_compared_with_the_limit(
    counter: Counter, samples: Samples, beyond: bool
) -> None:
    station = await ready(counter)
    told = start("04AA11", counter.clock(), 0)
    session = (await station.send("StartTransaction", told))["transactionId"]
    await limit(counter, 10)
    for _ in range(6):
        counter.clock.travel(minutes=0.5)
        value = {
            "timestamp": stamp(counter.clock()),
            "sampledValue": [
                {"measurand": measurand, "value": value}
                | ({"phase": phase} if phase else {})
                for (measurand, phase), value in samples.items()
            ],
        }
        told = {"connectorId": 1, "transactionId": session, "meterValue": [value]}
        await station.send("MeterValues", told)
    assert complaints(counter) == ([10] if beyond else [])
