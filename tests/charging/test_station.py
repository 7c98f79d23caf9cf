"""Connectors: what they tell, what they measure, and their register."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.ladda.charging import ends, metering, reports, starts
from custom_components.ladda.charging.connector import Connector
from custom_components.ladda.charging.events import (
    Booted,
    MeterValuesReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.model import (
    Authorization,
    ConnectorStatus,
    Context,
    Measurand,
    MeterValue,
    Phase,
    StationInfo,
)
from custom_components.ladda.charging.starts import Admittance

from .garage import BO, Garage, at, register, sample, state_of

POWER, CURRENT = Measurand.POWER, Measurand.CURRENT


@pytest.fixture
def garage() -> Garage:
    """A garage at noon."""
    return Garage()


def connector_of(garage: Garage) -> Connector:
    """The first connector."""
    return garage.station.connectors[1]


# --- what a station tells of itself ---------------------------------------------------


def test_a_boot_tells_what_the_station_is(garage: Garage) -> None:
    info = StationInfo(vendor="Acme", model="Wall", firmware="1.2")
    plan = reports.plan_boot(garage.station, Booted(info), garage.now)
    assert not plan.lasting
    garage.carry_out(plan)
    assert garage.station.info == info
    assert garage.restarted().info == info


def test_a_boot_may_have_set_the_clock(garage: Garage) -> None:
    garage.tells(ConnectorStatus.AVAILABLE, stamped=at(60))
    assert garage.station.clock.offset
    reports.plan_boot(garage.station, Booted(StationInfo()), garage.now)
    assert not garage.station.clock.offset


def test_settings_and_tag_lists_are_remembered(garage: Garage) -> None:
    for kind, data in (
        (Kind.SETTINGS, {"known": {"HeartbeatInterval": "300"}}),
        (Kind.TOKEN_LIST, {"digest": "ab", "version": 3}),
    ):
        garage.station.apply_entry(
            garage.station.entry(kind, garage.now, garage.now, data)
        )
    assert garage.station.settings["known"] == {"HeartbeatInterval": "300"}
    assert garage.station.token_list["version"] == 3


def test_a_limit_is_set_and_lifted(garage: Garage) -> None:
    garage.limit("10.5")
    assert connector_of(garage).limit_a == Decimal("10.5")
    assert connector_of(garage).limit_way == "tx_default"
    garage.limit(None)
    assert connector_of(garage).limit_a is None


# --- statuses -------------------------------------------------------------------------


def test_a_status_is_kept_once(garage: Garage) -> None:
    garage.tells(ConnectorStatus.AVAILABLE, stamped=at(-5))
    garage.wait(10)
    garage.tells(ConnectorStatus.AVAILABLE)
    assert garage.kinds() == ["status"]
    assert connector_of(garage).status_at == at(-5)
    garage.tells(ConnectorStatus.PREPARING)
    assert garage.kinds() == ["status", "status"]


def test_a_status_without_a_time_is_of_now(garage: Garage) -> None:
    garage.wait(3)
    garage.tells(ConnectorStatus.AVAILABLE)
    assert connector_of(garage).status_at == at(3)


def test_a_status_neither_begins_nor_ends_a_session(garage: Garage) -> None:
    garage.tells(ConnectorStatus.CHARGING)
    assert not garage.station.open
    garage.start()
    for status in ConnectorStatus:
        garage.tells(status)
    assert len(garage.station.open) == 1


# --- what is measured now -------------------------------------------------------------


def test_the_latest_value_is_shown(garage: Garage) -> None:
    garage.meters(garage.value(sample(POWER, 7000), sample(CURRENT, 10, Phase.L1)))
    assert connector_of(garage).power_w == 7000
    assert connector_of(garage).current_a == 10
    assert connector_of(garage).measured(POWER) == 7000


def test_a_value_of_before_does_not_take_the_place_of_a_newer_one(
    garage: Garage,
) -> None:
    garage.wait(10)
    garage.meters(garage.value(sample(POWER, 7000)))
    garage.meters(garage.value(sample(POWER, 1), stamped=at(9)))
    assert connector_of(garage).power_w == 7000


def test_values_kept_while_offline_say_nothing_about_now(garage: Garage) -> None:
    garage.wait(60)
    garage.meters(garage.value(sample(POWER, 7000), stamped=at(30)))
    assert connector_of(garage).power_w is None


def test_the_begin_of_a_transaction_is_not_now(garage: Garage) -> None:
    begin = sample(POWER, 0, context=Context.BEGIN)
    garage.meters(garage.value(sample(POWER, 7000), begin))
    assert connector_of(garage).power_w == 7000


def test_power_is_added_up_over_the_phases_or_estimated(garage: Garage) -> None:
    assert Connector(1).power_w is None
    assert Connector(1).current_a is None
    lines = (Phase.L1, Phase.L2, Phase.L3)
    garage.meters(garage.value(*(sample(CURRENT, 10, phase) for phase in lines)))
    assert connector_of(garage).power_w == 6900
    garage.meters(garage.value(*(sample(POWER, 2400, phase) for phase in lines)))
    assert connector_of(garage).power_w == 7200


def test_where_no_car_is_plugged_in_nothing_flows() -> None:
    free = Connector(1, status=ConnectorStatus.AVAILABLE)
    assert (free.power_w, free.current_a) == (0, 0)
    plugged_in = Connector(1, status=ConnectorStatus.PREPARING)
    assert (plugged_in.power_w, plugged_in.current_a) == (None, None)


def test_when_a_session_ends_nothing_flows_any_more(garage: Garage) -> None:
    number = garage.start(1000)
    volts = sample(Measurand.VOLTAGE, 231)
    garage.meters(
        garage.value(sample(POWER, 7000), sample(CURRENT, 10), volts),
        transaction=number,
    )
    garage.wait(1)
    garage.stop(number, 1100)
    assert (connector_of(garage).power_w, connector_of(garage).current_a) == (0, 0)
    assert connector_of(garage).measured(Measurand.VOLTAGE) == 231


def test_an_old_session_that_ends_does_not_stop_the_current_one(
    garage: Garage,
) -> None:
    garage.wait(60)
    newer = garage.start(5000, BO)
    garage.meters(garage.value(sample(POWER, 7000)), transaction=newer)
    garage.stop(garage.start(1000, stamped=at(0)), 2000, stamped=at(30))
    assert connector_of(garage).power_w == 7000


# --- whose meter values they are --------------------------------------------------------


def energies(garage: Garage) -> dict[int, Decimal]:
    """The energy of each open session."""
    return {
        number: opened.energy.delivered_wh
        for number, opened in garage.station.open.items()
    }


@pytest.mark.parametrize("transaction", [None, 1936029036, 2**31 - 1])
def test_values_with_no_id_or_one_that_we_never_gave_are_of_the_open_session(
    garage: Garage, transaction: int | None
) -> None:
    anna, bo = garage.start(1000), garage.start(2000, BO, connector=2)
    garage.wait(10)
    garage.reads(2500, transaction, connector=2)
    assert energies(garage) == {anna: 0, bo: 500}


def test_the_transaction_knows_its_connector_best(garage: Garage) -> None:
    anna, bo = garage.start(1000), garage.start(2000, BO, connector=2)
    garage.wait(10)
    value = garage.value(register(2500), sample(POWER, 7000))
    garage.meters(value, transaction=bo, connector=0)
    assert energies(garage) == {anna: 0, bo: 500}
    assert garage.station.connectors[2].power_w == 7000
    assert 0 not in garage.station.connectors


def test_values_that_still_bear_the_last_transactions_id_are_of_the_open_one(
    garage: Garage,
) -> None:
    first = garage.start(1000)
    garage.wait(10)
    garage.stop(first, 2000)
    garage.wait(10)
    second = garage.start(2000, BO)
    garage.wait(10)
    garage.reads(2500, first)
    assert energies(garage) == {second: 500}


def test_values_of_before_the_open_session_are_of_the_one_whose_id_they_bear(
    garage: Garage,
) -> None:
    first = garage.start(1000)
    garage.wait(10)
    session = garage.stop(first, 2000)
    garage.wait(10)
    second = garage.start(2000, BO)
    garage.reads(1500, first, stamped=at(5))
    assert garage.journal[-1].session == first
    assert garage.sessions[first] == session
    assert garage.station.open[second].energy.readings == []


def test_values_after_a_stop_are_kept_with_their_session(garage: Garage) -> None:
    number = garage.start(1000)
    garage.wait(10)
    garage.stop(number, 2000)
    garage.wait(1)
    garage.reads(2000, number)
    assert garage.journal[-1].kind == "late_meter"
    assert garage.journal[-1].session == number
    garage.wait(60)
    garage.reads(2100, number)
    assert (garage.journal[-1].kind, garage.journal[-1].session) == ("register", None)


def test_a_reading_from_just_before_the_start_is_not_lost(garage: Garage) -> None:
    number = garage.start(1000)
    signed = MeterValue(at(-0.1), {}, ("OCMF|{}",))
    garage.meters(signed, transaction=number)
    assert garage.journal[-1].session == number
    assert garage.journal[-1].data["signed"] == ["OCMF|{}"]


def test_aligned_values_that_bear_their_intervals_start_are_read_at_its_end(
    garage: Garage,
) -> None:
    for minutes in (15, 30, 45):
        garage.wait(15)
        stamped = at(minutes - 15)
        garage.reads(1000, stamped=stamped, context=Context.CLOCK)
    number = garage.start(1000)
    garage.wait(15)
    garage.reads(3500, number, stamped=at(45), context=Context.CLOCK)
    points = garage.station.open[number].energy.points
    assert (points[-1].at, points[-1].wh) == (at(60), 2500)


# --- the register -----------------------------------------------------------------------


def test_the_register_is_the_stations_own(garage: Garage) -> None:
    number = garage.start(1_234_567)
    assert connector_of(garage).register_wh == 1_234_567
    garage.wait(10)
    garage.reads(1_235_567, number)
    assert connector_of(garage).register_wh == 1_235_567
    assert connector_of(garage).register_at == at(10)
    garage.wait(10)
    garage.stop(number, 1_236_000)
    assert connector_of(garage).register_wh == 1_236_000


def test_a_register_that_begins_at_zero_with_every_session_adds_up(
    garage: Garage,
) -> None:
    for session in range(1, 4):
        number = garage.start(0)
        garage.wait(60)
        garage.reads(4000, number)
        garage.wait(60)
        garage.stop(number, 8000)
        garage.wait(60)
        assert connector_of(garage).register_wh == 8000 * session
        assert garage.restarted().connector(1).register_wh == 8000 * session


def test_a_lifetime_told_between_such_sessions_is_no_jump(garage: Garage) -> None:
    garage.stop(garage.start(0), 8000)
    for _ in range(3):
        garage.wait(30)
        garage.reads(3_008_000)
    assert connector_of(garage).register_wh == 8000


def test_a_register_that_falls_to_zero_and_comes_back_does_not_jump(
    garage: Garage,
) -> None:
    """#1756: it was a spike of 16 MWh on the Energy dashboard."""
    number = garage.start(90_000)
    for wh in (90_100, 0, 90_200, 0, 0, 0, 90_300):
        garage.wait(15)
        garage.reads(wh, number)
        assert connector_of(garage).register_wh in (90_100, 90_200, 90_300)
    garage.stop(number, 90_400)
    for wh in (0, 90_400, 0, 0, 90_400):
        garage.wait(600)
        garage.reads(wh)
        garage.station = garage.restarted()
        assert connector_of(garage).register_wh == 90_400


