"""What can be asked of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from sqlalchemy import Engine, event

from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.ledger import (
    NOBODY,
    Entry,
    Ledger,
    LedgerError,
    SessionQuery,
    Total,
)

from .records import NOON, a_closed_session, a_session, an_entry, at


async def ids(ledger: Ledger, **query: object) -> list[int]:
    """List the ids of the sessions that a query finds."""
    return [found.id for found in await ledger.sessions(SessionQuery(**query))]  # type: ignore[arg-type]


async def test_the_first_session_is_number_one_and_none_is_used_twice(
    ledger: Ledger,
) -> None:
    assert await ledger.next_session_id() == 1
    await ledger.commit(sessions=[a_session(41), a_session(7)])
    assert await ledger.next_session_id() == 42


async def test_a_repeated_start_finds_the_session_that_it_made(ledger: Ledger) -> None:
    await ledger.commit(sessions=[a_session(1), a_session(2, start_key="a start")])
    assert await ledger.session_by_start("a start") == a_session(2, start_key="a start")
    assert await ledger.session_by_start("another") is None
    assert await ledger.session(3) is None


async def test_open_sessions_are_those_without_an_end(ledger: Ledger) -> None:
    await ledger.commit(
        sessions=[a_session(3, started_at=at(1)), a_closed_session(2), a_session(1)]
    )
    assert [found.id for found in await ledger.open_sessions()] == [1, 3]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"newest_first": False}, [1, 2, 3, 4]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 2, "newest_first": False}, [1, 2]),
        ({"station": "garage-1"}, [3, 2, 1]),
        ({"station": "garage-1", "connector": 2}, [3]),
        ({"user": "anna"}, [3, 1]),
        ({"user": NOBODY}, [4]),
        ({"since": at(60), "until": at(120)}, [2]),
        ({"since": at(60)}, [4, 3, 2]),
        ({"open": True}, [4]),
        ({"open": False}, [3, 2, 1]),
        ({"provisional": True}, [2]),
        ({"provisional": False, "user": "anna"}, [3, 1]),
    ],
)
async def test_sessions_are_found_by_what_is_asked_for(
    ledger: Ledger, query: dict[str, object], found: list[int]
) -> None:
    await ledger.commit(
        sessions=[
            a_closed_session(1, user="anna"),
            a_closed_session(2, user="bo", started_at=at(60), provisional=True),
            a_closed_session(3, user="anna", started_at=at(120), connector=2),
            a_session(4, started_at=at(180), station="garage-2"),
        ]
    )
    assert await ids(ledger, **query) == found


async def test_sessions_are_told_in_the_order_in_which_they_were_heard_of(
    ledger: Ledger,
) -> None:
    start, stop = (an_entry(session=7, kind=kind) for kind in ("start", "stop"))
    first = an_entry(session=7, kind=Kind.METER, occurred_at=at(10))
    older = an_entry(session=7, kind=Kind.METER, occurred_at=at(5))
    late = an_entry(session=7, kind=Kind.LATE_METER, occurred_at=at(7))
    other_start = an_entry(session=8, kind="start")
    other = an_entry(session=8, kind=Kind.METER)
    nobodys = an_entry(kind=Kind.STATUS)
    journal = [start, first, other_start, nobodys, other, older, stop, other, late]
    await ledger.commit(entries=journal)

    told = await ledger.session_entries([7, 8, 9], Kind)
    assert {
        session: [entry._replace(id=None) for entry in entries]
        for session, entries in told.items()
    } == {7: [start, first, older, stop, late], 8: [other_start, other, other], 9: []}
    assert [entry.id for entry in told[7]] == [1, 2, 6, 7, 9]
    assert await ledger.session_entries([7], Kind) == {7: told[7]}
    meter = await ledger.session_entries([7], [Kind.METER])
    assert [entry.id for entry in meter[7]] == [2, 6]


async def test_any_number_of_sessions_is_told_of_at_once(ledger: Ledger) -> None:
    entries = [an_entry(session=n, kind="start") for n in range(1200)]
    await ledger.commit(entries=entries)
    told = await ledger.session_entries(range(1200), ["start"])
    assert [len(of_session) for of_session in told.values()] == [1] * 1200


@contextmanager
def ways() -> Iterator[list[str]]:
    """Note by what ways SQLite finds what it is asked for."""
    plan: list[str] = []

    def note(
        connection: object, cursor: object, sql: str, values: object, *_: object
    ) -> None:
        raw = cursor.connection  # type: ignore[attr-defined]
        rows = raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        plan.extend(detail for *_, detail in rows)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield plan
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_the_readings_of_a_session_are_found_between_its_start_and_its_end(
    ledger: Ledger,
) -> None:
    await ledger.commit(
        entries=[an_entry(session=7, kind=kind) for kind in ("start", "meter", "stop")]
    )
    with ways() as plan:
        await ledger.session_entries([7], Kind)
    others, readings = plan
    assert "journal_of_session" in others
    assert "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in readings


async def test_the_latest_entry_of_each_connector_is_found(ledger: Ledger) -> None:
    for n in range(3):
        await ledger.commit(
            entries=[
                an_entry(station=station, connector=connector, kind=kind, data={"n": n})
                for station in ("garage-1", "garage-2", "yard")
                for connector in (0, 1, 2)
                for kind in ("boot", "limit", "status", "token")
                if (station, kind) != ("yard", "status")
            ]
        )
    await ledger.commit(entries=[an_entry(kind="status", data={"n": 9})])

    found = await ledger.latest(["status", "limit", "unheard-of"])
    keys = [(entry.station, entry.kind, entry.connector) for entry in found]
    assert sorted(keys) == [
        (station, kind, connector)
        for station in ("garage-1", "garage-2", "yard")
        for kind in ("limit", "status")
        for connector in (0, 1, 2)
        if (station, kind) != ("yard", "status")
    ]
    assert [entry.data["n"] for entry in found] == [2] * 14 + [9]
    assert await ledger.latest([]) == []


async def test_the_latest_entries_are_found_without_reading_the_journal(
    ledger: Ledger,
) -> None:
    with ways() as plan:
        await ledger.latest(["limit"])
    assert any("journal_of_connector" in step for step in plan)
    assert not any("SCAN journal" in step for step in plan)


async def test_rare_entries_are_counted_and_found_without_reading_the_journal(
    ledger: Ledger,
) -> None:
    """Of seven million entries that took two seconds, while others waited to read."""
    await ledger.commit(entries=[an_entry(kind="rated"), an_entry(kind="close")])
    await ledger.commit(entries=[an_entry(kind="rated"), an_entry(kind="meter")])
    with ways() as plan:
        counted = await ledger.counts(["rated", "close", "late_stop"])
        await ledger.entries(kind="rated", station="garage-1")
    assert counted == {"rated": 2, "close": 1, "late_stop": 0}
    counting, finding = (step for step in plan if "journal" in step)
    assert "USING COVERING INDEX journal_of_connector" in counting
    assert "USING INDEX journal_of_connector (station=? AND kind=?)" in finding


async def test_an_empty_journal_has_no_latest_entries(ledger: Ledger) -> None:
    assert await ledger.latest(["limit"]) == []
    assert await ledger.entries() == []
    assert await ledger.last_received_at() is None


async def test_the_journal_is_shown_newest_first(ledger: Ledger) -> None:
    await ledger.commit(
        entries=[
            an_entry(kind="boot", connector=0),
            an_entry(received_at=at(1)),
            an_entry(received_at=at(2), station="garage-2"),
            an_entry(received_at=at(3)),
        ]
    )

    def shown(entries: list[Entry]) -> list[int | None]:
        return [entry.id for entry in entries]

    assert shown(await ledger.entries()) == [4, 3, 2, 1]
    assert shown(await ledger.entries(limit=2)) == [4, 3]
    assert shown(await ledger.entries(kind="boot")) == [1]
    assert shown(await ledger.entries(station="garage-1")) == [4, 2, 1]
    assert shown(await ledger.entries(kind="meter", station="garage-2")) == [3]


async def test_ladda_watched_until_the_last_entry_was_received(ledger: Ledger) -> None:
    await ledger.commit(entries=[an_entry(occurred_at=at(90), received_at=at(5))])
    await ledger.commit(entries=[an_entry(occurred_at=at(1), received_at=at(6))])
    assert await ledger.last_received_at() == at(6)


async def test_totals_tell_energy_and_cost_by_station_user_and_currency(
    ledger: Ledger,
) -> None:
    await ledger.commit(
        sessions=[
            a_closed_session(1, user="anna", cost=Decimal("14.10")),
            a_closed_session(2, user="anna", cost=Decimal("0.05"), provisional=True),
            a_closed_session(3, user="anna", cost=Decimal(3), currency="EUR"),
            a_closed_session(4, user="anna", station="garage-2"),
            a_closed_session(5, cost=None, currency=None),
            a_session(6, user="anna"),
        ]
    )
    totals = await ledger.totals()
    assert {(t.station, t.user, t.currency): t for t in totals} == {
        (t.station, t.user, t.currency): t
        for t in (
            Total(
                station="garage-1",
                user="anna",
                currency="SEK",
                sessions=2,
                provisional=1,
                energy_wh=Decimal(14000),
                cost=Decimal("14.15"),
            ),
            Total(
                station="garage-1",
                user="anna",
                currency="EUR",
                sessions=1,
                provisional=0,
                energy_wh=Decimal(7000),
                cost=Decimal(3),
            ),
            Total(
                station="garage-2",
                user="anna",
                currency="SEK",
                sessions=1,
                provisional=0,
                energy_wh=Decimal(7000),
                cost=Decimal("14.00"),
            ),
            Total(
                station="garage-1",
                user=None,
                currency=None,
                sessions=1,
                provisional=0,
                energy_wh=Decimal(7000),
                cost=None,
            ),
        )
    }
    assert len(totals) == 4


async def test_totals_count_a_session_when_it_ended(ledger: Ledger) -> None:
    await ledger.commit(
        sessions=[
            a_closed_session(n, ended_at=NOON + timedelta(hours=n)) for n in range(1, 6)
        ]
    )
    (total,) = await ledger.totals(since=at(120), until=at(240))
    assert (total.sessions, total.energy_wh) == (2, Decimal(14000))
    assert await ledger.totals(since=at(24 * 60)) == []


amounts = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(costs=st.lists(amounts, min_size=1, max_size=8))
async def test_totals_are_exact(ledger: Ledger, costs: list[Decimal]) -> None:
    await ledger.commit(
        sessions=[
            a_closed_session(n, cost=costs[n], energy_wh=costs[n])
            if n < len(costs)
            else a_session(n)
            for n in range(8)
        ]
    )
    (total,) = await ledger.totals()
    exactly = sum((Fraction(cost) for cost in costs), Fraction(0))
    assert total.cost is not None
    assert Fraction(total.cost) == Fraction(total.energy_wh) == exactly


async def test_a_total_that_cannot_be_exact_is_not_told(ledger: Ledger) -> None:
    await ledger.commit(
        sessions=[
            a_closed_session(1, cost=Decimal("1E+2000")),
            a_closed_session(2, cost=Decimal("0.01")),
        ]
    )
    with pytest.raises(LedgerError):
        await ledger.totals()
