"""The ledger as the rest of Ladda sees it."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection

from ..charging.journal import Entry
from ..charging.session import Session
from . import database, queries
from .errors import LedgerError, LedgerUnusable
from .migrations import prepare
from .reader import Reader
from .records import PriceEntry, SessionQuery, Total, User
from .writer import Hold, Write, Writer

POST_SECONDS = 2.0  # how long a posted entry may wait for others


class Ledger:
    """What must never be lost: the journal, the sessions and the prices.

    All methods belong to the event loop that opened it; none blocks it. Every
    method raises LedgerError once the ledger is closed.
    """

    def __init__(self, writer: Writer, reader: Reader) -> None:
        """Take both threads; `Ledger.open` is the way in."""
        self._loop = asyncio.get_running_loop()
        self._writer = writer
        self._reader = reader
        self._posted: list[Write] = []
        self._flush_timer: asyncio.TimerHandle | None = None
        self._hold: Hold | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, url: str | None = None) -> Self:
        """Open the ledger in a file, or in the database that a URL names.

        Makes what is missing, looks through a SQLite file that was not closed and
        brings an older ledger up to date. Raises LedgerNewer, LedgerCorrupt, or
        LedgerUnusable for any other reason.
        """
        where = url if url is not None else database.url_of(path)
        file = path if url is None else None
        writer = Writer(lambda: _open(where, file))
        await writer.start()
        return cls(writer, Reader(database.reading(where)))

    async def close(self) -> None:
        """Store what is posted and queued, bring it into the file, end the threads.

        A hold ends with it.
        """
        if self._closed:
            return
        self._flush()
        self._closed = True
        if self._hold is not None:
            self._hold.over.set()
        await self._reader.close()
        await self._writer.stop()

    async def commit(
        self,
        *,
        entries: Collection[Entry] = (),
        sessions: Collection[Session] = (),
        prices: Collection[PriceEntry] = (),
    ) -> None:
        """Store records, all or none; when this returns they are on the disk.

        A session takes the place of the one with its id. The data of entries is
        plain JSON and is not changed any more. Raises LedgerError when nothing of
        it is stored. Who is cancelled while waiting does not know whether it is.
        """
        self._flush()
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._writer.put(Write(entries, sessions, prices, waiter))
        await waiter

    def post(self, entries: Collection[Entry]) -> None:
        """Store entries soon, and before anything that is committed later.

        For what may be lost when the power fails within the next two seconds.
        Entries that cannot be stored are reported in the log.
        """
        self._check_open()
        self._posted.append(Write(entries=entries))
        if self._flush_timer is None:
            self._flush_timer = self._loop.call_later(POST_SECONDS, self._flush)

    async def hold(self, seconds: float) -> None:
        """Bring everything into the file and leave it alone, so it can be copied.

        Until `release`, or for so many seconds, commits wait; reading goes on.
        Raises LedgerError, and holds nothing, where a reader stands in the way or
        another hold lasts.
        """
        if self._hold is not None and not self._hold.over.is_set():
            raise LedgerError("the ledger is held already")
        self._flush()
        self._hold = Hold(seconds=seconds, waiter=self._loop.create_future())
        self._writer.put(self._hold)
        await self._hold.waiter

    async def release(self) -> None:
        """End a hold, if one lasts."""
        if self._hold is not None:
            self._hold.over.set()

    async def next_session_id(self) -> int:
        """Tell the id for the next session; the caller counts on from there."""
        return await self._reader.read(queries.next_session_id)

    async def open_sessions(self) -> list[Session]:
        """Read the sessions that go on, in the order of their starts."""
        return await self.sessions(SessionQuery(open=True, newest_first=False))

    async def session(self, session_id: int) -> Session | None:
        """Read one session."""
        return await self._reader.read(queries.session, session_id)

    async def session_by_start(self, start_key: str) -> Session | None:
        """Read the session that a start made, to know a repeated start again."""
        return await self._reader.read(queries.session_by_start, start_key)

    async def sessions(self, query: SessionQuery) -> list[Session]:
        """Read the sessions that a query describes."""
        return await self._reader.read(queries.sessions, query)

    async def session_entries(
        self, sessions: Collection[int], kinds: Collection[str]
    ) -> dict[int, list[Entry]]:
        """Read some kinds of entries of sessions, by id, in the order of the journal."""
        return await self._reader.read(queries.session_entries, sessions, kinds)

    async def latest(self, kinds: Collection[str]) -> list[Entry]:
        """Read the newest entry of each station, kind and connector, oldest first."""
        return await self._reader.read(queries.latest, kinds)

    async def entries(
        self,
        *,
        kind: str | None = None,
        station: str | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """Read the newest entries, newest first."""
        return await self._reader.read(
            queries.entries, kind=kind, station=station, limit=limit
        )

    async def counts(self, kinds: Collection[str]) -> dict[str, int]:
        """Count the entries of some kinds, of all time; readings are not counted."""
        return await self._reader.read(queries.counts, kinds)

    async def prices(
        self, entity: str, since: datetime | None = None
    ) -> list[PriceEntry]:
        """Read what a price entity told, in the order of its validity.

        With `since`: all that tells of the time from then on, which includes the
        row in force at that moment. Of two rows for one moment the later counts.
        """
        return await self._reader.read(queries.prices, entity, since)

    async def last_received_at(self) -> datetime | None:
        """Tell until when Ladda is known to have watched; None: never yet."""
        return await self._reader.read(queries.last_received_at)

    async def users(self) -> set[str]:
        """Tell whose sessions there are."""
        return await self._reader.read(queries.users)

    async def totals(
        self,
        *,
        user: User | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Total]:
        """Add up the sessions that ended from `since` on and before `until`.

        One sum for each station, user and currency; without bounds, of all time.
        """
        return await self._reader.read(queries.totals, user, since, until)

    def _flush(self) -> None:
        """Hand over what was posted."""
        self._check_open()
        if self._flush_timer is None:
            return
        self._flush_timer.cancel()
        self._flush_timer = None
        for write in self._posted:
            self._writer.put(write)
        self._posted.clear()

    def _check_open(self) -> None:
        """Raise LedgerError once the ledger is closed."""
        if self._closed:
            raise LedgerError("the ledger is closed")


def _open(where: str | URL, file: Path | None) -> Connection:
    """Connect for writing and make the ledger ready; raises LedgerUnusable."""
    try:
        closed = file is None or database.was_closed(file)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        connection = database.writing(where).connect()
        try:
            prepare(connection, closed=closed)
        except BaseException:
            connection.close()
            raise
    except LedgerUnusable:
        raise
    except Exception as error:
        raise database.why_unusable(error) from error
    return connection
