"""Fields of OCPP 1.6 as stations really send them: tolerant readers.

A reader returns None for what cannot be read; it never raises. Numbers may
come as text and text as numbers; text is cut to what we care to keep.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
import re
from typing import Any, Final

MAX_TEXT: Final = 255
MAX_NUMBER_TEXT: Final = 40
DIGITS: Final = 12  # before the point: more are beyond any meter, a broken value
PLACES: Final = 30  # after it: more are no measurement but a way to fill memory
INT32: Final = 2**31 - 1
NO_TRANSACTION: Final = (0, -1)  # errata 3.18, 3.54
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOTHING: Final = re.compile(r"(0x)?0*|null|none|no ?error", re.IGNORECASE)


def text(value: Any, length: int = MAX_TEXT) -> str:
    """Read text of at most `length` characters; empty for what is no text.

    Characters that nobody can see, which some stations append, become blanks.
    """
    if isinstance(value, str):
        read = value.strip()[:length]
        if read.isprintable():
            return read
        return "".join(one if one.isprintable() else " " for one in read).strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:length]
    return ""


def snake_case(word: str) -> str:
    """Write one of OCPP's words as ours are: InvalidTLSVersion as invalid_tls_version."""
    return _WORD_START.sub("_", word).lower()


def filled_text(value: Any, length: int = MAX_TEXT) -> str:
    """Read text that says something; words for nothing count as empty."""
    read = text(value, length)
    return "" if _NOTHING.fullmatch(read) else read


def number(value: Any) -> Decimal | None:
    """Read a finite number of a plausible size."""
    if type(value) is str:
        source = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        source = str(value)
    else:
        return None
    if len(source) > MAX_NUMBER_TEXT:
        return None
    try:
        read = Decimal(source)  # takes blanks at the ends itself
    except InvalidOperation:
        return None
    plausible = read.is_finite() and -PLACES <= read.adjusted() < DIGITS
    return read if plausible else None


def integer(value: Any) -> int | None:
    """Read a whole number, also from "1" and 1.0."""
    if type(value) is int:
        return value
    read = number(value)
    return int(read) if read is not None and read == read.to_integral_value() else None


def transaction_id(value: Any) -> int | None:
    """Read the id of a transaction; None for the ids that stand for none.

    Negative ones are a station's own, of what it started offline.
    """
    read = integer(value)
    if read is None or read in NO_TRANSACTION or abs(read) > INT32:
        return None
    return read


def moment(value: Any) -> datetime | None:
    """Read a time; without a zone it is taken as UTC (`charging.clock` corrects it)."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if read.tzinfo is UTC:
        return read
    try:
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except OverflowError:
        return None


def objects(value: Any) -> list[dict[str, Any]]:
    """Read a list of objects; a lone object is a list of one."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return []
