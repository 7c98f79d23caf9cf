"""How a ledger is made, checked and brought up to date."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
import sqlite3
import threading

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.charging.session import Closing, Session
from custom_components.ladda.ledger import (
    Entry,
    Ledger,
    LedgerCorrupt,
    LedgerError,
    LedgerNewer,
    LedgerUnusable,
    PriceEntry,
    SessionQuery,
    migrations,
)
from custom_components.ladda.ledger.database import upsert
from custom_components.ladda.ledger.schema import session, tables

from .records import a_session, an_entry

VERSION_1 = Path(__file__).parent / "fixtures" / "v1.sql"


def sql(path: Path, script: str) -> None:
    """Run SQL in a file, past Ladda."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def meta(path: Path) -> dict[str, str]:
    """Read what a ledger knows of itself, past Ladda."""
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT key, value FROM meta"))
    connection.close()
    return found


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Read the columns of the tables and of the indexes, past Ladda."""
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name, type FROM sqlite_master").fetchall()
    found = {
        name: connection.execute(
            f"PRAGMA {'table_info' if kind == 'table' else 'index_xinfo'}({name})"
        ).fetchall()
        for name, kind in names
    }
    connection.close()
    return found


def content(path: Path) -> bytes:
    """Read a file as it is."""
    return path.read_bytes()


def a_file(path: Path, holding: bytes) -> None:
    """Put a file where the ledger should be."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(holding)


async def refusal(path: Path, url: str | None = None) -> LedgerUnusable:
    """Tell why a ledger cannot be opened, and see that no thread is left behind."""
    before = set(threading.enumerate())
    with pytest.raises(LedgerUnusable) as refused:
        await Ledger.open(path, url=url)
    assert set(threading.enumerate()) <= before
    return refused.value


async def test_a_new_ledger_knows_its_version_and_when_it_was_made(path: Path) -> None:
    before = datetime.now(UTC)
    ledger = await Ledger.open(path)
    await ledger.close()
    found = meta(path)
    assert found["schema_version"] == str(len(migrations.STEPS) + 1)
    assert before <= datetime.fromisoformat(found["created"]) <= datetime.now(UTC)
    assert [file.name for file in path.parent.iterdir()] == ["ladda.db"]


