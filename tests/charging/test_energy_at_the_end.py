"""What a closed session took: stop minus start, spread by its readings."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import assume, given, strategies as st
import pytest

from custom_components.ladda.charging.energy import EnergyCurve
from custom_components.ladda.charging.model import Context
from custom_components.ladda.charging.reading import Method, Reading
from custom_components.ladda.charging.session import Flag

from .garage import NOON, at, course, draws, number, session_of, shows, took


def ended(
    *readings: Reading,
    stop_wh: float | None,
    minutes: float = 60,
    start_wh: float | None = 1000,
) -> EnergyCurve:
    """A session from noon on, for an hour if not said otherwise."""
    fold = session_of(*readings, start_wh=start_wh)
    return fold.close(at(minutes), None if stop_wh is None else number(stop_wh))


# --- how much ---------------------------------------------------------------------


def test_stop_minus_start_counts_without_any_reading() -> None:
    curve = ended(stop_wh=9000)
    assert course(curve.points) == [(0, 0), (60, 8000)]
    assert (curve.energy_wh, curve.method) == (8000, Method.START_AND_STOP)
    assert curve.flags == ()


def test_the_readings_spread_it_over_time() -> None:
    curve = ended(shows(20, 2000), shows(40, 5000), stop_wh=9000)
    assert course(curve.points) == [(0, 0), (20, 1000), (40, 4000), (60, 8000)]


@pytest.mark.parametrize("stop_wh", [999, 0, -5, 10**12, 1_001_001])
def test_an_impossible_stop_gives_way_to_the_readings(stop_wh: int) -> None:
    curve = ended(shows(20, 2000), stop_wh=stop_wh)
    assert curve.energy_wh == 1000
    assert curve.flags == (Flag.METER_STOP_IMPLAUSIBLE,)


def test_without_a_stop_the_last_reading_counts() -> None:
    curve = ended(shows(20, 2000), shows(59, 4000), stop_wh=None)
    assert (curve.energy_wh, curve.flags) == (3000, ())
    assert course(curve.points)[-1] == (60, 3000)


def test_without_a_stop_the_register_of_the_end_counts() -> None:
    end = shows(60, 9000, Context.END)
    assert ended(draws(30, 7000), end, stop_wh=None).energy_wh == 8000
    assert ended(end, stop_wh=None).energy_wh == 8000


def test_readings_beyond_the_stop_are_cut_off_there() -> None:
    curve = ended(shows(20, 6000), shows(40, 9050), stop_wh=9000)
    assert course(curve.points) == [(0, 0), (20, 5000), (40, 8000), (60, 8000)]


def test_times_are_no_evidence_against_the_registers() -> None:
    """Charged before the station knew the time: start and stop are told at once."""
    curve = ended(stop_wh=21_000, minutes=0)
    assert course(curve.points) == [(0, 0), (0, 20_000)]
    assert curve.flags == ()


def test_readings_without_times_do_not_hide_what_the_registers_say() -> None:
    """All was kept while the station had no clock, and is told at one moment."""
    readings = [shows(0, wh) for wh in (1500, 3000, 8990, 9000)]
    curve = ended(*readings, stop_wh=9000, minutes=0)
    assert curve.energy_wh == 8000


def test_an_unknown_start_is_the_first_reading() -> None:
    curve = ended(shows(5, 700_000), stop_wh=709_000, start_wh=None)
    assert (curve.energy_wh, curve.flags) == (9000, ())


def test_an_unknown_start_without_readings_leaves_the_energy_unknown() -> None:
    """The lifetime's energy is not the session's (evcc#29654)."""
    curve = ended(stop_wh=709_000, start_wh=None)
    assert (curve.energy_wh, curve.flags) == (0, (Flag.METER_STOP_IMPLAUSIBLE,))


def test_a_meter_reset_in_mid_session_is_read_on_its_new_scale() -> None:
    readings = [shows(20, 6000), shows(21, 0), shows(22, 100), shows(59, 3900)]
    curve = ended(*readings, stop_wh=4000)
    assert curve.energy_wh == 5000 + 4000
    assert curve.flags == (Flag.METER_RESCALED,)


def test_readings_on_another_scale_than_start_and_stop_only_spread_the_energy() -> None:
    readings = [shows(1, 0), shows(30, 3900), shows(59, 7900)]
    curve = ended(*readings, start_wh=1_000_000, stop_wh=1_008_000)
    assert curve.energy_wh == 8000
    assert [point.at for point in curve.points[1:4]] == [at(1), at(30), at(59)]


def test_a_session_scale_start_with_a_lifetime_stop_is_read_from_the_readings() -> None:
    readings = [shows(1, 90_000), shows(2, 90_100), shows(59, 97_900)]
    curve = ended(*readings, start_wh=0, stop_wh=98_000)
    assert curve.energy_wh == 8000
    assert curve.flags == (Flag.METER_RESCALED,)


def test_zeros_during_a_session_change_nothing_at_its_end() -> None:
    readings = [shows(20, 2000), shows(21, 0), shows(22, 0), shows(23, 2100)]
    curve = ended(*readings, stop_wh=9000)
    assert curve.energy_wh == 8000


# --- when -------------------------------------------------------------------------


def test_estimates_are_stretched_to_the_registers() -> None:
    curve = ended(draws(30, 4000), draws(60, 12_000), stop_wh=9000)
    assert course(curve.points)[1:3] == [(30, 4000), (60, 8000)]
    assert curve.method is Method.POWER


def test_intervals_are_stretched_to_the_registers() -> None:
    curve = ended(took(30, 1000), took(60, 3000), stop_wh=9000)
    assert course(curve.points)[1:3] == [(30, 2000), (60, 8000)]


def test_amps_alone_still_tell_when() -> None:
    def amps(minutes: float, watts: int) -> Reading:
        return Reading(
            at(minutes), Context.PERIODIC, Method.CURRENT, power_w=number(watts)
        )

    curve = ended(amps(15, 4000), amps(60, 0), stop_wh=9000)
    assert curve.method is Method.CURRENT
    assert course(curve.points)[-1] == (60, 8000)
    assert course(curve.points)[1] == (15, number("2666.667"))


def test_late_readings_take_their_place() -> None:
    in_order = [shows(10, 2000), shows(20, 3000), shows(30, 4000)]
    curve = ended(*in_order, stop_wh=9000)
    assert ended(in_order[2], in_order[0], in_order[1], stop_wh=9000) == curve


def test_a_late_reading_that_contradicts_the_others_has_a_wrong_time() -> None:
    """Aligned values may bear their interval's start (OCPP 1.6 §9.1.5)."""
    curve = ended(
        *(shows(minute, 1000 + 100 * minute) for minute in range(1, 16)),
        shows(0, 2500, Context.CLOCK),
        *(shows(minute, 1000 + 100 * minute) for minute in range(16, 60)),
        stop_wh=7000,
    )
    assert course(curve.points) == [(minute, 100 * minute) for minute in range(61)]
    assert curve.flags == ()


def test_readings_after_the_end_count_at_the_end() -> None:
    curve = ended(shows(30, 4000), shows(61, 9000), stop_wh=None)
    assert course(curve.points)[-1] == (60, 8000)
    assert ended(draws(30, 6000), draws(90, 6000), stop_wh=None).energy_wh == 6000


def test_readings_before_the_start_count_for_nothing() -> None:
    curve = ended(shows(-5, 900), shows(30, 4000), stop_wh=9000)
    assert course(curve.points) == [(0, 0), (30, 3000), (60, 8000)]


def test_a_stop_told_with_its_own_readings_knows_them() -> None:
    fold = session_of()
    curve = fold.close(at(60), number(9000), [shows(30, 2000)])
    assert course(curve.points) == [(0, 0), (30, 1000), (60, 8000)]
    assert fold.readings == []
    assert course(fold.points) == [(0, 0)]


def test_readings_sent_again_with_the_stop_count_once() -> None:
    sent = [took(15, 500), took(30, 500)]
    fold = session_of(*sent)
    assert fold.close(at(60), None, sent).energy_wh == 1000


# --- whatever is read ---------------------------------------------------------------

amounts = st.one_of(
    st.integers(0, 20_000),
    st.integers(5_000_000, 5_100_000),
    st.decimals(0, 10**13, places=3),
).map(Decimal)


@st.composite
def any_reading(draw: st.DrawFn) -> Reading:
    """Any reading, in order or not."""
    moment = NOON + timedelta(seconds=draw(st.integers(-600, 7200)))
    context = draw(st.sampled_from(Context))
    method = draw(st.sampled_from(Method))
    if method.measures:
        power = draw(st.none() | st.integers(0, 400_000).map(Decimal))
        return Reading(moment, context, method, draw(amounts), power_w=power)
    if method is Method.INTERVALS:
        return Reading(moment, context, method, interval_wh=draw(amounts))
    if method is Method.START_AND_STOP:
        return Reading(moment, context, method, signed=("OCMF",))
    watts = draw(st.integers(0, 400_000))
    return Reading(moment, context, method, power_w=Decimal(watts))


@given(
    st.lists(any_reading(), max_size=15),
    st.none() | amounts,
    st.none() | amounts,
    st.integers(0, 7200),
)
def test_whatever_is_read_a_curve_rises_from_zero_to_the_energy(
    readings: Sequence[Reading],
    start_wh: Decimal | None,
    stop_wh: Decimal | None,
    seconds: int,
) -> None:
    fold = session_of(*readings, start_wh=start_wh)  # type: ignore[arg-type]
    for before, after in pairwise(fold.points):
        assert before.at <= after.at
        assert before.wh <= after.wh
    ended_at = NOON + timedelta(seconds=seconds)
    curve = fold.close(ended_at, stop_wh)
    assert curve.points[0] == (NOON, 0)
    assert curve.points[-1] == (ended_at, curve.energy_wh)
    for before, after in pairwise(curve.points):
        assert before.at <= after.at
        assert before.wh <= after.wh
    assert curve.energy_wh >= 0
    assert curve == session_of(*readings, start_wh=start_wh).close(ended_at, stop_wh)  # type: ignore[arg-type]


@given(
    st.lists(any_reading(), max_size=15),
    st.integers(0, 10_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 7200),
)
def test_stop_minus_start_counts_to_the_last_watt_hour_unless_the_scale_changed(
    readings: Sequence[Reading], start_wh: int, wh: int, seconds: int
) -> None:
    fold = session_of(*readings, start_wh=start_wh)
    curve = fold.close(NOON + timedelta(seconds=seconds), number(start_wh + wh))
    assume(Flag.METER_RESCALED not in curve.flags)
    assert curve.energy_wh == wh
    assert curve.flags == ()


@given(
    st.lists(st.integers(0, 180), max_size=60),
    st.integers(0, 10_000_000),
    st.randoms(use_true_random=False),
)
def test_good_readings_in_any_order_give_the_meters_own_curve(
    steps: list[int], start_wh: int, random: object
) -> None:
    shown = [start_wh + sum(steps[:place]) for place in range(1, len(steps) + 1)]
    readings = [shows(minute, wh) for minute, wh in enumerate(shown, start=1)]
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    stop_wh = shown[-1] if shown else start_wh
    curve = ended(*shuffled, start_wh=start_wh, stop_wh=stop_wh, minutes=len(steps) + 1)
    truth = [(0, 0), *((minute, wh - start_wh) for minute, wh in enumerate(shown, 1))]
    assert course(curve.points)[:-1] == truth
    assert curve.energy_wh == sum(steps)
