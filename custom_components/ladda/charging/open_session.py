"""A session that goes on, and how the journal's entries make it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from .energy import EnergyCurve, EnergyFold, Most
from .journal import READINGS, Entry, Kind, amount_of
from .reading import Reading
from .register import ConnectorRegister, most_wh
from .session import Closing, Flag, Session

CLOSINGS: Final = (Kind.STOP, Kind.CLOSE, Kind.LATE_STOP)
# What is told of a session's energy is found out anew with each closing.
_BY_CLOSING: Final = (Flag.METER_RESCALED, Flag.METER_STOP_IMPLAUSIBLE)


@dataclass(slots=True)
class OpenSession:
    """A session that goes on, and its energy so far.

    `register_at_start_wh` is where the connector's register stood at its start, None
    for one that is only looked at again. `began_to_hear` and `last_heard` are when we
    first and last heard of it, and `last_named` is when an id, its own or not, was told
    with it. `aliases` are ids that the station calls it by, too, and `alias` is the newest
    of them. `judged_by` is what its end was judged by, if it has ended. `limit_a` is the
    limit that it began with, A per phase, and `limit_phases` those that its watts were
    counted on (None: it was sent in A).
    """

    session: Session
    energy: EnergyFold
    began_to_hear: datetime
    last_heard: datetime
    last_named: datetime
    register_at_start_wh: Decimal | None = None
    aliases: set[int] = field(default_factory=set)
    alias: int | None = None
    judged_by: Most | None = None
    limit_a: Decimal | None = None
    limit_phases: int | None = None

    @classmethod
    def of(cls, session: Session, entries: Iterable[Entry] = ()) -> OpenSession:
        """Take up a session as its entries, in the order of the journal, tell of it."""
        unknown = Flag.METER_START_UNKNOWN in session.flags
        start_wh = None if unknown else session.meter_start_wh
        energy = EnergyFold(session.started_at, start_wh)
        at = session.started_at
        opened = cls(session, energy, at, at, at)
        for entry in entries:
            opened.take(entry)
        return opened

    def take(self, entry: Entry) -> None:
        """Take what an entry tells of the session: its start, a reading, or its end."""
        if entry.kind == Kind.START:
            register = ConnectorRegister.from_data(entry.data["register"])
            self.register_at_start_wh = register.wh
            self.began_to_hear = self.last_heard = entry.received_at
            self.last_named = entry.received_at
            self.limit_a = amount_of(entry.data.get("limit_a"))
            self.limit_phases = entry.data.get("limit_phases")
        elif entry.kind in READINGS:
            reading = Reading.from_data(entry.occurred_at, entry.data)
            self.take_reading(reading, entry)
        elif entry.kind in CLOSINGS:
            most = entry.data.get("most")
            self.judged_by = None if most is None else Most.from_data(most)

    def take_reading(self, reading: Reading, entry: Entry) -> None:
        """Take a reading that an entry keeps."""
        self.energy.add(reading)
        self.last_heard = entry.received_at
        told = entry.data.get("alias", self.session.id)
        if told is not None:
            self.last_named = entry.received_at
        if told not in (None, self.session.id):
            self.aliases.add(told)
            self.alias = told

    @property
    def register_wh(self) -> Decimal | None:
        """Return where the connector's register stands by this session."""
        start = self.register_at_start_wh
        return None if start is None else start + self.energy.delivered_wh

    def grown_since(self, at: datetime) -> Decimal:
        """Return how much was delivered after a time, as far as readings tell. Wh."""
        before = [point.wh for point in self.energy.points if point.at <= at]
        return self.energy.delivered_wh - max(before, default=Decimal(0))

    def most(self, ended_at: datetime, now: datetime) -> Most | None:
        """Return the most that it can have taken by an end of which we hear now.

        A station's clock may be slow, so that the longer of both times counts; one that
        stood still, or had to be set right, says nothing. Readings may be old: some
        stations measure at times, and report what they measured last under a new time.
        """
        stood_still = ended_at == self.session.started_at
        if stood_still or Flag.CLOCK_CORRECTED in self.session.flags:
            return None
        in_all = max(ended_at - self.session.started_at, now - self.began_to_hear)
        if ended_at < self.energy.points[-1].at:  # the readings' times are not believed
            return Most(most_wh(in_all), most_wh(in_all))
        lately = max(ended_at - self._measured_before(), now - self.last_heard)
        return Most(most_wh(in_all), most_wh(lately))

    def _measured_before(self) -> datetime:
        """Return when less had been delivered than now: what is shown now is newer."""
        points = self.energy.points
        now_wh = points[-1].wh
        less = (point.at for point in reversed(points) if point.wh < now_wh)
        return next(less, self.session.started_at)

    def curve_again(self) -> EnergyCurve:
        """Return the curve of a session that has ended, as it was found then."""
        session = self.session
        assert session.ended_at is not None
        return self.energy.close(
            session.ended_at, session.meter_stop_wh, most=self.judged_by
        )


def until_closed(entries: Iterable[Entry]) -> list[Entry]:
    """Return a session's entries up to that of its last closing, in their order.

    What came later is evidence, but no part of the bill.
    """
    told = list(entries)
    closings = [place for place, entry in enumerate(told) if entry.kind in CLOSINGS]
    return told[: closings[-1] + 1] if closings else told


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