def test_a_register_is_read_between_sessions_now_and_then(garage: Garage) -> None:
    for minute in range(32):
        garage.reads(5000 + minute)
        garage.wait(1)
    assert [entry.data["register_wh"] for entry in garage.journal] == [
        "5000",
        "5015",
        "5030",
    ]
    assert {entry.kind for entry in garage.journal} == {Kind.REGISTER}
    assert connector_of(garage).register_wh == 5030


def test_a_register_that_stands_still_is_not_written_down(garage: Garage) -> None:
    for _ in range(10):
        garage.reads(5000)
        garage.wait(30)
    assert len(garage.journal) == 1


def test_what_is_no_register_is_not_written_down_between_sessions(
    garage: Garage,
) -> None:
    garage.meters(garage.value(sample(POWER, 0)))
    garage.reads(5000, context=Context.BEGIN)
    assert garage.journal == []


def test_an_estimated_session_raises_the_register_and_the_meter_settles_it(
    garage: Garage,
) -> None:
    number = garage.start(1000)
    for _ in range(6):
        garage.wait(10)
        garage.meters(garage.value(sample(POWER, 6000)), transaction=number)
    assert connector_of(garage).register_wh == 7000
    garage.stop(number, None)
    garage.wait(10)
    garage.start(7200)
    assert connector_of(garage).register_wh == 7200


