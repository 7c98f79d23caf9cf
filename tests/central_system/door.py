"""A listener to knock at: the real server, with a desk that does as it is told."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMessage
import orjson

from custom_components.ladda.central_system import (
    Admission,
    CentralSystem,
    Link,
    ServerTls,
    Verdict,
)
from custom_components.ladda.charging.decisions import Decision, Noted, Registered
from custom_components.ladda.charging.events import Booted, StationEvent
from custom_components.ladda.charging.model import Registration

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HEARTBEAT = [2, "1", "Heartbeat", {}]
ALIVE = [3, "1", {"currentTime": "2026-11-23T04:00:00.000Z"}]
BOOT = [2, "b", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]


async def note(_: StationEvent) -> Decision:
    """Take note, as a desk does of most things."""
    return Noted()


@dataclass
class Desk:
    """Knows some stations; `decide` is what it does with what they report."""

    admissions: dict[str, Admission] = field(default_factory=dict)
    decide: Callable[[StationEvent], Awaitable[Decision]] = note
    registration: Registration = Registration.PENDING  # the answer to a boot
    events: list[StationEvent] = field(default_factory=list)
    comings: list[tuple[str, Link]] = field(default_factory=list)
    shown: list[tuple[str, str]] = field(default_factory=list)

    def admit(self, identity: str) -> Admission:
        """Let in whom it knows, and others as strangers."""
        return self.admissions.get(identity, Admission(Verdict.STRANGER))

    def password_shown(self, identity: str, password_hash: str) -> None:
        """Note who showed a new password, and its hash."""
        self.shown.append((identity, password_hash))

    def connected(self, link: Link) -> None:
        """Note who came."""
        self.comings.append(("came", link))

    def disconnected(self, link: Link) -> None:
        """Note who went."""
        self.comings.append(("went", link))

    async def handle(self, link: Link, event: StationEvent) -> Decision:
        """Note an event and decide on it."""
        self.events.append(event)
        if type(event) is Booted:
            return Registered(self.registration, 300)
        return await self.decide(event)


@dataclass
class Door:
    """The listener, and ways to come to it."""

    central: CentralSystem
    desk: Desk
    url: str
    port: int
    client: ClientSession
    stations: list[ClientWebSocketResponse] = field(default_factory=list)

    async def come(
        self,
        path: str = "/garage",
        *,
        protocols: tuple[str, ...] = ("ocpp1.6",),
        **options: Any,
    ) -> ClientWebSocketResponse:
        """Connect as a station; raises WSServerHandshakeError when turned away."""
        ws: ClientWebSocketResponse = await self.client.ws_connect(
            self.url + path, protocols=protocols, **options
        )
        self.stations.append(ws)  # a connection that nobody holds is closed
        return ws

    def link(self, identity: str = "garage") -> Link:
        """Return the connection of a station."""
        return self.central.links[identity]


@asynccontextmanager
async def at_the_door(
    tls: ServerTls | None = None, **admissions: Admission
) -> AsyncIterator[Door]:
    """Open a listener that knows `garage`, and the stations given."""
    desk = Desk({"garage": Admission(Verdict.KNOWN), **admissions})
    central = CentralSystem(desk, clock=lambda: NOW)
    port = await central.start("127.0.0.1", 0, tls)
    url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"
    async with ClientSession() as client:
        door = Door(central, desk, url, port, client)
        try:
            yield door
        finally:
            await central.stop()
            for ws in door.stations:
                await ws.close()


def basic(name: str, password: bytes) -> dict[str, str]:
    """Return the header of a station that proves itself."""
    return {
        "Authorization": "Basic "
        + base64.b64encode(name.encode() + b":" + password).decode()
    }


async def say(ws: ClientWebSocketResponse, *frames: Any) -> None:
    """Send frames, given as JSON values or as text."""
    for frame in frames:
        text = frame if isinstance(frame, str) else orjson.dumps(frame).decode()
        await ws.send_str(text)


async def hear(ws: ClientWebSocketResponse) -> Any:
    """Return the next frame."""
    return orjson.loads(await ws.receive_str(timeout=5))


async def ask(ws: ClientWebSocketResponse, frame: Any) -> Any:
    """Send a frame and return its answer; what we are asked meanwhile goes unheard."""
    await say(ws, frame)
    while (heard := await hear(ws))[0] == 2:
        pass
    return heard


async def the_end(ws: ClientWebSocketResponse) -> WSMessage:
    """Wait until the connection is closed; its code is then in `ws.close_code`."""
    while True:
        message = await ws.receive(timeout=5)
        if message.type.name in ("CLOSE", "CLOSING", "CLOSED", "ERROR"):
            return message


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 # there is no event to wait for
            await asyncio.sleep(0.005)
