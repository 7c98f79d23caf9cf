"""Actions that keep a charger in good repair, and look into it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .central_system import Signature
from .charger_actions import ACCEPTED
from .const import DOMAIN
from .errors import station_errors
from .resolve import Charger, named_charger
from .upload_view import async_signed_link

ATTR_CERTIFICATE: Final = "certificate"
ATTR_DURATION: Final = "duration"
ATTR_INSTALL: Final = "install"
ATTR_LOCATION: Final = "location"
ATTR_LOG: Final = "log"
ATTR_RETRIEVE: Final = "retrieve"
ATTR_SIGNATURE: Final = "signature"
ATTR_SINCE: Final = "since"
ATTR_UNTIL: Final = "until"
SECURITY_LOG: Final = "security"
UPLOAD_PATIENCE: Final = 300.0  # s, to gather and upload diagnostics


async def update_firmware(call: ServiceCall) -> ServiceResponse:
    """Let a charger fetch firmware; the sensor tells how far it comes."""
    charger = named_charger(call.hass, call.data)
    location = call.data[ATTR_LOCATION]
    retrieve_at = _moment(call, ATTR_RETRIEVE) or dt_util.utcnow()
    with station_errors(charger.name):
        maintenance = charger.hub.desk.link(charger.identity).maintenance
        if ATTR_SIGNATURE in call.data:
            await maintenance.update_signed_firmware(
                location,
                retrieve_at,
                Signature(call.data[ATTR_CERTIFICATE], call.data[ATTR_SIGNATURE]),
                _moment(call, ATTR_INSTALL),
            )
        else:
            await maintenance.update_firmware(location, retrieve_at)
    return {"status": ACCEPTED}


async def get_diagnostics(call: ServiceCall) -> ServiceResponse:
    """Let a charger upload its diagnostics, to Ladda unless a location is given."""
    charger = named_charger(call.hass, call.data)
    since, until = _moment(call, ATTR_SINCE), _moment(call, ATTR_UNTIL)

    async def ask(location: str) -> str:
        link = charger.hub.desk.link(charger.identity)
        name = await link.maintenance.get_diagnostics(location, since, until)
        if name is None:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="nothing_to_upload",
                translation_placeholders={"station": charger.name},
            )
        return name

    return await _upload(call, charger, ask)


async def get_log(call: ServiceCall) -> ServiceResponse:
    """Let a charger upload a log, to Ladda unless a location is given."""
    charger = named_charger(call.hass, call.data)
    since, until = _moment(call, ATTR_SINCE), _moment(call, ATTR_UNTIL)

    async def ask(location: str) -> str | None:
        link = charger.hub.desk.link(charger.identity)
        return await link.maintenance.get_log(
            location, since, until, security=call.data[ATTR_LOG] == SECURITY_LOG
        )

    return await _upload(call, charger, ask)


async def _upload(
    call: ServiceCall, charger: Charger, ask: Callable[[str], Awaitable[str | None]]
) -> ServiceResponse:
    """Let a charger upload a file; where that goes to Ladda, wait until it is there."""
    with station_errors(charger.name):
        if (location := call.data.get(ATTR_LOCATION)) is not None:
            return {"status": ACCEPTED, "file": await ask(location)}
        link = charger.hub.desk.link(charger.identity)
        upload = charger.hub.uploads.expect(charger.identity)
        await ask(upload.location(link.reached_at))
        stored = await upload.stored(UPLOAD_PATIENCE)
    return {
        "status": "uploaded",
        "file": stored.name,
        "size": stored.size,
        "url": async_signed_link(call.hass, stored.name),
    }


async def clear_cache(call: ServiceCall) -> ServiceResponse:
    """Let a charger forget whom it saw allowed to charge."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        await charger.hub.desk.link(charger.identity).commands.clear_cache()
    return {"status": ACCEPTED}


async def get_composite_schedule(call: ServiceCall) -> ServiceResponse:
    """Read what a connector, or else the whole charger, will be offered."""
    charger = named_charger(call.hass, call.data)
    desk = charger.hub.desk
    with station_errors(charger.name):
        schedule = await desk.link(charger.identity).commands.composite_schedule(
            charger.connector or 0,
            call.data[ATTR_DURATION],
            in_watts=desk.limits.takes_watts(charger.identity),
        )
    return {
        "unit": "W" if schedule.in_watts else "A",
        "periods": [
            {
                "start": period.start.isoformat(),
                "limit": float(period.limit),
                "phases": period.phases,
            }
            for period in schedule.periods
        ],
    }


async def get_local_list_version(call: ServiceCall) -> ServiceResponse:
    """Read the version of the list of tags that a charger has; -1: it has none."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        commands = charger.hub.desk.link(charger.identity).commands
        return {"version": await commands.token_list_version()}


def _moment(call: ServiceCall, field: str) -> datetime | None:
    """Return a time that may be given, in UTC."""
    given: Any = call.data.get(field)
    return None if given is None else dt_util.as_utc(given)
