"""A garage with one station, and a journal that comes back as a ledger gives it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from custom_components.ladda.charging import ends, metering, reports, reserving, starts
from custom_components.ladda.charging.connector import RemoteStart
from custom_components.ladda.charging.decisions import Started
from custom_components.ladda.charging.energy import EnergyCurve, EnergyFold, EnergyPoint
from custom_components.ladda.charging.events import (
    MeterValuesReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from custom_components.ladda.charging.journal import READINGS, Entry, Kind
from custom_components.ladda.charging.model import (
    Authorization,
    Channel,
    ConnectorStatus,
    Context,
    Measurand,
    MeterValue,
    Phase,
)
from custom_components.ladda.charging.open_session import (
    CLOSINGS,
    OpenSession,
    until_closed,
)
from custom_components.ladda.charging.plan import Plan
from custom_components.ladda.charging.reading import Method, Reading
from custom_components.ladda.charging.reservation import Reservation
from custom_components.ladda.charging.session import Session
from custom_components.ladda.charging.starts import Admittance
from custom_components.ladda.charging.station import RESTORED, Station

type Sample = tuple[Channel, Decimal]

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANNA, BO = "04AA11", "04BB22"


def at(minutes: float) -> datetime:
    """A moment, minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def number(amount: float | str | Decimal) -> Decimal:
    """An amount as stations tell it."""
    return amount if isinstance(amount, Decimal) else Decimal(str(amount))


def sample(
    measurand: Measurand,
    amount: float | str | Decimal,
    phase: Phase = Phase.TOTAL,
    context: Context = Context.PERIODIC,
) -> Sample:
    """One sampled value."""
    return Channel(measurand, phase, context), number(amount)


def register(
    wh: float | str | Decimal,
    phase: Phase = Phase.TOTAL,
    context: Context = Context.PERIODIC,
) -> Sample:
    """One sampled value of the energy register."""
    return sample(Measurand.ENERGY_REGISTER, wh, phase, context)


def shows(
    minutes: float, wh: float | str | Decimal, context: Context = Context.PERIODIC
) -> Reading:
    """A reading of the register, minutes after noon."""
    return Reading(at(minutes), context, Method.REGISTER, number(wh))


def draws(minutes: float, watts: float | str) -> Reading:
    """A reading of the power, minutes after noon."""
    return Reading(at(minutes), Context.PERIODIC, Method.POWER, power_w=number(watts))


def took(
    minutes: float, wh: float | str, context: Context = Context.PERIODIC
) -> Reading:
    """A reading of the interval's energy, minutes after noon."""
    return Reading(at(minutes), context, Method.INTERVALS, interval_wh=number(wh))


def session_of(*readings: Reading, start_wh: float | None = 1000) -> EnergyFold:
    """A session that began at noon, and what was read of it."""
    fold = EnergyFold(NOON, None if start_wh is None else number(start_wh))
    for reading in readings:
        fold.add(reading)
    return fold


def course(points: Iterable[EnergyPoint]) -> list[tuple[float, float | Decimal]]:
    """A curve as minutes after noon and Wh."""
    return [((point.at - NOON) / timedelta(minutes=1), point.wh) for point in points]


