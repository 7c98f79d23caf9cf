"""Transactions as stations really report them: repeated, late, lost, unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from custom_components.ladda.charging import starts
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.model import (
    Authorization,
    ConnectorStatus,
    Context,
    Measurand,
)
from custom_components.ladda.charging.reading import Method
from custom_components.ladda.charging.session import Closing, Flag
from custom_components.ladda.charging.starts import REMOTE_START_WINDOW

from .garage import ANNA, BO, NOON, Garage, at, course, register, sample

NO_CLOCK = datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC)


@pytest.fixture
def garage() -> Garage:
    """A garage at noon."""
    return Garage()


# --- starts -----------------------------------------------------------------------


def test_a_session_is_stop_minus_start(garage: Garage) -> None:
    number = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, number)
    garage.wait(30)
    session = garage.stop(number, 9000)
    assert session is not None
    assert (session.energy_wh, session.closing) == (8000, Closing.REPORTED)
    assert (session.started_at, session.ended_at) == (NOON, at(60))
    assert session.energy_method == Method.REGISTER
    assert session.flags == ()
    assert garage.kinds() == ["start", "meter", "stop"]
    assert course(garage.curves[number].points) == [(0, 0), (30, 3000), (60, 8000)]


def test_a_start_told_twice_is_one_session(garage: Garage) -> None:
    first = garage.start()
    garage.wait(2)
    assert garage.start(stamped=NOON) == first
    garage.stop(first, 5000)
    assert garage.start(stamped=NOON) == first
    assert garage.kinds() == ["start", "stop"]


def test_a_start_told_in_other_letters_is_the_same(garage: Garage) -> None:
    first = garage.start(token=ANNA)
    assert garage.start(token=ANNA.lower(), stamped=NOON) == first


def test_starts_that_differ_are_different_sessions(garage: Garage) -> None:
    told = [
        garage.start(1000),
        garage.start(1000, connector=2),
        garage.start(1000, BO),
        garage.start(1500, BO),
        garage.start(1500, BO, stamped=at(-1)),
    ]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("token", [ANNA, ""])
def test_a_start_without_a_usable_time_told_twice_is_one_session(
    garage: Garage, token: str
) -> None:
    first = garage.start(token=token, stamped=NO_CLOCK)
    garage.wait(1)
    assert garage.start(token=token.lower(), stamped=NO_CLOCK) == first
    assert garage.sessions[first].flags == (Flag.CLOCK_CORRECTED,)
    assert garage.sessions[first].start_key is None


def test_a_start_without_a_usable_time_is_a_new_one_once_energy_was_read(
    garage: Garage,
) -> None:
    first = garage.start(stamped=NO_CLOCK)
    garage.wait(1)
    garage.reads(1100, first)
    assert garage.start(2000, stamped=NO_CLOCK) != first


def test_a_start_at_the_turn_of_the_year_has_a_usable_time() -> None:
    garage = Garage(datetime(2026, 12, 31, 23, 0, tzinfo=UTC))
    for minutes in (0, 3):
        garage.wait(minutes)
        behind = garage.now - timedelta(hours=2)
        garage.tells(ConnectorStatus.AVAILABLE, stamped=behind)
    garage.wait(60)
    session = garage.start(stamped=garage.now - timedelta(hours=2))
    assert garage.sessions[session].started_at.year == 2027
    assert garage.sessions[session].start_key is not None


def test_a_refused_tag_gets_a_session_all_the_same(garage: Garage) -> None:
    garage.station.connector(1)
    number = garage.start()
    again = starts.started_again(garage.sessions[number], None)
    assert (again.session, again.authorization) == (number, Authorization.ACCEPTED)


@pytest.mark.parametrize("meter", [None, -1])
def test_a_start_without_a_register_stands_where_the_last_session_stopped(
    garage: Garage, meter: int | None
) -> None:
    garage.stop(garage.start(1000), 5000)
    garage.wait(60)
    session = garage.stop(garage.start(meter), 8000)
    assert session is not None
    assert session.energy_wh == 3000
    assert session.flags == (Flag.METER_START_ASSUMED,)


def test_a_start_without_any_known_register_counts_from_the_first_reading(
    garage: Garage,
) -> None:
    number = garage.start(None)
    garage.wait(1)
    garage.reads(7_900_000, number)
    garage.wait(60)
    assert garage.station.open[number].energy.delivered_wh == 0
    session = garage.stop(number, 7_905_000)
    assert session is not None
    assert session.energy_wh == 5000
    assert session.flags == (Flag.METER_START_UNKNOWN,)


def test_a_station_that_never_tells_a_start_begins_where_its_meter_last_stood(
    garage: Garage,
) -> None:
    first = garage.start(None)
    garage.wait(1)
    garage.reads(7_900_000, first)
    garage.wait(60)
    garage.stop(first, 7_905_000)
    garage.wait(60)
    number = garage.start(None, BO)
    garage.wait(15)
    garage.reads(7_907_000, number)
    session = garage.stop(number, 7_909_000)
    assert session is not None
    assert session.energy_wh == 4000
    assert session.flags == (Flag.METER_START_ASSUMED,)


@pytest.mark.parametrize("measurand", [Measurand.ENERGY_REGISTER, Measurand.POWER])
def test_what_a_session_took_is_not_billed_again_where_the_next_start_is_not_told(
    garage: Garage, measurand: Measurand
) -> None:
    """Neither its stop nor the next start say where the meter stands."""
    first = garage.start(1000)
    garage.wait(30)
    garage.meters(garage.value(sample(measurand, 9000)), transaction=first)
    ended = garage.stop(first, 0)
    garage.wait(60)
    number = garage.start(None, BO)
    garage.wait(60)
    session = garage.stop(number, 12_000)
    assert ended is not None
    assert session is not None
    assert ended.energy_wh in (8000, 4500)  # by the register, or half an hour's power
    assert ended.energy_wh + session.energy_wh == 11_000  # type: ignore[operator]
    assert session.flags == (Flag.METER_START_ASSUMED,)


# --- sessions that are never ended --------------------------------------------------


def test_a_start_while_a_session_goes_on_ends_it_where_the_register_stands(
    garage: Garage,
) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, first)
    garage.wait(60)
    second = garage.start(5500, BO)
    session = garage.sessions[first]
    assert (session.closing, session.energy_wh) == (Closing.ESTIMATED, 4500)
    assert (session.ended_at, session.meter_stop_wh) == (at(90), 5500)
    assert list(garage.station.open) == [second]
    assert garage.kinds() == ["start", "meter", "close", "start"]


def test_it_ends_at_its_last_reading_where_the_register_did_not_move(
    garage: Garage,
) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, first)
    garage.wait(600)
    garage.start(4000)
    assert garage.sessions[first].energy_wh == 3000
    assert garage.sessions[first].ended_at == at(30)


@pytest.mark.parametrize("next_start", [0, 3000, 10**10, None])
def test_it_ends_at_its_last_reading_where_the_next_register_cannot_be(
    garage: Garage, next_start: int | None
) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, first)
    garage.wait(10)
    garage.start(next_start, BO)
    assert garage.sessions[first].energy_wh == 3000
    assert garage.sessions[first].ended_at == at(30)
    assert garage.sessions[first].meter_stop_wh is None


def test_the_next_register_settles_what_was_only_estimated(garage: Garage) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.meters(garage.value(sample(Measurand.POWER, 8000)), transaction=first)
    assert garage.station.open[first].energy.delivered_wh == 4000
    garage.start(4800, BO)
    assert garage.sessions[first].energy_wh == 3800


def test_two_sessions_left_open_share_what_the_register_grew_by(
    garage: Garage,
) -> None:
    """The older one came late, from the time when the station was offline."""
    garage.wait(60)
    newer = garage.start(5000, BO)
    older = garage.start(1000, stamped=NOON)
    assert set(garage.station.open) == {newer, older}
    garage.wait(60)
    garage.start(9000)
    assert garage.sessions[older].energy_wh == 4000
    assert garage.sessions[older].ended_at == at(60)
    assert garage.sessions[newer].energy_wh == 4000


def test_an_old_start_told_late_leaves_the_newer_session_alone(
    garage: Garage,
) -> None:
    garage.wait(60)
    newer = garage.start(5000, BO)
    garage.wait(5)
    garage.reads(5500, newer)
    older = garage.start(1000, stamped=NOON)
    garage.reads(3000, older, stamped=at(20))
    assert garage.stop(older, 4000, stamped=at(40)).energy_wh == 3000  # type: ignore[union-attr]
    garage.wait(5)
    garage.reads(6000, newer)
    assert garage.station.session_at(1).session.id == newer  # type: ignore[union-attr]
    assert garage.station.open[newer].energy.delivered_wh == 1000
    assert garage.station.connector(1).last_session is not None


def test_a_start_at_another_connector_ends_nothing(garage: Garage) -> None:
    garage.start()
    garage.start(connector=2)
    assert len(garage.station.open) == 2


def test_a_session_on_a_connector_that_is_long_free_is_forgotten(
    garage: Garage,
) -> None:
    number = garage.start(1000)
    garage.tells(ConnectorStatus.CHARGING)
    garage.wait(30)
    garage.reads(4000, number)
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(5)
    assert garage.close_forgotten() == []  # its stop may be on its way
    garage.wait(1)
    assert garage.close_forgotten() == [number]
    session = garage.sessions[number]
    assert (session.closing, session.energy_wh) == (Closing.ESTIMATED, 3000)
    assert session.ended_at == at(30)


def test_a_connector_that_says_free_again_after_a_start_is_believed(
    garage: Garage,
) -> None:
    """The station lost the transaction when it booted, and was offline meanwhile."""
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(10)
    number = garage.start()
    garage.wait(60)
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(6)
    assert garage.close_forgotten() == [number]


def test_a_connector_that_says_free_while_it_charges_is_not_believed(
    garage: Garage,
) -> None:
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(1)
    number = garage.start(1000)
    garage.wait(6)
    assert garage.close_forgotten() == []  # it never said so since
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(5)
    garage.reads(2000, number)
    garage.wait(5)
    assert garage.close_forgotten() == []


def test_a_meter_that_is_read_for_no_session_keeps_none_going(garage: Garage) -> None:
    """By the clock, or because we ask: that goes on when a session is over."""
    number = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, number)
    garage.tells(ConnectorStatus.AVAILABLE)
    for _ in range(3):
        garage.wait(2)
        garage.reads(4040)
    assert garage.close_forgotten() == [number]
    assert garage.sessions[number].energy_wh == 3040


def test_a_connector_that_says_free_while_energy_flows_is_not_believed(
    garage: Garage,
) -> None:
    number = garage.start(1000)
    garage.wait(30)
    garage.tells(ConnectorStatus.AVAILABLE)
    garage.wait(3)
    garage.reads(2000)
    garage.wait(10)
    assert garage.close_forgotten() == []
    assert number in garage.station.open


def test_a_station_that_is_free_as_a_whole_may_charge_all_the_same(
    garage: Garage,
) -> None:
    garage.connectors = 2
    number = garage.start(connector=None)
    assert garage.sessions[number].connector == 0
    garage.wait(1)
    garage.tells(ConnectorStatus.AVAILABLE, 0)
    garage.wait(10)
    assert garage.close_forgotten() == []


def test_a_session_that_was_closed_too_early_gets_its_stop_later(
    garage: Garage,
) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, first)
    garage.wait(60)
    garage.start(9000, BO)
    assert garage.sessions[first].energy_wh == 8000
    session = garage.stop(first, 6000, stamped=at(60))
    assert session is not None
    assert (session.energy_wh, session.closing) == (5000, Closing.REPORTED)
    assert session.ended_at == at(60)
    assert garage.kinds()[-1] == Kind.LATE_STOP
    assert len(garage.station.open) == 1


def test_what_was_kept_for_hours_tells_when_the_energy_of_a_late_stop_was_taken(
    garage: Garage,
) -> None:
    """The session was closed by hand, for its charger was away for long."""
    number = garage.start(1000)
    garage.wait(10)
    garage.reads(2000, number)
    garage.close(number)
    garage.wait(180)
    garage.reads(3000, number, stamped=at(60))
    session = garage.stop(number, 9000, stamped=at(120))
    assert session is not None
    assert session.energy_wh == 8000
    points = garage.curves[number].points
    assert course(points) == [(0, 0), (10, 1000), (60, 2000), (120, 8000)]
    assert garage.curve_again(session) == garage.curves[number]


def test_what_a_late_stop_tells_of_is_not_billed_to_the_next_session_too(
    garage: Garage,
) -> None:
    """Whose start does not tell its register: it begins where the meter stands."""
    first = garage.start(1000)
    garage.wait(10)
    garage.reads(2000, first)
    garage.close(first)
    garage.wait(60)
    garage.stop(first, 5000)
    garage.station = garage.restarted()
    assert garage.station.connector(1).register_wh == 5000
    garage.wait(10)
    second = garage.start(None, BO)
    garage.wait(10)
    garage.stop(second, 7000)
    taken = [garage.sessions[number].energy_wh for number in (first, second)]
    assert taken == [4000, 2000]


def test_a_late_stop_clears_the_doubts_about_an_estimated_end(garage: Garage) -> None:
    first = garage.start(1000)
    garage.wait(30)
    garage.reads(4000, first)
    garage.wait(1)
    garage.stop(first, 0)
    assert garage.sessions[first].flags == (Flag.METER_STOP_IMPLAUSIBLE,)
    second = garage.start(4000)
    garage.wait(10)
    garage.reads(5000, second)
    garage.wait(10)
    garage.start(5000)
    assert garage.sessions[second].closing is Closing.ESTIMATED
    session = garage.stop(second, 6000)
    assert session is not None
    assert session.flags == ()


# --- stops ------------------------------------------------------------------------


def test_a_stop_told_twice_changes_nothing(garage: Garage) -> None:
    number = garage.start()
    garage.wait(60)
    session = garage.stop(number, 5000)
    garage.wait(1)
    assert garage.stop(number, 5000, stamped=at(60)) == session
    assert garage.kinds() == ["start", "stop"]


def test_of_two_stops_that_differ_the_first_counts_and_the_second_is_kept(
    garage: Garage,
) -> None:
    number = garage.start()
    garage.wait(60)
    session = garage.stop(number, 5000)
    garage.wait(1)
    value = garage.value(register(9000))
    assert garage.stop(number, 9000, value, token=BO) == session
    assert garage.sessions[number] == session
    second = garage.journal[-1]
    assert (second.kind, second.session) == (Kind.SECOND_STOP, number)
    assert second.data["meter_stop_wh"] == "9000"
    assert second.data["readings"][0]["register_wh"] == "9000"
    assert garage.curve_again(session) == garage.curves[number]  # type: ignore[arg-type]


def test_a_stop_of_a_transaction_that_nobody_knows_is_kept_and_harms_nobody(
    garage: Garage,
) -> None:
    garage.start(1000)
    garage.wait(30)
    assert garage.stop(1758670080, 9000, garage.value(register(9000))) is None
    assert len(garage.station.open) == 1
    orphan = garage.journal[-1]
    assert (orphan.kind, orphan.session) == (Kind.ORPHAN_STOP, None)
    assert orphan.data["transaction"] == 1758670080
    assert orphan.data["readings"][0]["register_wh"] == "9000"


def test_a_stop_without_an_id_ends_the_only_session_that_fits(garage: Garage) -> None:
    garage.start(1000)
    bo = garage.start(7000, BO, connector=2)
    garage.wait(60)
    session = garage.stop(0, 8000, token=BO.lower())
    assert session is not None
    assert (session.id, session.energy_wh) == (bo, 1000)


@pytest.mark.parametrize(
    ("meter", "token", "stamped"),
    [(8000, None, None), (500, None, None), (8000, "04CC33", None), (8000, BO, at(-5))],
)
def test_a_stop_without_an_id_that_fits_none_or_two_ends_none(
    garage: Garage, meter: int, token: str | None, stamped: datetime | None
) -> None:
    garage.start(1000)
    garage.start(7000, BO, connector=2)
    garage.wait(60)
    assert garage.stop(0, meter, token=token, stamped=stamped) is None
    assert len(garage.station.open) == 2


def test_a_stop_without_an_id_and_without_a_register_still_finds_its_session(
    garage: Garage,
) -> None:
    garage.start(1000)
    garage.wait(10)
    garage.reads(2000)
    session = garage.stop(0, None)
    assert session is not None
    assert session.energy_wh == 1000


def test_a_stop_that_lies_before_its_start_ends_the_session_at_once(
    garage: Garage,
) -> None:
    number = garage.start(1000)
    garage.wait(60)
    session = garage.stop(number, 16_000, stamped=at(-30))
    assert session is not None
    assert session.ended_at == session.started_at == NOON
    assert session.energy_wh == 15_000


def test_what_was_charged_before_the_station_knew_the_time_is_billed(
    garage: Garage,
) -> None:
    number = garage.start(1000, stamped=NO_CLOCK)
    for minutes in range(10, 70, 10):
        value = register(1000 + 180 * minutes)
        stamp = NO_CLOCK + timedelta(minutes=minutes)
        garage.meters(garage.value(value, stamped=stamp), transaction=number)
    session = garage.stop(number, 12_000, stamped=NO_CLOCK + timedelta(hours=1))
    assert session is not None
    assert session.energy_wh == 11_000
    assert session.flags == (Flag.CLOCK_CORRECTED,)


@pytest.mark.parametrize("restarts", [False, True])
def test_readings_of_unknown_times_do_not_hide_what_the_registers_say(
    garage: Garage, restarts: bool
) -> None:
    """The station lost the time, and told at one moment what it kept for hours."""
    number = garage.start(1000)
    garage.wait(180)
    for wh in (3000, 6000, 9000, 9000):
        garage.reads(wh, number, stamped=NO_CLOCK)
    if restarts:
        garage.station = garage.restarted()
    assert garage.station.open[number].energy.delivered_wh == 8000
    garage.wait(30)
    session = garage.stop(number, 12_000)
    assert session is not None
    assert (session.energy_wh, session.flags) == (11_000, ())
    assert garage.curve_again(session) == garage.curves[number]


def test_nor_do_those_of_a_clock_that_is_only_just_found_to_be_ahead(
    garage: Garage,
) -> None:
    """It tells local time; what it kept was ahead by more and more, the newer it is."""
    number = garage.start(1000)
    garage.wait(60)
    for ahead, wh in ((60, 3000), (80, 6000), (100, 9000), (120, 9000)):
        garage.reads(wh, number, stamped=at(60 + ahead))
    garage.wait(30)
    session = garage.stop(number, 12_000, stamped=at(90 + 120))
    assert session is not None
    assert session.energy_wh == 11_000
    assert session.flags == (Flag.CLOCK_CORRECTED,)


def test_a_stop_brings_readings_that_were_not_told_before(garage: Garage) -> None:
    number = garage.start(1000)
    garage.wait(60)
    values = [
        garage.value(register(1000, context=Context.BEGIN), stamped=at(0)),
        garage.value(register(4000), stamped=at(30)),
        garage.value(register(9000, context=Context.END), stamped=at(60)),
    ]
    session = garage.stop(number, 9000, *values)
    assert session is not None
    assert course(garage.curves[number].points)[1] == (30, 3000)
    assert garage.kinds() == ["start", "meter", "meter", "meter", "stop"]


def test_a_stop_without_a_register_has_that_of_its_end_reading(garage: Garage) -> None:
    number = garage.start(1000)
    garage.wait(60)
    end = garage.value(register(9000, context=Context.END))
    session = garage.stop(number, None, end)
    assert session is not None
    assert session.energy_wh == 8000
    assert garage.station.connector(1).register_wh == 9000


# --- plans ------------------------------------------------------------------------


def test_the_curve_of_a_bill_can_be_drawn_again_whatever_came_later(
    garage: Garage,
) -> None:
    number = garage.start(1000)
    garage.wait(30)
    garage.reads(2000, number)
    garage.wait(30)
    session = garage.stop(number, 9000)
    assert session is not None
    garage.wait(1)
    garage.reads(7000, number, stamped=at(45))
    assert garage.kinds()[-1] == Kind.LATE_METER
    assert garage.curve_again(session) == garage.curves[number]


# --- sessions that we ask for -------------------------------------------------------


def test_a_session_that_was_asked_for_is_known_by_its_token(garage: Garage) -> None:
    garage.ask(ANNA)
    garage.wait(1)
    garage.start(token=ANNA.lower())
    assert [asked.user for asked in garage.asked if asked] == ["anna"]
    assert garage.station.connector(1).remote_start is None


@pytest.mark.parametrize(
    ("token", "connector", "minutes"),
    [(BO, 1, 1), (ANNA, 2, 1), (ANNA, 1, 7)],
)
def test_another_session_is_not_the_one_that_was_asked_for(
    garage: Garage, token: str, connector: int, minutes: float
) -> None:
    garage.ask(ANNA)
    garage.wait(minutes)
    garage.start(token=token, connector=connector)
    assert garage.asked == [None]
    assert garage.station.connector(1).remote_start is not None


def test_a_session_from_before_is_not_the_one_that_was_asked_for(
    garage: Garage,
) -> None:
    garage.wait(120)
    garage.ask(ANNA)
    garage.start(token=ANNA, stamped=at(30))
    garage.wait(1)
    garage.start(2000, token=ANNA)
    assert [asked is not None for asked in garage.asked] == [False, True]


def test_a_request_is_answered_once(garage: Garage) -> None:
    garage.ask(ANNA)
    garage.stop(garage.start(token=ANNA), 2000)
    garage.wait(1)
    garage.start(2000, token=ANNA)
    assert [asked is not None for asked in garage.asked] == [True, False]
    assert timedelta(minutes=1) < REMOTE_START_WINDOW


def test_a_session_given_to_somebody_else_is_known_as_theirs(garage: Garage) -> None:
    number = garage.start(1000)
    given = replace(garage.sessions[number], user="bo")
    garage.station.replace_session(given)
    assert garage.station.open[number].session.user == "bo"
    garage.wait(1)
    ended = garage.stop(number, 2000)
    assert ended is not None
    assert ended.user == "bo"
    priced = replace(ended, cost=Decimal("2.50"))
    garage.station.replace_session(priced)
    assert garage.station.connector(1).last_session == priced


# --- starts that do not say where ------------------------------------------------------


def test_a_start_without_a_connector_is_at_the_only_one(garage: Garage) -> None:
    garage.connectors = 1
    number = garage.start(connector=None)
    session = garage.sessions[number]
    assert (session.connector, session.flags) == (1, (Flag.CONNECTOR_ASSUMED,))
    garage.wait(10)
    garage.reads(2000, number)
    garage.wait(10)
    garage.start(3000, BO, connector=None)
    assert garage.sessions[number].energy_wh == 2000


def test_a_start_without_a_connector_is_at_the_only_free_one(garage: Garage) -> None:
    garage.connectors = 2
    annas = garage.start(connector=1)
    garage.wait(10)
    bos = garage.start(5000, BO, connector=None)
    assert garage.sessions[bos].connector == 2
    assert garage.sessions[annas].is_open


def test_of_two_free_connectors_it_is_the_one_with_a_car(garage: Garage) -> None:
    garage.connectors = 2
    garage.tells(ConnectorStatus.AVAILABLE, 1)
    garage.tells(ConnectorStatus.PREPARING, 2)
    number = garage.start(connector=None)
    assert garage.sessions[number].connector == 2


@pytest.mark.parametrize("busy", [(), (1, 2)])
def test_where_there_is_no_telling_nobodys_session_ends(
    garage: Garage, busy: tuple[int, ...]
) -> None:
    """The audit's case: one and the same energy on two bills."""
    garage.connectors = 2
    annas = [garage.start(1000, connector=connector) for connector in busy]
    garage.wait(10)
    bos = garage.start(2000, BO, connector=None)
    again = garage.start(9000, "04CC33", connector=None)
    assert [garage.sessions[number].connector for number in (bos, again)] == [0, 0]
    garage.wait(10)
    garage.reads(2500, connector=0)  # the meter of the whole station
    for number in annas:
        garage.reads(3000, number, connector=garage.sessions[number].connector)
    garage.reads(2300, bos, connector=0)
    assert garage.station.open[bos].energy.delivered_wh == 300
    assert all(garage.sessions[number].is_open for number in (*annas, bos, again))
    garage.wait(10)
    session = garage.stop(bos, 2600)
    assert session is not None
    assert session.energy_wh == 600
    for number in annas:
        session = garage.stop(number, 8000)
        assert session is not None
        assert (session.energy_wh, session.flags) == (7000, ())