async def test_a_url_names_another_database(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other.db"
    ledger = await Ledger.open(path, url=f"sqlite:///{other}")
    await ledger.commit(entries=[an_entry()])
    await ledger.close()
    assert other.exists()
    assert not path.parent.exists()


async def test_a_ledger_of_version_1_is_read_as_it_was_written(path: Path) -> None:
    sql(path, VERSION_1.read_text())
    ledger = await Ledger.open(path)
    start = datetime(2026, 10, 5, 12, 0, 0, 123456, tzinfo=UTC)
    assert await ledger.sessions(SessionQuery(newest_first=False)) == [
        Session(
            id=1,
            station="Garage Väst",
            connector=1,
            token="04a1b2c3",
            authorization=Authorization.ACCEPTED,
            started_at=start,
            meter_start_wh=Decimal(123456),
            start_key="Garage Väst|1|04a1b2c3|123456",
            user="user-1",
            user_name="Åsa Öberg",
            ended_at=start.replace(hour=14),
            meter_stop_wh=Decimal(137956),
            energy_wh=Decimal(14500),
            energy_method="register",
            stop_reason="EVDisconnected",
            closing=Closing.REPORTED,
            tariff={"kind": "fixed", "price": "2.10"},
            cost=Decimal("30.4500"),
            currency="SEK",
            provisional=True,
            flags=("clock", "gap"),
        ),
        a_session(2, started_at=start.replace(hour=15), token=None),
    ]
    [entry] = (await ledger.session_entries([1], ["start"]))[1]
    assert entry == Entry(
        id=1,
        kind="start",
        station="Garage Väst",
        connector=1,
        session=1,
        occurred_at=start,
        received_at=start.replace(second=1),
        data={"meter_start_wh": "123456", "token": "04a1b2c3"},
    )
    assert await ledger.prices("sensor.spot") == [
        PriceEntry(
            entity="sensor.spot",
            at=start,
            until=start.replace(hour=13),
            state="0.5275",
            unit="SEK/kWh",
            origin="history",
            recorded_at=start.replace(hour=16),
        )
    ]
    await ledger.close()


async def test_in_a_ledger_of_version_1_late_readings_are_not_taken_for_others(
    path: Path,
) -> None:
    sql(path, VERSION_1.read_text())
    kinds = ("meter", "stop", "meter", "late_stop", "meter", "meter")
    for n, kind in enumerate(kinds, start=2):
        sql(
            path,
            f"INSERT INTO journal VALUES({n},'{kind}','Garage Väst',1,1,{n},{n},'{{}}')",
        )
    sql(path, "INSERT INTO journal VALUES(8,'meter','garage-1',1,2,8,8,'{}')")
    ledger = await Ledger.open(path)
    told = await ledger.session_entries([1, 2], Kind)
    assert [(entry.id, entry.kind) for entry in told[1]] == [
        (1, "start"),
        (2, "meter"),
        (3, "stop"),
        (4, "meter"),
        (5, "late_stop"),
        (6, "late_meter"),
        (7, "late_meter"),
    ]
    await ledger.commit(entries=[an_entry(session=2)])
    assert [entry.id for entry in await ledger.entries(limit=3)] == [9, 8, 7]
    await ledger.close()


async def test_the_tables_of_an_older_ledger_become_those_of_a_new_one(
    path: Path, tmp_path: Path
) -> None:
    sql(path, VERSION_1.read_text())
    fresh = tmp_path / "fresh.db"
    await (await Ledger.open(path)).close()
    await (await Ledger.open(fresh)).close()
    assert shape(path) == shape(fresh)


async def test_an_older_ledger_is_copied_and_then_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember_vehicles(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE session ADD COLUMN vehicle TEXT")

    def name_vehicles(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE session SET vehicle = 'unknown'")

    sql(path, VERSION_1.read_text())
    created = meta(path)["created"]
    monkeypatch.setattr(migrations, "STEPS", (remember_vehicles, name_vehicles))
    copy = path.with_name("ladda.db.v1.bak")
    copy.write_text("what an earlier attempt left behind")
    await (await Ledger.open(path)).close()
    await (await Ledger.open(path)).close()

    assert meta(path) == {"schema_version": "3", "created": created}
    assert meta(copy) == {"schema_version": "1", "created": created}
    connection = sqlite3.connect(path)
    vehicles = connection.execute("SELECT vehicle FROM session").fetchall()
    connection.close()
    assert vehicles == [("unknown",), ("unknown",)]
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "ladda.db",
        "ladda.db.v1.bak",
    ]


async def test_a_step_that_fails_leaves_the_ledger_at_the_version_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def good(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE vehicle (id INTEGER PRIMARY KEY)")

    def bad(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("UPDATE trips SET km = 0")

    sql(path, VERSION_1.read_text())
    monkeypatch.setattr(migrations, "STEPS", (good, bad))
    assert "no such table: trips" in (await refusal(path)).reason

    monkeypatch.setattr(migrations, "STEPS", (good,))
    await (await Ledger.open(path)).close()
    assert meta(path)["schema_version"] == "2"
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "vehicle" in names
    assert "half" not in names


async def test_a_ledger_of_a_newer_ladda_is_left_as_it_is(path: Path) -> None:
    sql(path, VERSION_1.read_text())
    sql(path, "UPDATE meta SET value = '7' WHERE key = 'schema_version'")
    before = content(path)
    refused = await refusal(path)
    assert isinstance(refused, LedgerNewer)
    assert (refused.found, refused.known) == (7, len(migrations.STEPS) + 1)
    assert content(path) == before
    assert [file.name for file in path.parent.iterdir()] == ["ladda.db"]


async def test_a_file_that_is_no_database_is_called_corrupt(path: Path) -> None:
    a_file(path, b"no database at all\n" * 1000)
    assert isinstance(await refusal(path), LedgerCorrupt)
    assert content(path).startswith(b"no database at all")


async def damage_half(path: Path) -> None:
    """Close a ledger in good order; then let the disk lose half of it."""
    ledger = await Ledger.open(path)
    await ledger.commit(entries=[an_entry(data={"n": n}) for n in range(2000)])
    await ledger.close()
    half = len(content(path)) // 2
    a_file(path, content(path)[:half] + bytes(half))


async def test_after_a_power_cut_a_damaged_file_is_called_corrupt(path: Path) -> None:
    await damage_half(path)
    a_file(path.with_name("ladda.db-wal"), b"")  # as nobody closed it
    assert isinstance(await refusal(path), LedgerCorrupt)


async def test_a_damaged_file_is_not_brought_up_to_date(path: Path) -> None:
    await damage_half(path)
    sql(path, "UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    assert isinstance(await refusal(path), LedgerCorrupt)


async def test_a_file_that_was_closed_is_not_looked_through(path: Path) -> None:
    """It took 16 seconds for three years of fifty chargers."""
    await damage_half(path)
    ledger = await Ledger.open(path)
    with pytest.raises(LedgerError, match="malformed"):
        await ledger.entries(limit=2000)
    await ledger.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE session (id INTEGER)", "tables of something else"),
        ("CREATE TABLE meta (key TEXT, value TEXT)", "no schema version"),
        (
            "CREATE TABLE meta AS SELECT 'schema_version' AS key, 'two' AS value",
            "no schema version",
        ),
    ],
)
async def test_tables_that_are_no_ledger_are_left_alone(
    path: Path, script: str, reason: str
) -> None:
    sql(path, script)
    before = content(path)
    refused = await refusal(path)
    assert reason in refused.reason
    assert not isinstance(refused, LedgerCorrupt)
    assert content(path) == before


async def test_a_folder_in_the_place_of_the_file_makes_the_ledger_unusable(
    tmp_path: Path,
) -> None:
    assert "unable to open database file" in (await refusal(tmp_path)).reason


async def test_a_folder_that_cannot_be_made_makes_the_ledger_unusable(
    path: Path,
) -> None:
    a_file(path.parent, b"a file where the folder should be")
    await refusal(path)


async def test_a_file_system_without_shared_memory_makes_the_ledger_unusable(
    path: Path,
) -> None:
    # SQLite keeps a database in memory without a write-ahead log
    refused = await refusal(path, url="sqlite:///:memory:")
    assert "write-ahead log" in refused.reason


@pytest.mark.parametrize("url", ["nonsense", "oracle+nonsense://somewhere/ladda"])
async def test_a_url_that_leads_nowhere_makes_the_ledger_unusable(
    path: Path, url: str
) -> None:
    await refusal(path, url=url)


async def test_who_gives_up_opening_leaves_no_thread_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    slow = threading.Event()

    def wait(connection: Connection) -> None:
        slow.wait(10)

    sql(path, VERSION_1.read_text())
    monkeypatch.setattr(migrations, "STEPS", (wait,))
    opening = asyncio.create_task(Ledger.open(path))
    await asyncio.sleep(0.1)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    slow.set()
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 5)
    assert meta(path)["schema_version"] == "2"


@pytest.mark.parametrize("server", ["mysql", "mariadb", "postgresql"])
def test_the_tables_can_be_made_in_the_servers_that_the_recorder_offers(
    server: str,
) -> None:
    dialect = make_url(f"{server}://").get_dialect()()
    for table in tables.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("server", "clause"),
    [
        ("mysql", "ON DUPLICATE KEY UPDATE"),
        ("mariadb", "ON DUPLICATE KEY UPDATE"),
        ("postgresql", "ON CONFLICT (id) DO UPDATE"),
    ],
)
def test_the_servers_replace_a_session_too(server: str, clause: str) -> None:
    dialect = make_url(f"{server}://").get_dialect()()
    statement = upsert(session, dialect.name)
    assert clause in str(statement.compile(dialect=dialect))


def test_every_error_of_the_ledger_is_a_ledger_error() -> None:
    assert issubclass(LedgerUnusable, LedgerError)
    assert LedgerCorrupt("why").reason == "why"
    assert "7" in LedgerNewer(7, 1).reason
