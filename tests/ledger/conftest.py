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
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    """Open a ledger, and close it after the test."""
    ledger = await Ledger.open(path)
    yield ledger
    await ledger.close()


@pytest.fixture
def happenings() -> Iterator[Counter[str]]:
    """Count what the databases do: begin, commit, rollback."""
    counts = Counter[str]()
    counters = {
        name: lambda *_, name=name: counts.update([name])
        for name in ("begin", "commit", "rollback")
    }
    for name, counter in counters.items():
        event.listen(Engine, name, counter)
    yield counts
    for name, counter in counters.items():
        event.remove(Engine, name, counter)


@pytest.fixture
def raw_connections() -> Iterator[list[Any]]:
    """Collect SQLite's own connections as they are opened, the writer's first."""
    opened: list[Any] = []

    def collect(connection: Any, _: Any) -> None:
        opened.append(connection)

    event.listen(Engine, "connect", collect)
    yield opened
    event.remove(Engine, "connect", collect)
