"""Actions that ask something of a charger."""

from collections.abc import Mapping
from decimal import Decimal
import re
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError

from .billing.users import User
from .central_system import holds_password
from .central_system.credentials import new_password
from .charging.session import Session
from .const import CONF_MAX_CURRENT, DEFAULT_MAX_CURRENT, DOMAIN
from .errors import station_errors
from .hub import LaddaHub
from .privileges import Reach, async_reach
from .resolve import Charger, named_charger, named_user, station_name, the_hub

ATTR_ACTION: Final = "action"
ATTR_AVAILABLE: Final = "available"
ATTR_DATA: Final = "data"
ATTR_KEY: Final = "key"
ATTR_KEYS: Final = "keys"
ATTR_LIMIT: Final = "limit"
ATTR_MESSAGE: Final = "message"
ATTR_PAYLOAD: Final = "payload"
ATTR_SESSION_ID: Final = "session_id"
ATTR_TAG: Final = "tag"
ATTR_TYPE: Final = "type"
ATTR_USER: Final = "user"
ATTR_VALUE: Final = "value"
ATTR_VENDOR: Final = "vendor"
ACCEPTED: Final = "accepted"
HARD: Final = "hard"

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


async def start_charging(call: ServiceCall) -> ServiceResponse:
    """Ask a charger to start a session; accepted means that it will try."""
    charger = named_charger(call.hass, call.data)
    reach = await async_reach(call.hass, charger.hub, call.context)
    connector = charger.one_connector()
    user = payer(charger.hub, reach, call.data)
    limit_a = call.data.get(ATTR_LIMIT)
    if limit_a is not None:
        _check_limit(charger, limit_a)
    with station_errors(charger.name):
        await charger.hub.desk.remote.start(
            charger.identity,
            connector,
            user,
            call.data.get(ATTR_TAG),
            limit_a,
        )
    return {"status": ACCEPTED}


async def stop_charging(call: ServiceCall) -> ServiceResponse:
    """Ask a charger to end a session, named by its id or by its connector."""
    if (session_id := call.data.get(ATTR_SESSION_ID)) is not None:
        hub = the_hub(call.hass)
        session = _open_session(hub, session_id)
    else:
        charger = named_charger(call.hass, call.data)
        hub = charger.hub
        opened = hub.station(charger.identity).session_at(charger.one_connector())
        session = opened.session if opened is not None else None
    reach = await async_reach(call.hass, hub, call.context)
    if session is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_open_session"
        )
    demand_within(reach, session.user)
    with station_errors(station_name(hub, session.station)):
        await hub.desk.link(session.station).commands.stop(session.id)
    return {"session_id": session.id}


async def set_limit(call: ServiceCall) -> ServiceResponse:
    """Limit the current of a connector until the limit is cleared."""
    limit_a = call.data[ATTR_LIMIT]
    charger = named_charger(call.hass, call.data)
    _check_limit(charger, limit_a)
    return await _limit(call, charger, limit_a)


async def clear_limit(call: ServiceCall) -> ServiceResponse:
    """Lift the limit of a connector."""
    return await _limit(call, named_charger(call.hass, call.data), None)


async def _limit(
    call: ServiceCall, charger: Charger, limit_a: Decimal | None
) -> ServiceResponse:
    """Set or lift a limit; who is no administrator only while they charge there."""
    connector = charger.one_connector()
    reach = await async_reach(call.hass, charger.hub, call.context)
    opened = charger.hub.station(charger.identity).session_at(connector)
    demand_within(reach, opened.session.user if opened is not None else None)
    with station_errors(charger.name):
        await charger.hub.desk.limits.set(charger.identity, connector, limit_a)
    return {"status": ACCEPTED}


async def unlock(call: ServiceCall) -> ServiceResponse:
    """Unlock a connector; this ends its session."""
    charger = named_charger(call.hass, call.data)
    connector = charger.one_connector()
    with station_errors(charger.name):
        await charger.hub.desk.link(charger.identity).commands.unlock(connector)
    return {"status": ACCEPTED}


async def reset(call: ServiceCall) -> ServiceResponse:
    """Restart a charger."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        await charger.hub.desk.link(charger.identity).commands.reset(
            hard=call.data[ATTR_TYPE] == HARD
        )
    return {"status": ACCEPTED}


async def set_availability(call: ServiceCall) -> ServiceResponse:
    """Take a connector, or else the whole charger, into use or out of it."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        status = await charger.hub.desk.link(
            charger.identity
        ).commands.set_availability(
            charger.connector or 0, operative=call.data[ATTR_AVAILABLE]
        )
    return {"status": _in_our_spelling(status)}


async def trigger(call: ServiceCall) -> ServiceResponse:
    """Ask a charger to send one of its messages now."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        await charger.hub.desk.link(charger.identity).commands.trigger(
            call.data[ATTR_MESSAGE], charger.connector
        )
    return {"status": ACCEPTED}


async def get_configuration(call: ServiceCall) -> ServiceResponse:
    """Read settings of a charger, all where none are named."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        settings, unknown = await charger.hub.desk.link(
            charger.identity
        ).commands.get_configuration(call.data.get(ATTR_KEYS, ()))
    return {
        "settings": {
            key: {"value": setting.value, "read_only": setting.read_only}
            for key, setting in settings.items()
        },
        "unknown": [*unknown],
    }


