"""What a station reports of itself: boots, statuses, upkeep, security.

All make a `Plan`, which changes nothing until `Station.apply`.
"""

from datetime import datetime, timedelta
from typing import Final

from .decisions import Declined
from .events import (
    Booted,
    CertificateRequested,
    Progress,
    SecurityEvent,
    StatusReported,
)
from .journal import Entry, Kind
from .model import StationInfo
from .plan import Plan
from .reservation import Ending, ended_by_status
from .reserving import reservation_end
from .station import BOOTS, SECURITY_EVENT_EVERY, Station

_BOOTS_WITHIN: Final = timedelta(minutes=10)
_SECURITY_EVENTS: Final = 32  # kinds; the whitepaper has 18, vendors have their own


def plan_boot(station: Station, event: Booted, now: datetime) -> Plan:
    """A station presents itself; of boots in quick succession not all are kept."""
    station.clock.restart()
    if len(station.boots) == BOOTS and now - station.boots[0] < _BOOTS_WITHIN:
        return Plan(lasting=False)
    info = event.info
    data = {name: getattr(info, name) for name in StationInfo.__slots__}
    return Plan(entries=(station.entry(Kind.BOOT, now, now, data),), lasting=False)


def plan_status(station: Station, event: StatusReported, now: datetime) -> Plan:
    """A connector tells its status; repeated ones are not kept.

    Said again since a session began, it is no repetition: it may mean that the
    session is over.
    """
    at = station.clock.read(event.at, now, live=True).at
    known = station.seen(event.connector)
    opened = station.session_at(event.connector)
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
    entry = station.entry(Kind.STATUS, at, now, data, connector=event.connector)
    ended: tuple[Entry, ...] = ()
    if known.reservation and ended_by_status(known.status, event.status):
        ended = (reservation_end(station, known, Ending.LOST, now),)
    return Plan(entries=(entry, *ended), lasting=False)


def plan_progress(station: Station, event: Progress, now: datetime) -> Plan:
    """A long job came further; kept when it says something new."""
    if station.jobs.get(event.job) == event.status:
        return Plan(lasting=False)
    entry = station.entry(Kind(event.job), now, now, {"status": event.status})
    return Plan(entries=(entry,), lasting=False)


def plan_security_event(station: Station, event: SecurityEvent, now: datetime) -> Plan:
    """A station noticed something about its security.

    Some say the same again and again, in varying words: each kind is kept once in
    an hour, and of invented kinds not all are.
    """
    recent = station.security_events_since(now - SECURITY_EVENT_EVERY)
    if event.kind in recent or len(recent) >= _SECURITY_EVENTS:
        return Plan(lasting=False)
    data = {"event": event.kind, "info": event.info}
    at = station.clock.read(event.at, now).at
    return Plan(entries=(station.entry(Kind.SECURITY, at, now, data),), lasting=False)


def plan_certificate_request(
    station: Station, event: CertificateRequested, now: datetime
) -> Plan:
    """A station asks for a signature, which is not ours to give; kept once."""
    entries: tuple[Entry, ...] = ()
    if event != station.last_request:
        station.last_request = event
        data = {"csr": event.csr}
        entries = (station.entry(Kind.CERTIFICATE_REQUEST, now, now, data),)
    return Plan(Declined(), entries, lasting=False)
