"""What was committed is stored; what could not be is known to be not."""

import asyncio
from collections import Counter
from contextlib import closing
import logging
from pathlib import Path
import sqlite3
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, event

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.ledger import (
    Entry,
    Ledger,
    LedgerError,
    SessionQuery,
    database,
    ledger as ledger_module,
    writer as writer_module,
)

from .records import NOON, a_closed_session, a_price, a_session, an_entry


def rows(path: Path, table: str) -> int:
    """Count the rows of a table, past Ladda."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    connection.close()
    return int(count)


def numbers(entries: list[Entry]) -> list[int]:
    """List the numbers that a test gave to entries."""
    return [entry.data["n"] for entry in entries]


async def stored_numbers(ledger: Ledger) -> list[int]:
    """List the numbers of all entries in the order in which they were stored."""
    return numbers((await ledger.entries(limit=10_000))[::-1])


async def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    ledger = await Ledger.open(path)
    await ledger.commit(
        entries=[an_entry(session=7, kind=Kind.START)],
        sessions=[a_session(7)],
        prices=[a_price("0.52")],
    )
    await ledger.close()

    ledger = await Ledger.open(path)
    assert await ledger.session_entries([7], Kind) == {
        7: [an_entry(id=1, session=7, kind=Kind.START)]
    }
    assert await ledger.session(7) == a_session(7)
    assert await ledger.prices("sensor.spot") == [a_price("0.52")]
    await ledger.close()


async def test_every_commit_is_synced_to_the_disk(
    raw_connections: list[Any], ledger: Ledger
) -> None:
    writer = raw_connections[0]
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


async def test_a_session_takes_the_place_of_its_earlier_state(ledger: Ledger) -> None:
    await ledger.commit(sessions=[a_session(7)])
    await ledger.commit(sessions=[a_closed_session(7)])
    assert await ledger.sessions(SessionQuery()) == [a_closed_session(7)]


async def test_of_states_that_are_committed_together_the_last_is_kept(
    ledger: Ledger, path: Path
) -> None:
    states = [a_session(7, flags=(str(n),)) for n in range(50)]
    await asyncio.gather(*(ledger.commit(sessions=[state]) for state in states))
    assert await ledger.session(7) == states[-1]


async def test_what_waits_while_the_disk_is_busy_shares_one_transaction(
    ledger: Ledger, happenings: Counter[str]
) -> None:
    await ledger.hold(60)
    waiting = [
        asyncio.create_task(
            ledger.commit(entries=[an_entry(data={"n": n})], sessions=[a_session(n)])
        )
        for n in range(200)
    ]
    await asyncio.sleep(0)
    assert happenings["commit"] == 0
    await ledger.release()
    await asyncio.gather(*waiting)

    assert happenings["commit"] == 1
    assert await stored_numbers(ledger) == list(range(200))
    assert len(await ledger.sessions(SessionQuery())) == 200


async def test_two_hundred_committers_need_far_fewer_transactions(
    ledger: Ledger, happenings: Counter[str]
) -> None:
    await asyncio.gather(*(ledger.commit(entries=[an_entry()]) for _ in range(200)))
    assert happenings["commit"] < 100
    assert len(await ledger.entries(limit=1000)) == 200


async def test_a_commit_that_fails_takes_none_of_its_neighbours_with_it(
    ledger: Ledger,
) -> None:
    await ledger.commit(sessions=[a_session(1, start_key="garage-1 1 04a1b2c3 12:00")])
    good = [
        ledger.commit(entries=[an_entry(data={"n": n}, session=n)]) for n in range(20)
    ]
    # Two sessions cannot have begun with one start
    bad = ledger.commit(
        entries=[an_entry(data={"n": 99}, session=99)],
        sessions=[a_session(99, start_key="garage-1 1 04a1b2c3 12:00")],
    )
    results = await asyncio.gather(*good[:10], bad, *good[10:], return_exceptions=True)

    assert [type(result) for result in results if result] == [LedgerError]
    assert isinstance(results[10], LedgerError)
    assert "start_key" in str(results[10])
    assert await stored_numbers(ledger) == list(range(20))
    assert await ledger.session(99) is None


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(
            an_entry(occurred_at=NOON.replace(tzinfo=None)), id="time without zone"
        ),
        pytest.param(an_entry(data={"at": NOON}), id="data that is no JSON"),
        pytest.param(an_entry(connector=2**80), id="number beyond every database"),
        pytest.param(an_entry(station="\ud800"), id="text that is no unicode"),
        pytest.param(an_entry(data=None), id="nothing where something must be"),
    ],
)
async def test_what_cannot_be_stored_is_refused_and_nothing_of_it_is_stored(
    ledger: Ledger, entry: Entry
) -> None:
    with pytest.raises(LedgerError):
        await ledger.commit(entries=[an_entry(), entry], prices=[a_price("1")])
    assert await ledger.entries() == []
    assert await ledger.prices("sensor.spot") == []
    await ledger.commit(entries=[an_entry()])
    assert await ledger.entries() == [an_entry(id=1)]


async def test_while_the_disk_is_full_nothing_is_committed_and_later_it_is_again(
    raw_connections: list[Any], ledger: Ledger, path: Path
) -> None:
    writer = raw_connections[0]
    await ledger.commit(entries=[an_entry(data={"n": 0})])
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    long = {"n": 1, "values": "x" * 20_000}

    results = await asyncio.gather(
        *(ledger.commit(entries=[an_entry(data=long)]) for _ in range(5)),
        return_exceptions=True,
    )
    assert [str(result) for result in results] == ["database or disk is full"] * 5
    assert len({id(result) for result in results}) == 5

    writer.execute("PRAGMA max_page_count = 1000000")
    await ledger.commit(entries=[an_entry(data=long)])
    assert await stored_numbers(ledger) == [0, 1]


async def test_while_somebody_else_locks_the_file_commits_fail_together_and_soon(
    path: Path, monkeypatch: pytest.MonkeyPatch, happenings: Counter[str]
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    ledger = await Ledger.open(path)
    somebody = sqlite3.connect(path, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    happenings.clear()

    results = await asyncio.gather(
        *(ledger.commit(entries=[an_entry()]) for _ in range(50)),
        return_exceptions=True,
    )
    assert {str(result) for result in results} == {"database is locked"}
    assert happenings["begin"] < 5

    somebody.execute("ROLLBACK")
    somebody.close()
    await ledger.commit(entries=[an_entry()])
    assert len(await ledger.entries()) == 1
    await ledger.close()


async def test_what_is_posted_comes_before_what_is_committed_later(
    ledger: Ledger,
) -> None:
    for n in range(0, 20, 2):
        ledger.post([an_entry(data={"n": n})])
        await ledger.commit(entries=[an_entry(data={"n": n + 1})])
    assert await stored_numbers(ledger) == list(range(20))


async def test_what_is_posted_is_stored_soon_and_in_one_transaction(
    ledger: Ledger, happenings: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "POST_SECONDS", 0.05)
    for n in range(10):
        ledger.post([an_entry(data={"n": n})])
    await asyncio.sleep(0.5)
    assert happenings["commit"] == 1
    assert await stored_numbers(ledger) == list(range(10))


async def test_what_is_posted_is_stored_when_the_ledger_closes(
    path: Path,
) -> None:
    ledger = await Ledger.open(path)
    ledger.post([an_entry(), an_entry()])
    await ledger.close()
    assert rows(path, "journal") == 2


async def test_posted_entries_that_cannot_be_stored_are_in_the_log(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.post([an_entry(data={"n": 1})])
    ledger.post([an_entry(data={"at": NOON}), an_entry(data={"n": 2})])
    ledger.post([an_entry(data={"n": 3})])
    await ledger.commit()
    assert await stored_numbers(ledger) == [1, 3]
    (record,) = (one for one in caplog.records if one.levelno == logging.ERROR)
    assert record.getMessage().startswith("2 posted entries are lost: ")


async def test_entries_that_are_lost_for_a_while_do_not_fill_the_log(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "LOSS_PAUSE", 0.2)

    async def lose(times: int) -> None:
        for _ in range(times):
            ledger.post([an_entry(data={"at": NOON})])
            await ledger.commit()

    await lose(10)
    await asyncio.sleep(0.3)
    await lose(10)
    told = [each.getMessage().partition(":")[0] for each in caplog.records]
    assert told == ["1 posted entries are lost", "10 posted entries are lost"]


async def test_who_is_cancelled_while_waiting_disturbs_nobody(ledger: Ledger) -> None:
    waiting = [
        asyncio.create_task(ledger.commit(entries=[an_entry(data={"n": n})]))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    waiting[1].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None),
        asyncio.CancelledError,
        type(None),
    ]
    await ledger.commit(entries=[an_entry(data={"n": 3})])
    assert await stored_numbers(ledger) == [0, 1, 2, 3]


async def test_a_long_query_does_not_delay_a_commit(ledger: Ledger) -> None:
    reading, finish = threading.Event(), threading.Event()

    def dawdle(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            reading.set()
            finish.wait(10)

    await ledger.commit(entries=[an_entry(data={"n": 1})])
    event.listen(Engine, "after_cursor_execute", dawdle)
    query = asyncio.create_task(ledger.entries())
    await asyncio.to_thread(reading.wait, 10)
    async with asyncio.timeout(5):
        await ledger.commit(entries=[an_entry(data={"n": 2})])
    finish.set()
    assert numbers(await query) == [1]
    event.remove(Engine, "after_cursor_execute", dawdle)
    assert await stored_numbers(ledger) == [1, 2]


async def test_the_event_loop_never_waits_for_the_database(path: Path) -> None:
    threads = set[str]()

    def note(*_: Any) -> None:
        threads.add(threading.current_thread().name)

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "connect", note)
    try:
        ledger = await Ledger.open(path)
        await ledger.commit(entries=[an_entry()])
        await ledger.latest(["meter"])
        await ledger.hold(1)
        await ledger.release()
        await ledger.close()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        event.remove(Engine, "connect", note)
    assert threads == {"ladda ledger writer", "ladda ledger reader_0"}


async def test_a_closed_ledger_says_so_and_leaves_nothing_running(path: Path) -> None:
    before = set(threading.enumerate())
    ledger = await Ledger.open(path)
    waiting = asyncio.create_task(ledger.commit(entries=[an_entry()]))
    await asyncio.sleep(0)
    await ledger.close()
    await ledger.close()
    await waiting

    assert set(threading.enumerate()) <= before
    with pytest.raises(LedgerError, match="closed"):
        await ledger.commit(entries=[an_entry()])
    with pytest.raises(LedgerError, match="closed"):
        ledger.post([an_entry()])
    with pytest.raises(LedgerError, match="closed"):
        await ledger.entries()
    assert rows(path, "journal") == 1
    assert not path.with_name("ladda.db-wal").exists()


async def test_after_a_query_that_fails_others_are_answered(ledger: Ledger) -> None:
    await ledger.commit(entries=[an_entry()])
    with pytest.raises(LedgerError):
        await ledger.session(2**80)
    assert await ledger.entries() == [an_entry(id=1)]
