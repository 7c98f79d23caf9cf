"""The tables of the ledger."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from ..charging.journal import Kind
from ..charging.model import Authorization
from ..charging.session import Closing
from .columns import Exact, Json, Moment, Word, Words

tables = MetaData()

# SQLite counts up by itself only in a column declared INTEGER
_COUNTED = BigInteger().with_variant(Integer(), "sqlite")
_NAME = String(255)

# Readings are nearly all of the journal. To keep them in an index would make the disk
# write four pages for each instead of one, so that they are only kept in order.
_INDEXED = text(f"kind <> '{Kind.METER}'")


def _index(name: str, *columns: str) -> Index:
    """Make an index of all of the journal but the readings, where a database can."""
    return Index(name, *columns, sqlite_where=_INDEXED, postgresql_where=_INDEXED)


def indexed(kind: ColumnElement[str]) -> ColumnElement[bool]:
    """Say in SQL, word for word, which kinds the indexes of the journal hold."""
    return kind != literal_column(f"'{Kind.METER}'")


# What happened, in the order in which it was stored. Rows are only added: the
# journal is the truth, every other state follows from it.
journal = Table(
    "journal",
    tables,
    Column("id", _COUNTED, primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("station", _NAME, nullable=False),
    Column("connector", Integer, nullable=False),
    Column("session", BigInteger),
    Column("occurred_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("data", Json, nullable=False),
    _index("journal_of_session", "session", "id"),
    _index("journal_of_connector", "station", "kind", "connector", "id"),
)

# What the journal says of each session: `charging.session.Session`, field for
# field. Written in the same commit as the entries that it follows from.
session = Table(
    "session",
    tables,
    Column("id", _COUNTED, primary_key=True, autoincrement=False),
    Column("station", _NAME, nullable=False),
    Column("connector", Integer, nullable=False),
    Column("token", _NAME),
    Column("authorization", Word(Authorization), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("meter_start_wh", Exact, nullable=False),
    Column("start_key", _NAME, unique=True),
    Column("user", _NAME),
    Column("user_name", _NAME),
    Column("ended_at", Moment),
    Column("meter_stop_wh", Exact),
    Column("energy_wh", Exact),
    Column("energy_method", String(64)),
    Column("stop_reason", _NAME),
    Column("closing", Word(Closing)),
    Column("tariff", Json),
    Column("cost", Exact),
    Column("currency", String(8)),
    Column("provisional", Boolean, nullable=False),
    Column("flags", Words, nullable=False),
    Index("session_of_station", "station", "started_at"),
    Index("session_of_user", "user", "started_at"),
    Index("session_by_end", "ended_at"),
)

# What price entities told. Rows are only added; the later row is the better
# knowledge.
price = Table(
    "price",
    tables,
    Column("id", _COUNTED, primary_key=True, autoincrement=True),
    Column("entity", _NAME, nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment),
    Column("state", _NAME),
    Column("unit", String(64)),
    Column("origin", String(64), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Index("price_of_entity", "entity", "at"),
    sqlite_autoincrement=True,
)

# What the ledger knows of itself: `schema_version`, `created`.
meta = Table(
    "meta",
    tables,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
