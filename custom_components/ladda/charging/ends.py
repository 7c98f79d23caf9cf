"""Transactions that end: told by the station, or found out later than that."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from .clock import TOLERANCE, Moment
from .connector import Connector
from .energy import EnergyCurve, Most
from .events import TransactionStarted, TransactionStopped
from .journal import Entry, Kind, amount_text, salvaged
from .metering import meter_entry, readings_of, timed
from .model import ConnectorStatus
from .open_session import OpenSession, closed_session
from .plan import Plan
from .register import SLACK_WH, ConnectorRegister
from .session import Closing, Flag, Session
from .station import Station
from .tokens import same_token

# An available connector has no session; its stop may be on its way for so long.
FORGOTTEN: Final = timedelta(minutes=5)
# A station that was removed may soon be adopted again, and go on with its sessions.
GONE: Final = timedelta(hours=1)
# What the times of two sessions may overlap by, for clocks that were set in between.
OVERLAP: Final = timedelta(minutes=5)


class Ended(NamedTuple):
    """A session's end that is estimated, and the connector's register after it."""

    session: Session
    entry: Entry
    curve: EnergyCurve
    register: ConnectorRegister | None


def ended_by_start(
    station: Station,
    event: TransactionStarted,
    connector: int,
    moment: Moment,
    now: datetime,
) -> tuple[list[Ended], ConnectorRegister | None]:
    """End the sessions that a new one at their connector shows to be over.

    Each took what the register grew by until the next one began. Where nobody knows
    at which connector they are, they are not shown to be over.
    """
    older = [
        opened
        for opened in station.sessions_at(connector)
        if connector and opened.session.started_at <= moment.at
    ]
    starts: list[tuple[datetime, Decimal | None]] = [
        (opened.session.started_at, opened.session.meter_start_wh)
        for opened in older[1:]
    ]
    register = station.seen(connector).register
    endings = []
    for opened, (next_at, next_wh) in zip(
        older, [*starts, (moment.at, event.meter_start_wh)], strict=False
    ):
        most = opened.most(next_at, now) if moment.believed else None
        ending = _estimated_end(station, opened, register, now, next_at, next_wh, most)
        register = ending.register
        endings.append(ending)
    return endings, register


def _estimated_end(
    station: Station,
    opened: OpenSession,
    register: ConnectorRegister | None,
    now: datetime,
    next_at: datetime,
    next_wh: Decimal | None = None,
    most: Most | None = None,
) -> Ended:
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
        likelier = known > curve.energy_wh or (known > 0 and not curve.method.measures)
        if likelier and Flag.METER_STOP_IMPLAUSIBLE not in until_next.flags:
            ended_at, stop_wh, curve = next_at, next_wh, until_next
    closed = closed_session(
        opened.session, ended_at, stop_wh, "", Closing.ESTIMATED, curve
    )
    register = _register_after(opened, register, ended_at, curve)
    data = {
        "meter_stop_wh": amount_text(stop_wh),
        "register": _snapshot(register),
        "most": most and most.as_data(),
    }
    entry = station.session_entry(Kind.CLOSE, closed, ended_at, now, data)
    return Ended(closed, entry, curve, register)


def forgotten(station: Station, now: datetime) -> list[int]:
    """Find the sessions that the station seems to have forgotten.

    Their connector has been free for a while, and nothing was measured since:
    some stations call a connector available while they charge.
    """
    return [
        opened.session.id
        for opened in station.open.values()
        if _is_forgotten(opened, station.seen(opened.session.connector), now)
    ]


def deserted(station: Station, now: datetime) -> list[int]:
    """Find the sessions of a station that was removed: nobody tells of their ends."""
    return [
        opened.session.id
        for opened in station.open.values()
        if opened.last_heard < now - GONE
    ]


def plan_close(station: Station, session: int, now: datetime) -> Plan:
    """Close a session of which the station will not tell the end."""
    opened = station.open[session]
    register = station.seen(opened.session.connector).register
    closed, entry, curve, _ = _estimated_end(station, opened, register, now, now)
    return Plan(entries=(entry,), sessions=(closed,), curves={closed.id: curve})


def transaction_of(
    station: Station, event: TransactionStopped, now: datetime
) -> OpenSession | None:
    """Find the open session that a stop ends.

    A station that started it offline may call it by an id of its own, which its
    meter values have told, or by one that stands for none (errata 3.18): then it is
    the only session that fits.
    """
    moment = station.clock.read(event.at, now)
    if event.transaction:
        named = station.open.get(event.transaction)
        if named is not None:
            other = is_of_another(station, event, named.session, now)
            return None if other else named
        return _known_otherwise(station, event, moment)
    if _was_told(station, event, moment):
        return None
    fitting = [
        opened
        for opened in station.open.values()
        if opened.session.started_at <= moment.at
        and (
            event.meter_stop_wh is None
            or event.meter_stop_wh >= opened.session.meter_start_wh
        )
        and (not event.token or same_token(event.token, opened.session.token))
    ]
    return fitting[0] if len(fitting) == 1 else None


def _known_otherwise(
    station: Station, event: TransactionStopped, moment: Moment
) -> OpenSession | None:
    """Find the session that a station calls by the id of a stop.

    Some go on calling a session by the id of the one before, whose stop may yet come.
    """
    return next(
        (
            opened
            for opened in station.open.values()
            if event.transaction in opened.aliases
            and not _lies_before(event, moment.at, opened.session)
        ),
        None,
    )


def _was_told(station: Station, event: TransactionStopped, moment: Moment) -> bool:
    """Tell whether a stop that names no transaction has ended one already."""
    return any(
        last is not None
        and last.ended_at is not None
        and abs(last.ended_at - moment.at) <= TOLERANCE
        and stopped_again(event, last)
        for last in (each.last_session for each in station.connectors.values())
    )


def plan_stop(
    station: Station, event: TransactionStopped, opened: OpenSession, now: datetime
) -> Plan:
    """A transaction ended: the session's energy is stop minus start."""
    moment = station.clock.read(event.at, now)
    session = opened.session
    readings = readings_of(timed(station, event.values, now))
    told_with_end = Kind.METER if session.is_open else Kind.LATE_METER
    entries = [
        meter_entry(station, told_with_end, session, reading, now, session.id)
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
    } | salvaged(event.salvaged)
    register = station.seen(session.connector).register
    if session.is_open or _is_newest(station, session, ended_at):
        register = _register_after(opened, register, ended_at, curve)
    data["register"] = _snapshot(register)
    kind = Kind.STOP if session.is_open else Kind.LATE_STOP
    entries.append(station.session_entry(kind, session, ended_at, now, data))
    return Plan(entries=tuple(entries), sessions=(closed,), curves={closed.id: curve})