class Garage:
    """A station, what it reports, and the journal of it."""

    def __init__(self, now: datetime = NOON) -> None:
        """Begin at noon, with a station that nobody has heard of yet."""
        self.now = now
        self.station = Station("garage")
        self.journal: list[Entry] = []
        self.sessions: dict[int, Session] = {}
        self.curves: dict[int, EnergyCurve] = {}
        self.asked: list[RemoteStart | None] = []
        self.connectors: int | None = None  # as the station says

    def wait(self, minutes: float) -> None:
        """Let time pass."""
        self.now += timedelta(minutes=minutes)

    def carry_out(self, plan: Plan) -> None:
        """Keep a plan as the ledger does, and make it so."""
        for entry in plan.entries:
            data: dict[str, Any] = orjson.loads(orjson.dumps(entry.data))
            self.journal.append(entry._replace(data=data, id=len(self.journal) + 1))
        for session in plan.sessions:
            self.sessions[session.id] = session
        self.curves |= plan.curves
        self.station.apply(plan)

    def kinds(self) -> list[str]:
        """What the journal tells of, in its order."""
        return [str(entry.kind) for entry in self.journal]

    # --- what the station reports ---

    def start(
        self,
        meter_wh: float | None = 1000,
        token: str = ANNA,
        connector: int | None = 1,
        *,
        stamped: datetime | None = None,
    ) -> int:
        """A transaction starts; stamped with the true time unless said otherwise."""
        event = TransactionStarted(
            connector,
            token,
            stamped or self.now,
            None if meter_wh is None else number(meter_wh),
        )
        key = starts.start_key(self.station, event, self.now)
        known = (
            starts.same_start(self.station, event)
            if key is None
            else next((s for s in self.sessions.values() if s.start_key == key), None)
        )
        if known is not None:
            return starts.started_again(known, None).session
        placed = starts.place(self.station, event, self.connectors)
        new_id = len(self.sessions) + 1
        plan = starts.plan_start(
            self.station, event, placed, self.now, new_id, self._admit
        )
        self.carry_out(plan)
        assert isinstance(plan.decision, Started)
        return plan.decision.session

    def _admit(self, _: datetime, asked: RemoteStart | None) -> Admittance:
        """Everybody may charge; take note of what was asked for."""
        self.asked.append(asked)
        return Admittance(Authorization.ACCEPTED)

    def stop(
        self,
        transaction: int,
        meter_wh: float | None,
        *values: MeterValue,
        token: str | None = None,
        stamped: datetime | None = None,
    ) -> Session | None:
        """A transaction stops; return its session, None where nobody knows it."""
        event = TransactionStopped(
            transaction,
            stamped or self.now,
            None if meter_wh is None else number(meter_wh),
            token,
            values=values,
        )
        opened = ends.transaction_of(self.station, event, self.now)
        session = self.sessions.get(transaction)
        if (
            opened is None
            and session is not None
            and not session.is_open
            and not ends.is_of_another(self.station, event, session, self.now)
        ):
            if ends.stopped_again(event, session):
                return session
            if session.closing == "reported":
                self.carry_out(
                    ends.plan_second_stop(self.station, event, session, self.now)
                )
                return session
            opened = OpenSession.of(session, self.entries_of(session))
        if opened is None:
            self.carry_out(ends.plan_orphan_stop(self.station, event, self.now))
            return None
        self.carry_out(ends.plan_stop(self.station, event, opened, self.now))
        return self.sessions[opened.session.id]

    def value(self, *samples: Sample, stamped: datetime | None = None) -> MeterValue:
        """What is sampled now, stamped with the true time unless said otherwise."""
        return MeterValue(stamped or self.now, dict(samples))

    def reads(
        self,
        wh: float | str,
        transaction: int | None = None,
        connector: int = 1,
        *,
        stamped: datetime | None = None,
        context: Context = Context.PERIODIC,
    ) -> None:
        """The register is read."""
        self.meters(
            self.value(register(wh, context=context), stamped=stamped),
            transaction=transaction,
            connector=connector,
        )

    def meters(
        self, *values: MeterValue, transaction: int | None = None, connector: int = 1
    ) -> None:
        """Meter values are sent."""
        event = MeterValuesReported(connector, transaction, values)
        station = self.station
        timed = metering.timed(station, values, self.now)
        self.carry_out(metering.plan_meter_values(station, event, timed, self.now))
        station.take_live(station.connector_of(event), timed, self.now)

    def tells(
        self,
        status: ConnectorStatus,
        connector: int = 1,
        *,
        stamped: datetime | None = None,
    ) -> None:
        """A connector tells its status."""
        event = StatusReported(connector, status, stamped)
        self.carry_out(reports.plan_status(self.station, event, self.now))

    # --- what we ask of it ---

    def ask(self, token: str = ANNA, connector: int = 1) -> None:
        """Somebody asks for a session."""
        data = {"token": token, "user": "anna"}
        entry = self.station.entry(
            Kind.REMOTE_START, self.now, self.now, data, connector=connector
        )
        self.carry_out(Plan(entries=(entry,)))

    def reserve(self, token: str = ANNA, connector: int = 1) -> None:
        """Somebody has a connector kept free."""
        until = self.now + timedelta(hours=1)
        number = self.station.next_reservation()
        reservation = Reservation(number, token, "anna", until)
        self.carry_out(
            reserving.plan_reservation(self.station, connector, reservation, self.now)
        )

    def limit(self, amps: str | None, connector: int = 1) -> None:
        """Somebody limits a connector's current."""
        data = {"limit_a": amps, "way": "tx_default"}
        entry = self.station.entry(
            Kind.LIMIT, self.now, self.now, data, connector=connector
        )
        self.carry_out(Plan(entries=(entry,)))

    def close_forgotten(self) -> list[int]:
        """Close what the station has forgotten."""
        found = ends.forgotten(self.station, self.now)
        for session in found:
            self.close(session)
        return found

    def close(self, session: int) -> None:
        """Close a session by hand: its station does not tell its end."""
        self.carry_out(ends.plan_close(self.station, session, self.now))

    # --- looking at it again ---

    def entries_of(self, session: Session) -> list[Entry]:
        """The entries of a session that its energy is known from."""
        kinds = (Kind.START, *READINGS, *CLOSINGS)
        return [
            entry
            for entry in self.journal
            if entry.session == session.id and entry.kind in kinds
        ]

    def curve_again(self, session: Session) -> EnergyCurve:
        """The curve of an ended session, from the journal alone."""
        entries = until_closed(self.entries_of(session))
        return OpenSession.of(session, entries).curve_again()

    def restarted(self) -> Station:
        """A fresh station, as the journal and the sessions make it."""
        station = Station("garage")
        newest = {
            (entry.kind, entry.connector): entry
            for entry in self.journal
            if entry.kind in RESTORED
        }
        for entry in sorted(newest.values(), key=lambda entry: entry.id or 0):
            station.apply_entry(entry)
        ordered = sorted(self.sessions.values(), key=lambda s: (s.started_at, s.id))
        for session in ordered:
            if session.is_open:
                station.resume(session, self.entries_of(session))
            else:
                station.connector(session.connector).last_session = session
        return station


def state_of(station: Station) -> dict[str, Any]:
    """All that must survive a restart, to be compared."""
    return {
        "info": station.info,
        "settings": station.settings,
        "connectors": {
            number: (
                connector.status,
                connector.error,
                connector.status_at,
                connector.register,
                connector.remote_start,
                connector.limit_a,
                connector.limit_way,
                connector.last_session,
                connector.reservation,
                connector.unassigned_wh or None,
            )
            for number, connector in sorted(station.connectors.items())
        },
        "open": {
            session: (
                opened.session,
                opened.began_to_hear,
                opened.last_heard,
                opened.last_named,
                opened.aliases,
                opened.alias,
                opened.register_at_start_wh,
                opened.energy.readings,
                opened.energy.points,
                opened.energy.method,
            )
            for session, opened in sorted(station.open.items())
        },
    }
