"""What can be asked of the ledger, each question a function of a connection."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import reduce
from itertools import batched
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from ..charging.journal import Entry, Kind
from ..charging.open_session import CLOSINGS
from ..charging.session import Session
from . import schema
from .records import NOBODY, PriceEntry, SessionQuery, Total, User
from .rows import entry_of, price_of, session_of

_journal = schema.journal.c
_session = schema.session.c
_price = schema.price.c

# Sums are exact or they fail
_MOST_AT_ONCE: Final = 500  # fewer than the parameters that any database takes
_EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation, Overflow])


def next_session_id(connection: Connection) -> int:
    """Find the number after the highest one that a session has."""
    highest = connection.scalar(select(func.max(_session.id)))
    return (highest or 0) + 1


def session(connection: Connection, session_id: int) -> Session | None:
    """Read the session with an id."""
    return _one_session(connection, _session.id == session_id)


def session_by_start(connection: Connection, start_key: str) -> Session | None:
    """Read the session that a start made, to know a repeated start again."""
    return _one_session(connection, _session.start_key == start_key)


def sessions(connection: Connection, query: SessionQuery) -> list[Session]:
    """Read the sessions that a query describes."""
    wanted = select(schema.session).where(*_conditions(query))
    order = (_session.started_at, _session.id)
    if query.newest_first:
        wanted = wanted.order_by(*(column.desc() for column in order))
    else:
        wanted = wanted.order_by(*order)
    rows = connection.execute(wanted.limit(query.limit)).mappings()
    return [session_of(row) for row in rows]


def session_entries(
    connection: Connection, session_ids: Collection[int], kinds: Collection[str]
) -> dict[int, list[Entry]]:
    """Read some kinds of entries of sessions, by id, in the order of the journal.

    Readings are in no index: those of a session lie between the entry of its start and
    that of its last end, among those of others.
    """
    found: dict[int, list[Entry]] = {session_id: [] for session_id in session_ids}
    for some in batched(found, _MOST_AT_ONCE, strict=False):
        for entry in _of_sessions(connection, some):
            assert entry.session is not None
            if entry.kind in kinds:
                found[entry.session].append(entry)
    return found


def _of_sessions(connection: Connection, sessions: Collection[int]) -> list[Entry]:
    """Read all entries of sessions, in the order of the journal."""
    of_sessions = select(schema.journal).where(_journal.session.in_(sessions))
    others = _entries(
        connection,
        of_sessions.where(schema.indexed(_journal.kind)).order_by(_journal.id),
    )
    if not others:
        return []
    first = min(entry.id or 0 for entry in others)
    ends = {entry.session: entry.id or 0 for entry in others if entry.kind in CLOSINGS}
    readings = of_sessions.where(_journal.kind == Kind.METER, _journal.id > first)
    if ends.keys() >= set(sessions):
        readings = readings.where(_journal.id < max(ends.values()))
    return sorted(others + _entries(connection, readings), key=attrgetter("id"))


def latest(connection: Connection, kinds: Collection[str]) -> list[Entry]:
    """Read the newest entry of each station, kind and connector; the oldest first.

    Readings are not among them: they are in no index.
    """
    found = [
        entry for kind in set(kinds) for entry in _entries(connection, _latest_of(kind))
    ]
    return sorted(found, key=attrgetter("id"))


def entries(
    connection: Connection,
    *,
    kind: str | None,
    station: str | None,
    limit: int,
) -> list[Entry]:
    """Read the newest entries of the journal, newest first."""
    wanted = select(schema.journal).order_by(_journal.id.desc()).limit(limit)
    if kind is not None:
        wanted = wanted.where(_journal.kind == kind)
        if kind != Kind.METER:
            wanted = wanted.where(schema.indexed(_journal.kind))
    if station is not None:
        wanted = wanted.where(_journal.station == station)
    return _entries(connection, wanted)


def counts(connection: Connection, kinds: Collection[str]) -> dict[str, int]:
    """Count the entries of some kinds, of all time.

    Readings are not among them: they are in no index.
    """
    counted = (
        select(_journal.kind, func.count())
        .where(schema.indexed(_journal.kind), _journal.kind.in_(kinds))
        .group_by(_journal.kind)
    )
    return dict.fromkeys(kinds, 0) | dict(connection.execute(counted).tuples().all())


def last_received_at(connection: Connection) -> datetime | None:
    """Find when the entry that was stored last had been received."""
    newest = select(_journal.received_at).order_by(_journal.id.desc()).limit(1)
    return connection.scalar(newest)


def prices(
    connection: Connection, entity: str, since: datetime | None
) -> list[PriceEntry]:
    """Read what an entity told, in the order of its validity.

    With `since`: what tells of the time from then on, which includes the row in
    force at that moment. Of two rows for one moment the later one knows better.
    """
    columns = [column for column in schema.price.columns if column is not _price.id]
    wanted = (
        select(*columns).where(_price.entity == entity).order_by(_price.at, _price.id)
    )
    if since is not None:
        wanted = wanted.where(
            or_(
                _price.at >= since,
                _price.until > since,
                _price.id == _in_force(entity, since).scalar_subquery(),
            )
        )
    return [price_of(row) for row in connection.execute(wanted).mappings()]


def users(connection: Connection) -> set[str]:
    """Find whose sessions there are."""
    owners = select(_session.user).distinct().where(_session.user.is_not(None))
    return set(connection.scalars(owners))


def totals(
    connection: Connection,
    user: User | None,
    since: datetime | None,
    until: datetime | None,
) -> list[Total]:
    """Add up the sessions that ended from `since` on and before `until`."""
    wanted = select(
        _session.station,
        _session.user,
        _session.currency,
        _session.energy_wh,
        _session.cost,
        _session.provisional,
    ).where(*_conditions(SessionQuery(user=user, open=False)))
    if since is not None:
        wanted = wanted.where(_session.ended_at >= since)
    if until is not None:
        wanted = wanted.where(_session.ended_at < until)
    groups = defaultdict[tuple[str, str | None, str | None], list[Row[Any]]](list)
    for row in connection.execute(wanted):
        groups[row.station, row.user, row.currency].append(row)
    return [_total(*key, rows) for key, rows in groups.items()]


def _one_session(
    connection: Connection, condition: ColumnElement[bool]
) -> Session | None:
    """Read the session that a condition singles out."""
    rows = connection.execute(select(schema.session).where(condition)).mappings()
    row = rows.one_or_none()
    return None if row is None else session_of(row)


def _entries(connection: Connection, wanted: Select[Any]) -> list[Entry]:
    """Read rows of the journal."""
    return [entry_of(row) for row in connection.execute(wanted).mappings()]


def _conditions(query: SessionQuery) -> Iterator[ColumnElement[bool]]:
    """Say in SQL which sessions a query describes."""
    if query.station is not None:
        yield _session.station == query.station
    if query.connector is not None:
        yield _session.connector == query.connector
    if query.user is NOBODY:
        yield _session.user.is_(None)
    elif query.user is not None:
        yield _session.user == query.user
    if query.since is not None:
        yield _session.started_at >= query.since
    if query.until is not None:
        yield _session.started_at < query.until
    if query.open is not None:
        ended_at = _session.ended_at
        yield ended_at.is_(None) if query.open else ended_at.is_not(None)
    if query.provisional is not None:
        yield _session.provisional == query.provisional


def _latest_of(kind: str) -> Select[Any]:
    """Select the newest entry of one kind for each station and connector.

    The journal is long and the stations are few: instead of grouping all of it,
    step through the index from one station to the next, and from one connector
    to the next, each time to the highest below the last one.
    """
    entry = schema.journal.alias().c
    stations = select(func.max(entry.station).label("name"))
    stations = stations.where(schema.indexed(entry.kind))
    station = stations.cte(recursive=True)
    next_station = stations.where(entry.station < station.c.name)
    station = station.union_all(
        select(next_station.scalar_subquery()).where(station.c.name.is_not(None))
    )
    connectors = select(func.max(entry.connector)).where(
        schema.indexed(entry.kind), entry.kind == kind
    )
    highest = connectors.where(entry.station == station.c.name)
    place = (
        select(station.c.name, highest.scalar_subquery().label("connector"))
        .where(station.c.name.is_not(None))
        .cte(recursive=True)
    )
    next_lower = connectors.where(
        entry.station == place.c.name, entry.connector < place.c.connector
    )
    place = place.union_all(
        select(place.c.name, next_lower.scalar_subquery()).where(
            place.c.connector.is_not(None)
        )
    )
    newest = select(func.max(entry.id)).where(
        schema.indexed(entry.kind),
        entry.station == place.c.name,
        entry.kind == kind,
        entry.connector == place.c.connector,
    )
    return select(schema.journal).where(
        _journal.id.in_(select(newest.scalar_subquery()).select_from(place))
    )


def _in_force(entity: str, moment: datetime) -> Select[tuple[int]]:
    """Select the row that holds at a moment until the next one comes."""
    return (
        select(_price.id)
        .where(_price.entity == entity, _price.until.is_(None), _price.at <= moment)
        .order_by(_price.at.desc(), _price.id.desc())
        .limit(1)
    )


def _total(
    station: str, user: str | None, currency: str | None, rows: list[Row[Any]]
) -> Total:
    """Add up sessions that have station, user and currency in common."""
    costs = [row.cost for row in rows if row.cost is not None]
    return Total(
        station=station,
        user=user,
        currency=currency,
        sessions=len(rows),
        provisional=sum(row.provisional for row in rows),
        energy_wh=_sum(row.energy_wh for row in rows if row.energy_wh is not None),
        cost=_sum(costs) if costs else None,
    )


def _sum(values: Iterable[Decimal]) -> Decimal:
    """Add without rounding; raises decimal.Inexact where that cannot be."""
    return reduce(_EXACT.add, values, Decimal(0))
