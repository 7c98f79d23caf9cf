"""Frames are read whatever comes, and written as OCPP-J has them."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.central_system import frames
from custom_components.ladda.central_system.frames import (
    BadCall,
    Call,
    CallError,
    CallResult,
    ErrorCode,
    Refusal,
    Unreadable,
)

TEXT = st.text(st.characters(codec="utf-8"))


def values(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Return values of JSON with these numbers."""
    leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT
    return st.recursive(
        leaves | numbers,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
        max_leaves=10,
    )


JSON = values(st.floats(allow_nan=False, allow_infinity=False))
NEARLY_JSON = values(st.floats())
NEARLY_FRAMES = st.tuples(
    st.sampled_from([2, 3, 4, 2.0, "2", 5, True, None]),
    NEARLY_JSON,
    NEARLY_JSON,
    NEARLY_JSON,
).flatmap(lambda parts: st.sampled_from([parts[:length] for length in range(5)]))
READABLE_IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=36) | (
    st.integers(-(2**63), 2**64 - 1)
)


@given(
    st.binary()
    | (NEARLY_JSON | NEARLY_FRAMES).map(lambda value: json.dumps(value).encode())
)
def test_nothing_that_comes_is_more_than_unreadable(raw: bytes) -> None:
    frame = frames.parse(raw)
    assert isinstance(frame, Call | CallResult | CallError | BadCall | Unreadable)
    if isinstance(frame, Call | BadCall):
        frames.result(frame.id, {})  # can be answered
        assert not isinstance(frame, Call) or isinstance(frame.payload, dict)


@given(READABLE_IDS, st.lists(NEARLY_JSON, max_size=3))
def test_every_call_with_a_readable_id_can_be_answered_under_it(
    id_: str | int, rest: list[Any]
) -> None:
    frame = frames.parse(json.dumps([2, id_, *rest]).encode())
    assert isinstance(frame, Call | BadCall)
    assert frame.id == id_


@given(TEXT, st.dictionaries(TEXT, JSON))
def test_what_we_write_is_what_the_other_side_reads(
    text: str, payload: dict[str, Any]
) -> None:
    raw = frames.result("id", payload)
    assert json.loads(raw) == [3, "id", payload]
    assert frames.parse(raw) == CallResult("id", payload)
    raw = frames.error("id", Refusal(ErrorCode.GENERIC_ERROR, text))
    assert frames.parse(raw) == CallError("id", "GenericError", text[:255])


def test_a_call_is_compact_json() -> None:
    assert frames.call("1", "Reset", {"type": "Soft"}) == (
        b'[2,"1","Reset",{"type":"Soft"}]'
    )


@pytest.mark.parametrize(
    ("raw", "frame"),
    [
        (b'[2,"1","A",{"b":1}]', Call("1", "A", {"b": 1})),
        (b'\n [2, "1", "A", null]\r\n', Call("1", "A", {})),
        (b'[2.0,"1","A"]', Call("1", "A", {})),
        (b'[2,"1","A",{"t":"a\tb"}]', Call("1", "A", {"t": "a b"})),
        (b'[2,"1","A",{"t":"Stra\xdfe"}]', Call("1", "A", {"t": "Stra\ufffde"})),
        (
            b'[2,"1","A",{"a":NaN,"b":[-Infinity,1e999,1.5],"c":"NaN, \\"inf"}]',
            Call("1", "A", {"a": None, "b": [None, None, 1.5], "c": 'NaN, "inf'}),
        ),
        (b'[2,"1","A",Infinity]', Call("1", "A", {})),
        (b'[2,"1","A",{"b":' + b"9" * 400 + b"}]", Call("1", "A", {"b": None})),
        (b'[2,"1","A",{"t":"04\\ud83d"}]', Call("1", "A", {"t": "04\\ud83d"})),
        (
            rb'[2,"1","A",{"t":"C:\ups \x41 it\'s \udE00\uD83d\ude00\u00e5\\\"\/"}]',
            Call("1", "A", {"t": "C:\\ups \\x41 it\\'s \\udE00😀å\\\"/"}),
        ),
        (b'[2,"1","A",{"b":NaNA}]', Unreadable("not JSON")),
        (b"[" * 100_000 + b"NaN", Unreadable("not JSON")),
        (b'[3,"1",{},1]', CallResult("1", {})),
        (b'[3,"1",[1]]', CallResult("1", [1])),
        (b'[4,"1","Code","text",{},1]', CallError("1", "Code", "text")),
        (b'[4,"1",null,null]', CallError("1", "GenericError", "")),
        (b"[4,1]", Unreadable("not an OCPP message")),
        (b"[6]", Unreadable("unknown message type")),
        (b'[3,"id",{"configurationKey":[]', Unreadable("not JSON")),
    ],
)
def test_frames_are_read_tolerantly(raw: bytes, frame: frames.Frame) -> None:
    assert frames.parse(raw) == frame


def test_an_id_that_is_no_number_is_no_id() -> None:
    frame = frames.parse(b'[2,NaN,"A",{}]')
    assert isinstance(frame, BadCall)
    assert frame.id == "-1"


def test_a_description_is_cut_to_what_a_station_must_take() -> None:
    assert len(Refusal(ErrorCode.GENERIC_ERROR, "x" * 300).description) == 255
