"""How records become rows and rows become records."""

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Insert, RowMapping, Table, insert

from ..charging.journal import Entry
from ..charging.session import Session
from .database import upsert
from .records import PriceEntry
from .schema import journal, price, session


class Rows:
    """The statements that store records in one kind of database.

    Each is built once, so that SQLAlchemy compiles it once.
    """

    def __init__(self, dialect: str) -> None:
        """Build the statements in the database's dialect."""
        self._journal = _Rows(journal, insert(journal))
        self._session = _Rows(session, upsert(session, dialect))
        self._price = _Rows(price, insert(price))

    def store(
        self,
        connection: Connection,
        entries: Collection[Entry],
        sessions: Collection[Session],
        prices: Collection[PriceEntry],
    ) -> None:
        """Add entries and prices, add or replace sessions."""
        self._journal.store(connection, entries)
        self._session.store(connection, sessions)
        self._price.store(connection, prices)


class _Rows:
    """The rows of one table, whose columns are named as the records' fields."""

    def __init__(self, table: Table, statement: Insert) -> None:
        """Take the columns that the database does not count up by itself."""
        columns = [c.name for c in table.columns if c.autoincrement is not True]
        self._statement = statement
        self._columns = columns
        self._values = attrgetter(*columns)

    def store(self, connection: Connection, records: Collection[Any]) -> None:
        """Store records in their order."""
        if records:
            connection.execute(
                self._statement,
                [
                    dict(zip(self._columns, self._values(record), strict=True))
                    for record in records
                ],
            )


def entry_of(row: RowMapping) -> Entry:
    """Make the entry of a row of the journal."""
    return Entry(**row)


def session_of(row: RowMapping) -> Session:
    """Make the session of its row."""
    return Session(**row)


def price_of(row: RowMapping) -> PriceEntry:
    """Make the price of its row; the columns are those of PriceEntry."""
    return PriceEntry(**row)
