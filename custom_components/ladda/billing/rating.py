"""Rating: what a session's energy costs, slice by slice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Final

from ..charging.energy import EnergyPoint
from .currency import rounded
from .exact import EXACT, ROUNDING
from .prices import Observation, Origin, PriceTimeline
from .tariffs import Tariff

_ZERO: Final = Decimal(0)
_MILLIWATT_HOUR: Final = Decimal("0.001")
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The part of a session under one price.

    `unit_price` is in currency per kWh, VAT included, None while not known;
    `state` and `origin` tell what the helper showed and how that is known,
    `since` from when on it showed it.
    """

    start: datetime
    end: datetime
    wh: Decimal
    unit_price: Decimal | None
    state: str | None
    origin: Origin
    since: datetime

    @property
    def amount(self) -> Decimal | None:
        """What the slice costs, exact; None while its price is not known."""
        return _amount(self.wh, self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What a session costs, and how that comes about.

    Money is in `currency`, VAT included. `session_fee` is what was charged of
    it: nothing for a session without energy.
    """

    tariff: str
    tariff_name: str
    currency: str
    vat_percent: Decimal
    slices: tuple[Slice, ...]
    session_fee: Decimal

    @property
    def energy_wh(self) -> Decimal:
        """All energy of the session, in Wh."""
        return reduce(EXACT.add, (part.wh for part in self.slices), _ZERO)

    @property
    def provisional(self) -> bool:
        """Whether the price of any energy is not known."""
        return any(part.unit_price is None for part in self.slices)

    @property
    def total(self) -> Decimal | None:
        """The exact cost of all energy whose price is known, and the fee.

        None when there is energy and no price is known for any of it; a session
        without energy costs 0.
        """
        if not self.slices:
            return _ZERO
        return _cost((part.amount for part in self.slices), self.session_fee)

    @property
    def billed(self) -> Decimal | None:
        """The total in whole minor units of the currency, half away from zero."""
        return None if self.total is None else rounded(self.total, self.currency)

    @property
    def vat(self) -> Decimal | None:
        """The VAT within `billed`, rounded like it."""
        if self.billed is None:
            return None
        percents = EXACT.multiply(self.billed, self.vat_percent)
        whole = EXACT.add(Decimal(100), self.vat_percent)
        return rounded(ROUNDING.divide(percents, whole), self.currency)

    @property
    def net(self) -> Decimal | None:
        """`billed` without its VAT; both add up to it."""
        if self.billed is None or self.vat is None:
            return None
        return EXACT.subtract(self.billed, self.vat)


def rate(
    tariff: Tariff, points: Iterable[EnergyPoint], timeline: PriceTimeline | None
) -> Rating:
    """Price a session by the moments at which its energy was measured.

    `points` are in order of time and never fall; else ValueError. The timeline
    is that of the tariff's helper; without one, a helper's price is not known.
    """
    running = RunningRating(tariff, timeline)
    for point in points:
        running.add(point)
    return running.rating()


class RunningRating:
    """A rating that grows with every meter value.

    Where the price changes between two points, the energy at that moment is
    interpolated linearly and rounded to 0.001 Wh; a slice's energy is the
    difference of two such readings, so that the slices add up to the last point
    minus the first, exactly. Energy that came at one instant has the price in
    force at that instant. What the timeline learns about points that were
    added already shows only in a new rating.
    """

    __slots__ = (
        "_closed",
        "_edge",
        "_first",
        "_last",
        "_observation",
        "_price",
        "_subtotal",
        "_tariff",
        "_timeline",
        "_unpriced",
        "points",
    )

    def __init__(self, tariff: Tariff, timeline: PriceTimeline | None) -> None:
        """Begin a session under `tariff`, priced by its helper's timeline.

        `points` is how many have been added.
        """
        self.points = 0
        self._tariff = tariff
        self._timeline = PriceTimeline() if timeline is None else timeline
        self._first: EnergyPoint | None = None
        self._last: EnergyPoint
        self._edge: EnergyPoint  # where the price now in force began
        self._observation: Observation
        self._price: Decimal | None
        self._closed: list[Slice] = []
        self._subtotal: Decimal | None = None  # of the closed slices that have a price
        self._unpriced = False  # whether a closed slice has none

    def add(self, point: EnergyPoint) -> None:
        """Take the next point; ValueError when time or energy runs backwards."""
        if self._first is None:
            self._begin(point)
        else:
            self._go_on(point)
        self.points += 1

    @property
    def energy_wh(self) -> Decimal:
        """All energy so far, in Wh."""
        if self._first is None:
            return _ZERO
        return EXACT.subtract(self._last.wh, self._first.wh)

    @property
    def provisional(self) -> bool:
        """Whether the price of any energy so far is not known."""
        return self._unpriced or (self._goes_on and self._price is None)

    @property
    def total(self) -> Decimal | None:
        """The exact cost so far, as `Rating.total`."""
        if not self.energy_wh:
            return _ZERO
        amount = None
        if self._goes_on:
            wh = EXACT.subtract(self._last.wh, self._edge.wh)
            amount = _amount(wh, self._price)
        return _cost((self._subtotal, amount), self._session_fee())

    def rating(self) -> Rating:
        """The whole rating so far."""
        current = self._current()
        return Rating(
            tariff=self._tariff.id,
            tariff_name=self._tariff.name,
            currency=self._tariff.currency,
            vat_percent=self._tariff.vat_percent,
            slices=(*self._closed, *(() if current is None else (current,))),
            session_fee=self._session_fee(),
        )

    @property
    def _goes_on(self) -> bool:
        """Whether there is energy under the price now in force."""
        return self._first is not None and self._last.wh != self._edge.wh

    def _begin(self, point: EnergyPoint) -> None:
        """Take the first point."""
        if self._tariff.entity is None:
            always = Observation(point.at, None, None, Origin.FIXED)
            self._timeline = PriceTimeline((always,))
        self._first = self._last = self._edge = point
        self._observation = self._shown(point.at, point.at)[0]
        self._price = self._tariff.unit_price(self._observation)

    def _go_on(self, point: EnergyPoint) -> None:
        """Take a point that comes after others."""
        last = self._last
        if point.at < last.at or point.wh < last.wh:
            raise ValueError(f"{point} after {last}")
        for observation in self._shown(last.at, point.at):
            if not _alike(observation, self._observation):
                self._turn(_reading(last, point, observation.at), observation)
        self._last = point

    def _shown(self, start: datetime, end: datetime) -> list[Observation]:
        """What the helper showed at `start`, and every change inside (start, end)."""
        return self._timeline.observations_between(start, end, self._tariff.has_price)

    def _turn(self, edge: EnergyPoint, observation: Observation) -> None:
        """Close the slice under the price so far and begin one under the next."""
        if closed := self._slice_until(edge):
            self._closed.append(closed)
            if closed.amount is None:
                self._unpriced = True
            else:
                self._subtotal = EXACT.add(self._subtotal or _ZERO, closed.amount)
        self._edge = edge
        self._observation = observation
        self._price = self._tariff.unit_price(observation)

    def _current(self) -> Slice | None:
        """The slice under the price now in force, None while it has no energy."""
        return None if self._first is None else self._slice_until(self._last)

    def _slice_until(self, end: EnergyPoint) -> Slice | None:
        """The slice from the last change of the price until `end`, if any energy."""
        if end.wh == self._edge.wh:
            return None
        return Slice(
            start=self._edge.at,
            end=end.at,
            wh=EXACT.subtract(end.wh, self._edge.wh),
            unit_price=self._price,
            state=self._observation.state,
            origin=self._observation.origin,
            since=self._observation.at,
        )

    def _session_fee(self) -> Decimal:
        """The fee so far: plugging in and out again is free."""
        if not self.energy_wh:
            return _ZERO
        return self._tariff.with_vat(self._tariff.session_fee)


def _alike(one: Observation, other: Observation) -> bool:
    """Whether two observations show the same price; all that show none are alike."""
    return one.state == other.state and (one.state is None or one[1:] == other[1:])


def _reading(before: EnergyPoint, after: EnergyPoint, at: datetime) -> EnergyPoint:
    """The energy at a moment up to `after`; not after `before`: `before` itself."""
    if at <= before.at:
        return before
    elapsed = Decimal((at - before.at) // _MICROSECOND)
    whole = Decimal((after.at - before.at) // _MICROSECOND)
    share = EXACT.multiply(EXACT.subtract(after.wh, before.wh), elapsed)
    wh = ROUNDING.add(before.wh, ROUNDING.divide(share, whole))
    wh = wh.quantize(_MILLIWATT_HOUR, context=ROUNDING)
    return EnergyPoint(at, min(max(wh, before.wh), after.wh))


def _amount(wh: Decimal, unit_price: Decimal | None) -> Decimal | None:
    """What energy costs, exact; None while its price, for each kWh, is not known."""
    if unit_price is None:
        return None
    return EXACT.scaleb(EXACT.multiply(wh, unit_price), -3)


def _cost(amounts: Iterable[Decimal | None], fee: Decimal) -> Decimal | None:
    """What is known of the amounts, and the fee; None when none is known."""
    known = [amount for amount in amounts if amount is not None]
    return reduce(EXACT.add, known, fee) if known else None