def test_a_session_closed_by_estimate_keeps_its_register_over_a_restart(
    garage: Garage,
) -> None:
    garage.stop(garage.start(1000), 1050)
    garage.wait(60)
    number = garage.start(1050)
    garage.wait(30)
    garage.reads(4000, number)
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(6)
    garage.close_forgotten()
    assert connector_of(garage).register_wh == 4000
    assert garage.restarted().connector(1).register_wh == 4000


def test_a_station_that_is_planned_for_is_left_as_it_is(garage: Garage) -> None:
    """Nothing changes before it is in the ledger."""
    number = garage.start(1000)
    garage.ask(BO)
    garage.wait(10)
    garage.reads(2000, number)
    garage.wait(1)
    station, now = garage.station, garage.now
    before = state_of(station)
    value = garage.value(register(3000))

    def admit(*_: object) -> Admittance:
        return Admittance(Authorization.ACCEPTED)

    for connector in (1, 2):
        started = TransactionStarted(connector, BO, now, Decimal(3000))
        starts.place(station, replace(started, connector=None), 2)
        starts.plan_start(station, started, connector, now, 9, admit)
        starts.same_start(station, started)
        for transaction in (None, number, number + 1):
            values = MeterValuesReported(connector, transaction, (value,))
            metering.plan_meter_values(
                station, values, metering.timed(station, values.values, now), now
            )
        status = StatusReported(connector, ConnectorStatus.FAULTED)
        reports.plan_status(station, status, now)
    opened = station.open[number]
    stopped = TransactionStopped(number, now, Decimal(3000), values=(value,))
    ends.plan_stop(station, stopped, opened, now)
    ends.plan_orphan_stop(station, stopped, now)
    ends.plan_second_stop(station, stopped, opened.session, now)
    ends.plan_close(station, number, now)
    ends.forgotten(station, now + timedelta(hours=1))
    assert state_of(station) == before
    assert state_of(garage.restarted()) == before


# --- what counts of several values -------------------------------------------------------


def test_of_several_contexts_the_one_of_now_is_shown(garage: Garage) -> None:
    """Alfen sends what may flow at most under the same name."""
    garage.meters(
        garage.value(
            sample(Measurand.CURRENT, 8, Phase.L1),
            sample(Measurand.CURRENT, 16, Phase.L1, Context.OTHER),
        )
    )
    assert connector_of(garage).measured(Measurand.CURRENT, Phase.L1) == 8


def test_a_total_that_is_told_no_more_does_not_hide_the_phases(garage: Garage) -> None:
    garage.meters(garage.value(sample(POWER, 7000)))
    garage.wait(1)
    phases = (sample(POWER, 1000, phase) for phase in (Phase.L1, Phase.L2, Phase.L3))
    garage.meters(garage.value(*phases))
    assert connector_of(garage).power_w == 3000
