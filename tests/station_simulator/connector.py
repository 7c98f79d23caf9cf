"""A connector: its cable, its relay, its meter."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from .car import Car
from .meter import Electricity
from .profiles import NOMINAL_VOLTAGE, Limit
from .transaction import SimulatedTransaction

MIN_CURRENT_A = 6
"""What a car must be offered at least to charge (IEC 61851-1)."""


class AdmittedTag(NamedTuple):
    """An authorized tag that waits for the car until `until`."""

    id_tag: str
    parent_tag: str | None
    until: datetime
    profile: dict[str, Any] | None = None


@dataclass
class SimulatedConnector:
    """One connector of a station and everything one could measure at it.

    `register_wh` is the exact register; what goes on the wire is whole Wh.
    `current_a` flows on each of `phases` phases. `status` is OCPP's word for
    all that (OCPP 1.6 §7.7), since `status_at`.
    """

    number: int
    register_wh: Decimal
    status_at: datetime
    status: str = "Available"
    car: Car | None = None
    drawn_wh: Decimal = Decimal(0)
    current_a: Decimal = Decimal(0)
    offered_a: Decimal = Decimal(0)
    phases: int = 0
    transaction: SimulatedTransaction | None = None
    admitted: AdmittedTag | None = None
    operative: bool = True
    finished: bool = False

    @property
    def transaction_id(self) -> int | None:
        """The central system's id of the open transaction, once it is known."""
        return self.transaction.id if self.transaction else None

    @property
    def power_w(self) -> Decimal:
        """What flows into the car, in W over all phases."""
        return self.current_a * self.phases * NOMINAL_VOLTAGE

    @property
    def shown_wh(self) -> int:
        """The register as the meter shows it: whole Wh, rounded down."""
        return int(self.register_wh)

    @property
    def electricity(self) -> Electricity:
        """What the instruments show."""
        return Electricity(
            register_wh=self.shown_wh,
            current_a=self.current_a,
            phases=self.phases,
            voltage_v=NOMINAL_VOLTAGE,
            offered_a=self.offered_a,
            state_of_charge=self.car.state_of_charge(self.drawn_wh)
            if self.car
            else None,
        )

    def settle(self, limit: Limit) -> None:
        """Let the car draw what it wants of what the station allows."""
        self.offered_a = limit.amperes if limit.amperes >= MIN_CURRENT_A else Decimal(0)
        self.phases, self.current_a = 0, Decimal(0)
        if self.transaction and self.car:
            wanted = self.car.wanted_current_a(self.drawn_wh)
            self.phases = min(self.car.phases, limit.phases)
            if self.offered_a >= self.car.min_current_a:
                self.current_a = min(wanted, self.offered_a)

    def flow(self, lasting: timedelta, speed: Decimal) -> None:
        """Count what flows while nothing changes, `speed` times as fast."""
        if self.car is None or not self.current_a:
            return
        hours = Decimal(lasting // timedelta(milliseconds=1)) / 3_600_000
        need = Decimal(str(self.car.need_wh)) - self.drawn_wh
        energy = min(need, round(self.power_w * hours * speed, 6))
        self.register_wh += energy
        self.drawn_wh += energy

    def next_change(self, now: datetime, speed: Decimal) -> datetime | None:
        """Return when the car will want another current, None while it rests."""
        if self.car is None or not self.current_a:
            return None
        energy = self.car.wh_to_next_step(self.drawn_wh)
        needed = energy * 3_600_000 / (self.power_w * speed)
        return now + timedelta(
            milliseconds=max(1, int(needed.to_integral_value(ROUND_CEILING)))
        )

    def present_status(self) -> str:
        """Return what OCPP calls the present state; SuspendedEVSE wins (§4.9)."""
        if self.transaction:
            if not self.offered_a:
                return "SuspendedEVSE"
            return "Charging" if self.current_a else "SuspendedEV"
        if not self.operative:
            return "Unavailable"
        if self.car:
            return "Finishing" if self.finished else "Preparing"
        return "Preparing" if self.admitted else "Available"
