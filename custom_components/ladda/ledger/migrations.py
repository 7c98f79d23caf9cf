"""How an older ledger becomes one of today."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text, update

from .database import back_up, check, make_durable
from .errors import LedgerNewer, LedgerUnusable
from .schema import meta, tables

type Step = Callable[[Connection], None]


def _leave_readings_out_of_indexes(connection: Connection) -> None:
    """Lead from version 1 to 2: readings are only kept in order."""
    late = connection.exec_driver_sql(
        "SELECT meter.id FROM journal AS meter JOIN (SELECT session, max(id) AS last"
        " FROM journal WHERE kind IN ('stop', 'close', 'late_stop') GROUP BY session)"
        " AS ended ON ended.session = meter.session"
        " WHERE meter.kind = 'meter' AND meter.id > ended.last"
    ).all()
    for (id_,) in late:
        connection.execute(
            text("UPDATE journal SET kind = 'late_meter' WHERE id = :id"), {"id": id_}
        )
    for statement in _1_TO_2.get(connection.dialect.name, "").split(";"):
        if statement.strip():
            connection.exec_driver_sql(statement)


_CREATE_INDEXES: Final = """
    CREATE INDEX journal_of_session ON journal (session, id) WHERE kind <> 'meter';
    CREATE INDEX journal_of_connector ON journal (station, kind, connector, id)
        WHERE kind <> 'meter';
"""
_NEW_JOURNAL: Final = """
    CREATE TABLE new_journal (
        id INTEGER NOT NULL PRIMARY KEY,
        kind VARCHAR(64) NOT NULL,
        station VARCHAR(255) NOT NULL,
        connector INTEGER NOT NULL,
        session BIGINT,
        occurred_at BIGINT NOT NULL,
        received_at BIGINT NOT NULL,
        data TEXT NOT NULL
    );
    INSERT INTO new_journal
        SELECT id, kind, station, connector, session, occurred_at, received_at, data
        FROM journal ORDER BY id;
    DROP TABLE journal;
    ALTER TABLE new_journal RENAME TO journal;
"""
_DROP_INDEXES: Final = """
    DROP INDEX journal_of_session;
    DROP INDEX journal_of_connector;
"""
# MariaDB has no indexes of a part.
_1_TO_2: Final = {
    "sqlite": _NEW_JOURNAL + _CREATE_INDEXES,
    "postgresql": _DROP_INDEXES + _CREATE_INDEXES,
}

# STEPS[0] leads from version 1 to 2, STEPS[1] from 2 to 3. A step is never
# changed once it was released, and does not use the tables of schema.py, which
# go on changing.
STEPS: tuple[Step, ...] = (_leave_readings_out_of_indexes,)


def prepare(connection: Connection, *, closed: bool) -> None:
    """Make a new ledger, or check an old one and bring it up to date.

    To look through a file takes long, a quarter of a minute for a gigabyte. One that
    was `closed` in good order is spared it, unless it is about to be changed.

    Raises LedgerNewer, before anything is touched, for a ledger that a newer
    Ladda made, LedgerCorrupt for a damaged one and LedgerUnusable for tables
    that are no ledger. A copy of an older ledger is kept beside it, in the
    file's name with `.v<version>.bak` after it.
    """
    current = len(STEPS) + 1
    found = _version(connection)
    if found is not None and found > current:
        raise LedgerNewer(found, current)
    if not closed or (found is not None and found < current):
        check(connection)
    make_durable(connection)
    if found is None:
        _create(connection, current)
    elif found < current:
        back_up(connection, f".v{found}.bak")
        _migrate(connection, found)


def _version(connection: Connection) -> int | None:
    """Read the schema version; None: there is no ledger yet."""
    with connection.begin():
        present = tables.tables.keys() & inspect(connection).get_table_names()
        if not present:
            return None
        if meta.name not in present:
            raise LedgerUnusable("the database holds tables of something else")
        found = connection.scalar(
            select(meta.c.value).where(meta.c.key == "schema_version")
        )
    if found is None or not found.isdecimal():
        raise LedgerUnusable(f"no schema version can be read: {found}")
    return int(found)


def _create(connection: Connection, version: int) -> None:
    """Make the tables of today."""
    created = {
        "schema_version": str(version),
        "created": datetime.now(UTC).isoformat(),
    }
    with connection.begin():
        tables.create_all(connection)
        connection.execute(
            insert(meta),
            [{"key": key, "value": value} for key, value in created.items()],
        )


def _migrate(connection: Connection, version: int) -> None:
    """Take the steps from a version on, each in a transaction of its own."""
    for reached, step in enumerate(STEPS[version - 1 :], start=version + 1):
        with connection.begin():
            step(connection)
            connection.execute(
                update(meta)
                .where(meta.c.key == "schema_version")
                .values(value=str(reached))
            )
