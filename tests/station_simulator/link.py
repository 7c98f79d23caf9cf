"""The link to the central system: dial, register, report, deliver."""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import logging
from ssl import SSLContext
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from .authorization import Authorization
from .clock import written
from .controller import Controller
from .settings import Settings
from .transaction_queue import TransactionMessage
from .wire import (
    Answer,
    CallRefused,
    Disconnected,
    Handler,
    Payload,
    StationEndpoint,
    WebSocketAdapter,
)

LOGGER = logging.getLogger(__name__)

_LONGEST_BACK_OFF = 32
"""How many times the first delay one waits at most between two dials."""


@dataclass(frozen=True, kw_only=True)
class Dialling:
    """Where and how to dial, with delays in real seconds.

    `retry_interval` takes the place of TransactionMessageRetryInterval, and of
    the wait for another BootNotification where the central system names none.
    `named`: the path ends with its name. `boots`: it presents itself when it comes, else
    only when it is asked to. `patience`: it hangs up when it hears nothing for so long,
    not even a ping. `key_as_text`: it shows an AuthorizationKey in the digits that it
    was given, instead of the bytes that they stand for.
    """

    identity: str
    url: str
    password: str | None
    key_as_text: bool
    subprotocols: Sequence[str]
    ssl: SSLContext | bool
    reconnect_delay: float
    response_timeout: float
    retry_interval: float | None
    named: bool
    boots: bool
    patience: float | None


