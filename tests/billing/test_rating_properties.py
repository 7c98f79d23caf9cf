"""Rating against an independent recomputation in fractions, over any session."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor

from hypothesis import given, strategies as st

from custom_components.ladda.billing.currency import rounded
from custom_components.ladda.billing.prices import (
    Fill,
    Observation,
    Origin,
    PriceTimeline,
)
from custom_components.ladda.billing.rating import (
    EnergyPoint,
    Rating,
    RunningRating,
    rate,
)
from custom_components.ladda.billing.tariffs import HelperPrice, Markup, Tariff

# A moment is a number of seconds after this one.
EPOCH = datetime(2026, 10, 24, 20, tzinfo=UTC)
DAY = 30 * 3600

Prices = dict[int, Decimal | None]
Readings = list[tuple[int, Decimal]]


@dataclass(frozen=True)
class Piece:
    """A part of a session as the recomputation finds it."""

    start: int
    end: int
    wh: Fraction
    price: Decimal | None


def moment(second: int) -> datetime:
    """A second of the day as a time."""
    return EPOCH + timedelta(seconds=second)


def observed(
    second: int, price: Decimal | None, origin: Origin = Origin.LIVE
) -> Observation:
    """What the price helper shows from a second on."""
    state = None if price is None else str(price)
    return Observation(moment(second), state, "öre/kWh", origin)


def timeline_of(prices: Prices) -> PriceTimeline:
    """The price helper's day."""
    return PriceTimeline(observed(second, price) for second, price in prices.items())


def points_of(readings: Readings) -> list[EnergyPoint]:
    """The session's meter values."""
    return [EnergyPoint(moment(second), wh) for second, wh in readings]


def price_at(prices: Prices, second: int) -> Decimal | None:
    """What the helper shows at a second."""
    begun = [begin for begin in prices if begin <= second]
    return prices[max(begun)] if begun else None


def recomputed_pieces(prices: Prices, readings: Readings) -> list[Piece]:
    """Every stretch between two readings or price changes, by brute force."""
    pieces: list[Piece] = []
    for (start, low), (end, high) in pairwise(readings):
        edges = [start, *sorted(s for s in prices if start < s < end), end]

        def energy(
            second: int,
            start: int = start,
            end: int = end,
            low: Fraction = Fraction(low),
            high: Fraction = Fraction(high),
        ) -> Fraction:
            if second == end:
                return high
            if second == start:
                return low
            linear = low + (high - low) * Fraction(second - start, end - start)
            milliwatt_hours = Fraction(floor(linear * 1000 + Fraction(1, 2)), 1000)
            return min(max(milliwatt_hours, low), high)

        if start == end:
            gained = Fraction(high) - Fraction(low)
            pieces.append(Piece(start, end, gained, price_at(prices, start)))
            continue
        pieces += (
            Piece(a, b, energy(b) - energy(a), price_at(prices, a))
            for a, b in pairwise(edges)
        )
    return pieces


def recomputed_slices(prices: Prices, readings: Readings) -> list[Piece]:
    """The pieces, put together where the price stays, without those of no energy."""
    merged: list[Piece] = []
    for piece in recomputed_pieces(prices, readings):
        if merged and merged[-1].price == piece.price:
            last = merged[-1]
            merged[-1] = replace(last, end=piece.end, wh=last.wh + piece.wh)
        else:
            merged.append(piece)
    return [piece for piece in merged if piece.wh]


def recomputed_total(
    tariff: Tariff, prices: Prices, readings: Readings
) -> Fraction | None:
    """The cost, VAT included, in fractions."""
    vat = 1 if tariff.vat_included else 1 + Fraction(tariff.vat_percent) / 100
    markups = sum(Fraction(markup.price) for markup in tariff.markups)
    charged = [piece for piece in recomputed_pieces(prices, readings) if piece.wh]
    known = [
        piece.wh / 1000 * (Fraction(piece.price) / 100 + markups) * vat
        for piece in charged
        if piece.price is not None
    ]
    if not charged:
        return Fraction(0)
    return sum(known, Fraction(tariff.session_fee) * vat) if known else None