def _is_newest(station: Station, session: Session, ended_at: datetime) -> bool:
    """Tell whether nothing is known of a connector after the end of a session."""
    connector = station.seen(session.connector)
    return (
        connector.register is not None
        and connector.register.at <= ended_at
        and connector.last_session is not None
        and connector.last_session.id == session.id
        and station.session_at(session.connector) is None
    )


def _register_after(
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


def is_of_another(
    station: Station, event: TransactionStopped, session: Session, now: datetime
) -> bool:
    """Tell whether a stop with a session's id is that of another, older transaction.

    Ids come again. It is stamped before the session began, and the meter had not come
    further then; where only its time is odd, the clock was set meanwhile.
    """
    moment = station.clock.read(event.at, now)
    clear = moment.believed and Flag.CLOCK_CORRECTED not in session.flags
    return clear and _lies_before(event, moment.at + OVERLAP, session)


def _lies_before(event: TransactionStopped, at: datetime, session: Session) -> bool:
    """Tell whether neither time nor meter had come further than a session's start."""
    stop_wh = event.meter_stop_wh
    return at <= session.started_at and (
        stop_wh is None or stop_wh <= session.meter_start_wh
    )


def stopped_again(event: TransactionStopped, session: Session) -> bool:
    """Tell whether a stop says nothing new about a session that has ended."""
    return (
        session.closing is Closing.REPORTED
        and session.meter_stop_wh == event.meter_stop_wh
    )


def plan_second_stop(
    station: Station, event: TransactionStopped, session: Session, now: datetime
) -> Plan:
    """A stop contradicts one that was told before: the first one counts."""
    return Plan(entries=(_evidence(station, Kind.SECOND_STOP, event, now, session),))


def plan_orphan_stop(
    station: Station, event: TransactionStopped, now: datetime
) -> Plan:
    """A stop of a transaction that nobody knows: accepted, kept as evidence."""
    return Plan(entries=(_evidence(station, Kind.ORPHAN_STOP, event, now),))


def _evidence(
    station: Station,
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
            for reading in readings_of(timed(station, event.values, now))
        ],
    } | salvaged(event.salvaged)
    at = station.clock.read(event.at, now).at
    if session is None:
        return station.entry(kind, at, now, data)
    return station.session_entry(kind, session, at, now, data)


def _is_forgotten(opened: OpenSession, connector: Connector, now: datetime) -> bool:
    """Tell whether a connector has been free for a while, and nothing speaks for a session.

    A reading does that tells its id, or that energy flows: by the clock, and when they
    are asked, stations read their meters also where there is none. A station that is
    free as a whole (0) may charge all the same.
    """
    free_since = connector.status_at if connector.number else None
    if connector.status is not ConnectorStatus.AVAILABLE or free_since is None:
        return False
    return (
        opened.session.started_at < free_since
        and max(free_since, opened.last_named) < now - FORGOTTEN
        and opened.grown_since(free_since) <= SLACK_WH
    )


def _snapshot(register: ConnectorRegister | None) -> dict[str, Any] | None:
    """Write a register for the journal."""
    return None if register is None else register.as_data()
