"""Sessions and what they cost, as data for JSON."""

from decimal import Decimal

from homeassistant.util.json import JsonObjectType

from .billing.rating import Rating, Slice
from .charging.open_session import OpenSession
from .charging.session import Session
from .hub import LaddaHub
from .resolve import station_name


def session_as_data(hub: LaddaHub, session: Session) -> JsonObjectType:
    """Return a session: exact numbers as text, and kWh to draw with.

    An open session has the energy and the cost that it has so far.
    """
    energy_wh, cost, provisional = (
        session.energy_wh,
        session.cost,
        session.provisional,
    )
    if (opened := _opened(hub, session)) is not None:
        energy_wh = opened.energy.delivered_wh
        if (running := hub.running_cost(opened)) is not None:
            cost, provisional = running.rating().billed, running.provisional
    user = hub.desk.house.directory.user(session.user)
    return {
        "id": session.id,
        "transaction_id": session.id,
        "station": session.station,
        "station_name": station_name(hub, session.station),
        "connector": session.connector,
        "tag": session.token,
        "user": user.name if user is not None else session.user_name,
        "user_id": session.user,
        "started": session.started_at.isoformat(),
        "ended": session.ended_at.isoformat() if session.ended_at else None,
        "meter_start_wh": exact(session.meter_start_wh),
        "meter_stop_wh": _text(session.meter_stop_wh),
        "energy_wh": _text(energy_wh),
        "energy_kwh": None if energy_wh is None else float(energy_wh / 1000),
        "cost": _text(cost),
        "currency": session.currency,
        "provisional": provisional,
        "stop_reason": session.stop_reason,
        "closing": session.closing,
        "authorization": session.authorization,
        "flags": [*session.flags],
        "open": session.is_open,
    }


def _opened(hub: LaddaHub, session: Session) -> OpenSession | None:
    """Return what is known so far of a session that goes on."""
    if not session.is_open:
        return None
    return hub.station(session.station).open.get(session.id)


def rating_as_data(rating: Rating | None) -> JsonObjectType:
    """Return how a cost comes about: slices and fee add up to it before rounding."""
    if rating is None:
        return {"tariff": None, "session_fee": None, "vat": None, "slices": []}
    return {
        "tariff": rating.tariff_name,
        "session_fee": exact(rating.session_fee),
        "vat": _text(rating.vat),
        "slices": [_slice_as_data(part) for part in rating.slices],
    }


def _slice_as_data(part: Slice) -> JsonObjectType:
    """Return a slice: its prices include VAT, its amount is exact."""
    return {
        "start": part.start.isoformat(),
        "end": part.end.isoformat(),
        "wh": exact(part.wh),
        "unit_price": _text(part.unit_price),
        "amount": _text(part.amount),
        "state": part.state,
        "origin": part.origin,
        "since": part.since.isoformat(),
    }


def _text(value: Decimal | None) -> str | None:
    """Write a number that may not be known."""
    return None if value is None else exact(value)


def exact(value: Decimal) -> str:
    """Write a number with all its digits and without an exponent."""
    return format(value, "f")
