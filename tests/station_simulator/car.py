"""A car: what it draws from the cable, and when it has enough."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True, kw_only=True)
class Car:
    """A car on `phases` phases that wants `need_wh` more in its battery.

    It draws `max_current_a` per phase until `taper_below_wh` are left, then
    one ampere less with each equal part of the rest, down to `min_current_a`.
    An offer below `min_current_a` makes it stop (IEC 61851-1: 6 A).
    """

    phases: int = 3
    max_current_a: float = 16
    battery_wh: float = 40_000
    need_wh: float = 10_000
    taper_below_wh: float = 1_000
    min_current_a: float = 6

    def wanted_current_a(self, drawn_wh: Decimal) -> Decimal:
        """Return the current per phase it wants after `drawn_wh`, 0 when full."""
        left = _exact(self.need_wh) - drawn_wh
        if left <= 0:
            return Decimal(0)
        if left > _exact(self.taper_below_wh):
            return _exact(self.max_current_a)
        return _exact(self.min_current_a) + self._taper_step(left)

    def wh_to_next_step(self, drawn_wh: Decimal) -> Decimal:
        """Return the energy after which the wanted current changes next."""
        left = _exact(self.need_wh) - drawn_wh
        taper = _exact(self.taper_below_wh)
        if left > taper:
            return left - taper
        step = self._taper_step(left)
        return left - (taper * step / self._span() if step else 0)

    def state_of_charge(self, drawn_wh: Decimal) -> Decimal:
        """Return the battery's charge in %, when `need_wh` fills it up."""
        battery = _exact(self.battery_wh)
        return 100 * (battery - _exact(self.need_wh) + drawn_wh) / battery

    def _span(self) -> Decimal:
        return _exact(self.max_current_a) - _exact(self.min_current_a)

    def _taper_step(self, left: Decimal) -> int:
        """Return how many whole amperes above the minimum are drawn now."""
        steps = self._span() * left / _exact(self.taper_below_wh)
        return max(0, int(steps.to_integral_value(ROUND_CEILING)) - 1)


def _exact(number: float) -> Decimal:
    """Return a written number as the decimal it was written as."""
    return Decimal(str(number))
