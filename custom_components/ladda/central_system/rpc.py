"""The conversation with one station over one WebSocket (OCPP-J 1.6 §4).

The station's calls are handled in their order, each answered before the next
is read, so that a station that sends faster than its messages can be stored
is slowed down by TCP itself. Our own calls go out one at a time (§4.1.1).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import uuid4

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from . import frames, patience
from .errors import BadAnswer, Busy, Disconnected, NoAnswer, NotStored, Refused
from .oddities import Note
from .patience import Patience

CALL_TIMEOUT: Final = 30.0  # s, as a station's MessageTimeout
MAX_CALLS: Final = 10  # of ours, the one under way and those that wait for it
CLOSE_PATIENCE: Final = 5.0  # s


class Reply(NamedTuple):
    """What a call of the station is answered.

    `vital`: the call told something that stations keep, and send until it is answered.
    """

    payload: dict[str, Any]
    vital: bool


type CallHandler = Callable[[str, dict[str, Any]], Awaitable[Reply]]
"""Takes an action and its payload; may raise frames.Refusal."""

type _Answer = frames.CallResult | frames.CallError | None
"""What came of a call of ours; None: the connection ended."""


class _Asked(NamedTuple):
    """A call that is being decided on."""

    id: str | int
    action: str
    deciding: Awaitable[Reply]


_FAILED: Final = frames.Refusal(frames.ErrorCode.INTERNAL_ERROR)


class RpcSession:
    """Calls and answers in both directions until the connection ends.

    `flooded`: it ended because the station sent more than anybody needs.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        handler: CallHandler,
        *,
        note: Note,
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        """Prepare a conversation over `ws`, which is open on `transport`.

        `note` counts what was refused. `call_timeout` in s.
        """
        self._ws = ws
        self._transport = transport
        self._handler = handler
        self._note = note
        self._call_timeout = call_timeout
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._calls = 0
        self._pending: dict[str, asyncio.Future[_Answer]] = {}
        self._for_chatter = Patience(patience.BURST, self._loop.time())
        self._for_vital = Patience(patience.REPLAY, self._loop.time())
        self._last_told: tuple[bytes, bytes] | None = None
        self.last_heard = self.last_pinged = self._loop.time()
        self._sent = 0
        self._deciding = False
        self.answers_pings = False
        self.refused = 0
        self.flooded = False

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._ws.closed

    @property
    def unsent(self) -> int:
        """How many bytes wait here because the station does not take them."""
        return self._transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """How many bytes the station has taken, without the heads of frames."""
        return self._sent - self.unsent

    @property
    def silence(self) -> float:
        """For how long nothing has come, in s.

        While a call is decided on nothing is read: the station waits for us then.
        """
        return 0.0 if self._deciding else self._loop.time() - self.last_heard

    async def run(self) -> None:
        """Read and answer until the other side, or we, close the connection.

        Raises Disconnected where an answer could not be sent any more.
        """
        try:
            while True:
                message = await self._ws.receive()
                if message.type is WSMsgType.TEXT:
                    self.last_heard = self._loop.time()
                    vital = await self._on_frame(message.data)
                elif await self._on_control(message):
                    vital = False
                else:
                    return
                guard = self._for_vital if vital else self._for_chatter
                pause = guard.spend(len(message.data), self._loop.time())
                if pause and not await self._bear(pause, vital=vital):
                    return
        finally:
            for future in self._pending.values():
                if not future.done():
                    future.set_result(None)

    async def _bear(self, pause: float, *, vital: bool) -> bool:
        """Slow down who says more than is needed; return whether we go on listening.

        Who reports sessions is only slowed down, whatever comes.
        """
        if vital:
            self._note("more transaction messages than any charger keeps")
        else:
            self._note("more messages than anybody needs")
            if self._for_chatter.is_exhausted(self._loop.time()):
                self.flooded = True
                await self.close(WSCloseCode.POLICY_VIOLATION)
                return False
        await asyncio.sleep(pause)
        return True

    async def _on_control(self, message: WSMessage) -> bool:
        """Handle what is no text; return whether the conversation goes on."""
        match message.type:
            case WSMsgType.PING:
                self.last_heard = self._loop.time()
                await self._send(message.data, WSMsgType.PONG)
                return True
            case WSMsgType.PONG:
                self.last_heard = self._loop.time()
                self.answers_pings = True
                return True
            case WSMsgType.ERROR:  # aiohttp has closed the connection
                self._count("a frame that is too big, or none of WebSocket's")
            case WSMsgType.BINARY:
                self._count("a binary message")
                await self.close(WSCloseCode.UNSUPPORTED_DATA)
        return False

    async def _on_frame(self, raw: bytes) -> bool:
        """Answer a call, or hand an answer to who waits for it; return if it was vital.

        A vital call that is sent again, to the letter, gets the answer that it got.
        """
        if self._last_told is not None and self._last_told[0] == raw:
            await self._send(self._last_told[1])
            return False
        refused = self.refused
        taken = self._take(raw)
        if isinstance(taken, _Asked):
            answer, vital = await self._decide(taken)
            if vital:
                self._last_told = (raw, answer)
            await self._send(answer)
            return vital
        if taken is not None:
            await self._send(taken)
        return refused == self.refused

    def _take(self, raw: bytes) -> _Asked | bytes | None:
        """Read a frame: a question, or what to answer to it, or nothing to answer."""
        frame = frames.parse(raw)
        match frame:
            case frames.Call(id_, action, payload):
                return _Asked(id_, action, self._handler(action, payload))
            case frames.CallResult() | frames.CallError():
                self._on_answer(frame)
            case frames.BadCall(id_, refusal):
                return self._refuse(id_, refusal)
            case frames.Unreadable(reason):
                self._count(reason)
        return None

    async def _decide(self, asked: _Asked) -> tuple[bytes, bool]:
        """Have a call decided on; return the answer, and whether the call was vital.

        Where we fail, the station sends it again (1.6 §3.7.1).
        """
        self._deciding = True
        try:
            payload, vital = await asked.deciding
            return frames.result(asked.id, payload), vital
        except frames.Refusal as refusal:
            return self._refuse(asked.id, refusal), False
        except NotStored:
            return self._refuse(asked.id, _FAILED), False
        except Exception as err:  # noqa: BLE001, noted with its traceback
            self.refused += 1
            self._note(f"a {asked.action} went wrong here", err)
            return frames.error(asked.id, _FAILED), False
        finally:
            self._deciding = False
            self.last_heard = self._loop.time()

    def _on_answer(self, frame: frames.CallResult | frames.CallError) -> None:
        """Hand an answer over, if anybody waits for it."""
        future = self._pending.get(frame.id)
        if future is None or future.done():
            self._count("an answer that nobody waits for")
        else:
            future.set_result(frame)

    def _refuse(self, id_: str | int, refusal: frames.Refusal) -> bytes:
        """Count a refusal and write it."""
        self._count(str(refusal))
        return frames.error(id_, refusal)

    def _count(self, kind: str) -> None:
        """Count something that is refused."""
        self.refused += 1
        self._note(kind)

    async def _send(self, data: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Write one frame; raises Disconnected when the connection is gone."""
        self._sent += len(data)
        try:
            await self._ws.send_frame(data, kind)
        except ConnectionError as err:
            raise Disconnected("the station went away") from err

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float | None = None
    ) -> dict[str, Any]:
        """Ask the station and return its answer's payload.

        Raises Busy, Disconnected, NoAnswer, Refused or BadAnswer. `timeout` in s
        counts from when the call goes out; calls wait for their turn.
        """
        if self._calls >= MAX_CALLS:
            raise Busy(action)
        self._calls += 1
        try:
            async with self._turn:
                answer = await self._exchange(
                    action, payload, timeout or self._call_timeout
                )
        finally:
            self._calls -= 1
        match answer:
            case frames.CallResult(payload=dict(given)):
                return given
            case frames.CallResult():
                raise BadAnswer(f"{action}: the answer is no object")
            case frames.CallError():
                raise Refused(action, answer.code, answer.description)
        raise Disconnected("the station went away")

    async def _exchange(
        self, action: str, payload: dict[str, Any], seconds: float
    ) -> _Answer:
        """Send a call and wait for what comes of it."""
        if self.closed:
            raise Disconnected("the station is not connected")
        id_ = str(uuid4())
        future: asyncio.Future[_Answer] = self._loop.create_future()
        self._pending[id_] = future
        try:
            async with asyncio.timeout(seconds):
                await self._send(frames.call(id_, action, payload))
                return await future
        except TimeoutError:
            raise NoAnswer(action, seconds) from None
        finally:
            del self._pending[id_]

    async def ping(self) -> None:
        """Ask for a sign of life; raises Disconnected."""
        self.last_pinged = self._loop.time()
        await self._send(b"", WSMsgType.PING)

    async def close(self, code: WSCloseCode) -> None:
        """End the conversation; who does not take leave in time is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self._ws.close(code=code, drain=False)
        # What the station never took would keep the transport open.
        self._transport.abort()
