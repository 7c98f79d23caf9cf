"""Decimal arithmetic that never rounds unseen."""

from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final

# Sums and products of what `number` lets through stay far below 1000 digits, so
# that Inexact is raised by a mistake in the program only, not by any input.
EXACT: Final = Context(
    prec=1000, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact]
)

# For quotients and for the one rounding that the caller asks for.
ROUNDING: Final = Context(
    prec=100,
    rounding=ROUND_HALF_UP,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)

_LARGEST_MAGNITUDE: Final = 30


def number(text: str) -> Decimal:
    """The decimal that `text` spells, exactly.

    Raises ValueError for what is no number, for NaN and infinity, and for
    magnitudes beyond 10^±30, which no price or energy has.
    """
    try:
        value = Decimal(text)
    except DecimalException as error:
        raise ValueError(f"Not a number: {text!r}") from error
    if not value.is_finite() or abs(value.adjusted()) > _LARGEST_MAGNITUDE:
        raise ValueError(f"Not a usable number: {text!r}")
    return value
