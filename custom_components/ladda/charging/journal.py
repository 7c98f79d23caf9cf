"""The journal's vocabulary: what happened, as it is kept for ever."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Kind(StrEnum):
    """What an entry tells of."""

    BOOT = "boot"
    STATUS = "status"
    TOKEN = "token"  # a tag was presented, and what was answered
    REMOTE_START = "remote_start"  # somebody asked for a session, for a user
    START = "start"
    METER = "meter"  # a reading of a session that goes on, or told with its end
    LATE_METER = "late_meter"  # a reading of a session that had ended before
    REGISTER = "register"  # a connector's register, read outside of any session
    STOP = "stop"
    CLOSE = "close"  # a session that the station never ended was closed
    LATE_STOP = "late_stop"  # a stop of a session that had ended before
    SECOND_STOP = "second_stop"  # a stop that contradicts the one told before
    ORPHAN_STOP = "orphan_stop"  # a stop of a transaction that nobody knows
    ASSIGN = "assign"  # a session was given to another user
    RATED = "rated"  # a session was priced again
    LIMIT = "limit"  # the current that a person allowed
    SETTINGS = "settings"
    TOKEN_LIST = "token_list"
    RESERVATION = "reservation"  # was made, or ended
    FIRMWARE = "firmware"  # how far an update has come
    DIAGNOSTICS = "diagnostics"  # how far an upload has come
    LOG = "log"  # the same, of a log
    SECURITY = "security"
    CERTIFICATE_REQUEST = "certificate_request"


class Entry(NamedTuple):
    """One line of the journal.

    `occurred_at` is when it happened, as well as we know; `received_at` when we
    heard of it. `connector` is 0 for the station as a whole. `data` can be written
    as JSON; amounts are text, so that no digit is lost. `id` is set when read back.
    """

    kind: str
    station: str
    occurred_at: datetime
    received_at: datetime
    data: dict[str, Any]
    connector: int = 0
    session: int | None = None
    id: int | None = None


# What tells of readings: nearly all of the journal is the former.
READINGS: Final = (Kind.METER, Kind.LATE_METER)


def amount_text(amount: Decimal | None) -> str | None:
    """Write an amount that may not be known, with all its digits."""
    return None if amount is None else str(amount)


def amount_of(text: str | None) -> Decimal | None:
    """Read what `amount_text` wrote."""
    return None if text is None else Decimal(text)


def salvaged(raw: str) -> dict[str, str]:
    """Keep what a station said, where not all of it could be read, for a person to see."""
    return {"salvaged": raw} if raw else {}
