"""How exact values are kept in columns that every database has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# MySQL's TEXT ends at 64 kB, less than a long transaction's meter values
_LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

# Only plain JSON comes back as it went in
_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


class Moment(TypeDecorator[datetime]):
    """An aware time, as microseconds since the epoch; comes back in UTC.

    Raises TypeError for a time without a zone.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> int | None:
        """Count the microseconds since the epoch."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(
        self, value: int | None, dialect: Dialect
    ) -> datetime | None:
        """Make the time of its microseconds."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Exact(TypeDecorator[Decimal]):
    """A Decimal, as text: every digit comes back, trailing zeros too."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Write the digits."""
        return None if value is None else str(value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> Decimal | None:
        """Read the digits."""
        return None if value is None else Decimal(value)


class Json(TypeDecorator[Any]):
    """Plain JSON, as text; None is kept as NULL.

    Raises TypeError for what JSON does not know.
    """

    impl = _LONG_TEXT
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write compact JSON."""
        return None if value is None else orjson.dumps(value, option=_PLAIN).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read JSON."""
        return None if value is None else orjson.loads(value)


class Words(TypeDecorator[tuple[str, ...]]):
    """Some words in their order, as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(
        self, value: tuple[str, ...] | None, dialect: Dialect
    ) -> str | None:
        """Write a JSON list."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> tuple[str, ...] | None:
        """Read a JSON list."""
        return None if value is None else tuple(orjson.loads(value))


class Word[W: StrEnum](TypeDecorator[W]):
    """One word of a fixed vocabulary, as text."""

    impl = String
    cache_ok = True

    def __init__(self, vocabulary: type[W]) -> None:
        """Take the words that there are."""
        super().__init__(32)
        self.vocabulary = vocabulary

    def process_bind_param(self, value: W | None, dialect: Dialect) -> str | None:
        """Write the word."""
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> W | None:
        """Read the word; raises ValueError for one that there is not."""
        return None if value is None else self.vocabulary(value)
