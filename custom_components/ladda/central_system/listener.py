"""The listener: stations come in here, each with its name in the path.

Unknown stations may come in as strangers, to be seen and adopted; how many at
a time is limited. A new connection of a station replaces its old one, for the
old one is most often a dead socket that nobody has noticed yet.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
import logging
from typing import Final, Protocol
from urllib.parse import unquote

from aiohttp import StreamReader, WSCloseCode, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from ..charging.model import Registration
from .credentials import Lockout, verify_password
from .errors import Disconnected
from .link import EventHandler, Link

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"
MAX_FRAME: Final = 1 << 20  # bytes
MAX_STRANGERS: Final = 10
MAX_IDENTITY: Final = 48
PING_INTERVAL: Final = 30.0  # s
PINGS_MISSED: Final = 3
SILENCE: Final = 900.0  # s, for stations that do not answer pings: three heartbeats
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

    def __init__(self, desk: Desk, *, clock: Callable[[], datetime] = utcnow) -> None:
        """Take who decides, and the time."""
        self._desk = desk
        self._clock = clock
        self._runner: web.ServerRunner | None = None
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._lockout = Lockout()
        self.turned_away = 0

    async def start(self, host: str | None, port: int) -> int:
        """Listen at an address (None: all) and a port (0: any); return the port.

        Raises OSError where that cannot be had.
        """
        server = web.Server(self._on_request, request_factory=_request, access_log=None)
        runner = web.ServerRunner(
            server, handle_signals=False, shutdown_timeout=STOP_PATIENCE
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
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
        identity = identity_of(request.rel_url.raw_path)
        if not 0 < len(identity) <= MAX_IDENTITY or not identity.isprintable():
            return self._turn_away(request, 404, "no station is named in the path")
        admission = self._desk.admit(identity)
        if admission.verdict is Verdict.TURNED_AWAY:
            return self._turn_away(request, 404, f"{identity} is not welcome")
        if admission.verdict is Verdict.STRANGER and self._is_crowded(identity):
            return self._turn_away(request, 503, "too many unknown stations")
        if not await self._proves_itself(request, identity, admission):
            return self._turn_away(request, 401, f"{identity} gave a wrong password")
        return await self._converse(request, identity, admission)

    def _turn_away(
        self, request: web.BaseRequest, status: int, why: str
    ) -> web.Response:
        """Refuse a connection before the upgrade."""
        self.turned_away += 1
        _LOGGER.debug("Turned away %s: %s", request.remote, why)
        headers = {
            401: {hdrs.WWW_AUTHENTICATE: 'Basic realm="Ladda"'},
            503: {hdrs.RETRY_AFTER: "60"},
        }.get(status)
        return web.Response(status=status, headers=headers)

    def _is_crowded(self, identity: str) -> bool:
        """Tell whether too many others wait whom nobody has accepted."""
        strangers = sum(
            link.registration is not Registration.ACCEPTED
            for link in self._links.values()
            if link.identity != identity
        )
        return strangers >= MAX_STRANGERS

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
        self, request: web.BaseRequest, identity: str, admission: Admission
    ) -> web.StreamResponse:
        """Open the WebSocket and talk until it ends."""
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


def identity_of(path: str) -> str:
    """Read a station's identity: the last segment of the path (OCPP-J 1.6 §3.1.1)."""
    return unquote(path.rstrip("/").rpartition("/")[2]).strip()


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