def in_fractions(amount: Decimal | None) -> Fraction | None:
    """An amount without any limit to its digits."""
    return None if amount is None else Fraction(amount)


def substance(rating: Rating) -> list[tuple[object, ...]]:
    """The slices without where their prices came from and when."""
    return [
        (part.start, part.end, part.wh, part.unit_price, part.state)
        for part in rating.slices
    ]


# Prices in öre: with few values too, so that neighbours are often equal.
known_prices = st.one_of(
    st.integers(-3, 3).map(Decimal),
    st.decimals(-500, 900, places=2),
    st.floats(-500, 900)
    .filter(lambda x: not 0 < abs(x) < 1e-20)
    .map(lambda x: Decimal(repr(x))),
)
seconds = st.one_of(
    st.integers(0, DAY), st.integers(0, DAY // 900).map(lambda slot: slot * 900)
)


def price_days(prices: st.SearchStrategy[Decimal | None]) -> st.SearchStrategy[Prices]:
    """Days of a price helper, on quarter hours and off them."""
    return st.dictionaries(seconds, prices, max_size=25)


@st.composite
def sessions(draw: st.DrawFn) -> Readings:
    """Sessions of any sampling, with pauses, jumps and repeated moments."""
    times = sorted(draw(st.lists(seconds, max_size=15)))
    steps = draw(
        st.lists(
            st.one_of(
                st.just(Decimal(0)),
                st.decimals(0, 8000, places=0),
                st.decimals(0, 2, places=4),
            ),
            min_size=len(times),
            max_size=len(times),
        )
    )
    wh = Decimal(0)
    readings: Readings = []
    for second, step in zip(times, steps, strict=True):
        wh += step
        readings.append((second, wh))
    return readings


any_prices = price_days(st.one_of(st.none(), known_prices))
amounts = st.decimals(-5, 5, places=4)
tariffs = st.builds(
    Tariff,
    id=st.just("t"),
    name=st.just("Spot"),
    currency=st.just("SEK"),
    energy=st.just(HelperPrice("sensor.spot")),
    markups=st.lists(st.builds(Markup, st.text(max_size=3), amounts), max_size=3).map(
        tuple
    ),
    vat_percent=st.sampled_from(["0", "6", "24", "25", "25.5"]).map(Decimal),
    vat_included=st.booleans(),
    session_fee=amounts,
)


@given(tariffs, any_prices, sessions())
def test_the_total_is_what_fractions_give_to_the_last_digit(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    rating = rate(tariff, points_of(readings), timeline_of(prices))
    expected = recomputed_total(tariff, prices, readings)
    assert in_fractions(rating.total) == expected


@given(tariffs, any_prices, sessions())
def test_each_slice_is_the_part_of_the_session_under_one_price(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    # Two spellings of one number are two states, so that they are made one here.
    plain = {
        second: None if price is None else price.normalize() + 0
        for second, price in prices.items()
    }
    rating = rate(tariff, points_of(readings), timeline_of(plain))
    assert [
        (part.start, part.end, Fraction(part.wh), part.state) for part in rating.slices
    ] == [
        (
            moment(piece.start),
            moment(piece.end),
            piece.wh,
            None if piece.price is None else str(piece.price),
        )
        for piece in recomputed_slices(plain, readings)
    ]


@given(tariffs, any_prices, sessions())
def test_slices_add_up_to_stop_minus_start_and_lines_to_the_total(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    rating = rate(tariff, points_of(readings), timeline_of(prices))
    parts = [Fraction(part.wh) for part in rating.slices]
    delivered = readings[-1][1] - readings[0][1] if readings else Decimal(0)
    assert sum(parts) == Fraction(delivered)
    assert all(part > 0 for part in parts)
    assert rating.energy_wh == delivered
    if rating.total is not None:
        lines = [
            Fraction(part.amount) for part in rating.slices if part.amount is not None
        ]
        assert sum(lines) + Fraction(rating.session_fee) == Fraction(rating.total)


@given(tariffs, any_prices, sessions())
def test_net_and_vat_add_up_and_are_off_by_less_than_a_minor_unit(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    rating = rate(tariff, points_of(readings), timeline_of(prices))
    if rating.total is None:
        assert rating.billed is rating.net is rating.vat is None
        return
    assert rating.billed is not None
    assert rating.net is not None
    assert rating.vat is not None
    assert rating.net + rating.vat == rating.billed
    assert rating.billed == rounded(rating.total, "SEK")
    half = Fraction(1, 200)
    assert abs(Fraction(rating.billed) - Fraction(rating.total)) <= half
    share = Fraction(tariff.vat_percent) / (100 + Fraction(tariff.vat_percent))
    assert abs(Fraction(rating.vat) - Fraction(rating.billed) * share) <= half


@given(tariffs, any_prices, sessions())
def test_the_running_rating_is_at_every_meter_value_the_rating_so_far(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    points, timeline = points_of(readings), timeline_of(prices)
    running = RunningRating(tariff, timeline)
    for count, point in enumerate(points, 1):
        running.add(point)
        so_far = rate(tariff, points[:count], timeline)
        assert running.rating() == so_far
        assert running.total == so_far.total
        assert running.energy_wh == so_far.energy_wh
        assert running.provisional == so_far.provisional


@given(tariffs, any_prices, sessions())
def test_a_price_seen_as_it_changes_gives_the_same_as_all_prices_known_before(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    growing = PriceTimeline()
    running = RunningRating(tariff, growing)
    ahead = sorted(prices)
    for second, wh in readings:
        while ahead and ahead[0] <= second:
            change = ahead.pop(0)
            growing.add(observed(change, prices[change]))
        running.add(EnergyPoint(moment(second), wh))
    assert running.rating() == rate(tariff, points_of(readings), timeline_of(prices))


@given(tariffs, any_prices, sessions())
def test_a_cost_is_provisional_exactly_when_energy_has_no_price(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    rating = rate(tariff, points_of(readings), timeline_of(prices))
    assert rating.provisional == any(
        piece.wh and piece.price is None
        for piece in recomputed_pieces(prices, readings)
    )


@given(tariffs, any_prices, sessions(), st.lists(seconds, max_size=10))
def test_a_helper_that_tells_its_price_again_changes_nothing(
    tariff: Tariff, prices: Prices, readings: Readings, repeated: list[int]
) -> None:
    points = points_of(readings)
    again = prices | {second: price_at(prices, second) for second in repeated}
    once = rate(tariff, points, timeline_of(prices))
    twice = rate(tariff, points, timeline_of(again))
    assert twice.total == once.total
    assert substance(twice) == substance(once)


@given(tariffs, price_days(known_prices), sessions(), seconds, seconds)
def test_a_gap_that_is_filled_afterwards_costs_what_it_would_have_cost(
    tariff: Tariff, prices: Prices, readings: Readings, one: int, other: int
) -> None:
    prices.setdefault(0, Decimal(1))
    away, back = min(one, other), max(one, other) + 1
    points = points_of(readings)
    truth = rate(tariff, points, timeline_of(prices))

    seen: Prices = {s: p for s, p in prices.items() if not away <= s < back}
    timeline = timeline_of(seen | {away: None, back: price_at(prices, back)})
    changes = [away, *sorted(s for s in prices if away < s < back), back]
    for start, end in pairwise(changes):
        told = observed(start, price_at(prices, start), Origin.HISTORY)
        timeline.fill(Fill(moment(start), moment(end), told))
    rating = rate(tariff, points, timeline)
    assert rating.total == truth.total
    assert not rating.provisional
    assert rating.energy_wh == truth.energy_wh


@given(tariffs, price_days(known_prices), sessions())
def test_a_day_read_from_the_recorder_is_the_day_that_was_seen(
    tariff: Tariff, prices: Prices, readings: Readings
) -> None:
    prices.setdefault(0, Decimal(1))
    points = points_of(readings)
    timeline = PriceTimeline()
    changes = [*sorted(prices), DAY + 1]
    for start, end in pairwise(changes):
        told = observed(start, prices[start], Origin.HISTORY)
        timeline.fill(Fill(moment(start), moment(end), told))
    afterwards = rate(tariff, points, timeline)
    assert all(part.origin is Origin.HISTORY for part in afterwards.slices)
    assert substance(afterwards) == substance(rate(tariff, points, timeline_of(prices)))