async def set_configuration(call: ServiceCall) -> ServiceResponse:
    """Change a setting of a charger; it may take effect after a restart only."""
    charger = named_charger(call.hass, call.data)
    _check_key(charger, call.data[ATTR_KEY])
    with station_errors(charger.name):
        status = await charger.hub.desk.link(
            charger.identity
        ).commands.set_configuration(call.data[ATTR_KEY], call.data[ATTR_VALUE])
    return {"status": _in_our_spelling(status)}


async def set_password(call: ServiceCall) -> ServiceResponse:
    """Give a charger a new password, that nobody else has to know.

    It is neither taken nor told, for what an action is given and returns is kept in
    traces and by the recorder (security whitepaper A01.FR.09).
    """
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        given = await charger.hub.passwords.give(charger.identity, new_password())
    asked = given.profile_status
    return {
        "status": given.status.value,
        "security_profile": given.profile,
        "security_profile_status": asked.value if asked is not None else None,
    }


async def data_transfer(call: ServiceCall) -> ServiceResponse:
    """Send a vendor's own message and return the answer, also one that refuses."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        answer = await charger.hub.desk.link(charger.identity).commands.data_transfer(
            call.data[ATTR_VENDOR],
            call.data.get(ATTR_MESSAGE),
            call.data.get(ATTR_DATA),
        )
    return {
        "status": _in_our_spelling(str(answer.get("status", ""))),
        "data": answer.get("data"),
    }


async def send_message(call: ServiceCall) -> ServiceResponse:
    """Send any OCPP message as it is and return the charger's answer as it is."""
    charger = named_charger(call.hass, call.data)
    action, payload = call.data[ATTR_ACTION], call.data[ATTR_PAYLOAD]
    if action == "ChangeConfiguration":
        _check_key(charger, str(payload.get(ATTR_KEY)))
    with station_errors(charger.name):
        return await charger.hub.desk.link(charger.identity).commands.raw(
            action, payload
        )


def payer(hub: LaddaHub, reach: Reach, data: Mapping[str, Any]) -> str | None:
    """Return the id of who pays for a session; None: the charger's default user does.

    A tag stands for its owner. Who is no administrator charges for themselves.
    Raises ServiceValidationError for somebody else.
    """
    user = named_user(hub, data[ATTR_USER]) if ATTR_USER in data else None
    if ATTR_TAG in data:
        user = _owner(hub, data[ATTR_TAG], user)
    elif user is None and reach.users is not None:
        user = _themselves(hub, reach.users)
    if user is None:
        return None
    demand_within(reach, user.id)
    return user.id


def _owner(hub: LaddaHub, tag: str, named: User | None) -> User:
    """Return the owner of a tag, who is the user that is named, if one is."""
    owner = hub.desk.house.directory.owner(tag)
    if owner is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_tag",
            translation_placeholders={"tag": tag},
        )
    if named is not None and named.id != owner.id:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="tag_of_another",
            translation_placeholders={"tag": tag, "user": named.name},
        )
    return owner


def _themselves(hub: LaddaHub, users: frozenset[str]) -> User:
    """Return the one user that somebody is."""
    match [user for user in hub.desk.house.directory.users if user.id in users]:
        case [user]:
            return user
        case []:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_user_of_yours"
            )
    raise ServiceValidationError(
        translation_domain=DOMAIN, translation_key="several_users_of_yours"
    )


def _open_session(hub: LaddaHub, session_id: int) -> Session | None:
    """Return the session of that id, if it goes on."""
    for station in hub.desk.stations.values():
        if (opened := station.open.get(session_id)) is not None:
            return opened.session
    return None


def demand_within(reach: Reach, user: str | None) -> None:
    """Raise ServiceValidationError for what is somebody else's."""
    if not reach.covers(user):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_yours"
        )


def _check_limit(charger: Charger, limit_a: Decimal) -> None:
    """Raise ServiceValidationError for more than the charger's fuse allows."""
    subentry = charger.hub.subentry(charger.identity)
    assert subentry is not None  # the charger is one of the house's
    most = subentry.data.get(CONF_MAX_CURRENT, DEFAULT_MAX_CURRENT)
    if limit_a > Decimal(str(most)):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="limit_too_high",
            translation_placeholders={"station": charger.name, "max": str(most)},
        )


def _check_key(charger: Charger, key: str) -> None:
    """Raise ServiceValidationError for a charger's password, which is no setting.

    Ladda would not know the new one, and would let the charger in no more.
    """
    if holds_password(key):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="password_is_no_setting",
            translation_placeholders={"station": charger.name},
        )


def _in_our_spelling(status: str) -> str:
    """Write one of OCPP's words as ours are: RebootRequired as reboot_required."""
    return _WORD_START.sub("_", status).lower()
