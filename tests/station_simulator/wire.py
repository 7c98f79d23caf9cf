"""The wire: the `ocpp` package's ChargePoint over an aiohttp client WebSocket."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
import json
from typing import Any

import aiohttp
from ocpp.charge_point import remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.exceptions import OCPPError
import ocpp.messages
from ocpp.messages import Call, CallError, validate_payload
from ocpp.v16 import ChargePoint

# The library would validate in threads, which outlive a test's event loop.
ocpp.messages.ASYNC_VALIDATION = False

type Payload = dict[str, Any]
type Answer = Payload | OCPPError | str | Callable[[Payload], Answer] | None
"""A CALLRESULT's payload, a CALLERROR, a frame as it is (with `{id}` for the CALL's),
what gives one, or no answer at all."""

type Handler = Callable[..., Any]
"""Takes a CALL's fields in snake case, returns an `ocpp.v16.call_result`."""


class Disconnected(Exception):
    """The connection is gone, or was not there."""


class CallRefused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        """Keep the error code (OCPP-J 1.6 table 7)."""
        super().__init__(f"{code}: {description}")
        self.code = code


def payload_of(message: object) -> Payload:
    """Return an `ocpp.v16` dataclass as it goes on the wire."""
    return camel_case(remove_nones(serialize_as_dict(message)))


def camel_case[T](data: T) -> T:
    """Return dicts in dicts and lists with OCPP's spelling of their keys."""
    converted: T = snake_to_camel_case(data)
    return converted


class WebSocketAdapter:
    """What ChargePoint takes for a connection."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Wrap an open WebSocket."""
        self._websocket = websocket

    async def recv(self) -> str:
        """Return the next text frame; raise Disconnected at the end.

        That may be ours, where nothing came for longer than we bear.
        """
        try:
            message = await self._websocket.receive()
        except TimeoutError as silence:
            raise Disconnected from silence
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Disconnected(f"WebSocket {message.type.name}")
        return str(message.data)

    async def send(self, frame: str) -> None:
        """Send a text frame; raise Disconnected where that is impossible."""
        try:
            await self._websocket.send_str(frame)
        except aiohttp.ClientConnectionResetError as gone:
            raise Disconnected from gone

    async def ping(self) -> None:
        """Send a ping; raise Disconnected where that is impossible."""
        try:
            await self._websocket.ping()
        except aiohttp.ClientConnectionResetError as gone:
            raise Disconnected from gone


class StationEndpoint(ChargePoint):  # type: ignore[misc]
    """The station's end of one connection.

    `answers` come before `handlers`; `sent` and `received` take every CALL.
    """

    def __init__(
        self,
        identity: str,
        connection: WebSocketAdapter,
        *,
        handlers: Mapping[str, Handler],
        answers: Mapping[str, Answer],
        sent: deque[tuple[str, Payload]],
        received: deque[tuple[str, Payload]],
        response_timeout: float,
    ) -> None:
        """Serve a connection that is open."""
        super().__init__(identity, connection, response_timeout)
        self.route_map = {
            action: {"_on_action": handler} for action, handler in handlers.items()
        }
        self.wire = connection
        self._answers = answers
        self._sent = sent
        self._received = received
        self._afterwards: list[Callable[[], object]] = []
        self._under_way: tuple[str, asyncio.Event] | None = None
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is known to be gone."""
        return self._closed.is_set()

    async def listen(self) -> None:
        """Take frames until the connection is gone, then raise Disconnected."""
        try:
            await self.start()
        finally:
            self._closed.set()

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something as soon as the CALL under way is answered."""
        self._afterwards.append(action)

    async def request(
        self, action: str, payload: Payload, *, strict: bool = True
    ) -> Payload:
        """Send a CALL and return the payload of its CALLRESULT, in camel case.

        One CALL is under way at a time. With `strict` both payloads must keep
        to OCPP's schemas. Raises CallRefused, Disconnected, TimeoutError, and
        the library's errors for what breaks a schema.
        """
        call = Call(str(self._unique_id_generator()), action, payload)
        if strict:
            await validate_payload(call, "1.6")
        over = asyncio.Event()
        exchange = asyncio.ensure_future(self._exchange(call, over))
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({exchange, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not exchange.done():
                raise Disconnected
            reply = exchange.result()
        finally:
            over.set()
            exchange.cancel()
            closing.cancel()
        if isinstance(reply, CallError):
            raise CallRefused(reply.error_code, reply.error_description)
        reply.action = action
        if strict:
            await validate_payload(reply, "1.6")
        answer: Payload = reply.payload
        return answer

    async def route_message(self, raw_msg: str) -> None:
        """Take a frame; what answers our CALL is taken in before the next frame is.

        Chargers do one thing after the other: by the time that they are asked to end
        a transaction, they know the id that they were just given for it.
        """
        await super().route_message(raw_msg)
        match json.loads(raw_msg), self._under_way:
            case [3 | 4, id_, *_], (asked, over) if id_ == asked:
                await over.wait()

    async def _exchange(self, call: Call, over: asyncio.Event) -> Any:
        """Send a CALL when it is its turn and return what comes back.

        `over` is set when that has been taken in.
        """
        async with self._call_lock:
            self._under_way = call.unique_id, over
            self._sent.append((call.action, call.payload))
            await self._send(call.to_json())
            return await self._get_specific_response(
                call.unique_id, self._response_timeout
            )

    async def _handle_call(self, msg: Call) -> None:
        """Answer a CALL; what it sets off begins after the answer."""
        self._received.append((msg.action, msg.payload))
        if msg.action in self._answers:
            await self._answer(msg, self._answers[msg.action])
        else:
            await super()._handle_call(msg)
        while self._afterwards:
            self._afterwards.pop(0)()

    async def _answer(self, msg: Call, answer: Answer) -> None:
        """Answer a CALL as a test wishes."""
        if callable(answer):
            answer = answer(msg.payload)
        if isinstance(answer, OCPPError):
            await self._send(msg.create_call_error(answer).to_json())
        elif isinstance(answer, str):
            await self._send(answer.replace("{id}", msg.unique_id))
        elif isinstance(answer, dict):
            await self._send(msg.create_call_result(answer).to_json())
