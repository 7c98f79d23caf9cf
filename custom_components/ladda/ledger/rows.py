"""How records become rows and rows become records."""

from collections.abc import Collection
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Dialect, Insert, RowMapping, Table, bindparam, insert
from sqlalchemy.engine.interfaces import DBAPICursor

from ..charging.journal import Entry
from ..charging.session import Session
from .database import upsert
from .records import PriceEntry
from .schema import journal, price, session

# Few enough for SQLite's limit on a statement's parameters
_MOST_ROWS: Final = 128


class _Compiled(NamedTuple):
    """A statement, and its parameters' names in order where they go by name."""

    sql: str
    names: list[str]


class Rows:
    """The statements that store records in one kind of database.

    They are compiled once and handed to the driver itself: a meter value is stored
    so often that building a statement each time would cost more than storing it.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Compile the statements for a database."""
        self._journal = _Rows(journal, insert(journal), dialect)
        self._session = _Rows(session, upsert(session, dialect.name), dialect)
        self._price = _Rows(price, insert(price), dialect)

    def store(
        self,
        cursor: DBAPICursor,
        entries: Collection[Entry],
        sessions: Collection[Session],
        prices: Collection[PriceEntry],
    ) -> None:
        """Add entries and prices, add or replace sessions, in the transaction begun.

        Raises what the driver raises.
        """
        self._journal.store(cursor, entries)
        self._session.store(cursor, sessions)
        self._price.store(cursor, prices)


class _Rows:
    """The rows of one table, whose columns are named as the records' fields."""

    def __init__(self, table: Table, statement: Insert, dialect: Dialect) -> None:
        """Compile the statement for the columns that are not counted up."""
        columns = [c for c in table.columns if c.autoincrement is not True]
        self._names = [column.name for column in columns]
        self._values = attrgetter(*self._names)
        writers = [column.type.bind_processor(dialect) for column in columns]
        self._write = [(n, write) for n, write in enumerate(writers) if write]
        self._statement = statement
        self._dialect = dialect
        self._compiled: dict[int, _Compiled] = {}

    def store(self, cursor: DBAPICursor, records: Collection[Any]) -> None:
        """Store records in their order.

        One statement holds as many as there are, by powers of two: a driver lets
        other threads run around each, which costs more than the storing.
        """
        rest = [self._row(record) for record in records]
        while rest:
            size = min(1 << (len(rest).bit_length() - 1), _MOST_ROWS)
            lot, rest = rest[:size], rest[size:]
            sql, names = self._compile(size)
            values = [value for row in lot for value in row]
            cursor.execute(
                sql, dict(zip(names, values, strict=True)) if names else values
            )

    def _compile(self, size: int) -> _Compiled:
        """Compile the statement for so many rows, the first time that it is used."""
        if size not in self._compiled:
            names = [[f"{name}_{row}" for name in self._names] for row in range(size)]
            rows: list[dict[str, Any]] = [
                {
                    name: bindparam(key)
                    for name, key in zip(self._names, keys, strict=True)
                }
                for keys in names
            ]
            compiled = self._statement.values(rows).compile(dialect=self._dialect)
            order = [key for keys in names for key in keys]
            if in_order := compiled.positiontup is not None:
                assert compiled.positiontup == order
            self._compiled[size] = _Compiled(str(compiled), [] if in_order else order)
        return self._compiled[size]

    def _row(self, record: Any) -> list[Any]:
        """Write a record as the driver takes it."""
        row = list(self._values(record))
        for place, write in self._write:
            row[place] = write(row[place])
        return row


def entry_of(row: RowMapping) -> Entry:
    """Make the entry of a row of the journal."""
    return Entry(**row)


def session_of(row: RowMapping) -> Session:
    """Make the session of its row."""
    return Session(**row)


def price_of(row: RowMapping) -> PriceEntry:
    """Make the price of its row; the columns are those of PriceEntry."""
    return PriceEntry(**row)
