"""Rating: what a session's energy costs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

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
from custom_components.ladda.billing.tariffs import (
    FixedPrice,
    HelperPrice,
    Markup,
    StatePrices,
    Tariff,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
STOCKHOLM = ZoneInfo("Europe/Stockholm")
FIXED = Tariff(id="f", name="Fixed", currency="SEK", energy=FixedPrice(Decimal("2.5")))
SPOT = Tariff(id="s", name="Spot", currency="SEK", energy=HelperPrice("sensor.spot"))


def at(minutes: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(minutes=minutes)


def point(minutes: float, wh: str | int) -> EnergyPoint:
    """A meter value, minutes after noon."""
    return EnergyPoint(at(minutes), Decimal(wh))


def price(minutes: float, state: str | None) -> Observation:
    """What the price helper shows from some minutes after noon on."""
    return Observation(at(minutes), state, "SEK/kWh", Origin.LIVE)


def prices(*changes: tuple[float, str | None]) -> PriceTimeline:
    """The price helper's day."""
    return PriceTimeline(price(minutes, state) for minutes, state in changes)


def energies(rating: Rating) -> list[str]:
    """The energy of each slice, in Wh."""
    return [str(part.wh) for part in rating.slices]


def test_a_fixed_price_makes_one_slice_however_often_the_meter_is_read() -> None:
    rating = rate(FIXED, [point(0, 0), point(7, "1000.5"), point(60, 11000)], None)
    (whole,) = rating.slices
    assert (whole.start, whole.end, whole.wh) == (at(0), at(60), Decimal(11000))
    assert (whole.unit_price, whole.amount) == (Decimal("2.5"), Decimal("27.5"))
    assert (whole.origin, whole.state, whole.since) == (Origin.FIXED, None, at(0))
    assert (rating.tariff, rating.tariff_name, rating.currency) == ("f", "Fixed", "SEK")
    assert rating.billed == Decimal("27.50")
    assert not rating.provisional


def test_a_fixed_price_asks_no_helper() -> None:
    timeline = prices((0, None))
    assert rate(FIXED, [point(0, 0), point(60, 1000)], timeline) == rate(
        FIXED, [point(0, 0), point(60, 1000)], None
    )


def test_a_price_that_changes_between_two_readings_splits_the_energy_in_time() -> None:
    timeline = prices((-30, "1.00"), (15, "3.00"))
    rating = rate(SPOT, [point(0, 0), point(60, 10000)], timeline)
    cheap, dear = rating.slices
    assert (cheap.start, cheap.end, cheap.wh) == (at(0), at(15), Decimal(2500))
    assert (dear.start, dear.end, dear.wh) == (at(15), at(60), Decimal(7500))
    assert (cheap.since, dear.since) == (at(-30), at(15))
    assert (cheap.state, cheap.origin) == ("1.00", Origin.LIVE)
    assert (cheap.amount, dear.amount) == (Decimal("2.5"), Decimal("22.5"))
    assert rating.total == 25


def test_energy_at_a_change_is_rounded_to_a_milliwatt_hour_and_none_is_lost() -> None:
    timeline = prices((0, "1"), (10, "2"), (20, "3"))
    rating = rate(SPOT, [point(0, 0), point(30, 100)], timeline)
    assert energies(rating) == ["33.333", "33.334", "33.333"]
    assert rating.energy_wh == 100


def test_readings_finer_than_a_milliwatt_hour_give_no_negative_energy() -> None:
    timeline = prices((0, "1"), (10, "2"), (20, "3"))
    readings = [point(0, "0.0006"), point(15, "0.0007"), point(30, "0.0008")]
    rating = rate(SPOT, readings, timeline)
    assert energies(rating) == ["0.0001", "0.0001"]
    assert rating.energy_wh == Decimal("0.0002")


def test_a_change_at_the_moment_of_a_reading_needs_no_interpolation() -> None:
    timeline = prices((0, "1"), (15, "2"))
    readings = [point(0, 0), point(15, "3333.3"), point(30, 5000)]
    assert energies(rate(SPOT, readings, timeline)) == ["3333.3", "1666.7"]


def test_energy_that_comes_at_one_instant_has_the_price_of_that_instant() -> None:
    timeline = prices((0, "1"), (15, "2"))
    rating = rate(SPOT, [point(0, 0), point(15, 100), point(15, 1100)], timeline)
    before, jump = rating.slices
    assert (before.wh, before.unit_price) == (Decimal(100), Decimal(1))
    assert (jump.start, jump.end) == (at(15), at(15))
    assert (jump.wh, jump.unit_price) == (Decimal(1000), Decimal(2))


