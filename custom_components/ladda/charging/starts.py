"""Transactions that begin: where, when, at which meter, and on whose account."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from .clock import Moment
from .connector import RemoteStart
from .decisions import Started
from .ends import OVERLAP, ended_by_start
from .events import TransactionStarted
from .journal import Entry, Kind, amount_text, salvaged
from .model import Authorization, ConnectorStatus
from .plan import Plan
from .register import ConnectorRegister, Shown
from .reserving import reservations_used
from .session import Flag, Session
from .station import Station
from .tokens import echoes, same_token

# How long after our asking a station may take to start, with its clock's slack.
REMOTE_START_WINDOW: Final = timedelta(minutes=6)
_PLUGGED_IN: Final = (
    ConnectorStatus.PREPARING,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
)


class Admittance(NamedTuple):
    """Who may charge, and on what terms; `tariff` as data."""

    authorization: Authorization
    user: str | None = None
    user_name: str | None = None
    tariff: dict[str, Any] | None = None
    currency: str | None = None
    until: datetime | None = None
    group: str | None = None  # of tokens that stop what another of it began


def place(station: Station, event: TransactionStarted, told: int | None) -> int:
    """Tell at which connector a transaction began; 0: there is no telling.

    `told` is how many the station says that it has. Where it does not say which one
    it was, it is the only one; else one where no session goes on, for a guess must
    not end anybody's session.
    """
    if event.connector is not None:
        return event.connector
    numbers = sorted(station.numbers(told or 1))
    if len(numbers) == 1:
        return numbers[0]
    free = [number for number in numbers if station.session_at(number) is None]
    taken = [n for n in free if station.seen(n).status in _PLUGGED_IN]
    for likely in (free, taken):
        if len(likely) == 1:
            return likely[0]
    return 0


def start_key(station: Station, event: TransactionStarted, now: datetime) -> str | None:
    """Return what makes a repeated start the same; None where its time is unknown."""
    if event.at is None or not station.clock.read(event.at, now).stamped:
        return None
    parts = (
        station.identity,
        event.connector,
        event.token.casefold(),
        event.at.isoformat(),
        event.meter_start_wh,
    )
    return "|".join(map(str, parts))


def same_start(station: Station, event: TransactionStarted) -> Session | None:
    """Find the open session that a start without a usable time repeats."""
    return next(
        (
            opened.session
            for opened in station.open.values()
            if event.connector in (None, opened.session.connector)
            and not opened.energy.readings
            and same_token(event.token, opened.session.token)
            and event.meter_start_wh == opened.session.meter_start_wh
        ),
        None,
    )


def started_again(session: Session, group: str | None) -> Started:
    """A start told once more: the same answer, and nothing happens."""
    return Started(session.id, session.authorization, group=group)


def _pending_remote_start(
    station: Station, event: TransactionStarted, connector: int, at: datetime
) -> RemoteStart | None:
    """Find the request of ours that a start answers."""
    asked = station.seen(connector).remote_start
    if asked is None or not echoes(event.token, asked.token):
        return None
    in_time = abs(at - asked.at) <= REMOTE_START_WINDOW
    return asked if in_time else None


def plan_start(
    station: Station,
    event: TransactionStarted,
    connector: int,
    now: datetime,
    new_id: int,
    admit: Callable[[datetime, RemoteStart | None], Admittance],
) -> Plan:
    """A transaction began: a session of its own, whatever the answer (§4.8)."""
    moment = _start_moment(station, event, connector, now)
    ended, register = ended_by_start(station, event, connector, moment, now)
    start_wh, flags = _meter_start(event, register)
    if not moment.believed:
        flags.append(Flag.CLOCK_CORRECTED)
    if event.connector is None:
        flags.append(Flag.CONNECTOR_ASSUMED)
    asked = _pending_remote_start(station, event, connector, moment.at)
    admitted = admit(moment.at, asked)
    session = Session(
        id=new_id,
        station=station.identity,
        connector=connector,
        token=event.token or None,
        authorization=admitted.authorization,
        started_at=moment.at,
        meter_start_wh=start_wh,
        start_key=start_key(station, event, now),
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
    last = ended[-1].session if ended else station.seen(connector).last_session
    entry = _start_entry(station, session, last, register, now, asked, event)
    return Plan(
        Started(new_id, admitted.authorization, admitted.until, admitted.group),
        (
            *(ending.entry for ending in ended),
            entry,
            *reservations_used(station, event, connector, admitted.user, now),
        ),
        (*(ending.session for ending in ended), session),
        {ending.session.id: ending.curve for ending in ended},
    )


def _start_moment(
    station: Station, event: TransactionStarted, connector: int, now: datetime
) -> Moment:
    """Tell when a transaction began, by our clock.

    Stations tell of transactions in their order (OCPP 1.6 §3.7): a start that is
    stamped before the last session at its connector ended is stamped wrongly.
    """
    moment = station.clock.read(event.at, now)
    last = station.seen(connector).last_session
    overlaps = last and last.ended_at and moment.at < last.ended_at - OVERLAP
    if overlaps and last and Flag.CLOCK_CORRECTED not in last.flags:
        return Moment(now, corrected=True, stamped=False)
    return moment


def _meter_start(
    event: TransactionStarted, register: ConnectorRegister | None
) -> tuple[Decimal, list[str]]:
    """Return the register at a start, and what is to be known of it.

    A register cannot be negative. Where none is told it stands where it stood
    (OCPP 1.6 §7.31: a transaction starts where the last one stopped).
    """
    if event.meter_start_wh is not None and event.meter_start_wh >= 0:
        return event.meter_start_wh, []
    if register is not None and (stands := register.meter_wh) is not None:
        return stands, [Flag.METER_START_ASSUMED]
    return Decimal(0), [Flag.METER_START_UNKNOWN]


def _start_entry(
    station: Station,
    session: Session,
    last: Session | None,
    register: ConnectorRegister,
    now: datetime,
    asked: RemoteStart | None,
    event: TransactionStarted,
) -> Entry:
    """Make the entry that keeps all that is known of a session at its start.

    `last` is the session before it at its connector.
    """
    pending = station.seen(session.connector).remote_start if asked is None else None
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
        "unassigned_wh": str(_unassigned_wh(station, session, last)),
        "limit_a": amount_text(asked.limit_a) if asked else None,
        "limit_phases": asked.limit_phases if asked else None,
    } | salvaged(event.salvaged)
    return station.session_entry(Kind.START, session, session.started_at, now, data)


def _unassigned_wh(station: Station, session: Session, last: Session | None) -> Decimal:
    """Return what a connector has delivered outside of all sessions that we know.

    A transaction starts where the last one stopped (OCPP 1.6 §7.31): if the meter
    moved in between, somebody charged whom nobody has told of.
    """
    before = station.seen(session.connector).unassigned_wh
    if last is None or last.meter_stop_wh is None or last.ended_at is None:
        return before
    stopped = Shown(last.ended_at, last.meter_stop_wh)
    if not stopped.leads_to(session.started_at, session.meter_start_wh):
        return before
    return before + max(session.meter_start_wh - last.meter_stop_wh, Decimal(0))