def test_a_start_without_a_connector_told_twice_is_one_session(garage: Garage) -> None:
    garage.connectors = 2
    stamped = garage.start(connector=None, stamped=NOON)
    garage.wait(1)
    assert garage.start(connector=None, stamped=NOON) == stamped
    unstamped = garage.start(3000, connector=None, stamped=NO_CLOCK)
    assert garage.start(3000, connector=None, stamped=NO_CLOCK) == unstamped


# --- stops that cannot be ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("start_wh", "read_wh", "stop_wh", "energy_wh"),
    [
        (1000, 2000, 900_000, 1000),  # more than any charger gives in ten minutes
        (0, None, 812_345, 0),  # the lifetime, told at the end of a session's register
        (0, 1500, 60_000, 1500),  # … or after a reading that contradicts it
    ],
)
def test_a_stop_that_cannot_be_gives_way_to_the_readings(
    garage: Garage, start_wh: int, read_wh: int | None, stop_wh: int, energy_wh: int
) -> None:
    number = garage.start(start_wh)
    garage.wait(5)
    if read_wh is not None:
        garage.reads(read_wh - 500, number)
    garage.wait(4.9)
    if read_wh is not None:
        garage.reads(read_wh, number)
    garage.wait(0.1)
    session = garage.stop(number, stop_wh)
    assert session is not None
    assert session.energy_wh == energy_wh
    assert session.flags == (Flag.METER_STOP_IMPLAUSIBLE,)
    assert garage.curve_again(session) == garage.curves[number]


