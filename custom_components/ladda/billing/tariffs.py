"""A tariff: what a kilowatt-hour costs, and by which rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple, Self

from .exact import EXACT, number
from .prices import Observation
from .units import UnitError, price_factor


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """One price for all energy, in the tariff's currency per kWh."""

    price: Decimal


@dataclass(frozen=True, slots=True)
class HelperPrice:
    """The number that a helper shows, in the unit that it tells."""

    entity: str


@dataclass(frozen=True, slots=True)
class StatePrices:
    """Time of use: a price, in currency per kWh, for each state of a helper."""

    entity: str
    prices: Mapping[str, Decimal]


type EnergyPrice = FixedPrice | HelperPrice | StatePrices


class Markup(NamedTuple):
    """What comes on top of each kWh: grid fee, energy tax, margin, a discount."""

    name: str
    price: Decimal  # currency per kWh; negative: a discount


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The rule that prices a session; frozen with it at its start.

    Order of operations:
    1. energy price, in currency per kWh: fixed, a helper's number times the
       factor of its unit, or the price of a helper's state,
    2. plus every markup,
    3. times 1 + VAT, unless the prices hold it already (`vat_included`).
    The session fee gets step 3 too. Nothing is rounded here.
    """

    id: str
    name: str
    currency: str  # ISO 4217
    energy: EnergyPrice
    markups: tuple[Markup, ...] = ()
    vat_percent: Decimal = Decimal(0)
    vat_included: bool = True
    session_fee: Decimal = Decimal(0)

    @property
    def entity(self) -> str | None:
        """The helper that the price comes from, None for a fixed price."""
        return None if isinstance(self.energy, FixedPrice) else self.energy.entity

    def with_entity(self, entity: str) -> Self:
        """The same tariff, whose helper has another id now."""
        assert not isinstance(self.energy, FixedPrice)
        return replace(self, energy=replace(self.energy, entity=entity))

    def unit_price(self, observation: Observation | None) -> Decimal | None:
        """The exact price in currency per kWh, VAT included, under `observation`.

        None while it is not known: the helper is not available or shows no
        finite number, its unit cannot be read as this currency per energy, or
        its state has no price. A fixed price needs no observation.
        """
        energy = self._energy_price(observation)
        if energy is None:
            return None
        for markup in self.markups:
            energy = EXACT.add(energy, markup.price)
        return self.with_vat(energy)

    def has_price(self, observation: Observation) -> bool:
        """Whether there is a price under `observation`."""
        return self._energy_price(observation) is not None

    def with_vat(self, amount: Decimal) -> Decimal:
        """An amount of this tariff's terms, VAT included."""
        if self.vat_included:
            return amount
        percent = EXACT.add(Decimal(100), self.vat_percent)
        return EXACT.multiply(amount, EXACT.scaleb(percent, -2))

    def _energy_price(self, observation: Observation | None) -> Decimal | None:
        """The price of step 1, None while it is not known."""
        if isinstance(self.energy, FixedPrice):
            return self.energy.price
        if observation is None or observation.state is None:
            return None
        if isinstance(self.energy, StatePrices):
            return self.energy.prices.get(observation.state)
        try:
            factor = price_factor(observation.unit, self.currency)
            return EXACT.multiply(number(observation.state), factor)
        except UnitError, ValueError:
            return None

    def as_data(self) -> dict[str, Any]:
        """The tariff for JSON, decimals as text; `from_data` gives it back."""
        return {
            "id": self.id,
            "name": self.name,
            "currency": self.currency,
            "energy": _energy_as_data(self.energy),
            "markups": [
                {"name": markup.name, "price": str(markup.price)}
                for markup in self.markups
            ],
            "vat_percent": str(self.vat_percent),
            "vat_included": self.vat_included,
            "session_fee": str(self.session_fee),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The tariff that `as_data` wrote.

        Raises KeyError where something is missing and ValueError where
        something is no number or no kind of energy price.
        """
        return cls(
            id=data["id"],
            name=data["name"],
            currency=data["currency"],
            energy=_energy_from_data(data["energy"]),
            markups=tuple(
                Markup(markup["name"], number(markup["price"]))
                for markup in data["markups"]
            ),
            vat_percent=number(data["vat_percent"]),
            vat_included=data["vat_included"],
            session_fee=number(data["session_fee"]),
        )


def _energy_as_data(energy: EnergyPrice) -> dict[str, Any]:
    """The energy price for JSON, with its kind."""
    match energy:
        case FixedPrice(price):
            return {"kind": "fixed", "price": str(price)}
        case HelperPrice(entity):
            return {"kind": "helper", "entity": entity}
        case StatePrices(entity, prices):
            texts = {state: str(price) for state, price in prices.items()}
            return {"kind": "states", "entity": entity, "prices": texts}


def _energy_from_data(data: Mapping[str, Any]) -> EnergyPrice:
    """The energy price that `_energy_as_data` wrote."""
    match data["kind"]:
        case "fixed":
            return FixedPrice(number(data["price"]))
        case "helper":
            return HelperPrice(data["entity"])
        case "states":
            prices = {state: number(text) for state, text in data["prices"].items()}
            return StatePrices(data["entity"], prices)
        case kind:
            raise ValueError(f"Unknown kind of energy price: {kind!r}")
