"""Registers that are reset, replaced, broken, or two in one."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, strategies as st
import orjson

from custom_components.ladda.charging.register import (
    MOST_AT_ONCE_WH,
    ConnectorRegister,
    Count,
    RegisterReader,
    most_wh,
)

from .garage import NOON, at, number


def counted(first: float, *shown: float, every: float = 1) -> list[Decimal]:
    """What is counted of a register after each reading, so many minutes apart."""
    reader = RegisterReader(Count(NOON, number(first), Decimal(0)))
    found = []
    for place, wh in enumerate(shown, start=1):
        reader, _ = reader.read(at(place * every), number(wh))
        found.append(reader.last.counted)
    return found


def test_a_register_counts_what_it_grows_by() -> None:
    assert counted(1000, 1000, 1100, 1250.5) == [0, 100, number("250.5")]


def test_a_single_zero_between_good_readings_counts_nothing() -> None:
    assert counted(16_000_000, 0, 16_000_100) == [0, 100]


def test_zeros_that_last_a_while_count_nothing_either() -> None:
    assert counted(3000, 0, 0, 0, 3001, 3101) == [0, 0, 0, 1, 101]


def test_a_single_spike_counts_nothing() -> None:
    assert counted(1000, 1100, 9_999_999, 1200) == [100, 100, 200]


def test_a_spike_that_is_told_twice_is_forgotten_when_the_register_comes_back() -> None:
    assert counted(1000, 1100, 9_999_999, 9_999_999, 1200, 1300)[-2:] == [200, 300]


def test_a_meter_that_is_reset_goes_on_from_zero() -> None:
    assert counted(1_000_000, 1_003_000, 50, 150, 400) == [3000, 3000, 3150, 3400]


def test_a_reset_register_that_passes_its_old_value_goes_on() -> None:
    shown = range(500, 7000, 500)
    found = counted(0, 3000, 20, *shown)
    assert found[-1] == 3000 + 6500


def test_a_meter_that_is_replaced_counts_from_its_own_first_reading() -> None:
    assert counted(1_000, 2_000, 5_000_000, 5_000_300) == [1000, 1000, 1300]


def test_a_register_that_falls_back_a_little_is_not_counted_twice() -> None:
    assert counted(1000, 6000, 5990, 5992, 6010) == [5000, 5000, 5002, 5010]


def test_rounding_costs_a_watt_hour_and_nothing_more() -> None:
    assert counted(1000, 1100, 1099, 1100, 1101) == [100, 100, 100, 101]


def test_two_registers_under_one_name_are_counted_once() -> None:
    """In the transaction from zero, outside of it the lifetime's (ABB)."""
    shown = [3_000_500, 500, 600, 3_000_700, 3_000_800, 900, 950, 3_001_000]
    found = counted(3_000_000, *shown)
    assert found[-1] == 1000


def test_more_than_any_station_delivers_is_no_reading() -> None:
    assert most_wh(timedelta()) == 100
    assert most_wh(timedelta(minutes=3)) == 20_100
    assert most_wh(timedelta(days=30)) == MOST_AT_ONCE_WH
    assert most_wh(timedelta(hours=-1)) == 100


readings = st.lists(
    st.tuples(
        st.integers(0, 1800),
        st.integers(0, 10_000)
        | st.integers(4_000_000, 4_100_000)
        | st.decimals(0, 10**12, places=3),
    ),
    max_size=40,
)


@given(readings)
def test_whatever_a_register_shows_it_counts_no_more_than_can_be_delivered(
    shown: list[tuple[int, Decimal]],
) -> None:
    register = ConnectorRegister.first(NOON, Decimal(5000))
    now = NOON
    for seconds, wh in shown:
        now += timedelta(seconds=seconds)
        before, register = register, register.read(now, Decimal(wh))
        assert before.wh <= register.wh
        assert before.at <= register.at
    most = Decimal(400_000) / 3600 * int((now - NOON).total_seconds())
    assert register.wh - 5000 <= most + 100 * 2 * len(shown)


@given(st.lists(st.integers(0, 3000), max_size=30), st.integers(0, 5_000_000))
def test_a_good_register_is_counted_to_the_last_watt_hour(
    steps: list[int], first: int
) -> None:
    shown = [first + sum(steps[: place + 1]) for place in range(len(steps))]
    assert counted(first, *shown)[-1:] == ([sum(steps)] if steps else [])


@given(readings)
def test_a_register_comes_back_from_the_journal_as_it_was(
    shown: list[tuple[int, Decimal]],
) -> None:
    register = ConnectorRegister.first(NOON, None)
    now = NOON
    for seconds, wh in shown:
        now += timedelta(seconds=seconds)
        register = register.read(now, Decimal(wh))
        kept = orjson.loads(orjson.dumps(register.as_data()))
        assert ConnectorRegister.from_data(kept) == register


def test_a_connectors_register_begins_with_what_the_station_shows() -> None:
    assert ConnectorRegister.first(NOON, number(1234)).wh == 1234


def test_a_register_that_nobody_knows_begins_at_zero_and_does_not_jump() -> None:
    register = ConnectorRegister.first(NOON, None)
    register = register.grown(at(30), number(4000))
    register = register.read(at(60), number(8_000_000))
    assert register.wh == 4000
    assert register.read(at(90), number(8_000_500)).wh == 4500


def test_what_a_session_took_is_not_counted_again_after_it() -> None:
    register = ConnectorRegister.first(NOON, number(1000))
    register = register.after_session(at(60), number(8000), number(8000))
    assert register.read(at(90), number(8010)).wh == 8010


def test_an_estimate_is_settled_by_the_next_reading() -> None:
    register = ConnectorRegister.first(NOON, number(1000))
    register = register.after_session(at(60), number(7800), None)
    assert register.wh == 7800
    assert register.read(at(90), number(8000)).wh == 8000


def test_a_register_that_begins_with_every_session_still_adds_up() -> None:
    register = ConnectorRegister.first(NOON, number(0))
    total = Decimal(0)
    for hour, wh in enumerate((10_000, 8_000, 12_000, 11_000)):
        register = register.read(at(120 * hour), number(0))
        total += wh
        register = register.after_session(at(120 * hour + 60), total, number(wh))
        assert register.wh == total


def test_a_lifetime_register_between_such_sessions_changes_nothing() -> None:
    """Even after days, in which a station could have delivered as much."""
    register = ConnectorRegister.first(NOON, number(3_000_000))
    lifetime = 3_000_000
    for day, wh in enumerate((10_000, 8_000, 12_000), start=1):
        register = register.read(at(1440 * day), number(0))
        lifetime += wh
        register = register.after_session(
            at(1440 * day + 60), number(lifetime), number(wh)
        )
        register = register.read(at(1440 * day + 90), number(lifetime))
        assert register.wh == lifetime
