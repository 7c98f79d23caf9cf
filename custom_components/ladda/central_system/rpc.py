"""The conversation with one station over one WebSocket (OCPP-J 1.6 §4).

The station's calls are handled in their order, each answered before the next
is read, so that a station that sends faster than its messages can be stored
is slowed down by TCP itself. Our own calls go out one at a time (§4.1.1).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
import logging
from typing import Any, Final, NamedTuple
from uuid import uuid4

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from . import frames
from .errors import BadAnswer, Disconnected, NoAnswer, NotStored, Refused
from .patience import Patience

_LOGGER = logging.getLogger(__name__)

CALL_TIMEOUT: Final = 30.0  # s, as a station's MessageTimeout
CLOSE_PATIENCE: Final = 5.0  # s

type CallHandler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Takes an action and its payload, returns the answer's; may raise frames.Refusal."""

type _Answer = frames.CallResult | frames.CallError | None
"""What came of a call of ours; None: the connection ended."""


class _Asked(NamedTuple):
    """A call that is being decided on.

    `vital`: the call as it came, if stations keep and send it until it is answered.
    """

    id: str | int
    action: str
    deciding: Awaitable[dict[str, Any]]
    vital: bytes


_FAILED: Final = frames.Refusal(frames.ErrorCode.INTERNAL_ERROR)


class RpcSession:
    """Calls and answers in both directions until the connection ends.

    `flooded`: it ended because the station sent more than anybody needs.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        name: str,
        handler: CallHandler,
        *,
        note: Callable[[str], None],
        lasting: Collection[str],
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        """Prepare a conversation over `ws`, which is open on `transport`.

        `name` is for the log, `note` counts what was refused. `lasting` are the
        actions that stations keep and send until they are answered: any number of
        them is listened to. `call_timeout` in s.
        """
        self._ws = ws
        self._transport = transport
        self._name = name
        self._handler = handler
        self._note = note
        self._lasting = lasting
        self._call_timeout = call_timeout
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._pending: dict[str, asyncio.Future[_Answer]] = {}
        self._patience = Patience(self._loop.time())
        self._went_wrong: set[str] = set()  # told once, lest the log overflows
        self._last_told: tuple[bytes, bytes] | None = None
        self.last_heard = self._loop.time()
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
                if not vital and not await self._bear(len(message.data)):
                    return
        finally:
            for future in self._pending.values():
                if not future.done():
                    future.set_result(None)

    async def _bear(self, size: int) -> bool:
        """Slow down who says more than is needed; return whether we go on listening."""
        pause = self._patience.spend(size, self._loop.time())
        if not pause:
            return True
        self._note("more messages than anybody needs")
        if self._patience.is_exhausted(self._loop.time()):
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
        """Answer a call, or hand an answer to who waits for it; return if it was vital."""
        refused = self.refused
        taken = self._take(raw)
        answer = await self._decide(taken) if isinstance(taken, _Asked) else taken
        if answer is not None:
            await self._send(answer)
        chatter = isinstance(taken, _Asked) and not taken.vital
        return refused == self.refused and not chatter

    def _take(self, raw: bytes) -> _Asked | bytes | None:
        """Read a frame: a question, or what to answer to it, or nothing to answer."""
        frame = frames.parse(raw)
        match frame:
            case frames.Call(id_, action, payload):
                vital = raw if action in self._lasting else b""
                if vital and self._last_told and self._last_told[0] == raw:
                    return self._last_told[1]
                return _Asked(id_, action, self._handler(action, payload), vital)
            case frames.CallResult() | frames.CallError():
                self._on_answer(frame)
            case frames.BadCall(id_, refusal):
                return self._refuse(id_, refusal)
            case frames.Unreadable(reason):
                self._count(reason)
        return None

    async def _decide(self, asked: _Asked) -> bytes:
        """Have a call decided on; where we fail, the station sends it again (1.6 §3.7.1).

        A vital one that is sent again, to the letter, gets the answer that it got.
        """
        if asked.vital:
            self._last_told = None
        try:
            answer = frames.result(asked.id, await asked.deciding)
        except frames.Refusal as refusal:
            return self._refuse(asked.id, refusal)
        except NotStored:
            return self._refuse(asked.id, _FAILED)
        except Exception:
            if asked.action not in self._went_wrong:
                self._went_wrong.add(asked.action)
                _LOGGER.exception(
                    "A %s of %s went wrong here", asked.action, self._name
                )
            return self._refuse(asked.id, _FAILED)
        if asked.vital:
            self._last_told = (asked.vital, answer)
        return answer

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
        try:
            await self._ws.send_frame(data, kind)
        except ConnectionError as err:
            raise Disconnected("the station went away") from err

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float | None = None
    ) -> dict[str, Any]:
        """Ask the station and return its answer's payload.

        Raises Disconnected, NoAnswer, Refused or BadAnswer. `timeout` in s counts
        from when the call goes out; calls wait for their turn.
        """
        async with self._turn:
            id_ = str(uuid4())
            future: asyncio.Future[_Answer] = self._loop.create_future()
            self._pending[id_] = future
            seconds = timeout or self._call_timeout
            try:
                async with asyncio.timeout(seconds):
                    if self.closed:
                        raise Disconnected("the station is not connected")
                    await self._send(frames.call(id_, action, payload))
                    answer = await future
            except TimeoutError:
                raise NoAnswer(action, seconds) from None
            finally:
                del self._pending[id_]
        match answer:
            case frames.CallResult(payload=dict(given)):
                return given
            case frames.CallResult():
                raise BadAnswer(f"{action}: the answer is no object")
            case frames.CallError():
                raise Refused(action, answer.code, answer.description)
        raise Disconnected("the station went away")

    async def ping(self) -> None:
        """Ask for a sign of life; raises Disconnected."""
        await self._send(b"", WSMsgType.PING)

    async def close(self, code: WSCloseCode) -> None:
        """End the conversation; who does not take leave in time is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self._ws.close(code=code, drain=False)
        # What the station never took would keep the transport open.
        self._transport.abort()
