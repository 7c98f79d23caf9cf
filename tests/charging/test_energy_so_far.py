"""The energy of a session that goes on, reading by reading."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, strategies as st

from custom_components.ladda.charging.model import Context
from custom_components.ladda.charging.reading import Method, Reading

from .garage import NOON, at, course, draws, number, session_of, shows, took


def test_a_session_without_readings_has_taken_nothing_yet() -> None:
    fold = session_of()
    assert course(fold.points) == [(0, 0)]
    assert fold.method is None


def test_the_register_tells_the_energy() -> None:
    fold = session_of(shows(10, 2000), shows(20, 3000.5))
    assert course(fold.points) == [(0, 0), (10, 1000), (20, number("2000.5"))]
    assert fold.method is Method.REGISTER


def test_a_reading_returns_the_points_that_it_adds() -> None:
    fold = session_of()
    assert course(fold.add(shows(10, 2000))) == [(10, 1000)]
    assert fold.add(shows(5, 1500)) == []
    assert fold.add(shows(11, 0)) == []


def test_a_late_reading_waits_for_the_end() -> None:
    fold = session_of(shows(10, 2000), shows(5, 1500), shows(20, 3000))
    assert course(fold.points) == [(0, 0), (10, 1000), (20, 2000)]
    assert len(fold.readings) == 3


def test_a_register_that_falls_to_zero_and_comes_back_changes_nothing() -> None:
    fold = session_of(shows(1, 1100), shows(2, 0), shows(3, 1200))
    assert fold.delivered_wh == 200


def test_a_meter_that_is_reset_during_a_session_goes_on_counting() -> None:
    fold = session_of(shows(30, 6000), shows(31, 0), shows(32, 100), shows(60, 4000))
    assert fold.delivered_wh == 5000 + 4000


def test_readings_from_zero_after_a_start_on_the_lifetime_scale_count_from_zero() -> (
    None
):
    fold = session_of(shows(1, 0), shows(2, 100), shows(3, 300), start_wh=5_000_000)
    assert fold.delivered_wh == 300


def test_the_lifetime_is_never_taken_for_a_sessions_energy() -> None:
    """evcc#29654: 7.9 MWh were billed."""
    fold = session_of(shows(5, 7_900_000), shows(6, 7_900_100), start_wh=0)
    assert fold.delivered_wh == 100


def test_without_a_known_start_the_first_reading_is_the_baseline() -> None:
    fold = session_of(shows(5, 7_900_000), shows(6, 7_900_100), start_wh=None)
    assert fold.delivered_wh == 100


def test_without_a_known_start_the_begins_reading_is_the_baseline() -> None:
    fold = session_of(
        shows(0, 7_900_000, Context.BEGIN), shows(6, 7_900_100), start_wh=None
    )
    assert fold.delivered_wh == 100


def test_the_begins_reading_shows_no_progress() -> None:
    fold = session_of(shows(0, 1000, Context.BEGIN), draws(1, 6000), draws(2, 6000))
    assert fold.method is Method.POWER
    assert fold.delivered_wh == 200


def test_a_better_source_takes_over_without_going_back() -> None:
    fold = session_of(draws(10, 6000), shows(20, 1500), shows(30, 4000))
    assert course(fold.points) == [(0, 0), (10, 1000), (20, 1000), (30, 3000)]
    assert fold.method is Method.REGISTER


def test_a_worse_source_does_not_count_beside_a_better_one() -> None:
    fold = session_of(shows(10, 2000), draws(20, 11_000), took(20, 500))
    assert fold.delivered_wh == 1000


def test_the_total_register_takes_over_from_that_of_a_phase() -> None:
    one = Reading(at(10), Context.PERIODIC, Method.ONE_PHASE_REGISTER, number(1300))
    assert session_of(one, shows(20, 3000)).delivered_wh == 2000


# --- intervals --------------------------------------------------------------------


def test_intervals_add_up() -> None:
    fold = session_of(took(1, 100), took(2, "90.5"), took(3, 80))
    assert course(fold.points)[-1] == (3, number("270.5"))


def test_periodic_and_aligned_intervals_overlap_and_one_kind_counts() -> None:
    clock = Context.CLOCK
    fold = session_of(
        took(5, 500), took(10, 500), took(15, 500), took(15, 1500, clock), took(20, 500)
    )
    assert fold.delivered_wh == 2000
    fold = session_of(took(15, 1500, clock), took(20, 500), took(30, 1500, clock))
    assert fold.delivered_wh == 3000


def test_the_last_interval_counts_though_it_came_with_the_end() -> None:
    assert session_of(took(5, 500), took(7, 200, Context.END)).delivered_wh == 700


def test_an_interval_that_somebody_asked_for_overlaps_too() -> None:
    fold = session_of(took(5, 500), took(7, 200, Context.TRIGGER), took(10, 500))
    assert fold.delivered_wh == 1000


def test_an_interval_told_twice_counts_once() -> None:
    fold = session_of(took(5, 500), took(5, 500), took(10, 500))
    assert fold.delivered_wh == 1000


def test_an_interval_in_which_nobody_can_take_so_much_does_not_count() -> None:
    assert session_of(took(5, 10**9), took(6, 100)).delivered_wh == 100


# --- power ------------------------------------------------------------------------


def test_power_holds_until_the_next_reading() -> None:
    fold = session_of(draws(1, 6000), draws(2, 12_000), draws(3, 0), draws(4, 0))
    assert course(fold.points) == [(0, 0), (1, 100), (2, 200), (3, 400), (4, 400)]


def test_over_a_gap_power_holds_for_twice_the_interval_only() -> None:
    minutes = [*range(1, 11), 70]
    fold = session_of(*(draws(minute, 6000) for minute in minutes))
    assert fold.delivered_wh == 1000 + 200


def test_a_longer_interval_is_got_used_to() -> None:
    minutes = [*range(1, 6), 10, 15, 20, 25, 30]
    fold = session_of(*(draws(minute, 6000) for minute in minutes))
    lost_at_first = (5 - 2) + (5 - 4)
    assert fold.delivered_wh == 100 * (30 - lost_at_first)


def test_before_the_interval_is_known_a_gap_is_half_an_hour() -> None:
    assert session_of(draws(180, 6000)).delivered_wh == 3000


def test_two_readings_of_one_moment_take_no_time() -> None:
    fold = session_of(draws(1, 6000), draws(1, 9000), draws(2, 9000))
    assert fold.delivered_wh == 250


def test_an_estimate_from_amps_does_not_count_beside_power() -> None:
    amps = Reading(at(2), Context.PERIODIC, Method.CURRENT, power_w=number(99_000))
    assert session_of(draws(1, 6000), amps, draws(3, 6000)).delivered_wh == 300


def test_power_beside_the_ends_register_counts_until_the_end() -> None:
    end = Reading(at(3), Context.END, Method.REGISTER, number(1290), power_w=Decimal(0))
    fold = session_of(draws(1, 6000), draws(2, 6000), end)
    assert fold.method is Method.POWER
    assert fold.delivered_wh == 300


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 400_000)), min_size=1))
def test_power_at_a_steady_pace_is_its_integral(
    powers: list[tuple[int, int]],
) -> None:
    watts = [watt for _, watt in powers]
    fold = session_of(*(draws(minute, watt) for minute, watt in enumerate(watts, 1)))
    held = [watts[0], *watts[:-1]]
    exact = sum(held) / 60
    assert abs(float(fold.delivered_wh) - exact) <= 0.0005 * len(watts) + 1e-6
    assert fold.points[-1].at == NOON + timedelta(minutes=len(watts))