class Link:
    """A station's way to its central system, in real time.

    `sent` and `received` are the CALLs of both directions; `refused_with` is
    the HTTP status of the last handshake that failed. The statuses of connectors
    that it is `silent_about` are never told (0: the station's own).
    """

    def __init__(
        self,
        dialling: Dialling,
        boot: Payload,
        controller: Controller,
        answers: Mapping[str, Answer],
        silent_about: Collection[int],
    ) -> None:
        """Be ready to dial."""
        self.handlers: dict[str, Handler] = {}
        self.sent: deque[tuple[str, Payload]] = deque(maxlen=10_000)
        self.received: deque[tuple[str, Payload]] = deque(maxlen=10_000)
        self.refused_with: int | None = None
        self.registration: str | None = None
        self.network = asyncio.Event()
        self.network.set()
        self._dialling = dialling
        self._boot = boot
        self._controller = controller
        self._answers = answers
        self._silent_about = silent_about
        self._accepted = asyncio.Event()
        self._settings_changed = asyncio.Event()
        self._told: dict[int, str] = {}
        self._boot_interval: float = 0
        self._session: aiohttp.ClientSession | None = None
        self._endpoint: StationEndpoint | None = None
        self._conversation: asyncio.TaskGroup | None = None

    @property
    def endpoint(self) -> StationEndpoint:
        """The end of the present connection; raises Disconnected without one."""
        if self._endpoint is None or self._endpoint.is_closed:
            raise Disconnected
        return self._endpoint

    @property
    def is_registered(self) -> bool:
        """Whether a central system has accepted the station since its boot."""
        return self._accepted.is_set()

    @property
    def is_online(self) -> bool:
        """Whether the station is connected and accepted."""
        connected = self._endpoint is not None and not self._endpoint.is_closed
        return connected and self.is_registered

    def power_up(self) -> None:
        """Forget what is kept in memory only."""
        self._accepted.clear()
        self._told.clear()
        self.registration = None

    async def run(self) -> None:
        """Dial for ever, with longer and longer pauses while nobody answers."""
        shortest = self._dialling.reconnect_delay
        delay = shortest
        while True:
            await self.network.wait()
            self._conversation = None
            try:
                await self._connect()
            except* aiohttp.WSServerHandshakeError as refused:
                self.refused_with = _first(refused).status
            except* (Disconnected, OSError, aiohttp.ClientError) as lost:
                LOGGER.info("%s: %r", self._dialling.identity, _first(lost))
            longer = min(2 * delay, _LONGEST_BACK_OFF * shortest)
            delay = shortest if self._conversation else longer
            await asyncio.sleep(delay)

    async def hang_up(self) -> None:
        """Let the connection break without a goodbye."""
        if self._session:
            await self._session.close()

    def obey(self, key: str) -> None:
        """Take a changed setting into account; another way to log in makes it re-dial."""
        self._settings_changed.set()
        logs_in = key in ("AuthorizationKey", "SecurityProfile")
        if logs_in and self._settings.shows_password and self._conversation:
            self._conversation.create_task(self.hang_up())

    def tell(self, action: str, payload: Payload) -> None:
        """Send what is worth sending only now; offline it is forgotten."""
        if self._conversation and self.is_online:
            self._conversation.create_task(self._say(action, payload))

    def install(self, firmware: str) -> None:
        """Have other firmware, which is told at the next boot."""
        self._boot["firmwareVersion"] = firmware

    def report_statuses(self) -> None:
        """Tell the statuses that the central system has not heard yet (§4.9)."""
        if not (self._conversation and self.is_online):
            return
        for number in self.told_of():
            status = self._controller.status_of(number)
            if self._told.get(number) != status:
                self._told[number] = status
                payload = self.status_notification(number)
                self._conversation.create_task(self._say_status(number, payload))

    def told_of(self) -> list[int]:
        """Return the connectors whose status is told, 0 for the station itself."""
        numbers = (0, *self._controller.connectors)
        return [number for number in numbers if number not in self._silent_about]

    def status_notification(self, number: int) -> Payload:
        """Return the StatusNotification of a connector, or of the station (0)."""
        connector = self._controller.connectors.get(number)
        at = connector.status_at if connector else self._controller.now
        return {
            "connectorId": number,
            "errorCode": "NoError",
            "status": self._controller.status_of(number),
            "timestamp": written(at),
        }

    def trigger(self, action: str, payload: Payload) -> None:
        """Send what the central system asked for, even before it accepts us."""
        if self._conversation is None:
            raise Disconnected
        self._conversation.create_task(self._say(action, payload))

    def boot_again(self) -> None:
        """Send BootNotification without waiting for the interval to pass."""
        if self._conversation is None:
            raise Disconnected
        self._conversation.create_task(self._boot_once())

    async def _connect(self) -> None:
        """Dial once and talk until the connection is gone."""
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(connector=connector) as self._session:
            websocket = await self._session.ws_connect(
                URL(f"{self._dialling.url.rstrip('/')}/{self._name}", encoded=True),
                protocols=tuple(self._dialling.subprotocols),
                headers=self._credentials(),
                ssl=self._dialling.ssl,
                timeout=aiohttp.ClientWSTimeout(
                    ws_receive=self._dialling.patience, ws_close=1
                ),
            )
            try:
                if self._dialling.subprotocols and not websocket.protocol:
                    raise Disconnected("no common subprotocol")
                await self._converse(websocket)
            finally:
                self._endpoint = None
                await websocket.close()

    async def _converse(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Register, then do everything that goes on at the same time."""
        self.refused_with = None
        endpoint = StationEndpoint(
            self._dialling.identity,
            WebSocketAdapter(websocket),
            handlers=self.handlers,
            answers=self._answers,
            sent=self.sent,
            received=self.received,
            response_timeout=self._dialling.response_timeout,
        )
        async with asyncio.TaskGroup() as conversation:
            self._conversation, self._endpoint = conversation, endpoint
            conversation.create_task(endpoint.listen())
            conversation.create_task(self._send_pings(endpoint.wire))
            await self._register()
            self.report_statuses()
            conversation.create_task(self._send_heartbeats())
            conversation.create_task(self._deliver())

    async def _register(self) -> None:
        """Send BootNotification until accepted; not again after a reconnect (§4.2)."""
        if not self._dialling.boots:
            self._accepted.set()
        while not self.is_registered:
            await self._boot_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._boot_interval):
                    await self._accepted.wait()

    async def _boot_once(self) -> None:
        """Ask once to be accepted and take the answer."""
        self._boot_interval = self._retry_interval
        reply = await self._say("BootNotification", self._boot)
        if reply is None:
            return
        self.registration = reply["status"]
        self._boot_interval = reply["interval"] or self._retry_interval
        if self.registration == "Accepted":
            if reply["interval"]:
                self._settings.change("HeartbeatInterval", str(reply["interval"]))
            self._accepted.set()

    async def _send_heartbeats(self) -> None:
        """Send Heartbeat at the interval in force (§4.6)."""
        while True:
            self._settings_changed.clear()
            interval = self._settings.count("HeartbeatInterval")
            try:
                async with asyncio.timeout(interval or None):
                    await self._settings_changed.wait()
            except TimeoutError:
                await self._say("Heartbeat", {})

    async def _send_pings(self, wire: WebSocketAdapter) -> None:
        """Ping at the interval that was in force when it connected (16J §5.3)."""
        interval = self._settings.count("WebSocketPingInterval")
        while interval:
            await asyncio.sleep(interval)
            await wire.ping()

    async def _say(self, action: str, payload: Payload) -> Payload | None:
        """Send a CALL once and return the reply, None where it failed."""
        try:
            return await self.endpoint.request(action, payload)
        except (CallRefused, TimeoutError) as failure:
            LOGGER.info("%s: %s failed: %r", self._dialling.identity, action, failure)
            return None

    async def _say_status(self, number: int, payload: Payload) -> None:
        """Send a status; if the connection breaks it has not been told."""
        try:
            await self._say("StatusNotification", payload)
        except Disconnected, asyncio.CancelledError:
            self._told.pop(number, None)
            raise

    async def _deliver(self) -> None:
        """Deliver the transaction messages in order (§3.7, §3.7.1).

        A failed one is sent again after longer and longer pauses, and given up
        after TransactionMessageAttempts; a broken connection is no failure.
        """
        queue = self._controller.queue
        while True:
            message = await queue.first()
            reply = await self._say(message.action, message.payload)
            if reply is not None:
                queue.drop_first()
                self._take_reply(message, reply)
                continue
            message.attempts += 1
            if message.attempts < self._settings.count("TransactionMessageAttempts"):
                await asyncio.sleep(self._retry_interval * message.attempts)
            else:
                queue.drop_first()

    def _take_reply(self, message: TransactionMessage, reply: Payload) -> None:
        """Learn a transaction's id, and whether its tag may charge."""
        if message.action == "StartTransaction":
            now = self._controller.now
            authorization = Authorization.of(reply["idTagInfo"], now)
            self._controller.started(message.key, reply["transactionId"], authorization)

    def _credentials(self) -> dict[str, str]:
        """Return HTTP Basic credentials; a key is set in hex, used raw (16J §6.2)."""
        secret = (self._dialling.password or "").encode()
        if key := self._settings.written.get("AuthorizationKey"):
            text = self._dialling.key_as_text
            secret = key.encode() if text else bytes.fromhex(key)
        if not secret or not self._settings.shows_password:
            return {}
        pair = self._dialling.identity.encode() + b":" + secret
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}

    @property
    def _settings(self) -> Settings:
        return self._controller.settings

    @property
    def _name(self) -> str:
        return quote(self._dialling.identity, safe="") if self._dialling.named else ""

    @property
    def _retry_interval(self) -> float:
        if self._dialling.retry_interval is not None:
            return self._dialling.retry_interval
        return self._settings.count("TransactionMessageRetryInterval")


def _first[E: Exception](group: ExceptionGroup[E]) -> E:
    """Return the first leaf of a group."""
    error: Any = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    leaf: E = error
    return leaf
