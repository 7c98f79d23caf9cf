"""Connectors that are kept free for somebody (OCPP 1.6 §3.13): how it begins and ends."""

from datetime import datetime

from .connector import Connector
from .events import TransactionStarted
from .journal import Entry, Kind
from .plan import Plan
from .reservation import Ending, Reservation
from .station import Station
from .tokens import same_token


def plan_reservation(
    station: Station, connector: int, reservation: Reservation, now: datetime
) -> Plan:
    """The station keeps a connector free for somebody; the last one counts."""
    entry = station.entry(
        Kind.RESERVATION, now, now, reservation.as_data(), connector=connector
    )
    return Plan(entries=(entry,))


def plan_reservation_end(
    station: Station, connector: int, ending: Ending, now: datetime
) -> Plan:
    """A reservation ended, if there is one."""
    known = station.seen(connector)
    if known.reservation is None:
        return Plan(lasting=False)
    return Plan(entries=(reservation_end(station, known, ending, now),))


def expired_reservations(station: Station, now: datetime) -> list[int]:
    """Find the connectors whose reservation is over."""
    return [
        connector.number
        for connector in station.connectors.values()
        if connector.reservation and connector.reservation.until <= now
    ]


def reservations_used(
    station: Station,
    event: TransactionStarted,
    at_connector: int,
    user: str | None,
    now: datetime,
) -> list[Entry]:
    """End the reservations that a start by a user (None: nobody's) uses (OCPP 1.6 §5.13).

    Not all stations name it; then its tag, or another of its user's, at its connector
    tells.
    """
    return [
        reservation_end(station, connector, Ending.USED, now)
        for connector in station.connectors.values()
        if (reservation := connector.reservation)
        and (
            reservation.id == event.reservation
            or (
                event.reservation is None
                and connector.number == at_connector
                and (
                    same_token(reservation.token, event.token)
                    or (user is not None and reservation.user == user)
                )
            )
        )
    ]


def reservation_end(
    station: Station, connector: Connector, ending: Ending, now: datetime
) -> Entry:
    """Make the entry that ends a connector's reservation."""
    assert connector.reservation is not None
    data = connector.reservation.as_data(ending)
    return station.entry(Kind.RESERVATION, now, now, data, connector=connector.number)
