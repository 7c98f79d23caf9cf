"""A transaction as it truly was: the truth that bills are checked against."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from .clock import read, written


class Reading(NamedTuple):
    """The register in whole Wh at one moment."""

    at: datetime
    register_wh: int


@dataclass(kw_only=True)
class SimulatedTransaction:
    """One transaction, with everything the station measured in it.

    `key` is the station's own id, negative, until the central system gave
    `id` (OCPP 1.6 errata §3.18). `authorization` is what the central system
    answered to the start. `stop_data` are the meter values that go along with
    StopTransaction.
    """

    key: int
    connector: int
    id_tag: str
    started_at: datetime
    meter_start: int
    id: int | None = None
    authorization: str | None = None
    ended_at: datetime | None = None
    meter_stop: int | None = None
    reason: str | None = None
    readings: list[Reading] = field(default_factory=list)
    sampled_at: datetime
    parent_tag: str | None = None
    stop_data: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether the transaction still goes on."""
        return self.ended_at is None

    @property
    def number(self) -> int:
        """The id to put on the wire: the central system's, or the station's."""
        return self.key if self.id is None else self.id

    @property
    def energy_wh(self) -> int:
        """What went into the car so far by the readings, in Wh."""
        return self.readings[-1].register_wh - self.meter_start

    def as_data(self) -> dict[str, Any]:
        """Return the transaction as JSON data."""
        return asdict(self) | {
            "started_at": written(self.started_at),
            "sampled_at": written(self.sampled_at),
            "ended_at": self.ended_at and written(self.ended_at),
            "readings": [(written(at), wh) for at, wh in self.readings],
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return the transaction that `as_data` wrote."""
        moments = {
            "started_at": read(data["started_at"]),
            "sampled_at": read(data["sampled_at"]),
            "ended_at": data["ended_at"] and read(data["ended_at"]),
            "readings": [Reading(read(at), wh) for at, wh in data["readings"]],
        }
        return cls(**data | moments)
