"""Fields as stations really send them are read, or left out; never guessed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.central_system.ocpp16 import values

from ..test_frames import JSON

NUMBERS = [
    ("16.1", Decimal("16.1")),
    (" 16.10\n", Decimal("16.10")),
    ("-5", Decimal(-5)),
    ("1E3", Decimal("1E3")),
    (10.5, Decimal("10.5")),
    (7, Decimal(7)),
    ("0.000", Decimal("0.000")),
    ("999999999999.999", Decimal("999999999999.999")),
    ("", None),
    ("abc", None),
    ("1,5", None),
    ("NaN", None),
    ("sNaN", None),
    ("Infinity", None),
    ("1000000000000", None),
    ("1e300", None),
    ("1e1000000", None),
    ("1e99999999999999999999", None),
    ("1e-400", None),
    ("1" * 41, None),
    (True, None),
    (None, None),
    ([1], None),
]


@pytest.mark.parametrize(("raw", "number"), NUMBERS)
def test_numbers(raw: object, number: Decimal | None) -> None:
    read = values.number(raw)
    assert read == number
    assert str(read) == str(number)  # no digit more or less


@pytest.mark.parametrize(
    ("raw", "whole"),
    [(1, 1), ("1", 1), (" 2 ", 2), (1.0, 1), (1.5, None), ("x", None), (True, None)],
)
def test_whole_numbers(raw: object, whole: int | None) -> None:
    assert values.integer(raw) == whole


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        (42, 42),
        ("42", 42),
        (0, None),
        (-1, None),
        (-16, -16),
        (-(2**31), None),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        (9223372036854775807, None),
        ("", None),
        (None, None),
    ],
)
def test_ids_that_stand_for_no_transaction(raw: object, id_: int | None) -> None:
    assert values.transaction_id(raw) == id_


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-11-23T04:00:00Z", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        (" 2026-11-23T04:00:00.5Z ", datetime(2026, 11, 23, 4, 0, 0, 500000, UTC)),
        ("2026-11-23T05:00:00+01:00", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        ("2026-11-23T04:00:00", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("not-a-time", None),
        ("", None),
        (0, None),
        (None, None),
    ],
)
def test_moments(raw: object, moment: datetime | None) -> None:
    read = values.moment(raw)
    assert read == moment
    assert read is None or read.utcoffset() == timedelta()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (" a ", "a"),
        (17, "17"),
        (1.5, "1.5"),
        (True, ""),
        (None, ""),
        ({}, ""),
        ("x" * 300, "x" * 255),
        ("04AA11\x10\x0e", "04AA11"),
        ("one\ntwo\x00", "one two"),
        ("\u202egarage", "garage"),
    ],
)
def test_texts(raw: object, text: str) -> None:
    assert values.text(raw) == text


@pytest.mark.parametrize("nothing", ["null", "None", "0x0000", "0", 0, "", None])
def test_words_for_nothing_say_nothing(nothing: object) -> None:
    assert values.filled_text(nothing) == ""


def test_a_lone_object_is_a_list_of_one() -> None:
    assert values.objects({"a": 1}) == [{"a": 1}]
    assert values.objects([{"a": 1}, None, 7]) == [{"a": 1}]
    assert values.objects("x") == []


@given(JSON | st.text(alphabet="0123456789.eE+-_ nNaAiIfF"))
def test_no_value_is_an_error(raw: object) -> None:
    values.text(raw)
    values.filled_text(raw)
    number = values.number(raw)
    assert number is None or abs(number) < 10**12
    assert number is None or len(format(number, "f")) < 100
    values.integer(raw)
    values.transaction_id(raw)
    values.moment(raw)
    values.objects(raw)
