"""A station that is connected: its events go to the desk, our commands to it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, Protocol

from aiohttp import WSCloseCode, web

from ..charging.decisions import Decision, Registered
from ..charging.events import (
    MeterValuesReported,
    StationEvent,
    TransactionStarted,
    TransactionStopped,
)
from ..charging.model import Registration
from .frames import ErrorCode, Refusal
from .ocpp16 import inbound, settings
from .ocpp16.certificates import Certificates
from .ocpp16.commands import Commands
from .ocpp16.maintenance import Maintenance
from .ocpp16.profiles import StationProfile
from .ocpp16.security import Security
from .oddities import Note
from .rpc import Reply, RpcSession
from .turns import NewestWins

STRANGER_PAUSE: Final = 0.1  # s


class EventHandler(Protocol):
    """Decides on what a station reports."""

    async def handle(self, link: Link, event: StationEvent) -> Decision:
        """Store and decide; raises NotStored when the station has to send it again."""


class Link:
    """One connection of one station, speaking OCPP 1.6.

    `registration` is what the station may do on this connection: a station that is
    not accepted is only heard when it boots (errata 3.8).
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        identity: str,
        remote: str,
        registration: Registration,
        desk: EventHandler,
        clock: Callable[[], datetime],
        note: Note,
        reached_at: str,
    ) -> None:
        """Take the WebSocket of the station `identity`, open to the address `remote`.

        `note` counts what is refused or odd, by a few words that say what it is;
        `reached_at` is the URL at which the station reaches us, without a path.
        """
        self.identity = identity
        self.remote = remote
        self.registration = registration
        self.connected_at = clock()
        self.note = note
        self.reached_at = reached_at
        self.rpc = RpcSession(ws, transport, self._on_call, note=note)
        self.commands = Commands(self.rpc.call, clock)
        self.maintenance = Maintenance(self.rpc.call, clock)
        self.certificates = Certificates(self.rpc.call)
        self.security = Security(self.rpc.call)
        self._desk = desk
        self._clock = clock
        self._limits: defaultdict[int, NewestWins] = defaultdict(NewestWins)

    @property
    def is_over_tls(self) -> bool:
        """Whether the station came over TLS."""
        return self.reached_at.startswith("https:")

    def limit_turn(self, connector: int) -> AbstractAsyncContextManager[None]:
        """Return a turn at setting a connector's limit.

        To enter raises Overtaken where a newer limit came while this one waited.
        """
        return self._limits[connector].turn()

    def limit_renewal(self, connector: int) -> AbstractAsyncContextManager[None]:
        """Return a turn at sending a connector's limit again, which overtakes nobody."""
        return self._limits[connector].humble_turn()

    async def _on_call(self, action: str, payload: dict[str, Any]) -> Reply:
        """Answer a call of the station."""
        if self.registration is not Registration.ACCEPTED:
            # Strangers get little of our time, and are only heard when they boot.
            await asyncio.sleep(STRANGER_PAUSE)
            if not inbound.is_boot(action):
                raise Refusal(ErrorCode.SECURITY_ERROR, "the station is not accepted")
        event = inbound.read(action, payload)
        del payload  # not to be kept for as long as the decision takes
        decision = await self._desk.handle(self, event)
        if type(decision) is Registered:
            self.registration = decision.registration
        return Reply(inbound.answer(event, decision, self._clock()), _is_vital(event))

    async def bring_settings_in_line(
        self, learned: settings.LearnedSettings, profile: StationProfile, *, write: bool
    ) -> settings.SettingsReport:
        """Read the station's settings; if `write`, change what billing needs.

        `learned` is what its firmware has shown before. Raises Disconnected.
        """
        return await settings.bring_in_line(
            self.commands, learned, write=write, unread=profile.unread
        )

    async def run(self) -> None:
        """Converse until the connection ends."""
        await self.rpc.run()

    async def close(self, code: WSCloseCode = WSCloseCode.GOING_AWAY) -> None:
        """End the connection."""
        await self.rpc.close(code)


def _is_vital(event: StationEvent) -> bool:
    """Tell what stations keep, and send until it is answered (1.6 §3.7.1).

    Meter values that hold nothing are not of it.
    """
    if type(event) is MeterValuesReported:
        return any(value.samples or value.signed for value in event.values)
    return isinstance(event, TransactionStarted | TransactionStopped)
