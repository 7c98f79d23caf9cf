"""Meters that are read: when it was, and which session the reading belongs to."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from .clock import APART
from .events import MeterValuesReported
from .journal import Entry, Kind
from .model import Context, MeterValue, TimedValue
from .open_session import OpenSession
from .plan import Plan
from .reading import Reading, reading_of
from .register import ConnectorRegister
from .session import Closing, Session
from .station import Station

LATE: Final = timedelta(hours=1)
_IDLE_REGISTER_EVERY: Final = timedelta(minutes=15)


def timed(
    station: Station, values: Iterable[MeterValue], now: datetime
) -> list[TimedValue]:
    """Tell when meters were read, by our clock; each value is to be told of once."""
    return [_timed(station, value, now) for value in values]


def _timed(station: Station, value: MeterValue, now: datetime) -> TimedValue:
    """Tell when a meter was read, by our clock.

    Of two values that are off by the same, and come a minute or more apart, none
    was kept for later: then it is the clock that is off.
    """
    of_clock = any(channel.context is Context.CLOCK for channel in value.samples)
    off = value.at is not None and abs(now - value.at) > APART
    moment = station.clock.read(value.at, now, live=off and not of_clock)
    at = station.aligned.read(moment.at, now) if of_clock else moment.at
    return TimedValue(at, value, dated=moment.believed or moment.at < now)


def plan_meter_values(
    station: Station,
    event: MeterValuesReported,
    values: Iterable[TimedValue],
    now: datetime,
) -> Plan:
    """A meter was read: during a session, just after it, or outside of any."""
    if (opened := _session_of(station, event, values, now)) is not None:
        session: Session | None = opened.session
    else:
        session = _ended_session_of(station, event, now)
    if session is None:
        return _plan_idle_readings(station, event.connector, values, now)
    readings = readings_of(values)
    kind = Kind.METER if opened else Kind.LATE_METER
    entries = [
        meter_entry(station, kind, session, reading, now, event.transaction)
        for reading in readings
    ]
    return Plan(entries=tuple(entries), readings={session.id: readings})


def _session_of(
    station: Station,
    event: MeterValuesReported,
    values: Iterable[TimedValue],
    now: datetime,
) -> OpenSession | None:
    """Find the open session that meter values belong to.

    Ids that we never gave (stale, or the station's own) count for the session
    that is open at the connector, unless they are older than it.
    """
    if event.transaction is not None and (known := station.open.get(event.transaction)):
        return known
    if not event.connector:  # the meter of the whole station
        return None
    opened = station.session_at(event.connector)
    if opened is None or event.transaction is None:
        return opened
    last = station.seen(event.connector).last_session
    if last is None or last.id != event.transaction:
        return opened
    newest = max((value.at for value in values), default=now)
    return opened if newest >= opened.session.started_at else None


def _ended_session_of(
    station: Station, event: MeterValuesReported, now: datetime
) -> Session | None:
    """Find the ended session that late meter values belong to.

    One whose end is estimated may still be told of, however late: they say when its
    energy was taken, should its stop arrive.
    """
    session = station.seen(event.connector).last_session
    if session is None or session.ended_at is None or session.id != event.transaction:
        return None
    estimated = session.closing is Closing.ESTIMATED
    return session if estimated or now - session.ended_at <= LATE else None


def _plan_idle_readings(
    station: Station, connector: int, values: Iterable[TimedValue], now: datetime
) -> Plan:
    """The meter was read outside of any session; kept now and then."""
    register = station.seen(connector).register
    entries = []
    for reading in readings_of(values):
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
            station.entry(Kind.REGISTER, reading.at, now, data, connector=connector)
        )
    return Plan(entries=tuple(entries), lasting=False)


def meter_entry(
    station: Station,
    kind: Kind,
    session: Session,
    reading: Reading,
    now: datetime,
    told: int | None,
) -> Entry:
    """Make the entry that keeps a reading; `told`: under which id it was, if any."""
    data = reading.as_data()
    if told != session.id:
        data["alias"] = told
    number, connector = session.id, session.connector
    return Entry(kind, station.identity, reading.at, now, data, connector, number)


def readings_of(values: Iterable[TimedValue]) -> tuple[Reading, ...]:
    """Read what meter values say about energy."""
    readings = []
    for at, value, dated in values:
        if (reading := reading_of(value, at)) is not None:
            readings.append(reading if dated else reading._replace(dated=False))
    return tuple(readings)
