"""Records for the ledger, told apart by what a test names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.charging.session import Session
from custom_components.ladda.ledger import Entry, PriceEntry

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Tell the time so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def an_entry(**fields: Any) -> Entry:
    """Make an entry of the journal: a meter value of garage 1."""
    entry = Entry(
        kind="meter",
        station="garage-1",
        connector=1,
        occurred_at=NOON,
        received_at=NOON,
        data={},
    )
    return entry._replace(**fields)


def a_session(number: int, **fields: Any) -> Session:
    """Make a session that has just begun at garage 1."""
    session = Session(
        id=number,
        station="garage-1",
        connector=1,
        token="04a1b2c3",
        authorization=Authorization.ACCEPTED,
        started_at=NOON,
        meter_start_wh=Decimal(1000),
    )
    return replace(session, **fields)


def a_closed_session(number: int, **fields: Any) -> Session:
    """Make a session of an hour that used 7 kWh."""
    session = a_session(
        number,
        ended_at=at(60),
        meter_stop_wh=Decimal(8000),
        energy_wh=Decimal(7000),
        cost=Decimal("14.00"),
        currency="SEK",
    )
    return replace(session, **fields)


def a_price(state: str | None, **fields: Any) -> PriceEntry:
    """Make a price that the spot price entity told at noon."""
    price = PriceEntry(
        entity="sensor.spot",
        at=NOON,
        state=state,
        unit="SEK/kWh",
        origin="live",
        recorded_at=NOON,
    )
    return replace(price, **fields)
