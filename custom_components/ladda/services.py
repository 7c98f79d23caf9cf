"""The actions: their fields, and who may call them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.helpers.typing import VolSchemaType

from . import (
    certificate_actions as certificate,
    charger_actions as charger,
    maintenance_actions as maintenance,
    reservation_actions as reservation,
    session_actions as session,
)
from .billing.exact import number
from .const import DOMAIN
from .resolve import ATTR_CONNECTOR

MINIMUM_CURRENT: Final = 6  # A, what a car can be told at least (IEC 61851-1)
MAXIMUM_CURRENT: Final = 80
MESSAGES: Final = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
)
RESETS: Final = ("soft", charger.HARD)
LOGS: Final = ("diagnostics", maintenance.SECURITY_LOG)
A_DAY: Final = {"hours": 24}


def exact_number(value: Any) -> Decimal:
    """Take a number with the digits that it was written with."""
    return number(str(value))


def current_limit(value: Any) -> Decimal:
    """Take a current in A per phase: 0 to pause, or what a car can be told."""
    limit = exact_number(value)
    if limit and not MINIMUM_CURRENT <= limit <= MAXIMUM_CURRENT:
        raise vol.Invalid(
            f"a limit is 0 A, or from {MINIMUM_CURRENT} to {MAXIMUM_CURRENT} A"
        )
    return limit


def setting_value(value: Any) -> str:
    """Take a setting's value; YAML's booleans are written as OCPP writes them."""
    return cv.string(str(value).lower() if isinstance(value, bool) else value)


def connector_of_device(data: dict[str, Any]) -> dict[str, Any]:
    """Insist that a connector is named together with its charger."""
    if ATTR_CONNECTOR in data and ATTR_DEVICE_ID not in data:
        raise vol.Invalid("a connector belongs to a charger", path=[ATTR_DEVICE_ID])
    return data


def installed_when_signed(data: dict[str, Any]) -> dict[str, Any]:
    """Insist on a signature where a time of installation is given."""
    if maintenance.ATTR_INSTALL in data and maintenance.ATTR_SIGNATURE not in data:
        raise vol.Invalid(
            "only signed firmware is installed at a time of its own",
            path=[maintenance.ATTR_SIGNATURE],
        )
    return data


COUNT: Final = vol.All(vol.Coerce(int), vol.Range(min=1))
CHARGER: Final = vol.Schema({vol.Required(ATTR_DEVICE_ID): cv.string})
CONNECTOR: Final = CHARGER.extend({vol.Optional(ATTR_CONNECTOR): COUNT})
UPLOAD: Final = CHARGER.extend(
    {
        vol.Optional(maintenance.ATTR_LOCATION): cv.string,
        vol.Optional(maintenance.ATTR_SINCE): cv.datetime,
        vol.Optional(maintenance.ATTR_UNTIL): cv.datetime,
    }
)
SESSION: Final = vol.Schema({vol.Required(session.ATTR_SESSION_ID): COUNT})


@dataclass(frozen=True, slots=True)
class Action:
    """An action; `admin`: only administrators and automations may call it."""

    name: str
    act: Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]
    schema: VolSchemaType
    admin: bool = False
    response: SupportsResponse = SupportsResponse.OPTIONAL


ACTIONS: Final = (
    Action(
        "start_charging",
        charger.start_charging,
        CONNECTOR.extend(
            {
                vol.Optional(charger.ATTR_USER): cv.string,
                vol.Optional(charger.ATTR_TAG): cv.string,
                vol.Optional(charger.ATTR_LIMIT): current_limit,
            }
        ),
    ),
    Action(
        "stop_charging",
        charger.stop_charging,
        vol.All(
            vol.Schema(
                {
                    vol.Exclusive(ATTR_DEVICE_ID, "which"): cv.string,
                    vol.Exclusive(charger.ATTR_SESSION_ID, "which"): COUNT,
                    vol.Optional(ATTR_CONNECTOR): COUNT,
                }
            ),
            cv.has_at_least_one_key(ATTR_DEVICE_ID, charger.ATTR_SESSION_ID),
            connector_of_device,
        ),
    ),
    Action(
        "set_limit",
        charger.set_limit,
        CONNECTOR.extend({vol.Required(charger.ATTR_LIMIT): current_limit}),
    ),
    Action("clear_limit", charger.clear_limit, CONNECTOR),
    Action("unlock", charger.unlock, CONNECTOR, admin=True),
    Action(
        "reset",
        charger.reset,
        CHARGER.extend({vol.Required(charger.ATTR_TYPE): vol.In(RESETS)}),
        admin=True,
    ),
    Action(
        "set_availability",
        charger.set_availability,
        CONNECTOR.extend({vol.Required(charger.ATTR_AVAILABLE): cv.boolean}),
        admin=True,
    ),
    Action(
        "trigger",
        charger.trigger,
        CONNECTOR.extend({vol.Required(charger.ATTR_MESSAGE): vol.In(MESSAGES)}),
        admin=True,
    ),
    Action(
        "get_configuration",
        charger.get_configuration,
        CHARGER.extend(
            {vol.Optional(charger.ATTR_KEYS): vol.All(cv.ensure_list, [cv.string])}
        ),
        admin=True,
        response=SupportsResponse.ONLY,
    ),
    Action(
        "set_configuration",
        charger.set_configuration,
        CHARGER.extend(
            {
                vol.Required(charger.ATTR_KEY): cv.string,
                vol.Required(charger.ATTR_VALUE): setting_value,
            }
        ),
        admin=True,
    ),
    Action("set_password", charger.set_password, CHARGER, admin=True),
    Action(
        "data_transfer",
        charger.data_transfer,
        CHARGER.extend(
            {
                vol.Required(charger.ATTR_VENDOR): cv.string,
                vol.Optional(charger.ATTR_MESSAGE): cv.string,
                vol.Optional(charger.ATTR_DATA): cv.string,
            }
        ),
        admin=True,
    ),
    Action(
        "send_message",
        charger.send_message,
        CHARGER.extend(
            {
                vol.Required(charger.ATTR_ACTION): cv.string,
                vol.Required(charger.ATTR_PAYLOAD): dict,
            }
        ),
        admin=True,
    ),
    Action(
        "reserve",
        reservation.reserve,
        vol.All(
            CONNECTOR.extend(
                {
                    vol.Optional(charger.ATTR_USER): cv.string,
                    vol.Optional(charger.ATTR_TAG): cv.string,
                    vol.Exclusive(reservation.ATTR_UNTIL, "end"): cv.datetime,
                    vol.Exclusive(reservation.ATTR_MINUTES, "end"): COUNT,
                }
            ),
            cv.has_at_least_one_key(reservation.ATTR_UNTIL, reservation.ATTR_MINUTES),
        ),
    ),
    Action("cancel_reservation", reservation.cancel_reservation, CONNECTOR),
    Action(
        "update_firmware",
        maintenance.update_firmware,
        vol.All(
            CHARGER.extend(
                {
                    vol.Required(maintenance.ATTR_LOCATION): cv.string,
                    vol.Optional(maintenance.ATTR_RETRIEVE): cv.datetime,
                    vol.Optional(maintenance.ATTR_INSTALL): cv.datetime,
                    vol.Inclusive(maintenance.ATTR_CERTIFICATE, "signed"): cv.string,
                    vol.Inclusive(maintenance.ATTR_SIGNATURE, "signed"): cv.string,
                }
            ),
            installed_when_signed,
        ),
        admin=True,
    ),
    Action("get_diagnostics", maintenance.get_diagnostics, UPLOAD, admin=True),
    Action(
        "get_log",
        maintenance.get_log,
        UPLOAD.extend({vol.Required(maintenance.ATTR_LOG): vol.In(LOGS)}),
        admin=True,
    ),
    Action("clear_cache", maintenance.clear_cache, CHARGER, admin=True),
    Action(
        "get_composite_schedule",
        maintenance.get_composite_schedule,
        CONNECTOR.extend(
            {
                vol.Optional(maintenance.ATTR_DURATION, default=A_DAY): vol.All(
                    cv.time_period, cv.positive_timedelta
                )
            }
        ),
        admin=True,
        response=SupportsResponse.ONLY,
    ),
    Action(
        "get_local_list_version",
        maintenance.get_local_list_version,
        CHARGER,
        admin=True,
        response=SupportsResponse.ONLY,
    ),
    Action(
        "list_certificates",
        certificate.list_certificates,
        CHARGER,
        admin=True,
        response=SupportsResponse.ONLY,
    ),
    Action(
        "install_certificate",
        certificate.install_certificate,
        CHARGER.extend(
            {
                vol.Required(certificate.ATTR_TYPE): vol.In(certificate.TYPES),
                vol.Required(maintenance.ATTR_CERTIFICATE): cv.string,
            }
        ),
        admin=True,
    ),
    Action(
        "delete_certificate",
        certificate.delete_certificate,
        CHARGER.extend(
            {
                vol.Required(certificate.ATTR_HASH_ALGORITHM): vol.In(
                    certificate.HASH_ALGORITHMS
                ),
                vol.Required(certificate.ATTR_ISSUER_NAME_HASH): cv.string,
                vol.Required(certificate.ATTR_ISSUER_KEY_HASH): cv.string,
                vol.Required(certificate.ATTR_SERIAL_NUMBER): cv.string,
            }
        ),
        admin=True,
    ),
    Action(
        "list_sessions",
        session.list_sessions,
        vol.All(
            vol.Schema(
                {
                    vol.Optional(ATTR_DEVICE_ID): cv.string,
                    vol.Optional(ATTR_CONNECTOR): COUNT,
                    vol.Optional(session.ATTR_USER): cv.string,
                    vol.Optional(session.ATTR_SINCE): cv.datetime,
                    vol.Optional(session.ATTR_UNTIL): cv.datetime,
                    vol.Optional(session.ATTR_OPEN): cv.boolean,
                    vol.Optional(session.ATTR_LIMIT, default=100): COUNT,
                }
            ),
            connector_of_device,
        ),
        response=SupportsResponse.ONLY,
    ),
    Action(
        "get_session",
        session.get_session,
        SESSION,
        response=SupportsResponse.ONLY,
    ),
    Action(
        "assign_session",
        session.assign_session,
        SESSION.extend({vol.Required(session.ATTR_USER): cv.string}),
        admin=True,
    ),
    Action("close_session", session.close_session, SESSION, admin=True),
    Action(
        "set_price",
        session.set_price,
        vol.Schema(
            {
                vol.Required(session.ATTR_TARIFF): cv.string,
                vol.Required(session.ATTR_START): cv.datetime,
                vol.Required(session.ATTR_END): cv.datetime,
                vol.Exclusive(session.ATTR_PRICE, "shown"): exact_number,
                vol.Exclusive(session.ATTR_STATE, "shown"): cv.string,
            }
        ),
        admin=True,
    ),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for action in ACTIONS:
        if action.admin:
            async_register_admin_service(
                hass, DOMAIN, action.name, action.act, action.schema, action.response
            )
        else:
            hass.services.async_register(
                DOMAIN, action.name, action.act, action.schema, action.response
            )
