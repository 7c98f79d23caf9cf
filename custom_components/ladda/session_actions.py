"""Actions on sessions and what they cost."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from .accounts import UnknownSession
from .billing.tariffs import FixedPrice, HelperPrice, StatePrices, Tariff
from .const import DOMAIN
from .errors import ledger_errors
from .hub import LaddaHub
from .ledger import NOBODY, SessionQuery
from .privileges import async_reach
from .resolve import (
    Charger,
    named_charger,
    named_tariff,
    named_user,
    station_name,
    the_hub,
)
from .session_data import exact, rating_as_data, session_as_data

ATTR_END: Final = "end"
ATTR_LIMIT: Final = "limit"
ATTR_OPEN: Final = "open"
ATTR_PRICE: Final = "price"
ATTR_SESSION_ID: Final = "session_id"
ATTR_SINCE: Final = "since"
ATTR_START: Final = "start"
ATTR_STATE: Final = "state"
ATTR_TARIFF: Final = "tariff"
ATTR_UNTIL: Final = "until"
ATTR_USER: Final = "user"
NO_USER: Final = "nobody"


async def list_sessions(call: ServiceCall) -> ServiceResponse:
    """List sessions, the newest first; who is no administrator sees their own."""
    hub, charger = _where(call)
    reach = await async_reach(call.hass, hub, call.context)
    query = SessionQuery(
        station=charger.identity if charger is not None else None,
        connector=charger.connector if charger is not None else None,
        since=_moment(call, ATTR_SINCE),
        until=_moment(call, ATTR_UNTIL),
        open=call.data.get(ATTR_OPEN),
        limit=call.data[ATTR_LIMIT],
    )
    named = call.data.get(ATTR_USER)
    if named is not None:
        user = await _whose(hub, named)
        if not reach.covers(user):
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="not_yours"
            )
        queries = [replace(query, user=NOBODY if user is None else user)]
    elif reach.users is not None:
        queries = [replace(query, user=user) for user in reach.users]
    else:
        queries = [query]
    with ledger_errors():
        found = [one for asked in queries for one in await hub.ledger.sessions(asked)]
    found.sort(key=lambda session: (session.started_at, session.id), reverse=True)
    sessions = found[: call.data[ATTR_LIMIT]]
    return {"sessions": [session_as_data(hub, session) for session in sessions]}


async def _whose(hub: LaddaHub, named: str) -> str | None:
    """Return the id of a user, also of one who is gone, by that id; None: nobody's."""
    if named == NO_USER:
        return None
    with ledger_errors():
        charged = await hub.ledger.sessions(SessionQuery(user=named, limit=1))
    return named if charged else named_user(hub, named).id


def _where(call: ServiceCall) -> tuple[LaddaHub, Charger | None]:
    """Return the hub, and the charger if one is named."""
    if ATTR_DEVICE_ID not in call.data:
        return the_hub(call.hass), None
    charger = named_charger(call.hass, call.data)
    return charger.hub, charger


async def get_session(call: ServiceCall) -> ServiceResponse:
    """Return a session and how its cost comes about."""
    hub = the_hub(call.hass)
    reach = await async_reach(call.hass, hub, call.context)
    with ledger_errors():
        session = await hub.ledger.session(call.data[ATTR_SESSION_ID])
        # What is somebody else's is as unknown as what is not there.
        if session is None or not reach.covers(session.user):
            raise _unknown_session(call.data[ATTR_SESSION_ID])
        rating = await hub.desk.pricing.rating(session)
    return session_as_data(hub, session) | rating_as_data(rating)


async def assign_session(call: ServiceCall) -> ServiceResponse:
    """Give a session to another user, on that user's terms as they are now."""
    hub = the_hub(call.hass)
    named = call.data[ATTR_USER]
    user = None if named == NO_USER else named_user(hub, named).id
    try:
        with ledger_errors():
            session = await hub.desk.accounts.assign(call.data[ATTR_SESSION_ID], user)
    except UnknownSession as err:
        raise _unknown_session(call.data[ATTR_SESSION_ID]) from err
    return session_as_data(hub, session)


async def close_session(call: ServiceCall) -> ServiceResponse:
    """Close a session whose charger is away, or broken, and does not tell its end."""
    hub = the_hub(call.hass)
    number = call.data[ATTR_SESSION_ID]
    with ledger_errors():
        session = await hub.ledger.session(number)
        if session is None:
            raise _unknown_session(number)
        if session.is_open and hub.desk.is_online(session.station):
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="session_goes_on",
                translation_placeholders={
                    "session": str(number),
                    "station": station_name(hub, session.station),
                },
            )
        await hub.desk.close_session(session)
        session = await hub.ledger.session(number)
    assert session is not None
    return session_as_data(hub, session)


async def set_price(call: ServiceCall) -> ServiceResponse:
    """Fill in what a tariff's helper would have shown while that is not known."""
    hub = the_hub(call.hass)
    tariff = named_tariff(hub, call.data[ATTR_TARIFF])
    state, unit = _shown(call, tariff)
    start = dt_util.as_utc(call.data[ATTR_START])
    end = dt_util.as_utc(call.data[ATTR_END])
    if not start < end <= dt_util.utcnow():
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_a_past_period"
        )
    with ledger_errors():
        settled = await hub.desk.accounts.set_price(tariff, start, end, state, unit)
    return {"settled": settled}


def _shown(call: ServiceCall, tariff: Tariff) -> tuple[str, str | None]:
    """Return the state and unit of a tariff's helper that a price stands for.

    A helper that shows a price takes a `price`, one whose states have prices takes
    one of those as `state`. Raises ServiceValidationError for what does not fit.
    """
    price: Decimal | None = call.data.get(ATTR_PRICE)
    state: str | None = call.data.get(ATTR_STATE)
    named = {"tariff": tariff.name}
    match tariff.energy:
        case HelperPrice():
            if price is None:
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="price_needed",
                    translation_placeholders=named,
                )
            return exact(price), f"{tariff.currency}/kWh"
        case StatePrices(prices=prices):
            if state is None or state not in prices:
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="state_needed",
                    translation_placeholders=named | {"states": ", ".join(prices)},
                )
            return state, None
        case FixedPrice():
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="tariff_is_fixed",
                translation_placeholders=named,
            )


def _unknown_session(session_id: int) -> ServiceValidationError:
    """Make the error for a session that is not there."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="unknown_session",
        translation_placeholders={"session": str(session_id)},
    )


def _moment(call: ServiceCall, key: str) -> datetime | None:
    """Return a time in UTC; one without a zone is the house's."""
    return dt_util.as_utc(call.data[key]) if key in call.data else None
