"""A charging station: what is known of it, and what its reports lead to.

Reports are first made into a `Plan`, which changes nothing; once the plan is
in the ledger, `apply` makes it so. After a restart the same entries, applied
again, give the same state.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from .clock import Moment, StationClock
from .decisions import Decision, Noted, Started
from .energy import (
    EnergyCurve,
    EnergyFold,
    EnergyPoint,
    Reading,
    RegisterReader,
    estimated_power,
    reading_of,
)
from .events import (
    Booted,
    MeterValuesReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from .journal import Entry, Kind
from .model import (
    Authorization,
    ConnectorStatus,
    Context,
    Measurand,
    MeterValue,
    Phase,
    StationInfo,
)
from .session import Closing, Session

# Older readings say nothing about now.
LIVE: Final = timedelta(minutes=5)
# How long after our asking a station may take to start, with its clock's slack.
REMOTE_START_WINDOW: Final = timedelta(minutes=6)
LATE: Final = timedelta(hours=1)
_IDLE_REGISTER_EVERY: Final = timedelta(minutes=15)


class Admittance(NamedTuple):
    """Who may charge, and on what terms; `tariff` as data."""

    authorization: Authorization
    user: str | None = None
    user_name: str | None = None
    tariff: dict[str, Any] | None = None
    currency: str | None = None
    until: datetime | None = None


class RemoteStart(NamedTuple):
    """A session that somebody asked for, which the station has not started yet."""

    at: datetime
    token: str
    user: str | None


@dataclass(slots=True)
class OpenSession:
    """A session that goes on, and its energy so far."""

    session: Session
    energy: EnergyFold
    register_at_start_wh: Decimal | None = None

    @classmethod
    def of(cls, session: Session, readings: Iterable[Reading] = ()) -> OpenSession:
        """Take up a session with the readings that were taken of it."""
        opened = cls(session, EnergyFold(session.started_at, session.meter_start_wh))
        for reading in readings:
            opened.energy.add(reading)
        return opened


@dataclass(slots=True)
class Connector:
    """What is known of one connector; 0 stands for the station itself."""

    number: int
    status: ConnectorStatus | None = None
    error: str = ""
    info: str = ""
    vendor_error: str = ""
    status_at: datetime | None = None
    live: dict[tuple[Measurand, Phase], Decimal] = field(default_factory=dict)
    live_at: datetime | None = None
    register_wh: Decimal | None = None  # never falls, whatever the station's does
    register_at: datetime | None = None
    remote_start: RemoteStart | None = None
    limit_a: Decimal | None = None  # per phase; None: no limit of ours
    limit_way: str | None = None  # how the station took it
    last_session: Session | None = None
    _idle: RegisterReader | None = None

    def measured(
        self, measurand: Measurand, phase: Phase = Phase.TOTAL
    ) -> Decimal | None:
        """Return the live value of a measurand."""
        return self.live.get((measurand, phase))

    @property
    def power_w(self) -> Decimal | None:
        """Return the power now, from the phases or from volts and amps if need be."""
        if (total := self.measured(Measurand.POWER)) is not None:
            return total
        if phases := self._phases(Measurand.POWER):
            return sum(phases.values(), Decimal(0))
        return estimated_power(
            self._phases(Measurand.CURRENT), self._phases(Measurand.VOLTAGE)
        )

    @property
    def current_a(self) -> Decimal | None:
        """Return the current of the phase that carries most."""
        phases = self._phases(Measurand.CURRENT)
        return max(phases.values()) if phases else None

    def _phases(self, measurand: Measurand) -> dict[Phase, Decimal]:
        """Return a measurand's live values by phase."""
        return {
            phase: value
            for (what, phase), value in self.live.items()
            if what is measurand
        }

    def take_live(self, at: datetime, value: MeterValue) -> None:
        """Take what is measured now."""
        if self.live_at is not None and at < self.live_at:
            return
        for sample in value.samples:
            if sample.context is not Context.BEGIN:
                self.live[sample.measurand, sample.phase] = sample.value
        self.live_at = at

    def come_to_rest(self) -> None:
        """Nothing flows any more."""
        for key in self.live:
            if key[0] in (Measurand.POWER, Measurand.CURRENT):
                self.live[key] = Decimal(0)

    def take_idle_register(self, at: datetime, wh: Decimal) -> None:
        """Take a register reading outside of any session."""
        if self.register_wh is None or self._idle is None:
            self._idle = RegisterReader(at, wh)
            self.register_wh = max(wh, self.register_wh or wh)
        else:
            grown = sum((point.wh for point in self._idle.advance(at, wh)), Decimal(0))
            self.register_wh += grown
        self.register_at = at

    def take_session_register(self, at: datetime, wh: Decimal) -> None:
        """Take the register as a session leaves it; idle readings go on from there."""
        if self.register_wh is None or wh > self.register_wh:
            self.register_wh = wh
        self.register_at = at
        self._idle = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a report leads to: entries to keep, sessions as they become, an answer.

    `lasting`: the answer may only be given once this is in the ledger.
    """

    decision: Decision = field(default_factory=Noted)
    entries: tuple[Entry, ...] = ()
    sessions: tuple[Session, ...] = ()
    curves: dict[int, EnergyCurve] = field(default_factory=dict)
    lasting: bool = True


@dataclass(slots=True)
class Station:
    """One charging station, by its identity."""

    identity: str
    info: StationInfo | None = None
    booted_at: datetime | None = None
    connectors: dict[int, Connector] = field(default_factory=dict)
    open: dict[int, OpenSession] = field(default_factory=dict)
    clock: StationClock = field(default_factory=StationClock)
    settings: dict[str, Any] = field(default_factory=dict)
    token_list: dict[str, Any] = field(default_factory=dict)

    def connector(self, number: int) -> Connector:
        """Return a connector; stations tell of theirs by using them."""
        if number not in self.connectors:
            self.connectors[number] = Connector(number)
        return self.connectors[number]

    def session_at(self, connector: int) -> OpenSession | None:
        """Return the newest session that goes on at a connector."""
        found = [
            opened
            for opened in self.open.values()
            if opened.session.connector == connector
        ]
        return max(found, key=lambda opened: opened.session.started_at, default=None)

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

    # --- plans -----------------------------------------------------------------

    def plan_boot(self, event: Booted, now: datetime) -> Plan:
        """A station presents itself; kept when it says something new."""
        self.clock.restart()
        info = event.info
        data = {name: getattr(info, name) for name in StationInfo.__slots__}
        return Plan(entries=(self.entry(Kind.BOOT, now, now, data),), lasting=False)

    def plan_status(self, event: StatusReported, now: datetime) -> Plan:
        """A connector tells its status; repeated ones are not kept."""
        at = self.clock.read(event.at, now, live=True).at
        connector = self.connectors.get(event.connector)
        if connector is not None and (
            (connector.status, connector.error, connector.info, connector.vendor_error)
            == (event.status, event.error, event.info, event.vendor_error)
        ):
            return Plan(lasting=False)
        data = {
            "status": event.status,
            "error": event.error,
            "info": event.info,
            "vendor_error": event.vendor_error,
        }
        entry = self.entry(Kind.STATUS, at, now, data, connector=event.connector)
        return Plan(entries=(entry,), lasting=False)

    def start_key(self, event: TransactionStarted, moment: Moment) -> str | None:
        """Return what makes a repeated start the same; None where its time is unknown."""
        if event.at is None or (moment.corrected and event.at.year < moment.at.year):
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
        opened = self.session_at(event.connector)
        if opened is None or opened.energy.readings:
            return None
        session = opened.session
        same = (event.token, event.meter_start_wh) == (
            session.token,
            session.meter_start_wh,
        )
        return session if same else None

    def pending_remote_start(
        self, event: TransactionStarted, at: datetime
    ) -> RemoteStart | None:
        """Find the request of ours that a start answers."""
        asked = self.connector(event.connector).remote_start
        if asked is None or asked.token.casefold() != event.token.casefold():
            return None
        in_time = abs(at - asked.at) <= REMOTE_START_WINDOW
        return asked if in_time else None

    def plan_start(
        self,
        event: TransactionStarted,
        now: datetime,
        new_id: int,
        admit: Callable[[datetime, RemoteStart | None], Admittance],
    ) -> Plan:
        """A transaction began: a session of its own, whatever the answer (§4.8)."""
        moment = self.clock.read(event.at, now)
        connector = self.connector(event.connector)
        start_wh = event.meter_start_wh
        flags = ["clock_corrected"] if moment.corrected else []
        if start_wh is None:
            flags.append("meter_start_unknown")
            start_wh = connector.register_wh or Decimal(0)
        entries: list[Entry] = []
        sessions: list[Session] = []
        curves: dict[int, EnergyCurve] = {}
        for opened in list(self.open.values()):
            older = opened.session.started_at <= moment.at
            if opened.session.connector == event.connector and older:
                closed, entry, curve = self._estimated_end(
                    opened, moment.at, now, start_wh
                )
                sessions.append(closed)
                entries.append(entry)
                curves[closed.id] = curve
        asked = self.pending_remote_start(event, moment.at)
        admitted = admit(moment.at, asked)
        session = Session(
            id=new_id,
            station=self.identity,
            connector=event.connector,
            token=event.token or None,
            authorization=admitted.authorization,
            started_at=moment.at,
            meter_start_wh=start_wh,
            start_key=self.start_key(event, moment),
            user=admitted.user,
            user_name=admitted.user_name,
            tariff=admitted.tariff,
            currency=admitted.currency,
            flags=tuple(flags),
        )
        data = {
            "token": event.token,
            "authorization": admitted.authorization,
            "meter_start_wh": str(start_wh),
            "user": admitted.user,
            "user_name": admitted.user_name,
            "tariff": admitted.tariff,
            "currency": admitted.currency,
            "remote": asked is not None,
            "register_wh": _text(connector.register_wh),
            "flags": flags,
            "start_key": session.start_key,
        }
        entries.append(
            self.entry(
                Kind.START,
                moment.at,
                now,
                data,
                connector=event.connector,
                session=new_id,
            )
        )
        return Plan(
            Started(new_id, admitted.authorization, admitted.until),
            tuple(entries),
            (*sessions, session),
            curves,
        )

    def _estimated_end(
        self,
        opened: OpenSession,
        at: datetime,
        now: datetime,
        next_register_wh: Decimal | None = None,
    ) -> tuple[Session, Entry, EnergyCurve]:
        """End a session that the station did not end, at what is known of it."""
        energy = opened.energy
        last = energy.points[-1]
        ended_at = max(last.at, opened.session.started_at)
        stop_wh = None
        if next_register_wh is not None:
            # What the register says next was still taken by this session.
            grown = next_register_wh - opened.session.meter_start_wh
            if grown >= energy.delivered_wh:
                stop_wh, ended_at = next_register_wh, at
        curve = energy.close(ended_at, stop_wh)
        closed = closed_session(
            opened.session, ended_at, stop_wh, "", Closing.ESTIMATED, curve
        )
        entry = self.entry(
            Kind.CLOSE,
            ended_at,
            now,
            {"meter_stop_wh": _text(stop_wh)},
            connector=closed.connector,
            session=closed.id,
        )
        return closed, entry, curve

    def plan_close(self, session: int, now: datetime) -> Plan:
        """Close a session that the station seems to have forgotten."""
        closed, entry, curve = self._estimated_end(self.open[session], now, now)
        return Plan(entries=(entry,), sessions=(closed,), curves={closed.id: curve})

    def transaction_of(
        self, event: TransactionStopped, now: datetime
    ) -> OpenSession | None:
        """Find the open session that a stop ends.

        Stations that started offline may stop with an id that stands for none
        (errata 3.18): then it is the only session that fits.
        """
        if (opened := self.open.get(event.transaction)) or event.transaction:
            return opened
        at = self.clock.read(event.at, now).at
        fitting = [
            opened
            for opened in self.open.values()
            if opened.session.started_at <= at
            and (
                event.meter_stop_wh is None
                or event.meter_stop_wh >= opened.session.meter_start_wh
            )
            and (not event.token or event.token == opened.session.token)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def plan_stop(
        self, event: TransactionStopped, opened: OpenSession, now: datetime
    ) -> Plan:
        """A transaction ended: the session's energy is stop minus start."""
        moment = self.clock.read(event.at, now)
        session = opened.session
        late = not session.is_open
        readings = self._readings(event.values, now)
        entries = [self._meter_entry(session, reading, now) for reading in readings]
        ended_at = max(moment.at, session.started_at)
        # The plan must change nothing: readings are tried on a copy.
        tried = OpenSession.of(session, (*opened.energy.readings, *readings))
        curve = tried.energy.close(ended_at, event.meter_stop_wh)
        closed = closed_session(
            session,
            ended_at,
            event.meter_stop_wh,
            event.reason,
            Closing.REPORTED,
            curve,
            corrected=moment.corrected,
        )
        data = {
            "meter_stop_wh": _text(event.meter_stop_wh),
            "reason": event.reason,
            "token": event.token,
            "corrected": moment.corrected,
            "register_wh": _text(self._register_after(opened, curve)),
        }
        entries.append(
            self.entry(
                Kind.LATE_STOP if late else Kind.STOP,
                ended_at,
                now,
                data,
                connector=session.connector,
                session=session.id,
            )
        )
        return Plan(
            entries=tuple(entries), sessions=(closed,), curves={closed.id: curve}
        )

    def plan_orphan_stop(self, event: TransactionStopped, now: datetime) -> Plan:
        """A stop of a transaction that nobody knows: accepted, kept as evidence."""
        data = {
            "transaction": event.transaction,
            "meter_stop_wh": _text(event.meter_stop_wh),
            "reason": event.reason,
            "token": event.token,
        }
        at = self.clock.read(event.at, now).at
        return Plan(entries=(self.entry(Kind.ORPHAN_STOP, at, now, data),))

    def session_of(self, event: MeterValuesReported) -> OpenSession | None:
        """Find the open session that meter values belong to.

        Ids that we never gave (stale, or the station's own) count for the session
        that is open at the connector.
        """
        if event.transaction is not None and (
            opened := self.open.get(event.transaction)
        ):
            return opened
        return self.session_at(event.connector)

    def plan_meter_values(
        self, event: MeterValuesReported, opened: OpenSession, now: datetime
    ) -> Plan:
        """The meter was read during a session."""
        readings = self._readings(event.values, now)
        session = opened.session
        return Plan(
            entries=tuple(
                self._meter_entry(session, reading, now)
                for reading in readings
                if reading.at >= session.started_at
            )
        )

    def plan_idle_meter_values(self, event: MeterValuesReported, now: datetime) -> Plan:
        """The meter was read outside of any session; kept now and then."""
        connector = self.connector(event.connector)
        entries = []
        for reading in self._readings(event.values, now):
            due = (
                connector.register_at is None
                or reading.at - connector.register_at >= _IDLE_REGISTER_EVERY
            )
            if reading.register_wh is not None and due:
                entries.append(
                    self.entry(
                        Kind.METER,
                        reading.at,
                        now,
                        reading.as_data(),
                        connector=event.connector,
                    )
                )
        return Plan(entries=tuple(entries), lasting=False)

    def _readings(self, values: Iterable[MeterValue], now: datetime) -> list[Reading]:
        """Read what meter values say about energy, by our clock."""
        read = (
            reading_of(value, self.clock.read(value.at, now).at) for value in values
        )
        return [reading for reading in read if reading is not None]

    def _meter_entry(self, session: Session, reading: Reading, now: datetime) -> Entry:
        """Make the entry that keeps a reading of a session."""
        return self.entry(
            Kind.METER,
            reading.at,
            now,
            reading.as_data(),
            connector=session.connector,
            session=session.id,
        )

    def _register_after(
        self, opened: OpenSession, curve: EnergyCurve
    ) -> Decimal | None:
        """Return a connector's register after a session."""
        if opened.register_at_start_wh is None:
            return None
        return opened.register_at_start_wh + curve.energy_wh

    def started_again(self, session: Session) -> Started:
        """A start told once more: the same answer, and nothing happens."""
        return Started(session.id, session.authorization)

    def stopped_again(self, event: TransactionStopped, session: Session) -> bool:
        """Tell whether a stop says nothing new about a session that has ended."""
        return (
            session.closing is Closing.REPORTED
            and session.meter_stop_wh == event.meter_stop_wh
        )

    def ended_session_of(
        self, event: MeterValuesReported, now: datetime
    ) -> Session | None:
        """Find the session that just ended and that late meter values belong to."""
        session = self.connector(event.connector).last_session
        if session is None or session.ended_at is None:
            return None
        late = session.id == event.transaction and now - session.ended_at <= LATE
        return session if late else None

    # --- what comes of them ----------------------------------------------------

    def apply(self, plan: Plan) -> None:
        """Make a plan so, once it is in the ledger."""
        for session in plan.sessions:
            self._apply_session(session)
        for entry in plan.entries:
            self.apply_entry(entry)

    def _apply_session(self, session: Session) -> None:
        """Take a session as it has become."""
        connector = self.connector(session.connector)
        if session.is_open:
            if (opened := self.open.get(session.id)) is not None:
                opened.session = session
            else:
                self.resume(OpenSession.of(session))
            return
        opened = self.open.pop(session.id, None)
        if opened is not None and opened.register_at_start_wh is not None:
            register = opened.register_at_start_wh + (session.energy_wh or 0)
            connector.take_session_register(
                session.ended_at or session.started_at, register
            )
        last = connector.last_session
        if last is None or last.started_at <= session.started_at:
            connector.last_session = session
        if self.session_at(session.connector) is None:
            connector.come_to_rest()

    def resume(self, opened: OpenSession) -> None:
        """Go on with a session, after a restart or from its start."""
        session = opened.session
        self.open[session.id] = opened
        connector = self.connector(session.connector)
        if opened.register_at_start_wh is None:
            _start_register(opened, connector.register_wh)
        connector.take_session_register(
            opened.energy.points[-1].at,
            (opened.register_at_start_wh or Decimal(0)) + opened.energy.delivered_wh,
        )
        if connector.remote_start and session.token == connector.remote_start.token:
            connector.remote_start = None

    def replace_session(self, session: Session) -> None:
        """Take a session that was given to somebody else or priced again."""
        if (opened := self.open.get(session.id)) is not None:
            opened.session = session
        last = self.connector(session.connector).last_session
        if last is not None and last.id == session.id:
            self.connector(session.connector).last_session = session

    def apply_entry(self, entry: Entry) -> list[EnergyPoint]:
        """Fold one entry; return the energy points that it added to a session."""
        data = entry.data
        match entry.kind:
            case Kind.METER:
                return self._apply_meter(entry)
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
            case Kind.REMOTE_START:
                self.connector(entry.connector).remote_start = RemoteStart(
                    entry.occurred_at, data["token"], data["user"]
                )
            case Kind.STOP | Kind.LATE_STOP if register := data.get("register_wh"):
                self.connector(entry.connector).take_session_register(
                    entry.occurred_at, Decimal(register)
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
        return []

    def _apply_meter(self, entry: Entry) -> list[EnergyPoint]:
        """Fold a reading."""
        reading = Reading.from_data(entry.occurred_at, entry.data)
        connector = self.connector(entry.connector)
        opened = self.open.get(entry.session) if entry.session is not None else None
        if opened is not None:
            added = opened.energy.add(reading)
            base = opened.register_at_start_wh
            if added and base is not None:
                connector.take_session_register(reading.at, base + added[-1].wh)
            return added
        if entry.session is None and reading.register_wh is not None:
            connector.take_idle_register(reading.at, reading.register_wh)
        return []

    def take_live(self, event: MeterValuesReported, now: datetime) -> None:
        """Take the values of now, which are shown but not kept."""
        connector = self.connector(event.connector)
        for value in event.values:
            at = self.clock.read(value.at, now).at
            if now - at <= LIVE:
                connector.take_live(at, value)


def _start_register(opened: OpenSession, register_wh: Decimal | None) -> None:
    """Set where a connector's register stood when a session began."""
    start = opened.session.meter_start_wh
    # A register that starts anew with every session is no lifetime's.
    opened.register_at_start_wh = (
        start if register_wh is None or register_wh <= start else register_wh
    )


def carry_register(opened: OpenSession, start: Entry) -> None:
    """Set where the register stood at a session's start from the entry of that."""
    register = start.data["register_wh"]
    _start_register(opened, None if register is None else Decimal(register))


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
    flags = [flag for flag in session.flags if flag not in curve.flags]
    flags.extend(curve.flags)
    if corrected and "clock_corrected" not in flags:
        flags.append("clock_corrected")
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


def _text(amount: Decimal | None) -> str | None:
    """Write an amount for the journal."""
    return None if amount is None else str(amount)
