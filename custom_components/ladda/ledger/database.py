"""What differs between the databases that can hold the ledger."""

from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.dml import Insert

from .errors import LedgerCorrupt, LedgerError, LedgerUnusable

BUSY_SECONDS = 5  # how long to wait for somebody else's lock on a SQLite file

_BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def url_of(path: Path) -> URL:
    """Name the SQLite database in a file."""
    return URL.create("sqlite", database=str(path))


def writing(url: str | URL) -> Engine:
    """Make the engine of the connection that writes.

    In SQLite a transaction takes the lock when it begins, so that waiting for
    it is nobody's fault among the writes that follow.
    """
    return _engine(url, _BEGIN_WRITING)


def reading(url: str | URL) -> Engine:
    """Make the engine of a connection that reads, each time from one snapshot."""
    return _engine(url, "BEGIN")


def _engine(url: str | URL, how_to_begin: str) -> Engine:
    """Make an engine whose transactions hold all that is done in them.

    Left to itself, Python's sqlite3 begins a transaction only at the first
    change of data, which leaves out changes of the schema.
    """
    url = make_url(url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(how_to_begin)

    return engine


class Transactions:
    """Writes in transactions, past SQLAlchemy.

    Its own care for each would cost as much as what is done in it. All raise what the
    driver raises.
    """

    cursor: DBAPICursor

    def __init__(self, connection: Connection) -> None:
        """Take the connection that writes."""
        self._connection = connection
        self._connect()

    def _connect(self) -> None:
        """Get at the driver's own connection."""
        self._raw = self._connection.connection
        self._begins_itself = _sqlite(self._connection) is None
        self.cursor = self._raw.cursor()

    def begin(self) -> None:
        """Begin; what follows is stored with `commit`, all or nothing."""
        if self._connection.invalidated:
            self._connect()
        if not self._begins_itself:
            self.cursor.execute(_BEGIN_WRITING)

    def commit(self) -> None:
        """Store what was written since `begin`."""
        self._raw.commit()

    def roll_back(self) -> None:
        """Store nothing of it; where that fails, connect anew the next time."""
        try:
            self._raw.rollback()
        except Exception:  # noqa: BLE001, whatever a driver raises: the connection is gone
            self._connection.invalidate()


def make_durable(connection: Connection) -> None:
    """See to it that what was committed is on the disk and readers do not wait.

    Raises LedgerUnusable where the file system does not allow for that. Servers
    do so by themselves.
    """
    if raw := _sqlite(connection):
        (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise LedgerUnusable("the file system does not allow a write-ahead log")
        raw.execute("PRAGMA synchronous = FULL")


def was_closed(file: Path) -> bool:
    """Tell whether a SQLite file was left in good order, not by a power cut."""
    return not file.with_name(f"{file.name}-wal").exists()


def check(connection: Connection) -> None:
    """Look through a SQLite file; raises LedgerCorrupt with the first finding."""
    if raw := _sqlite(connection):
        (finding,) = raw.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise LedgerCorrupt(finding)


def checkpoint(connection: Connection) -> None:
    """Bring all that was committed into the SQLite file itself.

    Raises LedgerError where a reader stands in the way for too long.
    """
    if raw := _sqlite(connection):
        busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerError("somebody else is reading the ledger")


def back_up(connection: Connection, suffix: str) -> None:
    """Copy a SQLite file to its name with a suffix, over an earlier such copy.

    A server's database is copied by those who run the server.
    """
    if raw := _sqlite(connection):
        copy = Path(f"{connection.engine.url.database}{suffix}")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(copy)) as target:
            raw.backup(target)


def upsert(table: Table, dialect: str) -> Insert:
    """Make the statement that adds a row or replaces the one with its key."""
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns if column.name not in keys]
    if dialect in ("mysql", "mariadb"):
        added = mysql.insert(table)
        return added.on_duplicate_key_update({n: added.inserted[n] for n in names})
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    put = insert(table)
    replaced: Insert = put.on_conflict_do_update(
        index_elements=keys, set_={name: put.excluded[name] for name in names}
    )
    return replaced


def reason(error: Exception) -> str:
    """Say in the database's own words what went wrong."""
    return str(_cause(error))


def why_unusable(error: Exception) -> LedgerUnusable:
    """Tell a damaged file from one that cannot be opened for another reason."""
    cause = _cause(error)
    code = getattr(cause, "sqlite_errorcode", None)  # absent: not from SQLite
    damaged = code is not None and code & 0xFF in _DAMAGED
    return (LedgerCorrupt if damaged else LedgerUnusable)(str(cause))


def _cause(error: Exception) -> BaseException:
    """Take SQLAlchemy's wrapping off an error."""
    if isinstance(error, StatementError) and error.orig is not None:
        return error.orig
    return error


def _sqlite(connection: Connection) -> sqlite3.Connection | None:
    """Get at SQLite itself, past SQLAlchemy's transactions; None: a server."""
    raw = connection.connection.driver_connection
    return raw if isinstance(raw, sqlite3.Connection) else None
