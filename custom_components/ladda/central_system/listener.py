"""The listener: stations come in here, each with its name.

Unknown stations may come in as strangers, to be seen and adopted; how many at a time is
limited, as is everybody's number. A new connection of a station replaces its old one,
for the old one is most often a dead socket that nobody has noticed yet.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
import logging
import re
from typing import Final, Protocol
from urllib.parse import unquote

from aiohttp import WSCloseCode, hdrs, web

from ..charging.model import Registration
from .credentials import verify_password
from .errors import Disconnected
from .http_server import HttpServer
from .link import EventHandler, Link
from .oddities import STRANGERS, Oddities
from .patience import COOL_DOWN, Tries
from .tls import ServerTls
from .uploads import PATH, UploadReceiver

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"
MAX_FRAME: Final = 1 << 20  # bytes
MAX_STRANGERS: Final = 10
MAX_STRANGERS_AT_ADDRESS: Final = 5  # more may be one that guesses names
MAX_CONNECTIONS: Final = 300
MAX_IDENTITY: Final = 48
WRONG_PASSWORDS: Final = (
    10  # of a name from an address in a minute, then none is checked
)
COMINGS: Final = 20  # of a station from an address in a minute
MINUTE: Final = 60.0  # s
LOOK_INTERVAL: Final = 5.0  # s, between two looks at a connection
PING_INTERVAL: Final = 30.0  # s
PINGS_MISSED: Final = 3
SILENCE: Final = 900.0  # s, for stations that do not answer pings: three heartbeats
STUCK_LOOKS: Final = 3  # in a row, for who takes nothing of what we send: 10 to 15 s
_HOST: Final = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?", re.ASCII)

type Refusal = tuple[int, str]
"""The HTTP status with which a station is turned away, and why, in a few words."""


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
    """The verdict on a station, and the hash of the password that it must prove.

    `new_hashes` are those of passwords that it was given since, in their order, and has
    not shown yet: it may have them or not, so that it may come with any.
    """

    verdict: Verdict
    password_hash: str | None = None
    new_hashes: tuple[str, ...] = ()

    @property
    def hashes(self) -> list[str]:
        """Return the hashes to compare a password with, the likeliest first."""
        known = () if self.password_hash is None else (self.password_hash,)
        return [*reversed(self.new_hashes), *known]


class Desk(EventHandler, Protocol):
    """Knows the stations, and decides on what they report."""

    def admit(self, identity: str) -> Admission:
        """Decide on a station that asks to come in."""

    def password_shown(self, identity: str, password_hash: str) -> None:
        """Take note that a station showed a password that is new."""

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
        self._server: HttpServer | None = None
        self._port: asyncio.Server | None = None
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._wrong_passwords = Tries(WRONG_PASSWORDS, MINUTE)
        self._proving: set[str] = set()
        self._comings = Tries(COMINGS, MINUTE)
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
        server = HttpServer(self._on_request, partial(self.oddities.note, STRANGERS))
        self._port = await server.listen(host, port, tls)
        self._server = server
        return int(self._port.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, and tell all stations that we go away."""
        if (server := self._server) is None or self._port is None:
            return
        self._server = None
        self._port.close()
        for link in self._links.values():
            self._close_soon(link)
        await asyncio.gather(*self._closing)
        await server.end()

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
        identity = _identity(request)
        if not 0 < len(identity) <= MAX_IDENTITY or not identity.isprintable():
            return self._turn_away(STRANGERS, 404, "no name that can be one")
        admission = self._desk.admit(identity)
        known = admission.verdict is Verdict.KNOWN
        who = identity if known else STRANGERS
        came = f"{who} at {request.remote}"
        refusal = self._refusal(identity, admission, came, request.remote or "")
        if refusal is None and admission.hashes:
            password = _password(request, identity)
            refusal = await self._disproof(identity, admission, came, password)
        if refusal is not None:
            return self._turn_away(who, *refusal)
        self._comings.count(came, asyncio.get_running_loop().time())
        self._inside += 1
        try:
            return await self._converse(request, identity, known=known)
        finally:
            self._inside -= 1

    def _refusal(
        self, identity: str, admission: Admission, came: str, remote: str
    ) -> Refusal | None:
        """Say why a station may not even prove itself; None: it may.

        `came` is what it is counted by, `remote` its address.
        """
        if admission.verdict is Verdict.TURNED_AWAY:
            return 404, "it was turned away"
        if self._inside >= MAX_CONNECTIONS:
            return 503, "too many connections"
        if self._is_cooling(identity):
            return 503, "it comes again too soon after a flood"
        if self._comings.are_used_up(came, asyncio.get_running_loop().time()):
            return 503, "it comes again and again"
        if admission.verdict is Verdict.STRANGER and self._is_crowded(identity, remote):
            return 503, "too many unknown stations"
        return None

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
            426: {hdrs.UPGRADE: "websocket"},
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

    def _is_crowded(self, identity: str, remote: str) -> bool:
        """Tell whether too many others wait whom nobody has accepted."""
        strangers = [
            link.remote
            for link in self._links.values()
            if link.registration is not Registration.ACCEPTED
            and link.identity != identity
        ]
        return (
            len(strangers) >= MAX_STRANGERS
            or strangers.count(remote) >= MAX_STRANGERS_AT_ADDRESS
        )

    async def _disproof(
        self, identity: str, admission: Admission, came: str, password: bytes | None
    ) -> Refusal | None:
        """Check the password of a station that has one (whitepaper A00.FR.204).

        Returns why it may not come in; None: it may. One that has not shown any yet
        need not (it may be at security profile 0), and may show what it likes.

        One is checked at a time, lest who guesses many at once is answered before any
        of them counts.
        """
        loop = asyncio.get_running_loop()
        must = admission.password_hash is not None
        wrong = (401, "a wrong password, or none") if must else None
        if password is None or self._wrong_passwords.are_used_up(came, loop.time()):
            return wrong
        if came in self._proving:
            return 503, "a password while another is checked"
        self._proving.add(came)
        try:
            shown = await loop.run_in_executor(
                None, _fitting, password, admission.hashes
            )
        finally:
            self._proving.discard(came)
        if shown is None:
            if must:
                self._wrong_passwords.count(came, loop.time())
            return wrong
        if shown in admission.new_hashes:
            self._desk.password_shown(identity, shown)
        return None

    async def _converse(
        self, request: web.BaseRequest, identity: str, *, known: bool
    ) -> web.StreamResponse:
        """Open the WebSocket and talk until it ends."""
        note = partial(self._note, identity)
        offered = _subprotocols(request)
        ours = SUBPROTOCOL in offered
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            autoping=False,
            compress=False,
            decode_text=False,
            max_msg_size=MAX_FRAME,
        )
        if offered and not ours:  # aiohttp would write of it each time
            headers = request.headers.copy()
            headers.popall(hdrs.SEC_WEBSOCKET_PROTOCOL, None)
            request = request.clone(headers=headers)
        transport = request.transport
        if transport is None:  # the station has gone again already
            return web.Response()
        if not ws.can_prepare(request):
            return self._turn_away(self._counted_as(identity), 426, "no WebSocket")
        await ws.prepare(request)
        # Old stations offer no subprotocol at all.
        if offered and not ours:
            note("a connection: no protocol that we speak")
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
            note,
            _reached_at(request, transport),
        )
        await self._keep(link)
        return ws

    def _counted_as(self, identity: str) -> str:
        """Return the name under which a station counts: its own once it is known."""
        known = self._desk.admit(identity).verdict is Verdict.KNOWN
        return identity if known else STRANGERS

    def _note(self, identity: str, kind: str, error: Exception | None = None) -> None:
        """Count something odd of a station."""
        self.oddities.note(self._counted_as(identity), kind, error)

    async def _keep(self, link: Link) -> None:
        """Be connected to a station until the conversation ends."""
        identity = link.identity
        if (old := self._links.get(identity)) is not None:
            self._close_soon(old)
        self._links[identity] = link
        watch = asyncio.create_task(self._watch(link))
        self._mention(link, "connected", f" from {link.remote}")
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
                self._mention(link, "disconnected")
            self._desk.disconnected(link)

    def _mention(self, link: Link, event: str, detail: str = "") -> None:
        """Tell who comes and goes, of those that belong here."""
        if (who := self._counted_as(link.identity)) is not STRANGERS:
            self.oddities.mention(who, event, detail)

    async def _watch(self, link: Link) -> None:
        """Ping a quiet station, and close a connection that is dead or stuck."""
        loop = asyncio.get_running_loop()
        rpc = link.rpc
        taken, stuck = 0, 0
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            now = loop.time()
            before, taken = taken, rpc.taken
            stuck = stuck + 1 if rpc.unsent and taken <= before else 0
            patience = PING_INTERVAL * PINGS_MISSED if rpc.answers_pings else SILENCE
            if rpc.silence > patience or stuck >= STUCK_LOOKS:
                _LOGGER.debug("%s does not answer any more", link.identity)
                self._close_soon(link)
                return
            quiet = now - max(rpc.last_heard, rpc.last_pinged)
            if quiet > PING_INTERVAL / 2 and not rpc.unsent:
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


