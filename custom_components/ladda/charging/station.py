"""A charging station: what is known of it, and what its reports lead to.

Reports are first made into a `Plan`, which changes nothing; once the plan is
in the ledger, `apply` makes it so. After a restart the same entries, applied
again, give the same state. What its clock has shown is no part of that: it is
found out anew.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .clock import APART, AlignedStamps, Moment, StationClock
from .connector import Connector, RemoteStart
from .decisions import Decision, Declined, Noted, Started
from .energy import EnergyCurve, Most
from .events import (
    Booted,
    CertificateRequested,
    MeterValuesReported,
    Progress,
    SecurityEvent,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from .journal import READINGS, Entry, Kind, amount_text
from .model import Authorization, ConnectorStatus, Context, MeterValue, StationInfo
from .open_session import OpenSession, closed_session
from .reading import Reading, reading_of
from .register import ConnectorRegister, Shown
from .reservation import Ending, Reservation, ended_by_status
from .session import Closing, Flag, Session

__all__ = [
    "RESTORED",
    "Admittance",
    "Connector",
    "OpenSession",
    "Plan",
    "RemoteStart",
    "Station",
]

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
# How long after our asking a station may take to start, with its clock's slack.
REMOTE_START_WINDOW: Final = timedelta(minutes=6)
LATE: Final = timedelta(hours=1)
# An available connector has no session; its stop may be on its way for so long.
FORGOTTEN: Final = timedelta(minutes=5)
# What the times of two sessions may overlap by, for clocks that were set in between.
OVERLAP: Final = timedelta(minutes=5)
_PLUGGED_IN: Final = (
    ConnectorStatus.PREPARING,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
)
_IDLE_REGISTER_EVERY: Final = timedelta(minutes=15)
# A station that boots over and over tells nothing new; so many boots are kept in a time.
BOOTS: Final = 3
_BOOTS_WITHIN: Final = timedelta(minutes=10)
_SECURITY_EVENT_EVERY: Final = timedelta(hours=1)
_SECURITY_EVENTS: Final = 32  # kinds; the whitepaper has 18, vendors have their own
_BY_START: Final = attrgetter("started_at", "id")


class Admittance(NamedTuple):
    """Who may charge, and on what terms; `tariff` as data."""

    authorization: Authorization
    user: str | None = None
    user_name: str | None = None
    tariff: dict[str, Any] | None = None
    currency: str | None = None
    until: datetime | None = None


class TimedValue(NamedTuple):
    """A meter value, and when it was read by our clock."""

    at: datetime
    value: MeterValue


class Plan(NamedTuple):
    """What a report leads to: entries to keep, sessions as they become, an answer.

    `curves` are of the sessions that end, `readings` of those that go on, by id; the
    entries keep the latter, too. `lasting`: the answer may only be given once this is in
    the ledger.
    """

    decision: Decision = Noted()
    entries: tuple[Entry, ...] = ()
    sessions: tuple[Session, ...] = ()
    curves: Mapping[int, EnergyCurve] = MappingProxyType({})
    readings: Mapping[int, tuple[Reading, ...]] = MappingProxyType({})
    lasting: bool = True


class _Ending(NamedTuple):
    """A session's end that is estimated, and the connector's register after it."""

    session: Session
    entry: Entry
    curve: EnergyCurve
    register: ConnectorRegister | None


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

    def _seen(self, number: int) -> Connector:
        """Return what is known of a connector, without taking note of it."""
        return self.connectors.get(number) or Connector(number)

    @property
    def itself(self) -> Connector:
        """What the station told of itself as a whole (OCPP 1.6 §3.8: connector 0)."""
        return self._seen(0)

    def _sessions_at(self, connector: int) -> list[OpenSession]:
        """Return the sessions that go on at a connector, in the order of their starts."""
        found = [
            opened
            for opened in self.open.values()
            if opened.session.connector == connector
        ]
        return sorted(found, key=lambda opened: _BY_START(opened.session))

    def session_at(self, connector: int) -> OpenSession | None:
        """Return the newest session that goes on at a connector."""
        newest = None
        for opened in self.open.values():
            if opened.session.connector == connector and (
                newest is None or _BY_START(newest.session) < _BY_START(opened.session)
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

    def _session_entry(
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

    # --- boots and statuses ------------------------------------------------------

    def plan_boot(self, event: Booted, now: datetime) -> Plan:
        """A station presents itself; of boots in quick succession not all are kept."""
        self.clock.restart()
        if len(self.boots) == BOOTS and now - self.boots[0] < _BOOTS_WITHIN:
            return Plan(lasting=False)
        info = event.info
        data = {name: getattr(info, name) for name in StationInfo.__slots__}
        return Plan(entries=(self.entry(Kind.BOOT, now, now, data),), lasting=False)

    def plan_status(self, event: StatusReported, now: datetime) -> Plan:
        """A connector tells its status; repeated ones are not kept.

        Said again since a session began, it is no repetition: it may mean that the
        session is over.
        """
        at = self.clock.read(event.at, now, live=True).at
        known = self._seen(event.connector)
        opened = self.session_at(event.connector)
        told = (known.status, known.error, known.info, known.vendor_error)
        since = known.status_at
        said_since_start = (
            opened is None or since is None or since > opened.session.started_at
        )
        if said_since_start and told == (
            event.status,
            event.error,
            event.info,
            event.vendor_error,
        ):
            return Plan(lasting=False)
        data = {
            "status": event.status,
            "error": event.error,
            "info": event.info,
            "vendor_error": event.vendor_error,
        }
        entry = self.entry(Kind.STATUS, at, now, data, connector=event.connector)
        ended: tuple[Entry, ...] = ()
        if known.reservation and ended_by_status(known.status, event.status):
            ended = (self._reservation_end(known, Ending.LOST, now),)
        return Plan(entries=(entry, *ended), lasting=False)

    # --- upkeep and security -------------------------------------------------------

    def plan_progress(self, event: Progress, now: datetime) -> Plan:
        """A long job came further; kept when it says something new."""
        if self.jobs.get(event.job) == event.status:
            return Plan(lasting=False)
        entry = self.entry(Kind(event.job), now, now, {"status": event.status})
        return Plan(entries=(entry,), lasting=False)

    def plan_security_event(self, event: SecurityEvent, now: datetime) -> Plan:
        """A station noticed something about its security.

        Some say the same again and again, in varying words: each kind is kept once in
        an hour, and of invented kinds not all are.
        """
        recent = self._security_events_since(now - _SECURITY_EVENT_EVERY)
        if event.kind in recent or len(recent) >= _SECURITY_EVENTS:
            return Plan(lasting=False)
        data = {"event": event.kind, "info": event.info}
        at = self.clock.read(event.at, now).at
        return Plan(entries=(self.entry(Kind.SECURITY, at, now, data),), lasting=False)

    def _security_events_since(self, since: datetime) -> dict[str, datetime]:
        """Return the kinds of security events that were kept after a time, and when."""
        return {kind: at for kind, at in self.security_events.items() if at > since}

    def plan_certificate_request(
        self, event: CertificateRequested, now: datetime
    ) -> Plan:
        """A station asks for a signature, which is not ours to give; kept once."""
        entries: tuple[Entry, ...] = ()
        if event != self.last_request:
            self.last_request = event
            data = {"csr": event.csr}
            entries = (self.entry(Kind.CERTIFICATE_REQUEST, now, now, data),)
        return Plan(Declined(), entries, lasting=False)

    # --- reservations --------------------------------------------------------------

    def next_reservation(self) -> int:
        """Return an id for a reservation that this station never had."""
        self.last_reservation += 1
        return self.last_reservation

    def plan_reservation(
        self, connector: int, reservation: Reservation, now: datetime
    ) -> Plan:
        """The station keeps a connector free for somebody; the last one counts."""
        entry = self.entry(
            Kind.RESERVATION, now, now, reservation.as_data(), connector=connector
        )
        return Plan(entries=(entry,))

    def plan_reservation_end(
        self, connector: int, ending: Ending, now: datetime
    ) -> Plan:
        """A reservation ended, if there is one."""
        known = self._seen(connector)
        if known.reservation is None:
            return Plan(lasting=False)
        return Plan(entries=(self._reservation_end(known, ending, now),))

    def expired_reservations(self, now: datetime) -> list[int]:
        """Find the connectors whose reservation is over."""
        return [
            connector.number
            for connector in self.connectors.values()
            if connector.reservation and connector.reservation.until <= now
        ]

    def _reservations_used(
        self, event: TransactionStarted, at_connector: int, now: datetime
    ) -> list[Entry]:
        """End the reservations that a start uses (OCPP 1.6 §5.13).

        Not all stations name it; then its tag at its connector tells.
        """
        return [
            self._reservation_end(connector, Ending.USED, now)
            for connector in self.connectors.values()
            if (reservation := connector.reservation)
            and (
                reservation.id == event.reservation
                or (
                    event.reservation is None
                    and connector.number == at_connector
                    and _same_token(reservation.token, event.token)
                )
            )
        ]

    def _reservation_end(
        self, connector: Connector, ending: Ending, now: datetime
    ) -> Entry:
        """Make the entry that ends a connector's reservation."""
        assert connector.reservation is not None
        data = connector.reservation.as_data(ending)
        return self.entry(Kind.RESERVATION, now, now, data, connector=connector.number)

    # --- starts ------------------------------------------------------------------

    def place(self, event: TransactionStarted, told: int | None) -> int:
        """Tell at which connector a transaction began; 0: there is no telling.

        `told` is how many the station says that it has. Where it does not say which one
        it was, it is the only one; else one where no session goes on, for a guess must
        not end anybody's session.
        """
        if event.connector is not None:
            return event.connector
        seen = {number for number in self.connectors if number}
        numbers = sorted(seen | set(range(1, (told or 1) + 1)))
        if len(numbers) == 1:
            return numbers[0]
        free = [number for number in numbers if self.session_at(number) is None]
        taken = [n for n in free if self._seen(n).status in _PLUGGED_IN]
        for likely in (free, taken):
            if len(likely) == 1:
                return likely[0]
        return 0

    def start_key(self, event: TransactionStarted, now: datetime) -> str | None:
        """Return what makes a repeated start the same; None where its time is unknown."""
        if event.at is None or not self.clock.read(event.at, now).stamped:
            return None
        parts = (
            self.identity,
            event.connector,
            event.token.casefold(),
            event.at.isoformat(),
            event.meter_start_wh,
        )
        return "|".join(map(str, parts))

    def same_start(self, event: TransactionStarted) -> Session | None:
        """Find the open session that a start without a usable time repeats."""
        return next(
            (
                opened.session
                for opened in self.open.values()
                if event.connector in (None, opened.session.connector)
                and not opened.energy.readings
                and _same_token(event.token, opened.session.token)
                and event.meter_start_wh == opened.session.meter_start_wh
            ),
            None,
        )

    def started_again(self, session: Session) -> Started:
        """A start told once more: the same answer, and nothing happens."""
        return Started(session.id, session.authorization)

    def pending_remote_start(
        self, event: TransactionStarted, connector: int, at: datetime
    ) -> RemoteStart | None:
        """Find the request of ours that a start answers."""
        asked = self._seen(connector).remote_start
        if asked is None or not _echoes(event.token, asked.token):
            return None
        in_time = abs(at - asked.at) <= REMOTE_START_WINDOW
        return asked if in_time else None

    def plan_start(
        self,
        event: TransactionStarted,
        connector: int,
        now: datetime,
        new_id: int,
        admit: Callable[[datetime, RemoteStart | None], Admittance],
    ) -> Plan:
        """A transaction began: a session of its own, whatever the answer (§4.8)."""
        moment = self._start_moment(event, connector, now)
        ended, register = self._ended_by_start(event, connector, moment, now)
        start_wh, flags = self._meter_start(event, register)
        if not moment.believed:
            flags.append(Flag.CLOCK_CORRECTED)
        if event.connector is None:
            flags.append(Flag.CONNECTOR_ASSUMED)
        asked = self.pending_remote_start(event, connector, moment.at)
        admitted = admit(moment.at, asked)
        session = Session(
            id=new_id,
            station=self.identity,
            connector=connector,
            token=event.token or None,
            authorization=admitted.authorization,
            started_at=moment.at,
            meter_start_wh=start_wh,
            start_key=self.start_key(event, now),
            user=admitted.user,
            user_name=admitted.user_name,
            tariff=admitted.tariff,
            currency=admitted.currency,
            flags=tuple(flags),
        )
        shown = None if Flag.METER_START_UNKNOWN in flags else start_wh
        if register is None:
            register = ConnectorRegister.first(moment.at, shown)
        elif shown is None:
            register = register.grown(moment.at, register.wh)
        else:
            register = register.read(moment.at, shown)
        entry = self._start_entry(session, register, now, asked, event)
        return Plan(
            Started(new_id, admitted.authorization, admitted.until),
            (
                *(ending.entry for ending in ended),
                entry,
                *self._reservations_used(event, connector, now),
            ),
            (*(ending.session for ending in ended), session),
            {ending.session.id: ending.curve for ending in ended},
        )

    def _start_moment(
        self, event: TransactionStarted, connector: int, now: datetime
    ) -> Moment:
        """Tell when a transaction began, by our clock.

        Stations tell of transactions in their order (OCPP 1.6 §3.7): a start that is
        stamped before the last session at its connector ended is stamped wrongly.
        """
        moment = self.clock.read(event.at, now)
        last = self._seen(connector).last_session
        overlaps = last and last.ended_at and moment.at < last.ended_at - OVERLAP
        if overlaps and last and Flag.CLOCK_CORRECTED not in last.flags:
            return Moment(now, corrected=True, stamped=False)
        return moment

    def _meter_start(
        self, event: TransactionStarted, register: ConnectorRegister | None
    ) -> tuple[Decimal, list[str]]:
        """Return the register at a start, and what is to be known of it.

        A register cannot be negative. Where none is told it stands where it stood
        (OCPP 1.6 §7.31: a transaction starts where the last one stopped).
        """
        if event.meter_start_wh is not None and event.meter_start_wh >= 0:
            return event.meter_start_wh, []
        if register is not None and register.reader is not None:
            return register.reader.last.wh, [Flag.METER_START_ASSUMED]
        return Decimal(0), [Flag.METER_START_UNKNOWN]

    def _start_entry(
        self,
        session: Session,
        register: ConnectorRegister,
        now: datetime,
        asked: RemoteStart | None,
        event: TransactionStarted,
    ) -> Entry:
        """Make the entry that keeps all that is known of a session at its start."""
        pending = self._seen(session.connector).remote_start if asked is None else None
        data = {
            "token": session.token,
            "authorization": session.authorization,
            "meter_start_wh": str(session.meter_start_wh),
            "user": session.user,
            "user_name": session.user_name,
            "tariff": session.tariff,
            "currency": session.currency,
            "remote": asked is not None,
            "pending": None if pending is None else pending.as_data(),
            "register": register.as_data(),
            "flags": list(session.flags),
            "start_key": session.start_key,
            "unassigned_wh": str(self._unassigned_wh(session)),
        } | _salvaged(event)
        return self._session_entry(Kind.START, session, session.started_at, now, data)

    def _unassigned_wh(self, session: Session) -> Decimal:
        """Return what a connector has delivered outside of all sessions that we know.

        A transaction starts where the last one stopped (OCPP 1.6 §7.31): if the meter
        moved in between, somebody charged whom nobody has told of.
        """
        connector = self._seen(session.connector)
        last = connector.last_session
        before = connector.unassigned_wh
        if last is None or last.meter_stop_wh is None or last.ended_at is None:
            return before
        stopped = Shown(last.ended_at, last.meter_stop_wh)
        if not stopped.leads_to(session.started_at, session.meter_start_wh):
            return before
        return before + max(session.meter_start_wh - last.meter_stop_wh, Decimal(0))

    # --- ends --------------------------------------------------------------------

    def _ended_by_start(
        self, event: TransactionStarted, connector: int, moment: Moment, now: datetime
    ) -> tuple[list[_Ending], ConnectorRegister | None]:
        """End the sessions that a new one at their connector shows to be over.

        Each took what the register grew by until the next one began. Where nobody knows
        at which connector they are, they are not shown to be over.
        """
        older = [
            opened
            for opened in self._sessions_at(connector)
            if connector and opened.session.started_at <= moment.at
        ]
        starts: list[tuple[datetime, Decimal | None]] = [
            (opened.session.started_at, opened.session.meter_start_wh)
            for opened in older[1:]
        ]
        register = self._seen(connector).register
        endings = []
        for opened, (next_at, next_wh) in zip(
            older, [*starts, (moment.at, event.meter_start_wh)], strict=False
        ):
            most = opened.most(next_at, now) if moment.believed else None
            ending = self._estimated_end(opened, register, now, next_at, next_wh, most)
            register = ending.register
            endings.append(ending)
        return endings, register

    def _estimated_end(
        self,
        opened: OpenSession,
        register: ConnectorRegister | None,
        now: datetime,
        next_at: datetime,
        next_wh: Decimal | None = None,
        most: Most | None = None,
    ) -> _Ending:
        """End a session that the station did not end, at what is known of it.

        That is where the last reading left it, or where the register stood at the
        next start: what it grew by was still taken by this session.
        """
        energy = opened.energy
        ended_at, stop_wh = energy.points[-1].at, None
        curve = energy.close(ended_at, None)
        if next_wh is not None:
            until_next = energy.close(next_at, next_wh, most=most)
            known = until_next.energy_wh
            likelier = known > curve.energy_wh or (
                known > 0 and not curve.method.measures
            )
            if likelier and Flag.METER_STOP_IMPLAUSIBLE not in until_next.flags:
                ended_at, stop_wh, curve = next_at, next_wh, until_next
        closed = closed_session(
            opened.session, ended_at, stop_wh, "", Closing.ESTIMATED, curve
        )
        register = self._register_after(opened, register, ended_at, curve)
        data = {
            "meter_stop_wh": amount_text(stop_wh),
            "register": _snapshot(register),
            "most": most and most.as_data(),
        }
        entry = self._session_entry(Kind.CLOSE, closed, ended_at, now, data)
        return _Ending(closed, entry, curve, register)

    def forgotten(self, now: datetime) -> list[int]:
        """Find the sessions that the station seems to have forgotten.

        Their connector has been free for a while, and nothing was measured since:
        some stations call a connector available while they charge.
        """
        return [
            opened.session.id
            for opened in self.open.values()
            if _is_forgotten(opened, self._seen(opened.session.connector), now)
        ]

    def plan_close(self, session: int, now: datetime) -> Plan:
        """Close a session that the station seems to have forgotten."""
        opened = self.open[session]
        register = self._seen(opened.session.connector).register
        closed, entry, curve, _ = self._estimated_end(opened, register, now, now)
        return Plan(entries=(entry,), sessions=(closed,), curves={closed.id: curve})

    def transaction_of(
        self, event: TransactionStopped, now: datetime
    ) -> OpenSession | None:
        """Find the open session that a stop ends.

        A station that started it offline may call it by an id of its own, which its
        meter values have told, or by one that stands for none (errata 3.18): then it is
        the only session that fits.
        """
        moment = self.clock.read(event.at, now)
        if event.transaction:
            named = self.open.get(event.transaction) or next(
                (one for one in self.open.values() if event.transaction in one.aliases),
                None,
            )
            if named is None or _is_of_another(event, moment, named.session):
                return None
            return named
        fitting = [
            opened
            for opened in self.open.values()
            if opened.session.started_at <= moment.at
            and (
                event.meter_stop_wh is None
                or event.meter_stop_wh >= opened.session.meter_start_wh
            )
            and (not event.token or _same_token(event.token, opened.session.token))
        ]
        return fitting[0] if len(fitting) == 1 else None

    def plan_stop(
        self, event: TransactionStopped, opened: OpenSession, now: datetime
    ) -> Plan:
        """A transaction ended: the session's energy is stop minus start."""
        moment = self.clock.read(event.at, now)
        session = opened.session
        readings = _readings(self.timed(event.values, now))
        told_with_end = Kind.METER if session.is_open else Kind.LATE_METER
        entries = [
            self._meter_entry(told_with_end, session, reading, now)
            for reading in readings
        ]
        ended_at = max(moment.at, session.started_at)
        most = opened.most(ended_at, now) if moment.believed else None
        curve = opened.energy.close(ended_at, event.meter_stop_wh, readings, most)
        closed = closed_session(
            session,
            ended_at,
            event.meter_stop_wh,
            event.reason,
            Closing.REPORTED,
            curve,
            corrected=not moment.believed,
        )
        data: dict[str, Any] = {
            "meter_stop_wh": amount_text(event.meter_stop_wh),
            "reason": event.reason,
            "token": event.token,
            "corrected": not moment.believed,
            "most": most and most.as_data(),
        } | _salvaged(event)
        kind = Kind.LATE_STOP
        if session.is_open:
            kind = Kind.STOP
            register = self._seen(session.connector).register
            register = self._register_after(opened, register, ended_at, curve)
            data["register"] = _snapshot(register)
        entries.append(self._session_entry(kind, session, ended_at, now, data))
        return Plan(
            entries=tuple(entries), sessions=(closed,), curves={closed.id: curve}
        )

    def _register_after(
        self,
        opened: OpenSession,
        register: ConnectorRegister | None,
        ended_at: datetime,
        curve: EnergyCurve,
    ) -> ConnectorRegister | None:
        """Return a connector's register after a session."""
        if register is None or opened.register_at_start_wh is None:
            return register
        wh = opened.register_at_start_wh + curve.energy_wh
        return register.after_session(ended_at, wh, curve.meter_wh)

    def stopped_again(self, event: TransactionStopped, session: Session) -> bool:
        """Tell whether a stop says nothing new about a session that has ended."""
        return (
            session.closing is Closing.REPORTED
            and session.meter_stop_wh == event.meter_stop_wh
        )

    def plan_second_stop(
        self, event: TransactionStopped, session: Session, now: datetime
    ) -> Plan:
        """A stop contradicts one that was told before: the first one counts."""
        return Plan(entries=(self._evidence(Kind.SECOND_STOP, event, now, session),))

    def plan_orphan_stop(self, event: TransactionStopped, now: datetime) -> Plan:
        """A stop of a transaction that nobody knows: accepted, kept as evidence."""
        return Plan(entries=(self._evidence(Kind.ORPHAN_STOP, event, now),))

    def _evidence(
        self,
        kind: Kind,
        event: TransactionStopped,
        now: datetime,
        session: Session | None = None,
    ) -> Entry:
        """Make the entry that keeps a stop from which nothing follows, as it came."""
        data = {
            "transaction": event.transaction,
            "meter_stop_wh": amount_text(event.meter_stop_wh),
            "reason": event.reason,
            "token": event.token,
            "readings": [
                {"at": reading.at.isoformat(), **reading.as_data()}
                for reading in _readings(self.timed(event.values, now))
            ],
        } | _salvaged(event)
        at = self.clock.read(event.at, now).at
        if session is None:
            return self.entry(kind, at, now, data)
        return self._session_entry(kind, session, at, now, data)

    # --- meter values --------------------------------------------------------------

    def timed(self, values: Iterable[MeterValue], now: datetime) -> list[TimedValue]:
        """Tell when meters were read, by our clock; each value is to be told of once."""
        return [TimedValue(self._moment_of(value, now), value) for value in values]

    def _moment_of(self, value: MeterValue, now: datetime) -> datetime:
        """Tell when a meter was read, by our clock.

        Of two values that are off by the same, and come a minute or more apart, none
        was kept for later: then it is the clock that is off.
        """
        for channel in value.samples:
            if channel.context is Context.CLOCK:
                return self.aligned.read(self.clock.read(value.at, now).at, now)
        off = value.at is not None and abs(now - value.at) > APART
        return self.clock.read(value.at, now, live=off).at

    def connector_of(self, event: MeterValuesReported) -> int:
        """Return the connector that meter values are of: its transaction knows best."""
        if event.transaction is not None and (
            opened := self.open.get(event.transaction)
        ):
            return opened.session.connector
        return event.connector

    def plan_meter_values(
        self, event: MeterValuesReported, values: Iterable[TimedValue], now: datetime
    ) -> Plan:
        """A meter was read: during a session, just after it, or outside of any."""
        if (opened := self._session_of(event, values, now)) is not None:
            session: Session | None = opened.session
        else:
            session = self._ended_session_of(event, now)
        if session is None:
            return self._plan_idle_readings(event.connector, values, now)
        readings = _readings(values)
        kind = Kind.METER if opened else Kind.LATE_METER
        alias = event.transaction if event.transaction != session.id else None
        entries = [
            self._meter_entry(kind, session, reading, now, alias)
            for reading in readings
        ]
        return Plan(entries=tuple(entries), readings={session.id: readings})

    def _session_of(
        self, event: MeterValuesReported, values: Iterable[TimedValue], now: datetime
    ) -> OpenSession | None:
        """Find the open session that meter values belong to.

        Ids that we never gave (stale, or the station's own) count for the session
        that is open at the connector, unless they are older than it.
        """
        if event.transaction is not None and (
            known := self.open.get(event.transaction)
        ):
            return known
        if not event.connector:  # the meter of the whole station
            return None
        opened = self.session_at(event.connector)
        if opened is None or event.transaction is None:
            return opened
        last = self._seen(event.connector).last_session
        if last is None or last.id != event.transaction:
            return opened
        newest = max((value.at for value in values), default=now)
        return opened if newest >= opened.session.started_at else None

    def _ended_session_of(
        self, event: MeterValuesReported, now: datetime
    ) -> Session | None:
        """Find the session that just ended and that late meter values belong to."""
        session = self._seen(event.connector).last_session
        if session is None or session.ended_at is None:
            return None
        late = session.id == event.transaction and now - session.ended_at <= LATE
        return session if late else None

    def _plan_idle_readings(
        self, connector: int, values: Iterable[TimedValue], now: datetime
    ) -> Plan:
        """The meter was read outside of any session; kept now and then."""
        register = self._seen(connector).register
        entries = []
        for reading in _readings(values):
            shown = reading.register_wh
            if shown is None or reading.context is Context.BEGIN:
                continue
            if register is None:
                register = ConnectorRegister.first(reading.at, shown)
            elif reading.at - register.at < _IDLE_REGISTER_EVERY or (
                register.reader is not None and register.reader.last.wh == shown
            ):
                continue
            else:
                register = register.read(reading.at, shown)
            data = reading.as_data() | {"register": register.as_data()}
            entries.append(
                self.entry(Kind.REGISTER, reading.at, now, data, connector=connector)
            )
        return Plan(entries=tuple(entries), lasting=False)

    def _meter_entry(
        self,
        kind: Kind,
        session: Session,
        reading: Reading,
        now: datetime,
        alias: int | None = None,
    ) -> Entry:
        """Make the entry that keeps a reading; `alias`: the session's id at the station."""
        data = reading.as_data()
        if alias is not None:
            data["alias"] = alias
        number, connector = session.id, session.connector
        return Entry(kind, self.identity, reading.at, now, data, connector, number)

    def take_live(
        self, connector: int, values: Iterable[TimedValue], now: datetime
    ) -> bool:
        """Take the values of now, which are shown but not kept; False: there were none."""
        known = self.connector(connector)
        live = [timed for timed in values if now - timed.at <= LIVE]
        for at, value in live:
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
        if last is None or _BY_START(last) <= _BY_START(session):
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
            case Kind.REGISTER | Kind.STOP | Kind.CLOSE if register := data["register"]:
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
                self.connector(entry.connector).remote_start = RemoteStart(
                    entry.occurred_at, data["token"], data["user"]
                )
            case Kind.LIMIT:
                connector = self.connector(entry.connector)
                limit = data["limit_a"]
                connector.limit_a = None if limit is None else Decimal(limit)
                connector.limit_way = data["way"]
            case Kind.SETTINGS:
                self.settings = data
            case Kind.TOKEN_LIST:
                self.token_list = data
            case Kind.RESERVATION:
                reservation = Reservation.from_data(data)
                self.connector(entry.connector).reservation = reservation
                self.last_reservation = max(self.last_reservation, data["id"])
            case Kind.SECURITY:
                since = entry.received_at - _SECURITY_EVENT_EVERY
                recent = self._security_events_since(since)
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