def test_a_reading_may_be_an_interval_older_than_it_says(garage: Garage) -> None:
    """Some measure each quarter of an hour, and tell that again and again as new."""
    number = garage.start(1000)
    garage.wait(15)
    garage.reads(3500, number)
    for _ in range(14):
        garage.wait(1)
        garage.reads(3500, number)
    garage.wait(0.01)
    session = garage.stop(number, 6000)
    assert session is not None
    assert (session.energy_wh, session.flags) == (5000, ())


def test_a_station_whose_clock_stands_still_is_believed(garage: Garage) -> None:
    number = garage.start(1000, stamped=NOON)
    garage.wait(120)
    session = garage.stop(number, 15_000, stamped=NOON)
    assert session is not None
    assert (session.energy_wh, session.flags) == (14_000, ())


def test_a_session_that_was_kept_offline_is_judged_by_its_own_times(
    garage: Garage,
) -> None:
    garage.wait(600)
    number = garage.start(1000, stamped=at(10))
    session = garage.stop(number, 60_000, stamped=at(400))
    assert session is not None
    assert (session.energy_wh, session.flags) == (59_000, ())


def test_a_stop_from_long_before_a_session_began_is_not_its_end(garage: Garage) -> None:
    """Ids come again: an old backend gave the same ones."""
    garage.wait(120)
    number = garage.start(5000)
    garage.wait(30)
    assert garage.stop(number, 900, stamped=at(60)) is None
    assert garage.kinds()[-1] == Kind.ORPHAN_STOP
    session = garage.stop(number, 8000)
    assert session is not None
    assert session.energy_wh == 3000


