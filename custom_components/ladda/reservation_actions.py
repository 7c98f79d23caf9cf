"""Actions that keep a connector free for somebody."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util

from .central_system import NotAccepted
from .charger_actions import ACCEPTED, ATTR_TAG, demand_within, payer
from .charging.reservation import Reservation
from .const import DOMAIN
from .errors import station_errors
from .privileges import async_reach
from .resolve import Charger, named_charger

ATTR_MINUTES: Final = "minutes"
ATTR_UNTIL: Final = "until"
LONGEST: Final = timedelta(days=7)  # nobody keeps a connector for ever
_WHY_NOT: Final = {
    "Occupied": "connector_occupied",
    "Faulted": "connector_faulted",
    "Unavailable": "connector_out_of_service",
}


async def reserve(call: ServiceCall) -> ServiceResponse:
    """Keep a connector free for a user until then."""
    charger = named_charger(call.hass, call.data)
    reach = await async_reach(call.hass, charger.hub, call.context)
    user = payer(charger.hub, reach, call.data)
    reservation = await _reserve(
        charger,
        user,
        call.data.get(ATTR_TAG),
        _end(call.data),
    )
    return {
        "status": ACCEPTED,
        "reservation_id": reservation.id,
        "until": reservation.until.isoformat(),
    }


async def _reserve(
    charger: Charger, user: str | None, tag: str | None, until: datetime
) -> Reservation:
    """Ask the charger; say what stands in the way where it says no (§5.13)."""
    connector = charger.one_connector()
    with station_errors(charger.name):
        try:
            return await charger.hub.desk.reservations.reserve(
                charger.identity, connector, user, tag, until
            )
        except NotAccepted as err:
            if (key := _WHY_NOT.get(err.status)) is None:
                raise
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=key,
                translation_placeholders={"station": charger.name},
            ) from err


async def cancel_reservation(call: ServiceCall) -> ServiceResponse:
    """Give up a reservation; who is no administrator only their own."""
    charger = named_charger(call.hass, call.data)
    connector = charger.one_connector()
    reach = await async_reach(call.hass, charger.hub, call.context)
    reservation = charger.hub.connector(charger.identity, connector).reservation
    if reservation is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_reservation"
        )
    demand_within(reach, reservation.user)
    with station_errors(charger.name):
        await charger.hub.desk.reservations.cancel(charger.identity, connector)
    return {"status": ACCEPTED}


def _end(data: Mapping[str, Any]) -> datetime:
    """Return until when to reserve; raises ServiceValidationError where that is no time."""
    now = dt_util.utcnow()
    if ATTR_MINUTES in data:
        until = now + timedelta(minutes=data[ATTR_MINUTES])
    else:
        until = dt_util.as_utc(data[ATTR_UNTIL])
    if not now < until <= now + LONGEST:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_time_to_reserve",
            translation_placeholders={"days": str(LONGEST.days)},
        )
    return until
