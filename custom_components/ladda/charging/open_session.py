"""A session that goes on, and how the journal's entries make it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from .energy import EnergyCurve, EnergyFold
from .journal import READINGS, Entry, Kind
from .reading import Reading
from .register import ConnectorRegister
from .session import Closing, Flag, Session

CLOSINGS: Final = (Kind.STOP, Kind.CLOSE, Kind.LATE_STOP)
# What is told of a session's energy is found out anew with each closing.
_BY_CLOSING: Final = (Flag.METER_RESCALED, Flag.METER_STOP_IMPLAUSIBLE)


@dataclass(slots=True)
class OpenSession:
    """A session that goes on, and its energy so far.

    `register_at_start_wh` is where the connector's register stood at its start,
    None for one that is only looked at again.
    """

    session: Session
    energy: EnergyFold
    register_at_start_wh: Decimal | None = None

    @classmethod
    def of(cls, session: Session, readings: Iterable[Reading] = ()) -> OpenSession:
        """Take up a session with the readings that were taken of it."""
        unknown = Flag.METER_START_UNKNOWN in session.flags
        start_wh = None if unknown else session.meter_start_wh
        opened = cls(session, EnergyFold(session.started_at, start_wh))
        for reading in readings:
            opened.energy.add(reading)
        return opened

    @property
    def register_wh(self) -> Decimal | None:
        """Return where the connector's register stands by this session."""
        start = self.register_at_start_wh
        return None if start is None else start + self.energy.delivered_wh


def readings_of(entries: Iterable[Entry]) -> list[Reading]:
    """Return the readings among a session's entries."""
    return [
        Reading.from_data(entry.occurred_at, entry.data)
        for entry in entries
        if entry.kind in READINGS
    ]


def until_closed(entries: Iterable[Entry]) -> list[Entry]:
    """Return a session's entries that its last closing knew of, in their order.

    What came later is evidence, but no part of the bill.
    """
    told = list(entries)
    closings = [place for place, entry in enumerate(told) if entry.kind in CLOSINGS]
    return told[: closings[-1]] if closings else told


def carry_register(opened: OpenSession, start: Entry) -> None:
    """Set where the register stood at a session's start from the entry of that."""
    opened.register_at_start_wh = ConnectorRegister.from_data(start.data["register"]).wh


def closed_session(
    session: Session,
    ended_at: datetime,
    meter_stop_wh: Decimal | None,
    reason: str,
    closing: Closing,
    curve: EnergyCurve,
    *,
    corrected: bool = False,
) -> Session:
    """Return a session as it is at its end, not priced yet."""
    flags = [flag for flag in session.flags if flag not in _BY_CLOSING]
    flags.extend(curve.flags)
    if corrected and Flag.CLOCK_CORRECTED not in flags:
        flags.append(Flag.CLOCK_CORRECTED)
    return replace(
        session,
        ended_at=ended_at,
        meter_stop_wh=meter_stop_wh,
        energy_wh=curve.energy_wh,
        energy_method=curve.method,
        stop_reason=reason or None,
        closing=closing,
        flags=tuple(flags),
    )
