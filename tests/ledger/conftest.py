"""A real ledger in a file."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from custom_components.ladda.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the ledger's file, in a folder that is not there yet."""
    return tmp_path / "ladda" / "ladda.db"


@pytest.fixture
def raw_connections() -> Iterator[list[Any]]:
    """Collect SQLite's own connections as they are opened, the writer's first."""
    opened: list[Any] = []

    def collect(connection: Any, _: Any) -> None:
        opened.append(connection)

    event.listen(Engine, "connect", collect)
    yield opened
    event.remove(Engine, "connect", collect)


@pytest.fixture
async def ledger(path: Path, raw_connections: list[Any]) -> AsyncIterator[Ledger]:
    """Open a ledger, and close it after the test."""
    ledger = await Ledger.open(path)
    yield ledger
    await ledger.close()


@pytest.fixture
def happenings(raw_connections: list[Any]) -> Iterator[Counter[str]]:
    """Count what the databases do from now on: begin, commit, rollback."""
    counts = Counter[str]()

    def watch(connection: Any, _: Any = None) -> None:
        connection.set_trace_callback(
            lambda statement: counts.update([statement.split()[0].lower()])
        )

    for connection in raw_connections:
        watch(connection)
    event.listen(Engine, "connect", watch)
    yield counts
    event.remove(Engine, "connect", watch)