def test_nor_is_it_the_end_of_one_that_was_closed_meanwhile(garage: Garage) -> None:
    garage.wait(120)
    number = garage.start(5000)
    garage.wait(30)
    garage.reads(8000, number)
    garage.wait(30)
    garage.start(9000, BO)
    closed = garage.sessions[number]
    assert closed.energy_wh == 4000
    assert garage.stop(number, 900, stamped=at(60)) is None
    assert garage.kinds()[-1] == Kind.ORPHAN_STOP
    assert garage.sessions[number] == closed


def test_a_stop_without_an_id_told_twice_ends_one_session(garage: Garage) -> None:
    annas = garage.start(1000)
    bos = garage.start(3000, BO, connector=2)
    garage.wait(60)
    ended = garage.stop(0, 5000, token=ANNA)
    assert ended is not None
    assert ended.id == annas
    garage.wait(1)
    assert garage.stop(0, 5000, stamped=at(60)) is None
    assert garage.sessions[bos].is_open


# --- ids of the station's own ------------------------------------------------------------


@pytest.mark.parametrize("restarts", [False, True])
def test_an_id_of_the_stations_own_is_learnt_from_its_meter_values(
    garage: Garage, restarts: bool
) -> None:
    """Etrel gives negative ids to what it started offline."""
    one = garage.start(1000, connector=1)
    other = garage.start(5000, connector=2)
    garage.wait(10)
    garage.reads(1500, -16, connector=1)
    garage.reads(5600, -17, connector=2)
    if restarts:
        garage.station = garage.restarted()
    garage.wait(10)
    session = garage.stop(-17, 6000)
    assert session is not None
    assert (session.id, session.energy_wh) == (other, 1000)
    session = garage.stop(-16, 3000)
    assert session is not None
    assert (session.id, session.energy_wh) == (one, 2000)


