"""The thread that reads, so that a long query does not delay a commit."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from .database import reason
from .errors import LedgerError


class Reader:
    """A thread with a connection of its own; queries are run one after another."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine to connect with."""
        self._engine = engine
        self._executor = ThreadPoolExecutor(1, "ladda ledger reader")
        self._connection: Connection | None = None
        self._closed = False

    async def read[**P, T](
        self,
        query: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a query in one transaction; raises LedgerError where that fails."""
        if self._closed:
            raise LedgerError("the ledger is closed")

        def ask() -> T:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                with self._connection.begin():
                    return query(self._connection, *args, **kwargs)
            except (SQLAlchemyError, ValueError, ArithmeticError) as error:
                raise LedgerError(reason(error)) from error

        return await asyncio.get_running_loop().run_in_executor(self._executor, ask)

    async def close(self) -> None:
        """Finish the queries that wait, close the connection, end the thread."""
        self._closed = True

        def close() -> None:
            if self._connection is not None:
                self._connection.close()

        await asyncio.get_running_loop().run_in_executor(self._executor, close)
        self._executor.shutdown()
