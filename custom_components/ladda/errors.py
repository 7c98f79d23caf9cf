"""What goes wrong with stations and the ledger, in words for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .central_system import (
    Busy,
    Disconnected,
    NoAnswer,
    NotAccepted,
    NotUploaded,
    Overtaken,
    Refused,
    StationError,
    UploadFailed,
)
from .const import DOMAIN
from .ledger import LedgerError
from .passwords import NotKept, Unshown
from .refusals import MayNotCharge, TooSoon


@contextmanager
def station_errors(station: str) -> Iterator[None]:
    """Turn what goes wrong with a station into a translated HomeAssistantError.

    `station` is the charger's name or identity, as the person knows it. A user who
    may not charge, or a start that comes too soon, becomes a ServiceValidationError.
    """
    try:
        with ledger_errors():
            yield
    except MayNotCharge as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="user_may_not_charge",
            translation_placeholders={"user": err.name},
        ) from err
    except TooSoon as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="start_too_soon",
            translation_placeholders={
                "station": station,
                "minutes": str(-(-err.wait // timedelta(minutes=1))),
            },
        ) from err
    except (StationError, NotKept, Unshown) as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=_translation_key(err),
            translation_placeholders={"station": station, "error": str(err)},
        ) from err


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Turn a LedgerError into a translated HomeAssistantError."""
    try:
        yield
    except LedgerError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_stored",
            translation_placeholders={"error": str(err)},
        ) from err


def _translation_key(err: StationError | NotKept | Unshown) -> str:
    """Name what went wrong; `error` in the text holds what the station said."""
    match err:
        case Disconnected():
            return "station_offline"
        case NoAnswer():
            return "station_silent"
        case Busy():
            return "station_busy"
        case Overtaken():
            return "limit_overtaken"
        case NotAccepted():
            return "station_declined"
        case Refused():
            return "station_refused"
        case UploadFailed():
            return "upload_failed"
        case NotUploaded():
            return "not_uploaded"
        case NotKept():
            return "password_not_kept"
        case Unshown():
            return "passwords_unshown"
    return "station_unreadable"