@pytest.mark.parametrize("told", [0, 1])
def test_an_id_that_was_another_sessions_does_not_give_it_its_stop(
    garage: Garage, told: int
) -> None:
    """Some go on with the old id until the new one has come, and repeat the old stop."""
    annas = garage.start(1000)
    garage.wait(30)
    for _ in range(told):
        garage.stop(annas, 5000)
    bos = garage.start(5000, BO)
    garage.wait(1)
    garage.reads(5100, annas)
    session = garage.stop(annas, 5000, stamped=at(30))
    assert session is not None
    assert (session.id, session.energy_wh) == (annas, 4000)
    garage.wait(30)
    session = garage.stop(bos, 9000)
    assert session is not None
    assert (session.energy_wh, session.ended_at) == (4000, at(61))


# --- times that cannot be ----------------------------------------------------------------


def test_a_clock_that_woke_up_years_ago_makes_no_session_of_years(
    garage: Garage,
) -> None:
    woke = datetime(2022, 1, 1, tzinfo=UTC)
    number = garage.start(1000, stamped=woke)
    garage.wait(60)
    session = garage.stop(number, 8000, stamped=woke + timedelta(hours=1))
    assert session is not None
    assert (session.started_at, session.ended_at) == (NOON, at(60))
    assert (session.energy_wh, session.flags) == (7000, (Flag.CLOCK_CORRECTED,))


