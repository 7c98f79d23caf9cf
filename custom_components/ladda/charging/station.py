"""A charging station: what is known of it, as a fold of the journal.

What it reports is first made into a `Plan` (by `starts`, `ends`, `metering`, `reports`
and `reserving`), which changes nothing; once the plan is in the ledger, `apply` makes it
so. After a restart the same entries, applied again, give the same state. What its clock
has shown is no part of that: it is found out anew.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from .clock import AlignedStamps, StationClock
from .connector import Connector, RemoteStart
from .events import CertificateRequested, MeterValuesReported
from .journal import READINGS, Entry, Kind, amount_of
from .model import ConnectorStatus, StationInfo, TimedValue
from .open_session import OpenSession
from .plan import Plan
from .register import ConnectorRegister
from .reservation import Reservation
from .session import Session

# The newest entry of each of these, for each connector, in the order of the journal,
# gives a station as it was; its open sessions are then resumed.
RESTORED: Final = (
    Kind.BOOT,
    Kind.STATUS,
    Kind.REMOTE_START,
    Kind.START,
    Kind.REGISTER,
    Kind.STOP,
    Kind.CLOSE,
    Kind.LATE_STOP,
    Kind.LIMIT,
    Kind.SETTINGS,
    Kind.TOKEN_LIST,
    Kind.RESERVATION,
    Kind.FIRMWARE,
    Kind.DIAGNOSTICS,
    Kind.LOG,
)
# Older readings say nothing about now.
LIVE: Final = timedelta(minutes=5)
# A station that boots over and over tells nothing new; so many boots are kept in a time.
BOOTS: Final = 3
SECURITY_EVENT_EVERY: Final = timedelta(hours=1)
BY_START: Final = attrgetter("started_at", "id")


@dataclass(slots=True)
class Station:
    """One charging station, by its identity."""

    identity: str
    info: StationInfo | None = None
    booted_at: datetime | None = None
    # the newest that are kept
    boots: deque[datetime] = field(default_factory=lambda: deque(maxlen=BOOTS))
    connectors: dict[int, Connector] = field(default_factory=dict)
    open: dict[int, OpenSession] = field(default_factory=dict)
    clock: StationClock = field(default_factory=StationClock)
    aligned: AlignedStamps = field(default_factory=AlignedStamps)
    settings: dict[str, Any] = field(default_factory=dict)
    token_list: dict[str, Any] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)  # how far each has come
    last_reservation: int = 0
    security_events: dict[str, datetime] = field(default_factory=dict)  # by kind
    last_request: CertificateRequested | None = None

    def connector(self, number: int) -> Connector:
        """Return a connector; stations tell of theirs by using them."""
        if number not in self.connectors:
            self.connectors[number] = Connector(number)
        return self.connectors[number]

    def seen(self, number: int) -> Connector:
        """Return what is known of a connector, without taking note of it."""
        return self.connectors.get(number) or Connector(number)

    def numbers(self, told: int | None) -> set[int]:
        """Return the numbers of its connectors, from 1 (OCPP 1.6 §3.8).

        Those are all that it used, and as many as it `told` that it has.
        """
        used = {number for number in self.connectors if number}
        return used | set(range(1, (told or 0) + 1))

    @property
    def firmware(self) -> str:
        """The station's firmware, as it told it; empty: it did not."""
        return self.info.firmware if self.info else ""

    @property
    def itself(self) -> Connector:
        """What the station told of itself as a whole (OCPP 1.6 §3.8: connector 0)."""
        return self.seen(0)

    def sessions_at(self, connector: int) -> list[OpenSession]:
        """Return the sessions that go on at a connector, in the order of their starts."""
        found = [
            opened
            for opened in self.open.values()
            if opened.session.connector == connector
        ]
        return sorted(found, key=lambda opened: BY_START(opened.session))

    def session_at(self, connector: int) -> OpenSession | None:
        """Return the newest session that goes on at a connector."""
        newest = None
        for opened in self.open.values():
            if opened.session.connector == connector and (
                newest is None or BY_START(newest.session) < BY_START(opened.session)
            ):
                newest = opened
        return newest

    def entry(
        self,
        kind: Kind,
        at: datetime,
        received_at: datetime,
        data: dict[str, Any],
        *,
        connector: int = 0,
        session: int | None = None,
    ) -> Entry:
        """Make an entry of this station's."""
        return Entry(
            kind=kind,
            station=self.identity,
            connector=connector,
            session=session,
            occurred_at=at,
            received_at=received_at,
            data=data,
        )

    def session_entry(
        self,
        kind: Kind,
        session: Session,
        at: datetime,
        received_at: datetime,
        data: dict[str, Any],
    ) -> Entry:
        """Make an entry of a session."""
        return self.entry(
            kind,
            at,
            received_at,
            data,
            connector=session.connector,
            session=session.id,
        )

    def security_events_since(self, since: datetime) -> dict[str, datetime]:
        """Return the kinds of security events that were kept after a time, and when."""
        return {kind: at for kind, at in self.security_events.items() if at > since}

    def next_reservation(self) -> int:
        """Return an id for a reservation that this station never had."""
        self.last_reservation += 1
        return self.last_reservation

    def connector_of(self, event: MeterValuesReported) -> int:
        """Return the connector that meter values are of: its transaction knows best."""
        if event.transaction is not None and (
            opened := self.open.get(event.transaction)
        ):
            return opened.session.connector
        return event.connector

    def come_back(self, now: datetime) -> None:
        """Begin a new connection: what its clock showed, and it measured long ago, is over."""
        self.clock.restart()
        for connector in self.connectors.values():
            if connector.live_at is not None and now - connector.live_at > LIVE:
                connector.forget_live()

    def take_live(
        self, connector: int, values: Iterable[TimedValue], now: datetime
    ) -> bool:
        """Take the values of now, which are shown but not kept; False: there were none."""
        known = self.connector(connector)
        live = [timed for timed in values if now - timed.at <= LIVE]
        for at, value, _ in live:
            known.take_live(at, value)
        return bool(live)

    # --- what comes of them ----------------------------------------------------

    def apply(self, plan: Plan) -> None:
        """Make a plan so, once it is in the ledger."""
        for session in plan.sessions:
            if session.is_open:
                self.open[session.id] = OpenSession.of(session)
            else:
                self._end(session)
        for entry in plan.entries:
            if entry.kind not in READINGS:
                self.apply_entry(entry)
        for number, readings in plan.readings.items():
            if (opened := self.open.get(number)) is not None:
                for reading, entry in zip(readings, plan.entries, strict=True):
                    opened.take_reading(reading, entry)
                self._grow(opened)

    def _end(self, session: Session) -> None:
        """Take a session that has ended."""
        self.open.pop(session.id, None)
        connector = self.connector(session.connector)
        last = connector.last_session
        if last is None or BY_START(last) <= BY_START(session):
            connector.last_session = session
        if self.session_at(session.connector) is None:
            connector.come_to_rest()

    def resume(self, session: Session, entries: Iterable[Entry]) -> None:
        """Go on with a session after a restart, from its entries in their order."""
        opened = self.open[session.id] = OpenSession.of(session, entries)
        self._grow(opened)

    def replace_session(self, session: Session) -> None:
        """Take a session that was given to somebody else or priced again."""
        if (opened := self.open.get(session.id)) is not None:
            opened.session = session
        last = self.connector(session.connector).last_session
        if last is not None and last.id == session.id:
            self.connector(session.connector).last_session = session

    def apply_entry(self, entry: Entry) -> None:
        """Fold one entry that is no reading: those are folded by their session."""
        data = entry.data
        match entry.kind:
            case Kind.START:
                self._apply_start(entry)
            case Kind.REGISTER | Kind.STOP | Kind.CLOSE | Kind.LATE_STOP if (
                register := data.get("register")  # early late stops have none
            ):
                connector = self.connector(entry.connector)
                connector.register = ConnectorRegister.from_data(register)
            case Kind.STATUS:
                connector = self.connector(entry.connector)
                connector.status = ConnectorStatus(data["status"])
                connector.error = data["error"]
                connector.info = data["info"]
                connector.vendor_error = data["vendor_error"]
                connector.status_at = entry.occurred_at
            case Kind.BOOT:
                self.info = StationInfo(**data)
                self.booted_at = entry.occurred_at
                self.boots.append(entry.occurred_at)
            case Kind.REMOTE_START:
                asked = {"at": entry.occurred_at.isoformat(), **data}
                connector = self.connector(entry.connector)
                connector.remote_start = RemoteStart.from_data(asked) if data else None
            case Kind.LIMIT:
                connector = self.connector(entry.connector)
                connector.limit_a = amount_of(data["limit_a"])
                connector.limit_way = data["way"]
                connector.limit_phases = data.get("phases")
                connector.limit_session = data.get("session")
            case Kind.SETTINGS:
                self.settings = data
            case Kind.TOKEN_LIST:
                self.token_list = data
            case Kind.RESERVATION:
                reservation = Reservation.from_data(data)
                self.connector(entry.connector).reservation = reservation
                self.last_reservation = max(self.last_reservation, data["id"])
            case Kind.SECURITY:
                since = entry.received_at - SECURITY_EVENT_EVERY
                recent = self.security_events_since(since)
                self.security_events = recent | {data["event"]: entry.received_at}
            case Kind.FIRMWARE | Kind.DIAGNOSTICS | Kind.LOG:
                self.jobs[entry.kind] = data["status"]

    def _apply_start(self, entry: Entry) -> None:
        """Fold a start: the register as it stood, and what is still asked for."""
        connector = self.connector(entry.connector)
        connector.register = ConnectorRegister.from_data(entry.data["register"])
        pending = entry.data["pending"]
        connector.remote_start = pending and RemoteStart.from_data(pending)
        connector.unassigned_wh = Decimal(entry.data.get("unassigned_wh", 0))
        if entry.session is not None and (opened := self.open.get(entry.session)):
            opened.take(entry)

    def _grow(self, opened: OpenSession) -> None:
        """Raise the connector's register with its session."""
        if (wh := opened.register_wh) is not None:
            connector = self.connector(opened.session.connector)
            connector.grow(opened.energy.points[-1].at, wh)
