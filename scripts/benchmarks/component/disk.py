"""A thread that commits rows, and does as little as can be done for that."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
import sqlite3
from threading import Thread


class Disk:
    """One thread that commits rows, as few commits as there can be."""

    def __init__(self, folder: Path) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._queue = SimpleQueue[asyncio.Future[None]]()
        self._path = folder / "rows.db"
        Thread(target=self._serve, daemon=True).start()

    def store(self, _: str = "") -> Awaitable[None]:
        """Bring a row to the disk."""
        stored = self._loop.create_future()
        self._queue.put(stored)
        return stored

    def _serve(self) -> None:
        """Commit all that waits, for ever."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, data TEXT)")
        while True:
            waiting = [self._queue.get()]
            with suppress(Empty):
                while True:
                    waiting.append(self._queue.get_nowait())
            rows = ",".join(["(?)"] * len(waiting))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                f"INSERT INTO row (data) VALUES {rows}",  # noqa: S608
                ["x" * 100] * len(waiting),
            )
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_done, waiting)


def _done(waiting: list[asyncio.Future[None]]) -> None:
    """Tell those who wait."""
    for stored in waiting:
        stored.set_result(None)
