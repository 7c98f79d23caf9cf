"""A connector: what is known of it, and what it measures now."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from .journal import amount_of, amount_text
from .model import ConnectorStatus, Measurand, MeterValue, Phase
from .reading import estimated_power, shown_channels, total_of
from .register import ConnectorRegister
from .reservation import Reservation
from .session import Session


class RemoteStart(NamedTuple):
    """A session that somebody asked for, which the station has not started yet.

    `limit_a` is the most that it may draw, per phase, sent for so many `phases` where
    it was in watts.
    """

    at: datetime
    token: str
    user: str | None
    limit_a: Decimal | None = None
    limit_phases: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Write it for the journal; `from_data` reads it back."""
        return {
            "at": self.at.isoformat(),
            "token": self.token,
            "user": self.user,
            "limit_a": amount_text(self.limit_a),
            "limit_phases": self.limit_phases,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | list[Any]) -> RemoteStart:
        """Read what `as_data` wrote; it was a list in early journals."""
        if isinstance(data, list):
            data = dict(zip(cls._fields, data, strict=False))
        return cls(
            datetime.fromisoformat(data["at"]),
            data["token"],
            data["user"],
            amount_of(data.get("limit_a")),
            data.get("limit_phases"),
        )


@dataclass(slots=True)
class Connector:
    """What is known of one connector; 0 stands for the station itself."""

    number: int
    status: ConnectorStatus | None = None
    error: str = ""
    info: str = ""
    vendor_error: str = ""
    status_at: datetime | None = None
    live: defaultdict[Measurand, dict[Phase, Decimal]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    live_at: datetime | None = None
    register: ConnectorRegister | None = None
    remote_start: RemoteStart | None = None
    limit_a: Decimal | None = None  # per phase; None: no limit of ours
    limit_way: str | None = None  # how the station took it
    limit_phases: int | None = None  # that its watts were counted on; None: in A
    limit_session: int | None = None  # that went on when it was sent last
    last_session: Session | None = None
    reservation: Reservation | None = None
    unassigned_wh: Decimal = Decimal(0)  # delivered outside of all known sessions

    @property
    def register_wh(self) -> Decimal | None:
        """Return the energy register, which never falls."""
        return self.register.wh if self.register else None

    @property
    def register_at(self) -> datetime | None:
        """Return when the register was read."""
        return self.register.at if self.register else None

    def measured(
        self, measurand: Measurand, phase: Phase = Phase.TOTAL
    ) -> Decimal | None:
        """Return the live value of a measurand."""
        return self.live[measurand].get(phase)

    @property
    def power_w(self) -> Decimal | None:
        """Return the power now, from the phases or from volts and amps if need be."""
        if power := self.live[Measurand.POWER]:
            return total_of(power)
        if current := self.live[Measurand.CURRENT]:
            return estimated_power(current, self.live[Measurand.VOLTAGE])
        return self._nothing_flows

    @property
    def current_a(self) -> Decimal | None:
        """Return the current of the phase that carries most."""
        current = self.live[Measurand.CURRENT]
        return max(current.values()) if current else self._nothing_flows

    @property
    def _nothing_flows(self) -> Decimal | None:
        """Return zero where no car is plugged in, None where that is not known."""
        return Decimal(0) if self.status is ConnectorStatus.AVAILABLE else None

    def take_live(self, at: datetime, value: MeterValue) -> None:
        """Take what is measured now; of several contexts the one that counts.

        Phases without a total mean that an earlier total is out of date.
        """
        if self.live_at is not None and at < self.live_at:
            return
        for measurand, channels in shown_channels(tuple(value.samples)):
            live = self.live[measurand]
            live.pop(Phase.TOTAL, None)
            for channel in channels:
                live[channel.phase] = value.samples[channel]
        self.live_at = at

    def forget_live(self) -> None:
        """Know nothing of what is measured now."""
        self.live.clear()
        self.live_at = None

    def come_to_rest(self) -> None:
        """Nothing flows any more."""
        for measurand in (Measurand.POWER, Measurand.CURRENT):
            self.live[measurand] = dict.fromkeys(self.live[measurand], Decimal(0))

    def grow(self, at: datetime, wh: Decimal) -> None:
        """Raise the register to what a session has come to."""
        if self.register is not None:
            self.register = self.register.grown(at, wh)
