"""Decimal arithmetic that never rounds unseen."""

from decimal import Decimal, Inexact

import pytest

from custom_components.ladda.billing.exact import EXACT, number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "1,5",
        "nan",
        "sNaN",
        "inf",
        "-Infinity",
        "1e31",
        "1e-31",
        "1e9999",
    ],
)
def test_what_cannot_be_a_price_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"Not a"):
        number(text)


@pytest.mark.parametrize("text", ["0", "-0.35", "1.23456789012345678901", "2.7e-17"])
def test_a_number_is_read_to_its_last_digit(text: str) -> None:
    assert number(text) == Decimal(text)


def test_sums_of_the_largest_and_the_smallest_number_are_exact() -> None:
    large, small = number("1e30"), number("1e-30")
    assert EXACT.subtract(EXACT.add(large, small), large) == small


def test_a_lost_digit_is_an_error() -> None:
    with pytest.raises(Inexact):
        EXACT.divide(Decimal(1), Decimal(3))