def _identity(request: web.BaseRequest) -> str:
    """Tell which station comes, by the name in its path.

    Some send none there: they are known by the name that they log in with, else by
    their network address.
    """
    named = identity_of(request.rel_url.raw_path)
    return named or _login_name(request) or request.remote or ""


def _subprotocols(request: web.BaseRequest) -> list[str]:
    """Read which subprotocols a station offers."""
    offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
    return [name for part in offered.split(",") if (name := part.strip())]


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


def _fitting(password: bytes, hashes: Iterable[str]) -> str | None:
    """Return the hash that a password fits; None: it fits none.

    Takes some milliseconds for each: run it in an executor.
    """
    return next((one for one in hashes if verify_password(password, one)), None)


def _password(request: web.BaseRequest, identity: str) -> bytes | None:
    """Read the password that a station sends under its own name; None: there is none.

    It may be any bytes, so that it is never decoded; the name may hold a colon.
    """
    name = identity.encode() + b":"
    login = _login(request)
    return login.removeprefix(name) if login.startswith(name) else None


def _login_name(request: web.BaseRequest) -> str:
    """Read the name that a station logs in with; empty: there is none."""
    name, colon, _ = _login(request).partition(b":")
    return name.decode(errors="replace").strip() if colon else ""


def _login(request: web.BaseRequest) -> bytes:
    """Read a station's name, a colon and its password (HTTP Basic); empty: none."""
    scheme, _, encoded = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.casefold() != "basic":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""