def test_a_session_does_not_begin_before_the_last_one_ended(garage: Garage) -> None:
    """The station lost its time, and took up an older one that it had saved."""
    garage.stop(garage.start(1000), 1000)
    garage.wait(300)
    first = garage.start(1000)
    garage.wait(60)
    garage.stop(first, 8000)
    garage.wait(60)
    number = garage.start(8000, stamped=at(200))
    session = garage.sessions[number]
    assert session.started_at == garage.now
    assert session.flags == (Flag.CLOCK_CORRECTED,)


# --- energy of nobody --------------------------------------------------------------------


def test_what_the_meter_moved_between_sessions_is_noted(garage: Garage) -> None:
    garage.stop(garage.start(1000), 3000)
    garage.wait(60)
    garage.reads(3500)
    garage.stop(garage.start(4200), 5000)
    garage.wait(60)
    garage.start(5100)
    assert garage.station.connector(1).unassigned_wh == 1300
    assert garage.restarted().connector(1).unassigned_wh == 1300


def test_what_a_session_took_that_the_next_one_ends_was_not_outside_of_it(
    garage: Garage,
) -> None:
    garage.stop(garage.start(1000), 3000)
    garage.wait(60)
    forgotten = garage.start(3500)
    garage.wait(60)
    garage.start(9000)
    assert garage.sessions[forgotten].energy_wh == 5500
    assert garage.station.connector(1).unassigned_wh == 500


def test_a_register_that_starts_anew_has_moved_nothing(garage: Garage) -> None:
    garage.stop(garage.start(0), 3000)
    garage.wait(60)
    garage.start(0)
    assert garage.station.connector(1).unassigned_wh == 0