def _readings(values: Iterable[TimedValue]) -> tuple[Reading, ...]:
    """Read what meter values say about energy."""
    read = [reading_of(value, at) for at, value in values]
    return tuple([reading for reading in read if reading is not None])


def _is_of_another(event: TransactionStopped, moment: Moment, session: Session) -> bool:
    """Tell whether a stop with a session's id is that of another, older transaction.

    Ids come again. It is stamped before the session began, and the meter had not come
    further then; where only its time is odd, the clock was set meanwhile.
    """
    clear = moment.believed and Flag.CLOCK_CORRECTED not in session.flags
    stop_wh = event.meter_stop_wh
    return (
        clear
        and moment.at < session.started_at - OVERLAP
        and (stop_wh is None or stop_wh <= session.meter_start_wh)
    )


def _salvaged(event: TransactionStarted | TransactionStopped) -> dict[str, str]:
    """Return what a station said, where not all of it could be read, for a person to see."""
    return {"salvaged": event.salvaged} if event.salvaged else {}


def _is_forgotten(opened: OpenSession, connector: Connector, now: datetime) -> bool:
    """Tell whether a connector has been free, and its meter silent, for a while."""
    free_since = connector.status_at
    if connector.status is not ConnectorStatus.AVAILABLE or free_since is None:
        return False
    return opened.session.started_at < free_since < now - FORGOTTEN and not any(
        reading.at > free_since for reading in opened.energy.readings
    )


def _same_token(token: str, other: str | None) -> bool:
    """Tell whether two tokens are one; case means nothing (OCPP 1.6 §7.28)."""
    return token.casefold() == (other or "").casefold()


def _echoes(token: str, asked: str) -> bool:
    """Tell whether a station charges with a token that we gave it.

    Some put a stroke or two odd characters behind it.
    """
    behind = len(token) - len(asked)
    return 0 <= behind <= 2 and _same_token(token[: len(asked)], asked)


def _snapshot(register: ConnectorRegister | None) -> dict[str, Any] | None:
    """Write a register for the journal."""
    return None if register is None else register.as_data()