def test_a_price_that_the_helper_tells_again_stays_one_slice() -> None:
    timeline = prices((-5, "1"), (10, "1"), (20, "1"), (30, "2"))
    first, second = rate(SPOT, [point(0, 0), point(60, 6000)], timeline).slices
    assert (first.start, first.end, first.since) == (at(0), at(30), at(-5))
    assert second.wh == 3000


def test_a_helper_that_goes_away_in_different_ways_is_one_unknown_slice() -> None:
    timeline = prices((10, None))
    timeline.add(Observation(at(20), None, None, Origin.HISTORY))
    rating = rate(SPOT, [point(0, 0), point(30, 30), point(60, 60)], timeline)
    assert energies(rating) == ["60"]


def test_a_price_under_which_nothing_was_charged_has_no_slice() -> None:
    timeline = prices((0, "1"), (20, "9"), (40, "1"))
    readings = [point(0, 0), point(20, 1000), point(40, 1000), point(60, 2000)]
    rating = rate(SPOT, readings, timeline)
    assert [(part.start, part.end) for part in rating.slices] == [
        (at(0), at(20)),
        (at(40), at(60)),
    ]


def test_a_negative_price_pays_the_user() -> None:
    rating = rate(SPOT, [point(0, 0), point(60, 10000)], prices((0, "-0.0505")))
    assert rating.total == Decimal("-0.505")
    assert rating.billed == Decimal("-0.51")


def test_time_of_use_is_priced_by_the_helpers_state() -> None:
    zones = StatePrices("select.zone", {"day": Decimal(3), "night": Decimal(1)})
    timeline = prices((0, "day"), (30, "night"))
    rating = rate(replace(SPOT, energy=zones), [point(0, 0), point(60, 2000)], timeline)
    assert [part.state for part in rating.slices] == ["day", "night"]
    assert rating.total == 4


def test_energy_without_a_price_leaves_the_cost_provisional() -> None:
    timeline = prices((0, "1"), (30, None))
    rating = rate(SPOT, [point(0, 0), point(60, 10000)], timeline)
    known, unknown = rating.slices
    assert (unknown.unit_price, unknown.amount) == (None, None)
    assert unknown.wh == 5000
    assert known.amount == rating.total == 5
    assert rating.provisional


def test_a_price_that_is_not_known_for_any_energy_is_no_zero() -> None:
    tariff = replace(SPOT, session_fee=Decimal(10))
    for timeline in (None, prices((0, None)), prices((90, "1"))):
        rating = rate(tariff, [point(0, 0), point(30, 10), point(60, 20)], timeline)
        assert rating.total is rating.billed is rating.net is rating.vat is None
        assert rating.provisional
        assert energies(rating) == ["20"]


def test_a_price_of_zero_is_free_and_not_provisional() -> None:
    rating = rate(SPOT, [point(0, 0), point(60, 10000)], prices((0, "0")))
    assert str(rating.billed) == "0.00"
    assert not rating.provisional


@pytest.mark.parametrize("readings", [[], [point(0, 5)], [point(0, 5), point(60, 5)]])
def test_a_session_without_energy_is_free_even_when_no_price_is_known(
    readings: list[EnergyPoint],
) -> None:
    tariff = replace(SPOT, session_fee=Decimal(10))
    rating = rate(tariff, readings, None)
    assert rating.slices == ()
    assert rating.session_fee == 0
    assert str(rating.billed) == "0.00"
    assert not rating.provisional


def test_the_fee_is_charged_once_with_vat() -> None:
    tariff = replace(
        FIXED,
        markups=(Markup("grid", Decimal("0.30")),),
        vat_percent=Decimal(25),
        vat_included=False,
        session_fee=Decimal(4),
    )
    rating = rate(tariff, [point(0, 0), point(30, 500), point(60, 1000)], None)
    assert rating.session_fee == 5
    assert rating.total == Decimal("8.50")


def test_net_and_vat_add_up_to_what_is_billed() -> None:
    tariff = replace(FIXED, vat_percent=Decimal(25))
    rating = rate(tariff, [point(0, 0), point(60, 13333)], None)
    assert rating.total == Decimal("33.3325")
    assert (rating.billed, rating.net, rating.vat) == (
        Decimal("33.33"),
        Decimal("26.66"),
        Decimal("6.67"),
    )


