"""The listener: stations come in here, each with its name in the path.

Unknown stations may come in as strangers, to be seen and adopted; how many at
a time is limited. A new connection of a station replaces its old one, for the
old one is most often a dead socket that nobody has noticed yet.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
import logging
from typing import Final, Protocol
from urllib.parse import unquote

from aiohttp import WSCloseCode, hdrs, web

from ..charging.model import Registration
from .credentials import verify_password
from .errors import StationError
from .link import EventHandler, Link

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"
MAX_FRAME: Final = 1 << 20  # bytes
MAX_STRANGERS: Final = 10
MAX_IDENTITY: Final = 48
PING_INTERVAL: Final = 30.0  # s
PINGS_MISSED: Final = 3
SILENCE: Final = 900.0  # s, for stations that do not answer pings: three heartbeats
SLOW_READER: Final = 10.0  # s


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
        self._runner: web.AppRunner | None = None
        self._links: dict[str, Link] = {}
        self._watch: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.turned_away = 0

    async def start(self, host: str | None, port: int) -> int:
        """Listen at an address (None: all) and a port (0: any); return the port.

        Raises OSError where that cannot be had.
        """
        app = web.Application()
        app.router.add_get("/{path:.*}", self._on_request)
        runner = web.AppRunner(app, handle_signals=False, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._watch = asyncio.create_task(self._watch_links())
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Tell all stations that we go away, and stop listening."""
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.gather(*(self._close(link) for link in self.links.values()))
        for task in list(self._closing):
            await task
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def links(self) -> dict[str, Link]:
        """Return the stations that are connected, by identity."""
        return dict(self._links)

    def drop(self, identity: str) -> None:
        """Close a station's connection; it will ask to come in again."""
        if link := self._links.get(identity):
            self._close_soon(link)

    async def _on_request(self, request: web.Request) -> web.StreamResponse:
        """Let a station in, or tell it why not."""
        identity = identity_of(request.path_qs.partition("?")[0])
        if not identity or len(identity) > MAX_IDENTITY:
            return self._turn_away(request, 404, "no station is named in the path")
        admission = self._desk.admit(identity)
        if admission.verdict is Verdict.TURNED_AWAY:
            return self._turn_away(request, 404, f"{identity} is not welcome")
        if admission.verdict is Verdict.STRANGER and self._strangers() >= MAX_STRANGERS:
            return self._turn_away(request, 503, "too many unknown stations")
        if not await self._proves_itself(request, identity, admission):
            return self._turn_away(request, 401, f"{identity} gave a wrong password")
        return await self._converse(request, identity, admission)

    def _turn_away(self, request: web.Request, status: int, why: str) -> web.Response:
        """Refuse a connection before the upgrade."""
        self.turned_away += 1
        _LOGGER.debug("Turned away %s: %s", request.remote, why)
        headers = {
            401: {hdrs.WWW_AUTHENTICATE: 'Basic realm="Ladda"'},
            503: {hdrs.RETRY_AFTER: "60"},
        }.get(status)
        return web.Response(status=status, headers=headers)

    def _strangers(self) -> int:
        """Count the connected stations that nobody has accepted."""
        return sum(
            link.registration is not Registration.ACCEPTED
            for link in self._links.values()
        )

    async def _proves_itself(
        self, request: web.Request, identity: str, admission: Admission
    ) -> bool:
        """Check the station's password, where it must have one (whitepaper A00.FR.204)."""
        if admission.password_hash is None:
            return True
        scheme, _, encoded = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.casefold() != "basic":
            return False
        try:
            name, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except binascii.Error:
            return False
        # The password may be any bytes, so that it is never decoded.
        if name.decode(errors="replace") != identity:
            return False
        return await asyncio.get_running_loop().run_in_executor(
            None, verify_password, password, admission.password_hash
        )

    async def _converse(
        self, request: web.Request, identity: str, admission: Admission
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
        if not ws.can_prepare(request):
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
            identity,
            request.remote or "",
            Registration.ACCEPTED if known else Registration.PENDING,
            self._desk,
            self._clock,
        )
        if (old := self._links.get(identity)) is not None:
            self._close_soon(old)
        self._links[identity] = link
        self._desk.connected(link)
        try:
            await link.run()
        except StationError as err:
            _LOGGER.debug("The conversation with %s ended: %s", identity, err)
        finally:
            if self._links.get(identity) is link:
                del self._links[identity]
            self._desk.disconnected(link)
        return ws

    async def _watch_links(self) -> None:
        """Ping quiet stations, and close the connections that are dead or stuck."""
        while True:
            await asyncio.sleep(PING_INTERVAL / 2)
            now = asyncio.get_running_loop().time()
            for link in self.links.values():
                rpc = link.rpc
                quiet = now - rpc.last_heard
                patience = (
                    PING_INTERVAL * PINGS_MISSED if rpc.answers_pings else SILENCE
                )
                stuck = (
                    rpc.sending_since is not None
                    and now - rpc.sending_since > SLOW_READER
                )
                if quiet > patience or stuck:
                    _LOGGER.debug("%s does not answer any more", link.identity)
                    self._close_soon(link)
                elif quiet > PING_INTERVAL / 2:
                    try:
                        await rpc.ping()
                    except ConnectionError:
                        self._close_soon(link)

    def _close_soon(self, link: Link) -> None:
        """Close a connection without waiting for the other side."""
        task = asyncio.create_task(self._close(link))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, link: Link) -> None:
        """Close a connection."""
        await link.close()


def identity_of(path: str) -> str:
    """Read a station's identity: the last segment of the path (OCPP-J 1.6 §3.1.1)."""
    return unquote(path.rstrip("/").rpartition("/")[2]).strip()
