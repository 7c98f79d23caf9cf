"""What of a station's clock is believed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.charging.clock import AlignedStamps, StationClock
from custom_components.ladda.charging.model import Measurand

from .garage import NOON, Garage, at, sample

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_a_clock_that_is_right_is_left_alone() -> None:
    clock = StationClock()
    for minutes in range(5):
        moment = clock.read(at(minutes) - 2 * SECOND, at(minutes), live=True)
        assert moment.at == at(minutes) - 2 * SECOND
        assert not moment.corrected
        assert moment.stamped


def test_what_is_not_stamped_happened_when_it_was_heard() -> None:
    moment = StationClock().read(None, NOON)
    assert moment == (NOON, False, False)


@pytest.mark.parametrize(
    "stamp",
    [
        datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC),
        NOON + timedelta(days=3),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_a_stamp_from_another_age_is_no_time_at_all(stamp: datetime) -> None:
    clock = StationClock()
    assert clock.read(stamp, NOON, live=True) == (NOON, True, False)
    assert clock.read(at(-60), NOON).at == at(-60)


def test_messages_kept_while_offline_keep_their_times() -> None:
    clock = StationClock()
    for minutes in (-180, -170, -160):
        assert clock.read(at(minutes), NOON).at == at(minutes)


def test_a_status_told_late_does_not_shift_the_messages_kept_while_offline() -> None:
    """Connectors may report since when they are as they are (OCPP 1.6 §4.9)."""
    clock = StationClock()
    clock.read(at(-175), NOON, live=True)
    clock.read(at(-175), NOON + SECOND, live=True)
    assert clock.read(at(-180), NOON + 2 * SECOND).at == at(-180)


def test_old_statuses_that_come_in_a_burst_prove_nothing() -> None:
    clock = StationClock()
    for number, minutes in enumerate((-180, -120, -60, -59)):
        clock.read(at(minutes), NOON + number * SECOND, live=True)
    assert not clock.offset


def test_the_same_old_status_told_again_proves_nothing() -> None:
    clock = StationClock()
    for minutes in range(0, 10, 2):
        clock.read(at(-60), at(minutes), live=True)
    assert not clock.offset


def test_a_late_clock_is_set_right_once_two_live_messages_agree() -> None:
    clock = StationClock()
    assert clock.read(NOON - HOUR, NOON, live=True).at == NOON - HOUR
    moment = clock.read(at(3) - HOUR, at(3), live=True)
    assert moment == (at(3), True, True)
    assert clock.read(at(4) - HOUR, at(4) + 2 * SECOND).at == at(4)


def test_a_late_clock_that_is_right_after_all_is_believed_again() -> None:
    clock = StationClock()
    for minutes in (0, 3):
        clock.read(at(minutes) - HOUR, at(minutes), live=True)
    assert clock.read(at(10), at(10)) == (at(10), False, True)


def test_local_time_sent_as_if_it_were_utc_is_set_right_at_once() -> None:
    clock = StationClock()
    moment = clock.read(NOON + 2 * HOUR, NOON + SECOND)
    assert moment == (NOON + SECOND, True, True)
    kept_offline = clock.read(at(-60) + 2 * HOUR, at(1))
    assert kept_offline.corrected
    assert abs(kept_offline.at - at(-60)) <= SECOND


def test_the_end_of_summer_time_is_noticed() -> None:
    clock = StationClock()
    clock.read(NOON + 2 * HOUR, NOON)
    for minutes in (10, 12):
        clock.read(at(minutes) + HOUR, at(minutes), live=True)
    assert clock.offset == -HOUR


def test_one_message_from_the_future_shifts_nothing_once_the_clock_is_set() -> None:
    clock = StationClock()
    clock.read(NOON + HOUR, NOON)
    clock.read(at(1), at(1) + SECOND, live=True)
    assert clock.read(at(2), at(2)) == (at(2), False, True)


def test_a_new_connection_begins_without_prejudice() -> None:
    clock = StationClock()
    clock.read(NOON + HOUR, NOON)
    clock.restart()
    assert not clock.offset
    assert clock.read(at(-5), NOON).at == at(-5)


messages = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.integers(-4000, 4000) | st.sampled_from([-7200, -3600, 0, 3600, 7200]),
        st.booleans(),
    ),
    max_size=30,
)


@given(messages)
def test_nothing_ever_happens_in_the_future(told: list[tuple[int, int, bool]]) -> None:
    clock = StationClock()
    now = NOON
    for passed, behind, live in told:
        now += passed * SECOND
        moment = clock.read(now - behind * SECOND, now, live=live)
        assert moment.at <= now
        assert moment.corrected == bool(clock.offset)


@given(st.integers(-40_000, 40_000), st.lists(st.integers(0, 4), min_size=3))
def test_a_steady_offset_is_found(offset: int, ways: list[int]) -> None:
    clock = StationClock()
    for minute, way in enumerate(ways):
        true, received = at(2 * minute), at(2 * minute) + way * SECOND
        moment = clock.read(true - offset * SECOND, received, live=True)
        if minute:
            assert abs(moment.at - true) <= 10 * SECOND


# --- clock-aligned values ---------------------------------------------------------


def test_aligned_values_stamped_when_they_are_read_are_left_alone() -> None:
    stamps = AlignedStamps()
    for minutes in (0, 15, 30, 45):
        assert stamps.read(at(minutes), at(minutes) + SECOND) == at(minutes)


def test_aligned_values_stamped_with_their_intervals_start_are_moved_to_its_end() -> (
    None
):
    stamps = AlignedStamps()
    assert stamps.read(at(0), at(15)) == at(0)
    assert stamps.read(at(15), at(30) + SECOND) == at(30)
    assert stamps.read(at(30), at(45) + 2 * SECOND) == at(45)
    assert stamps.interval == timedelta(minutes=15)


def test_the_values_of_two_connectors_are_moved_alike() -> None:
    stamps = AlignedStamps()
    for minutes in (0, 15):
        stamps.read(at(minutes), at(minutes + 15))
        moved = stamps.read(at(minutes), at(minutes + 15) + SECOND)
    assert moved == at(30)


def test_aligned_values_kept_while_offline_show_nothing() -> None:
    stamps = AlignedStamps()
    for number, minutes in enumerate((0, 15, 30, 45)):
        received = at(60) + number * SECOND
        assert stamps.read(at(minutes), received) == at(minutes)
    assert stamps.interval is None


def test_an_old_value_keeps_its_time_where_others_are_moved() -> None:
    stamps = AlignedStamps()
    for minutes in (0, 15):
        stamps.read(at(minutes), at(minutes + 15))
    assert stamps.read(at(-300), at(31)) == at(-300)


def test_a_station_that_changes_its_ways_is_followed() -> None:
    stamps = AlignedStamps()
    for minutes in (0, 15):
        stamps.read(at(minutes), at(minutes + 15))
    stamps.read(at(45), at(45))
    assert stamps.read(at(60), at(60)) == at(60)
    assert stamps.interval is None


def test_meter_values_show_that_a_clock_is_late_where_nothing_else_does() -> None:
    """Its statuses carry no time."""
    garage = Garage()
    number = garage.start(1000, stamped=at(-120))
    for _ in range(4):
        garage.wait(0.5)
        late = garage.now - timedelta(hours=2)
        garage.meters(
            garage.value(sample(Measurand.POWER, 7000), stamped=late),
            transaction=number,
        )
    assert garage.station.clock.offset == timedelta(hours=2)
    assert garage.station.connector(1).power_w == 7000


def test_meter_values_that_were_kept_do_not() -> None:
    garage = Garage()
    garage.wait(300)
    number = garage.start(1000, stamped=NOON)
    for minutes in range(120):
        garage.wait(0.01)
        garage.reads(1000 + 50 * minutes, number, stamped=at(minutes / 2))
    assert not garage.station.clock.offset
