"""How an older ledger becomes one of today."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, inspect, select, update

from .database import back_up, check, make_durable
from .errors import LedgerNewer, LedgerUnusable
from .schema import meta, tables

type Step = Callable[[Connection], None]

# STEPS[0] leads from version 1 to 2, STEPS[1] from 2 to 3. A step is never
# changed once it was released, and does not use the tables of schema.py, which
# go on changing.
STEPS: tuple[Step, ...] = ()


def prepare(connection: Connection) -> None:
    """Make a new ledger, or check an old one and bring it up to date.

    Raises LedgerNewer, before anything is touched, for a ledger that a newer
    Ladda made, LedgerCorrupt for a damaged one and LedgerUnusable for tables
    that are no ledger. A copy of an older ledger is kept beside it, in the
    file's name with `.v<version>.bak` after it.
    """
    current = len(STEPS) + 1
    found = _version(connection)
    if found is not None and found > current:
        raise LedgerNewer(found, current)
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
