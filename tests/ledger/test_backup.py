"""While a backup is made the file holds everything and does not change."""

import asyncio
from contextlib import closing
import logging
from pathlib import Path
import shutil
import sqlite3

import pytest

from custom_components.ladda.ledger import Ledger, LedgerError, SessionQuery, database

from .records import a_session, an_entry


async def committing(ledger: Ledger, numbers: range) -> list[asyncio.Task[None]]:
    """Begin to commit an entry and a session for each number."""
    tasks = [
        asyncio.create_task(
            ledger.commit(entries=[an_entry(session=n)], sessions=[a_session(n)])
        )
        for n in numbers
    ]
    await asyncio.sleep(0)
    return tasks


async def test_a_copy_of_the_file_alone_holds_all_that_came_before(
    ledger: Ledger, path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "restored.db"
    before = await committing(ledger, range(1, 101))
    ledger.post([an_entry(kind="status")])
    await ledger.hold(60)
    assert all(task.done() for task in before)
    after = await committing(ledger, range(101, 111))
    await asyncio.sleep(0.1)
    shutil.copy(path, copy)
    assert not any(task.done() for task in after)
    assert len(await ledger.sessions(SessionQuery())) == 100  # reading goes on
    await ledger.release()
    await asyncio.gather(*after)
    assert len(await ledger.sessions(SessionQuery())) == 110

    restored = await Ledger.open(copy)
    sessions = await restored.sessions(SessionQuery(newest_first=False))
    assert [session.id for session in sessions] == list(range(1, 101))
    entries = await restored.entries(limit=1000)
    assert [entry.kind for entry in entries] == ["status", *["meter"] * 100]
    await restored.close()


async def test_a_hold_that_nobody_releases_ends_by_itself(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.hold(0.1)
    async with asyncio.timeout(5):
        await ledger.commit(entries=[an_entry()])
    warnings = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert [one.getMessage() for one in warnings] == [
        "Held for 0.1 s, the ledger writes again"
    ]
    await ledger.release()
    await ledger.hold(60)
    await ledger.release()


async def test_there_is_one_hold_at_a_time(ledger: Ledger) -> None:
    await ledger.release()
    await ledger.hold(60)
    with pytest.raises(LedgerError, match="held already"):
        await ledger.hold(60)
    await ledger.release()
    await ledger.commit(entries=[an_entry()])


async def test_closing_ends_a_hold_and_stores_what_waited(path: Path) -> None:
    ledger = await Ledger.open(path)
    await ledger.hold(60)
    (waiting,) = await committing(ledger, range(1, 2))
    async with asyncio.timeout(5):
        await ledger.close()
    await waiting
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM session").fetchall() == [(1,)]
    connection.close()


async def test_a_reader_in_the_way_of_a_hold_is_told_and_nothing_is_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    ledger = await Ledger.open(path)
    await ledger.commit(entries=[an_entry()])
    somebody = sqlite3.connect(path, isolation_level=None)
    somebody.execute("BEGIN")
    somebody.execute("SELECT * FROM journal").fetchone()
    await ledger.commit(entries=[an_entry()])

    with pytest.raises(LedgerError, match="somebody else is reading"):
        await ledger.hold(60)
    async with asyncio.timeout(5):
        await ledger.commit(entries=[an_entry()])

    somebody.execute("ROLLBACK")
    somebody.close()
    await ledger.hold(60)
    await ledger.release()
    await ledger.close()
