"""Frames of OCPP-J: what is on the wire between a station and us.

A CALL is `[2, id, action, payload]`, its answer `[3, id, payload]` or
`[4, id, code, description, details]` (OCPP-J 1.6 §4.2). An empty payload is
written `{}` or `null` (§4.2.1).
"""

from enum import StrEnum
from math import isfinite
import re
from typing import Any, Final, NamedTuple

import orjson

MAX_ID_LENGTH = 36
MAX_DESCRIPTION_LENGTH = 255
UNREADABLE_ID = (
    "-1"  # in the answer to a call whose id cannot be read (as OCPP 2 has it)
)
_BLANKS = bytes.maketrans(bytes(range(32)), b" " * 32)
# A text, or a bare word. A text that has no end goes to the end of the frame, lest one
# of nothing but quotation marks takes for ever.
_TEXT_OR_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[-+.\w]++')
# A backslash, and what makes an escape of it: of surrogates only two do.
_ESCAPE: Final = re.compile(
    r"""\\(["\\/bfnrt]|u(?![dD][89a-fA-F])[\da-fA-F]{4}"""
    r"|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})?",
    re.ASCII,
)


class ErrorCode(StrEnum):
    """Codes of a CALLERROR, spelled as OCPP-J 1.6 spells them (errata 5.1, 5.2)."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class Refusal(Exception):
    """A CALL that is answered with an error; tells the station what is wrong."""

    def __init__(self, code: ErrorCode, description: str = "") -> None:
        """Keep the code and a description of at most 255 characters."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:MAX_DESCRIPTION_LENGTH]


class Call(NamedTuple):
    """A request of the other side."""

    id: str | int
    action: str
    payload: dict[str, Any]


class CallResult(NamedTuple):
    """The answer to a request of ours; what its payload is, is for the asker to see."""

    id: str
    payload: Any


class CallError(NamedTuple):
    """The refusal of a request of ours."""

    id: str
    code: str
    description: str


class BadCall(NamedTuple):
    """A request that cannot be read, though it can be answered."""

    id: str | int
    refusal: Refusal


class Unreadable(NamedTuple):
    """Something that cannot even be answered."""

    reason: str


type Frame = Call | CallResult | CallError | BadCall | Unreadable


def parse(raw: bytes) -> Frame:
    """Read one frame; never raises, and each CALL can be answered.

    Frames of an unknown type are to be ignored (OCPP-J 1.6 §4.1.3).
    """
    try:
        message = _load(raw)
    except orjson.JSONDecodeError:
        return Unreadable("not JSON")
    match message:
        case [2, id_, *rest]:
            return _parse_call(id_, rest)
        case [3, str(id_), *rest]:
            return CallResult(id_, _payload(rest))
        case [4, str(id_), *rest]:
            code = rest[0] if rest and isinstance(rest[0], str) else ""
            text = rest[1] if len(rest) > 1 and isinstance(rest[1], str) else ""
            return CallError(id_, code or ErrorCode.GENERIC_ERROR, text)
        case [int(kind), *_] if kind not in (2, 3, 4):
            return Unreadable("unknown message type")
    return Unreadable("not an OCPP message")


def _load(raw: bytes) -> Any:
    """Read JSON, and what stations take for it.

    Control characters, bad UTF-8 and bad escapes in texts, and numbers that are none
    (NaN), are the station's fault only; to drop a whole transaction because of one would
    be ours.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw.translate(_BLANKS).decode(errors="replace")
        return orjson.loads(_TEXT_OR_WORD.sub(_mended, text))


def _mended(found: re.Match[str]) -> str:
    """Make null of NaN, Infinity and numbers beyond all numbers.

    In texts a backslash that escapes nothing stands for itself.
    """
    word = found[0]
    if word.startswith('"'):
        return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else r"\\", word)
    try:
        return word if isfinite(float(word)) else "null"
    except ValueError:
        return word


def _parse_call(id_: Any, rest: list[Any]) -> Frame:
    """Read a CALL from its id on."""
    if type(id_) is not int and not (
        isinstance(id_, str) and 0 < len(id_) <= MAX_ID_LENGTH
    ):
        # An over-long id is echoed cut off rather than at any length.
        echo = id_[:MAX_ID_LENGTH] if isinstance(id_, str) else UNREADABLE_ID
        return BadCall(
            echo,
            Refusal(ErrorCode.FORMATION_VIOLATION, "message id of 1 to 36 characters"),
        )
    if not rest:
        return BadCall(id_, Refusal(ErrorCode.FORMATION_VIOLATION, "no action"))
    action = rest[0]
    if not isinstance(action, str):
        return BadCall(id_, Refusal(ErrorCode.NOT_IMPLEMENTED, "action is no text"))
    payload = _payload(rest[1:])
    if not isinstance(payload, dict):
        return BadCall(
            id_, Refusal(ErrorCode.FORMATION_VIOLATION, "payload is no object")
        )
    return Call(id_, action, payload)


def _payload(rest: list[Any]) -> Any:
    """Take the payload, which may be null or missing."""
    return {} if not rest or rest[0] is None else rest[0]


def call(id_: str, action: str, payload: dict[str, Any]) -> bytes:
    """Write a CALL."""
    return orjson.dumps((2, id_, action, payload))


def result(id_: str | int, payload: dict[str, Any]) -> bytes:
    """Write a CALLRESULT."""
    return orjson.dumps((3, id_, payload))


def error(id_: str | int, refusal: Refusal) -> bytes:
    """Write a CALLERROR."""
    return orjson.dumps((4, id_, refusal.code, refusal.description, {}))
