"""Tariffs: the price of a kilowatt-hour and its rule."""

from datetime import UTC, datetime
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.billing.prices import Observation, Origin
from custom_components.ladda.billing.tariffs import (
    EnergyPrice,
    FixedPrice,
    HelperPrice,
    Markup,
    StatePrices,
    Tariff,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SPOT = HelperPrice("sensor.spot_price")
ZONES = StatePrices("select.period", {"day": Decimal("2.10"), "night": Decimal("0.90")})


def tariff(energy: EnergyPrice, **terms: Any) -> Tariff:
    """A tariff in SEK, without VAT unless told."""
    return Tariff(id="t1", name="Garage", currency="SEK", energy=energy, **terms)


def shows(state: str | None, unit: str | None = "SEK/kWh") -> Observation:
    """What a helper shows at noon."""
    return Observation(NOON, state, unit, Origin.LIVE)


def test_a_fixed_price_needs_no_helper() -> None:
    fixed = tariff(FixedPrice(Decimal("2.50")))
    assert fixed.entity is None
    assert fixed.unit_price(None) == Decimal("2.50")


def test_a_helper_price_is_the_helpers_number_in_its_unit() -> None:
    spot = tariff(SPOT)
    assert spot.entity == "sensor.spot_price"
    assert spot.unit_price(shows("123.45", "öre/kWh")) == Decimal("1.2345")


def test_time_of_use_takes_the_price_of_the_helpers_state_whatever_its_unit() -> None:
    zones = tariff(ZONES)
    assert zones.entity == "select.period"
    assert zones.unit_price(shows("night", None)) == Decimal("0.90")


def test_markups_come_first_and_vat_last() -> None:
    spot = tariff(
        SPOT,
        markups=(Markup("grid", Decimal("0.30")), Markup("tax", Decimal("0.50"))),
        vat_percent=Decimal(25),
        vat_included=False,
        session_fee=Decimal(4),
    )
    assert spot.unit_price(shows("0.20")) == Decimal("1.25")
    assert spot.with_vat(spot.session_fee) == Decimal(5)


def test_vat_that_the_prices_hold_already_is_not_added() -> None:
    fixed = tariff(FixedPrice(Decimal(2)), vat_percent=Decimal(25))
    assert fixed.unit_price(None) == Decimal(2)


def test_a_negative_price_is_a_price() -> None:
    spot = tariff(SPOT, markups=(Markup("grid", Decimal("0.10")),))
    assert spot.unit_price(shows("-350", "SEK/MWh")) == Decimal("-0.25")


def test_a_price_of_zero_is_known() -> None:
    assert tariff(SPOT).unit_price(shows("0.0")) == 0


def test_a_unit_price_keeps_every_digit() -> None:
    spot = tariff(SPOT, vat_percent=Decimal("25.5"), vat_included=False)
    price = spot.unit_price(shows("0.12345678901234567890123456789", "öre/kWh"))
    assert price is not None
    assert str(price) == "0.0015493827021049382702104938270195"


@pytest.mark.parametrize(
    "observation",
    [
        None,
        shows(None),
        shows("unavailable"),
        shows("unknown"),
        shows("nan"),
        shows("inf"),
        shows("1,25"),
        shows("1.25", None),
        shows("1.25", "kWh"),
        shows("1.25", "EUR/kWh"),
    ],
)
def test_a_helper_that_tells_no_price_in_the_currency_gives_none(
    observation: Observation | None,
) -> None:
    spot = tariff(SPOT, markups=(Markup("grid", Decimal("0.10")),))
    assert spot.unit_price(observation) is None


@pytest.mark.parametrize("state", [None, "unavailable", "weekend", "Day"])
def test_a_state_without_a_price_gives_none(state: str | None) -> None:
    assert tariff(ZONES).unit_price(shows(state)) is None


decimals = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9
).filter(lambda number: number.adjusted() > -30)
energies = st.one_of(
    st.builds(FixedPrice, decimals),
    st.builds(HelperPrice, st.text()),
    st.builds(StatePrices, st.text(), st.dictionaries(st.text(), decimals)),
)


@given(
    st.builds(
        Tariff,
        id=st.text(),
        name=st.text(),
        currency=st.sampled_from(["SEK", "EUR"]),
        energy=energies,
        markups=st.lists(st.builds(Markup, st.text(), decimals)).map(tuple),
        vat_percent=decimals,
        vat_included=st.booleans(),
        session_fee=decimals,
    )
)
def test_a_tariff_survives_json_to_the_last_digit(before: Tariff) -> None:
    after = Tariff.from_data(json.loads(json.dumps(before.as_data())))
    assert after == before
    assert repr(after) == repr(before)


def test_broken_data_are_no_tariff() -> None:
    data = tariff(ZONES).as_data()
    with pytest.raises(ValueError, match="Unknown kind"):
        Tariff.from_data(data | {"energy": {"kind": "lunar"}})
    with pytest.raises(ValueError, match="NaN"):
        Tariff.from_data(data | {"vat_percent": "NaN"})
    with pytest.raises(KeyError, match="session_fee"):
        Tariff.from_data({key: data[key] for key in data if key != "session_fee"})
