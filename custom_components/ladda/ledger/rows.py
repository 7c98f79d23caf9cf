"""How records become rows and rows become records."""

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, RowMapping, Table, insert
from sqlalchemy.engine.interfaces import DBAPICursor

from ..charging.journal import Entry
from ..charging.session import Session
from .database import upsert
from .records import PriceEntry
from .schema import journal, price, session


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
        connection: Connection,
        entries: Collection[Entry],
        sessions: Collection[Session],
        prices: Collection[PriceEntry],
    ) -> None:
        """Add entries and prices, add or replace sessions, in the transaction begun.

        Raises what the driver raises.
        """
        cursor = connection.connection.cursor()
        try:
            self._journal.store(cursor, entries)
            self._session.store(cursor, sessions)
            self._price.store(cursor, prices)
        finally:
            cursor.close()


class _Rows:
    """The rows of one table, whose columns are named as the records' fields."""

    def __init__(self, table: Table, statement: Insert, dialect: Dialect) -> None:
        """Compile the statement for the columns that are not counted up."""
        columns = {c.name: c for c in table.columns if c.autoincrement is not True}
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        # A driver takes parameters in order, or else by name.
        self._names = None if compiled.positiontup else list(columns)
        order = compiled.positiontup or list(columns)
        self._sql = str(compiled)
        self._values = attrgetter(*order)
        self._write = [columns[name].type.bind_processor(dialect) for name in order]

    def store(self, cursor: DBAPICursor, records: Collection[Any]) -> None:
        """Store records in their order."""
        if records:
            cursor.executemany(self._sql, [self._row(record) for record in records])

    def _row(self, record: Any) -> Any:
        """Write a record as the driver takes it."""
        row = [
            value if write is None else write(value)
            for value, write in zip(self._values(record), self._write, strict=True)
        ]
        return row if self._names is None else dict(zip(self._names, row, strict=True))


def entry_of(row: RowMapping) -> Entry:
    """Make the entry of a row of the journal."""
    return Entry(**row)


def session_of(row: RowMapping) -> Session:
    """Make the session of its row."""
    return Session(**row)


def price_of(row: RowMapping) -> PriceEntry:
    """Make the price of its row; the columns are those of PriceEntry."""
    return PriceEntry(**row)
