"""Reservations: a connector that is kept free for somebody (OCPP 1.6 §5.13)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from .model import ConnectorStatus

_ENDS_RESERVATION: Final = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)


class Ending(StrEnum):
    """Why a reservation ended."""

    USED = "used"  # who had it charges
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    LOST = "lost"  # the station does not keep it any more


class Reservation(NamedTuple):
    """A reservation; its id is unique at its station, `user` is who pays."""

    id: int
    token: str
    user: str | None
    until: datetime

    def as_data(self, ended: Ending | None = None) -> dict[str, Any]:
        """Write it for the journal, as it begins or as it ended."""
        return {
            "id": self.id,
            "token": self.token,
            "user": self.user,
            "until": self.until.isoformat(),
            "ended": ended,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self | None:
        """Read it from the journal; None: it has ended."""
        if data["ended"] is not None:
            return None
        until = datetime.fromisoformat(data["until"])
        return cls(data["id"], data["token"], data["user"], until)


def ended_by_status(before: ConnectorStatus | None, now: ConnectorStatus) -> bool:
    """Tell whether a status says that the station keeps no reservation any more."""
    released = (ConnectorStatus.RESERVED, ConnectorStatus.AVAILABLE)
    return now in _ENDS_RESERVATION or (before, now) == released
