"""The listener: stations come in here, each with its name in the path.

Unknown stations may come in as strangers, to be seen and adopted; how many at
a time is limited, as is everybody's number. A new connection of a station replaces its old one, for the
old one is most often a dead socket that nobody has noticed yet.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
import logging
import re
from typing import Any, Final, Protocol
from urllib.parse import unquote

from aiohttp import StreamReader, WSCloseCode, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage

from ..charging.model import Registration
from .credentials import Lockout, verify_password
from .errors import Disconnected
from .link import EventHandler, Link
from .oddities import STRANGERS, Oddities
from .patience import COOL_DOWN
from .tls import ServerTls
from .uploads import PATH, UploadReceiver

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"
MAX_FRAME: Final = 1 << 20  # bytes
MAX_STRANGERS: Final = 10
MAX_STRANGERS_AT_ADDRESS: Final = 5  # more may be one that guesses names
MAX_CONNECTIONS: Final = 300
MAX_SOCKETS: Final = 2 * MAX_CONNECTIONS  # with those that have not said who they are
HANDSHAKE_PATIENCE: Final = 10.0  # s, for who has not said who it is
MAX_IDENTITY: Final = 48
PING_INTERVAL: Final = 30.0  # s
PINGS_MISSED: Final = 3
SILENCE: Final = 900.0  # s, for stations that do not answer pings: three heartbeats
_HOST: Final = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?", re.ASCII)
STOP_PATIENCE: Final = 1.0  # s, for who is just coming in


def utcnow() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Verdict(Enum):
    """What to do with a station at the door."""

    KNOWN = auto()
    STRANGER = auto()
    TURNED_AWAY = auto()


@dataclass(frozen=True, slots=True)
class Admission:
    """The verdict on a station, and the hash of the password that it must prove."""

    verdict: Verdict
    password_hash: str | None = None


class Desk(EventHandler, Protocol):
    """Knows the stations, and decides on what they report."""

    def admit(self, identity: str) -> Admission:
        """Decide on a station that asks to come in."""

    def connected(self, link: Link) -> None:
        """Take note of a station that came in."""

    def disconnected(self, link: Link) -> None:
        """Take note of a station that went, unless a newer connection replaced it."""


class CentralSystem:
    """The server that stations connect to (OCPP-J 1.6 §3)."""

    def __init__(
        self,
        desk: Desk,
        *,
        clock: Callable[[], datetime] = utcnow,
        uploads: UploadReceiver | None = None,
    ) -> None:
        """Take who decides, the time, and who takes files, if anybody does."""
        self._desk = desk
        self._uploads = uploads
        self._clock = clock
        self._runner: web.ServerRunner | None = None
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._lockout = Lockout()
        self._cooling: dict[str, float] = {}
        self._inside = 0
        self.oddities = Oddities()
        self.turned_away = 0

    async def start(
        self, host: str | None, port: int, tls: ServerTls | None = None
    ) -> int:
        """Listen at an address (None: all) and a port (0: any); return the port.

        With `tls`, stations connect over TLS, and only so. Raises OSError where
        address or port cannot be had.
        """
        server = _Server(
            self._on_request,
            request_factory=_request,
            access_log=None,
            logger=_HttpLog(self.oddities),
            keepalive_timeout=HANDSHAKE_PATIENCE,
        )
        runner = web.ServerRunner(
            server, handle_signals=False, shutdown_timeout=STOP_PATIENCE
        )
        await runner.setup()
        try:
            await web.TCPSite(
                runner, host, port, ssl_context=tls.context if tls else None
            ).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening, and tell all stations that we go away."""
        if (runner := self._runner) is None:
            return
        self._runner = None
        for site in list(runner.sites):
            await site.stop()
        for link in self._links.values():
            self._close_soon(link)
        await asyncio.gather(*self._closing)
        await runner.cleanup()

    @property
    def links(self) -> dict[str, Link]:
        """Return the stations that are connected, by identity."""
        return dict(self._links)

    def drop(self, identity: str) -> None:
        """Close a station's connection; it will ask to come in again."""
        if link := self._links.get(identity):
            self._close_soon(link)

    async def _on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        """Let a station in, or tell it why not."""
        if request.method in (hdrs.METH_PUT, hdrs.METH_POST):
            return await self._take_upload(request)
        identity = identity_of(request.rel_url.raw_path)
        if not 0 < len(identity) <= MAX_IDENTITY or not identity.isprintable():
            return self._turn_away(STRANGERS, 404, "no name in the path")
        admission = self._desk.admit(identity)
        who = identity if admission.verdict is Verdict.KNOWN else STRANGERS
        if admission.verdict is Verdict.TURNED_AWAY:
            return self._turn_away(who, 404, "it was turned away")
        if self._inside >= MAX_CONNECTIONS:
            return self._turn_away(who, 503, "too many connections")
        if self._is_cooling(identity):
            return self._turn_away(who, 503, "it comes again too soon after a flood")
        if admission.verdict is Verdict.STRANGER and self._is_crowded(
            identity, request.remote
        ):
            return self._turn_away(who, 503, "too many unknown stations")
        self._inside += 1
        try:
            if not await self._proves_itself(request, identity, admission):
                return self._turn_away(who, 401, "a wrong password, or none")
            return await self._converse(request, identity, admission, who)
        finally:
            self._inside -= 1

    async def _take_upload(self, request: web.BaseRequest) -> web.Response:
        """Take a file that a station was asked for."""
        if self._uploads is None or not request.rel_url.raw_path.startswith(PATH):
            return self._turn_away(STRANGERS, 404, "it uploads to nowhere")
        response = await self._uploads.receive(request)
        if response.status != 201:
            self.oddities.note(STRANGERS, f"an upload: {response.reason}")
            response.force_close()
        return response

    def _turn_away(self, who: str, status: int, why: str) -> web.Response:
        """Refuse a connection before the upgrade."""
        self.turned_away += 1
        self.oddities.note(who, f"a connection: {why}")
        headers = {
            401: {hdrs.WWW_AUTHENTICATE: 'Basic realm="Ladda"'},
            503: {hdrs.RETRY_AFTER: "60"},
        }.get(status)
        response = web.Response(status=status, headers=headers)
        response.force_close()
        return response

    def _is_cooling(self, identity: str) -> bool:
        """Tell whether a station flooded us a short while ago."""
        now = asyncio.get_running_loop().time()
        self._cooling = {who: due for who, due in self._cooling.items() if due > now}
        link = self._links.get(identity)  # it may not have hung up yet
        return identity in self._cooling or (link is not None and link.rpc.flooded)

    def _is_crowded(self, identity: str, remote: str | None) -> bool:
        """Tell whether too many others wait whom nobody has accepted."""
        strangers = [
            link.remote
            for link in self._links.values()
            if link.registration is not Registration.ACCEPTED
            and link.identity != identity
        ]
        return (
            len(strangers) >= MAX_STRANGERS
            or strangers.count(remote or "") >= MAX_STRANGERS_AT_ADDRESS
        )

    async def _proves_itself(
        self, request: web.BaseRequest, identity: str, admission: Admission
    ) -> bool:
        """Check the station's password, where it must have one (whitepaper A00.FR.204)."""
        if admission.password_hash is None:
            return True
        loop = asyncio.get_running_loop()
        who = f"{identity} at {request.remote}"
        password = _password(request, identity)
        if password is None or self._lockout.is_locked(who, loop.time()):
            return False
        proven = await loop.run_in_executor(
            None, verify_password, password, admission.password_hash
        )
        if not proven:
            self._lockout.failed(who, loop.time())
        return proven

    async def _converse(
        self, request: web.BaseRequest, identity: str, admission: Admission, who: str
    ) -> web.StreamResponse:
        """Open the WebSocket and talk until it ends; `who` it counts as."""
        known = admission.verdict is Verdict.KNOWN
        offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL)
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,) if offered and SUBPROTOCOL in offered else (),
            autoping=False,
            compress=False,
            decode_text=False,
            max_msg_size=MAX_FRAME,
        )
        transport = request.transport  # None: the station has gone again already
        if transport is None or not ws.can_prepare(request):
            return web.Response(
                status=426, headers={hdrs.UPGRADE: "websocket"}, text="OCPP only"
            )
        await ws.prepare(request)
        # Old stations offer no subprotocol at all: those that we know may.
        if ws.ws_protocol is None and (offered or not known):
            self.oddities.note(who, "a connection: no protocol that we speak")
            await ws.close(code=WSCloseCode.PROTOCOL_ERROR)
            return ws
        link = Link(
            ws,
            transport,
            identity,
            request.remote or "",
            Registration.ACCEPTED if known else Registration.PENDING,
            self._desk,
            self._clock,
            partial(self.oddities.note, who),
            _reached_at(request, transport),
        )
        await self._keep(link)
        return ws

    async def _keep(self, link: Link) -> None:
        """Be connected to a station until the conversation ends."""
        identity = link.identity
        if (old := self._links.get(identity)) is not None:
            self._close_soon(old)
        self._links[identity] = link
        watch = asyncio.create_task(self._watch(link))
        try:
            self._desk.connected(link)
            await link.run()
        except Disconnected as err:
            _LOGGER.debug("The conversation with %s ended: %s", identity, err)
        finally:
            watch.cancel()
            if link.rpc.flooded:
                self._cooling[identity] = asyncio.get_running_loop().time() + COOL_DOWN
            if self._links.get(identity) is link:
                del self._links[identity]
            self._desk.disconnected(link)

    async def _watch(self, link: Link) -> None:
        """Ping a quiet station, and close a connection that is dead or stuck."""
        loop = asyncio.get_running_loop()
        rpc = link.rpc
        unsent = 0
        while True:
            await asyncio.sleep(PING_INTERVAL / 2)
            quiet = loop.time() - rpc.last_heard
            patience = PING_INTERVAL * PINGS_MISSED if rpc.answers_pings else SILENCE
            before, unsent = unsent, rpc.unsent
            if quiet > patience or 0 < before <= unsent:
                _LOGGER.debug("%s does not answer any more", link.identity)
                self._close_soon(link)
                return
            if quiet > PING_INTERVAL / 2 and not unsent:
                try:
                    await rpc.ping()
                except Disconnected:
                    return

    def _close_soon(self, link: Link) -> None:
        """Close a connection without waiting for the other side."""
        task = asyncio.create_task(link.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _HttpLog(logging.LoggerAdapter[logging.Logger]):
    """Counts who does not speak HTTP, and leaves the log to our own errors."""

    def __init__(self, oddities: Oddities) -> None:
        """Take who counts."""
        super().__init__(_LOGGER)
        self._oddities = oddities

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log an error that came up while a request was served."""
        if isinstance(kwargs.get("exc_info"), HttpProcessingError):
            self._oddities.note(STRANGERS, "a connection: this is no HTTP")
        else:
            super().exception(msg, *args, **kwargs)


class _Server(web.Server):
    """A server that hangs up where more come than can be served.

    Who says nothing is hung up on by aiohttp, after `keepalive_timeout`.
    """

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Take note of a connection, or end it."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_SOCKETS:
            transport.abort()


def identity_of(path: str) -> str:
    """Read a station's identity: the last segment of the path (OCPP-J 1.6 §3.1.1)."""
    return unquote(path.rstrip("/").rpartition("/")[2]).strip()


def _reached_at(request: web.BaseRequest, transport: asyncio.Transport) -> str:
    """Return the URL at which a station reaches us, without a path.

    That is what it dialled, for our own address may be behind a router's or a
    container's; only a station that does not tell is given our own.
    """
    scheme = "https" if transport.get_extra_info("sslcontext") else "http"
    host = request.headers.get(hdrs.HOST, "").strip()
    if not _HOST.fullmatch(host):
        address, port, *_ = transport.get_extra_info("sockname")
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{scheme}://{host}"


def _password(request: web.BaseRequest, identity: str) -> bytes | None:
    """Read the password that a station sends under its own name; None: there is none.

    It may be any bytes, so that it is never decoded; the name may hold a colon.
    """
    scheme, _, encoded = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        credentials = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    name = identity.encode() + b":"
    return credentials.removeprefix(name) if credentials.startswith(name) else None


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request; who asks for a WebSocket may forget to ask for the upgrade.

    Some stations send `Upgrade: websocket` without `Connection: Upgrade`.
    """
    if message.headers.get(hdrs.UPGRADE, "").strip().casefold() == "websocket":
        message = message._replace(upgrade=True)
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop)
