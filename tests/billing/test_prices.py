"""What a price helper showed, and when."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.billing.prices import (
    Fill,
    Observation,
    Origin,
    PriceTimeline,
)

MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)


def at(hour: float) -> datetime:
    """A moment of the first of June."""
    return MIDNIGHT + timedelta(hours=hour)


def shows(hour: float, state: str | None, origin: Origin = Origin.LIVE) -> Observation:
    """What the helper shows from an hour on."""
    return Observation(at(hour), state, "SEK/kWh", origin)


def fill(start: float, end: float, state: str | None) -> Fill:
    """What the recorder tells of the hours from start to end."""
    return Fill(at(start), at(end), shows(start, state, Origin.HISTORY))


def between(
    timeline: PriceTimeline, start: float, end: float
) -> list[tuple[datetime, str | None, Origin]]:
    """What the timeline tells of the hours from start to end."""
    return [
        (seen.at, seen.state, seen.origin)
        for seen in timeline.observations_between(at(start), at(end))
    ]


def test_an_observation_holds_until_the_next() -> None:
    timeline = PriceTimeline([shows(1, "a"), shows(2, "b"), shows(3, "c")])
    assert timeline.observations_between(at(1.5), at(2.5)) == [
        shows(1, "a"),
        shows(2, "b"),
    ]


def test_a_change_at_the_start_is_in_force_and_one_at_the_end_is_not() -> None:
    timeline = PriceTimeline([shows(1, "a"), shows(2, "b"), shows(3, "c")])
    assert timeline.observations_between(at(2), at(3)) == [shows(2, "b")]


def test_an_instant_has_the_price_in_force_at_it() -> None:
    timeline = PriceTimeline([shows(1, "a"), shows(2, "b")])
    assert timeline.observations_between(at(2), at(2)) == [shows(2, "b")]


def test_nothing_is_known_before_the_first_observation() -> None:
    timeline = PriceTimeline([shows(2, "b")])
    assert timeline.observations_between(at(1), at(3)) == [
        Observation(at(1), None, None, Origin.LIVE),
        shows(2, "b"),
    ]


def test_observations_may_come_in_any_order_and_the_last_of_a_moment_counts() -> None:
    timeline = PriceTimeline([shows(3, "c"), shows(1, "wrong")])
    timeline.add(shows(2, "b"))
    timeline.add(shows(1, "a"))
    assert timeline.observations_between(at(1), at(4)) == [
        shows(1, "a"),
        shows(2, "b"),
        shows(3, "c"),
    ]


def test_a_fill_replaces_only_what_is_unknown() -> None:
    timeline = PriceTimeline([shows(1, "a"), shows(2, None), shows(3, "c")])
    timeline.fill(fill(0, 4, "known"))
    assert between(timeline, 0, 4) == [
        (at(0), "known", Origin.HISTORY),
        (at(1), "a", Origin.LIVE),
        (at(2), "known", Origin.HISTORY),
        (at(3), "c", Origin.LIVE),
    ]


def test_a_fill_replaces_what_tells_nothing_to_who_asks() -> None:
    timeline = PriceTimeline([shows(1, "a"), shows(2, "broken"), shows(4, "c")])
    timeline.fill(fill(3, 5, "known"))
    told = timeline.observations_between(
        at(1), at(5), lambda shown: shown.state not in (None, "broken")
    )
    assert [(seen.at, seen.state) for seen in told] == [
        (at(1), "a"),
        (at(2), "broken"),
        (at(3), "known"),
        (at(4), "c"),
    ]


def test_a_fill_may_cover_a_part_of_what_is_unknown() -> None:
    timeline = PriceTimeline([shows(1, None), shows(5, "c")])
    timeline.fill(fill(2, 3, "known"))
    assert between(timeline, 1.5, 6) == [
        (at(1.5), None, Origin.LIVE),
        (at(2), "known", Origin.HISTORY),
        (at(3), None, Origin.LIVE),
        (at(5), "c", Origin.LIVE),
    ]
    assert between(timeline, 2.5, 2.75) == [(at(2), "known", Origin.HISTORY)]


def test_a_later_fill_wins_over_an_earlier_one() -> None:
    timeline = PriceTimeline([shows(0, None)])
    timeline.fill(fill(1, 6, "first"))
    timeline.fill(fill(2, 3, "second"))
    assert [state for _, state, _ in between(timeline, 1, 7)] == [
        "first",
        "second",
        "first",
        None,
    ]


def test_an_observation_that_comes_after_a_fill_holds() -> None:
    timeline = PriceTimeline([shows(0, None)])
    timeline.fill(fill(0, 6, "filled"))
    timeline.add(shows(3, "seen"))
    assert [state for _, state, _ in between(timeline, 0, 7)] == ["filled", "seen"]


def test_a_fill_ends_after_it_starts() -> None:
    with pytest.raises(ValueError, match="A fill from"):
        PriceTimeline().fill(fill(2, 2, "known"))


def test_what_is_forgotten_is_no_longer_needed() -> None:
    seen = [shows(1, "a"), shows(2, None), shows(3, "c"), shows(4, "d")]
    whole, short = PriceTimeline(seen), PriceTimeline(seen)
    for timeline in (whole, short):
        timeline.fill(fill(0, 2.25, "x"))
        timeline.fill(fill(2.25, 2.75, "y"))
    short.forget_before(at(0))
    assert between(short, 0, 9) == between(whole, 0, 9)
    short.forget_before(at(2.5))
    assert between(short, 2.5, 9) == between(whole, 2.5, 9)
    assert between(short, 1, 2) == [(at(1), None, Origin.LIVE)]


hours = st.integers(0, 24)
states = st.sampled_from([None, "a", "b", "c"])


@given(
    st.lists(st.tuples(hours, states)),
    st.lists(st.tuples(hours, st.integers(1, 6), states)),
    hours,
    hours,
)
def test_the_timeline_is_what_hour_by_hour_bookkeeping_gives(
    seen: list[tuple[int, str | None]],
    fills: list[tuple[int, int, str | None]],
    start: int,
    length: int,
) -> None:
    timeline = PriceTimeline(shows(hour, state) for hour, state in seen)
    for begin, duration, state in fills:
        timeline.fill(fill(begin, begin + duration, state))

    last_seen = dict(seen)
    told = timeline.observations_between(at(start), at(start + length))
    for hour in range(start, max(start + length, start + 1)):
        before = [h for h in last_seen if h <= hour]
        expected = last_seen[max(before)] if before else None
        if expected is None:
            for begin, duration, state in fills:
                if begin <= hour < begin + duration:
                    expected = state
        in_force = [one for one in told if one.at <= at(hour)][-1]
        assert in_force.state == expected

    moments = [one.at for one in told]
    assert moments == sorted(set(moments))
    assert moments[0] <= at(start)
    assert all(at(start) < moment < at(start + length) for moment in moments[1:])
