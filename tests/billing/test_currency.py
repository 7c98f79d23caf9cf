"""Minor units of currencies."""

from decimal import Decimal

import pytest

from custom_components.ladda.billing.currency import rounded


@pytest.mark.parametrize(
    ("amount", "currency", "billed"),
    [
        ("12.344999", "SEK", "12.34"),
        ("12.345", "SEK", "12.35"),
        ("-12.345", "EUR", "-12.35"),
        ("0.005", "PLN", "0.01"),
        ("1234.5", "JPY", "1235"),
        ("1234.4999", "ISK", "1234"),
        ("1234.5", "XOF", "1235"),
        ("0.0345", "KWD", "0.035"),
        ("1234.567", "HUF", "1234.57"),
        ("1.005", "XYZ", "1.01"),
    ],
)
def test_amounts_are_rounded_to_the_minor_unit_half_away_from_zero(
    amount: str, currency: str, billed: str
) -> None:
    assert str(rounded(Decimal(amount), currency)) == billed


def test_more_digits_than_python_usually_keeps_do_not_disturb_the_rounding() -> None:
    just_below_half = Decimal("100000000000000000.00499999999999999999999999")
    assert str(rounded(just_below_half, "SEK")) == "100000000000000000.00"
