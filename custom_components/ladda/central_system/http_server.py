"""The HTTP server under the listener: who comes has not said yet who it is.

So there is little room and little time for it, and whatever is refused here counts as
of strangers.
"""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Any, Final

from aiohttp import StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage

from .oddities import Note
from .tls import Handshakes, ServerTls

_LOGGER = logging.getLogger(__name__)

MAX_SOCKETS: Final = 600  # twice the stations: some have a connection that died
PATIENCE: Final = 10.0  # s, for who has asked for nothing yet
STOP_PATIENCE: Final = 1.0  # s, for who is just coming in

NO_HTTP: Final = "UNKNOWN"  # what aiohttp calls the method of what it cannot read

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpServer(web.Server):
    """Hands over requests, and hangs up on who does not come to making one."""

    def __init__(self, handler: Handler, note: Note) -> None:
        """Take what answers requests, and who counts what is refused."""
        super().__init__(
            handler,
            request_factory=self._request,
            access_log=None,
            logger=_Log(note),
            keepalive_timeout=PATIENCE,
        )
        self._note = note
        self._handshakes = Handshakes(note, most=MAX_SOCKETS, patience=PATIENCE)
        self._speechless: set[web.RequestHandler] = set()

    async def listen(
        self, host: str | None, port: int, tls: ServerTls | None
    ) -> asyncio.Server:
        """Open the port (0: any) of an address (None: all).

        Raises OSError where address or port cannot be had.
        """
        if tls is not None:
            tls.watch(self._handshakes)
        return await asyncio.get_running_loop().create_server(
            self,
            host,
            port,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=PATIENCE if tls else None,
        )

    async def end(self) -> None:
        """End all connections, after those that are just coming in."""
        await asyncio.sleep(0)
        self._handshakes.forget()
        self.pre_shutdown()
        await self.shutdown(STOP_PATIENCE)

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Take note of a connection, or end it."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_SOCKETS:
            self._note("a connection: more than are served")
            transport.abort()
        else:
            self._speechless.add(handler)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Take note of the end of a connection; aiohttp ends those that say nothing."""
        super().connection_lost(handler, exc)
        if handler in self._speechless:
            self._speechless.discard(handler)
            self._note("a connection: it asked for nothing")

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        """Make a request; who asks for a WebSocket may forget to ask for the upgrade.

        Some stations send `Upgrade: websocket` without `Connection: Upgrade`.
        """
        self._speechless.discard(protocol)
        if message.method == NO_HTTP:
            self._note("a connection: this is no HTTP")
        elif message.headers.get(hdrs.UPGRADE, "").strip().casefold() == "websocket":
            message = message._replace(upgrade=True)
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop)


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Counts our own errors; what is no HTTP is counted already."""

    def __init__(self, note: Note) -> None:
        """Take who counts."""
        super().__init__(_LOGGER)
        self._note = note

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Tell of an error that came up while a request was served."""
        error = kwargs.get("exc_info")
        if not isinstance(error, Exception):
            super().exception(msg, *args, **kwargs)
        elif not isinstance(error, HttpProcessingError):
            self._note("a request went wrong here", error)
