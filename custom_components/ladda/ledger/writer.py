"""The one thread that writes: what waits together is committed together.

While the disk is busy with one transaction, others queue up; the next one takes
them all. Where there is company, that one waits a moment for more of it: to bring
something to the disk costs the same for one as for many. Who comes alone never waits.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
import logging
from queue import Empty, SimpleQueue
from threading import Event, Thread
import time
from typing import Final, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

from ..charging.journal import Entry
from ..charging.session import Session
from .database import Transactions, checkpoint, reason
from .errors import LedgerError
from .records import PriceEntry
from .rows import Rows

_LOGGER = logging.getLogger(__name__)

COMPANY_SECONDS: Final = 0.002
LOSS_PAUSE: Final = 3600.0  # s, between two lines of the log about what is lost

type Waiter = asyncio.Future[None]


class Write(NamedTuple):
    """Records that are stored together or not at all; posted: nobody waits."""

    entries: Collection[Entry] = ()
    sessions: Collection[Session] = ()
    prices: Collection[PriceEntry] = ()
    waiter: Waiter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A time in which the file does not change; the waiter hears of its start."""

    seconds: float
    waiter: Waiter
    over: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The end of the thread; the waiter hears of it."""

    waiter: Waiter


type Job = Write | Hold | Stop


class Writer:
    """The thread that owns the connection that writes.

    Jobs are done in the order in which they were put. A write's waiter gets its
    result when it is on the disk, or a LedgerError when nothing of it is stored;
    the thread lives on in either case.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Take what opens the ledger; it is called in the thread."""
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._queue = SimpleQueue[Job]()
        self._opened: Waiter = self._loop.create_future()
        self._lost = 0  # posted entries that the log does not tell of yet
        self._tell_at = time.monotonic()
        self._thread = Thread(target=self._run, name="ladda ledger writer", daemon=True)

    async def start(self) -> None:
        """Start the thread and open the ledger; raises what opening raises."""
        self._thread.start()
        try:
            await self._opened
        except asyncio.CancelledError:
            self._queue.put(Stop(waiter=self._loop.create_future()))
            raise
        except Exception:
            self._thread.join()
            raise

    def put(self, job: Write | Hold) -> None:
        """Queue a job."""
        self._queue.put(job)

    async def stop(self) -> None:
        """Do what is queued, close the connection and end the thread."""
        stopped = self._loop.create_future()
        self._queue.put(Stop(waiter=stopped))
        await stopped
        self._thread.join()

    def _run(self) -> None:
        """Live as the thread: open, serve, close."""
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001, handed to who opens
            self._settle([self._opened], error)
            return
        self._settle([self._opened])
        with connection:
            stop = self._serve(connection)
        self._settle([stop.waiter])

    def _serve(self, connection: Connection) -> Stop:
        """Do the jobs in their order, neighbouring writes in one transaction."""
        rows = Rows(connection.dialect)
        transactions = Transactions(connection)
        writes: list[Write] = []
        while True:
            job: Job | None = self._queue.get()
            if len(writes) > 1:
                time.sleep(COMPANY_SECONDS)
            writes = []
            while isinstance(job, Write):
                writes.append(job)
                job = self._next()
            if writes:
                self._commit(transactions, rows, writes)
            if isinstance(job, Hold):
                self._hold(connection, job)
            elif isinstance(job, Stop):
                return job

    def _next(self) -> Job | None:
        """Take the next job if there is one already."""
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def _commit(
        self, transactions: Transactions, rows: Rows, writes: list[Write]
    ) -> None:
        """Commit writes together, or else each alone, so that only bad ones fail."""
        try:
            transactions.begin()
        except Exception as error:  # noqa: BLE001, locked: no write is to blame
            self._finish(writes, error)
            return
        try:
            _store(transactions.cursor, rows, writes)
            transactions.commit()
        except Exception as error:  # noqa: BLE001, handed to the waiter
            transactions.roll_back()
            if len(writes) == 1:
                self._finish(writes, error)
                return
            for write in writes:
                self._commit(transactions, rows, [write])
        else:
            self._finish(writes)

    def _hold(self, connection: Connection, hold: Hold) -> None:
        """Bring everything into the file, then leave it alone for a while."""
        try:
            checkpoint(connection)
        except Exception as error:  # noqa: BLE001, handed to the waiter
            hold.over.set()
            self._settle([hold.waiter], error)
            return
        self._settle([hold.waiter])
        if not hold.over.wait(hold.seconds):
            _LOGGER.warning("Held for %s s, the ledger writes again", hold.seconds)
            hold.over.set()

    def _finish(self, writes: list[Write], error: Exception | None = None) -> None:
        """Tell the waiters of writes; a failure of posted ones goes to the log."""
        waiters = [write.waiter for write in writes if write.waiter is not None]
        if waiters:
            self._settle(waiters, error)
        if error is not None and len(waiters) < len(writes):
            self._lose([write for write in writes if write.waiter is None], error)

    def _lose(self, posted: list[Write], error: Exception) -> None:
        """Tell of entries that are lost, at once and then now and then."""
        self._lost += sum(len(write.entries) for write in posted)
        if (now := time.monotonic()) < self._tell_at:
            return
        _LOGGER.error("%d posted entries are lost: %s", self._lost, reason(error))
        self._lost, self._tell_at = 0, now + LOSS_PAUSE

    def _settle(self, waiters: list[Waiter], error: Exception | None = None) -> None:
        """Wake the event loop, once for all these waiters."""
        self._loop.call_soon_threadsafe(_tell, waiters, error)


def _store(cursor: DBAPICursor, rows: Rows, writes: list[Write]) -> None:
    """Store the records of several writes as if they were one."""
    # Of a session that several writes hold, the last state is the one to keep
    sessions = {session.id: session for write in writes for session in write.sessions}
    rows.store(
        cursor,
        entries=[entry for write in writes for entry in write.entries],
        sessions=sessions.values(),
        prices=[price for write in writes for price in write.prices],
    )


def _tell(waiters: list[Waiter], error: Exception | None) -> None:
    """Give waiters their result; those that were cancelled no longer wait."""
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(_ledger_error(error))


def _ledger_error(error: Exception) -> LedgerError:
    """Make an error for one waiter, since a traceback belongs to one only."""
    if isinstance(error, LedgerError):
        return error
    told = LedgerError(reason(error))
    told.__cause__ = error
    return told