def test_money_without_a_minor_unit_is_billed_whole() -> None:
    tariff = replace(FIXED, currency="JPY", vat_percent=Decimal(10))
    rating = rate(tariff, [point(0, 0), point(60, 41000)], None)
    assert (str(rating.billed), str(rating.vat)) == ("103", "9")


@pytest.mark.parametrize("bad", [point(-1, 200), point(20, 99)])
def test_time_and_energy_do_not_run_backwards(bad: EnergyPoint) -> None:
    running = RunningRating(FIXED, None)
    running.add(point(0, 0))
    running.add(point(10, 100))
    with pytest.raises(ValueError, match="after"):
        running.add(bad)
    assert running.rating().energy_wh == 100


def test_the_cost_is_known_while_the_session_goes_on() -> None:
    timeline = prices((0, "1"))
    running = RunningRating(replace(SPOT, session_fee=Decimal(10)), timeline)
    assert (running.total, running.provisional) == (Decimal(0), False)
    assert running.energy_wh == 0
    running.add(point(0, 0))
    assert running.total == running.energy_wh == 0
    running.add(point(10, 1000))
    assert (running.total, running.energy_wh) == (Decimal(11), Decimal(1000))
    timeline.add(price(15, None))
    running.add(point(20, 2000))
    assert running.total == Decimal("11.5")
    assert running.provisional
    timeline.add(price(25, "3"))
    running.add(point(30, 3000))
    assert running.total == 13
    assert running.provisional
    assert running.rating().total == 13


def test_a_price_that_comes_late_is_rated_again() -> None:
    timeline = prices((0, None))
    readings = [point(0, 0), point(60, 10000)]
    assert rate(SPOT, readings, timeline).total is None
    for minutes, state in ((0, "1.00"), (30, "2.00")):
        told = Observation(at(minutes), state, "SEK/kWh", Origin.HISTORY)
        timeline.fill(Fill(at(minutes), at(minutes + 30), told))
    rating = rate(SPOT, readings, timeline)
    assert rating.total == 15
    assert not rating.provisional
    assert {part.origin for part in rating.slices} == {Origin.HISTORY}


def local_hours(year: int, month: int, day: int) -> list[datetime]:
    """The starts of a day's hours as Stockholm's clocks show them, in UTC."""
    walls = (
        datetime.combine(date(year, month, day), time(hour), STOCKHOLM)
        for hour in range(24)
    )
    moments = {
        wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)
    }
    return sorted(
        moment for moment in moments if moment.astimezone(STOCKHOLM).day == day
    )


def by_the_clock(moment: datetime) -> Decimal:
    """A price that is the hour that Stockholm's clocks show."""
    return Decimal(moment.astimezone(STOCKHOLM).hour)


def by_the_order(moment: datetime) -> Decimal:
    """A price that is another one in every hour, also in the one that comes twice."""
    return Decimal(moment.timetuple().tm_yday * 24 + moment.hour)


@pytest.mark.parametrize(
    ("month", "day", "count", "clock_sum"),
    [(3, 29, 23, 276 - 2), (6, 1, 24, 276), (10, 25, 25, 276 + 2)],
)
@pytest.mark.parametrize("price_of", [by_the_clock, by_the_order])
def test_a_day_on_which_the_clocks_change_has_as_many_slots_as_hours(
    month: int,
    day: int,
    count: int,
    clock_sum: int,
    price_of: Callable[[datetime], Decimal],
) -> None:
    hours = local_hours(2026, month, day)
    assert len(hours) == count
    timeline = PriceTimeline(
        Observation(hour, str(price_of(hour)), "SEK/kWh", Origin.LIVE) for hour in hours
    )
    start, end = hours[0], hours[-1] + timedelta(hours=1)
    readings = [
        EnergyPoint(start, Decimal(0)),
        EnergyPoint(end, Decimal(count * 1000)),
    ]
    rating = rate(SPOT, readings, timeline)
    assert rating.energy_wh == count * 1000
    assert rating.total == sum(map(price_of, hours))
    if price_of is by_the_clock:
        assert rating.total == clock_sum
        # The hour that comes twice has one price in it: one slice of two hours.
        assert len(rating.slices) == min(count, 24)
    else:
        assert {part.wh for part in rating.slices} == {1000}
