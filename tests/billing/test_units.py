"""Units of prices."""

from decimal import Decimal
import unicodedata

import pytest

from custom_components.ladda.billing.units import (
    UnitError,
    UnknownUnit,
    WrongCurrency,
    price_factor,
)


@pytest.mark.parametrize(
    ("unit", "currency", "factor"),
    [
        ("SEK/kWh", "SEK", "1"),
        ("kr/kWh", "SEK", "1"),
        ("kr/kWh", "NOK", "1"),
        ("kr/kWh", "ISK", "1"),
        ("kr./kWh", "DKK", "1"),
        ("öre/kWh", "SEK", "0.01"),
        ("øre/kWh", "NOK", "0.01"),
        ("øre/kWh", "DKK", "0.01"),
        ("ore/kWh", "SEK", "0.01"),
        ("EUR/MWh", "EUR", "0.001"),
        ("EUR/Wh", "EUR", "1000"),
        ("EUR/GWh", "EUR", "0.000001"),
        ("€/kWh", "EUR", "1"),
        ("ct/kWh", "EUR", "0.01"),
        ("cent/kWh", "EUR", "0.01"),
        ("c/kWh", "EUR", "0.01"),
        ("c€/kWh", "EUR", "0.01"),
        ("¢/kWh", "USD", "0.01"),
        ("¢/kWh", "EUR", "0.01"),
        ("snt/kWh", "EUR", "0.01"),
        ("$/kWh", "USD", "1"),
        ("$/kWh", "AUD", "1"),
        ("£/kWh", "GBP", "1"),
        ("p/kWh", "GBP", "0.01"),
        ("Rp./kWh", "CHF", "0.01"),
        ("zł/MWh", "PLN", "0.001"),
        ("gr/kWh", "PLN", "0.01"),
        ("Kč/MWh", "CZK", "0.001"),
        ("Ft/kWh", "HUF", "1"),
        ("¥/kWh", "JPY", "1"),
        ("XYZ/kWh", "XYZ", "1"),
    ],
)
def test_a_unit_tells_what_its_number_is_in_the_currency_per_kwh(
    unit: str, currency: str, factor: str
) -> None:
    assert price_factor(unit, currency) == Decimal(factor)


@pytest.mark.parametrize("unit", [" sek / kwh ", "Sek/KWH", "SEK/k Wh", "KR/kWh"])
def test_case_and_spaces_do_not_matter(unit: str) -> None:
    assert price_factor(unit, "SEK") == 1


def test_an_umlaut_may_be_written_in_two_characters() -> None:
    assert price_factor(unicodedata.normalize("NFD", "öre/kWh"), "SEK") == Decimal(
        "0.01"
    )


@pytest.mark.parametrize(
    "unit", [None, "", "SEK", "kWh", "/", "SEK/", "/kWh", "SEK/h", "bananas/kWh"]
)
def test_what_is_no_money_per_energy_is_an_unknown_unit(unit: str | None) -> None:
    with pytest.raises(UnknownUnit) as refused:
        price_factor(unit, "SEK")
    assert refused.value.unit == unit


@pytest.mark.parametrize(
    ("unit", "currency"),
    [
        ("EUR/kWh", "SEK"),
        ("€/MWh", "SEK"),
        ("kr/kWh", "EUR"),
        ("öre/kWh", "NOK"),
        ("øre/kWh", "SEK"),
        ("ct/kWh", "SEK"),
        ("$/kWh", "EUR"),
        ("SEK/kWh", "XYZ"),
    ],
)
def test_money_of_another_country_is_the_wrong_currency(
    unit: str, currency: str
) -> None:
    with pytest.raises(WrongCurrency) as refused:
        price_factor(unit, currency)
    assert (refused.value.unit, refused.value.currency) == (unit, currency)
    assert isinstance(refused.value, UnitError)
