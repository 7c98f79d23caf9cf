"""Units of prices: what a helper's number means."""

from decimal import Decimal
from typing import Final
from unicodedata import normalize

from . import currency as currencies
from .exact import EXACT

# No price is per milliwatt-hour, so that "mwh" can be read as the megawatt-hour.
_PER_KWH: Final = {
    "wh": Decimal(1000),
    "kwh": Decimal(1),
    "mwh": Decimal("0.001"),
    "gwh": Decimal("0.000001"),
}


class UnitError(ValueError):
    """A helper's number cannot be read as a price."""


class UnknownUnit(UnitError):
    """The unit is missing or is no money per energy."""

    def __init__(self, unit: str | None) -> None:
        """Keep the unit as the helper tells it."""
        super().__init__(f"Not a price per energy: {unit!r}")
        self.unit = unit


class WrongCurrency(UnitError):
    """The unit is a price, but not in the currency that is billed."""

    def __init__(self, unit: str, currency: str) -> None:
        """Keep the unit as the helper tells it and the currency it should have."""
        super().__init__(f"{unit!r} is not a price in {currency}")
        self.unit = unit
        self.currency = currency


def price_factor(unit: str | None, currency: str) -> Decimal:
    """What a number in `unit` is multiplied by to be `currency` per kWh.

    Case and spaces do not matter. A name that several currencies share (kr, $)
    means `currency` when that is one of them. Raises UnknownUnit and
    WrongCurrency; a missing unit is unknown, as guessing could be 100 times off.
    """
    if unit is None:
        raise UnknownUnit(unit)
    plain = "".join(normalize("NFKC", unit).casefold().split())
    money, _, energy = plain.partition("/")
    money = money.rstrip(".")  # "kr."
    if energy not in _PER_KWH:
        raise UnknownUnit(unit)
    worth = currencies.worth(money, currency)
    if worth is not None:
        return EXACT.multiply(worth, _PER_KWH[energy])
    if currencies.is_known(money):
        raise WrongCurrency(unit, currency)
    raise UnknownUnit(unit)
