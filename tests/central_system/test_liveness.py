"""Connections that are dead, deaf or stuck are noticed and closed."""

import asyncio
from collections.abc import Callable
import socket

from aiohttp import ClientWebSocketResponse, WSMsgType
import pytest

from custom_components.ladda.central_system import listener, rpc
from custom_components.ladda.charging.decisions import Decision, VendorAnswer
from custom_components.ladda.charging.events import StationEvent

from .door import ALIVE, HEARTBEAT, Door, ask, until

INTERVAL = 0.1  # s


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let minutes be tenths of seconds."""
    monkeypatch.setattr(listener, "PING_INTERVAL", INTERVAL)
    monkeypatch.setattr(rpc, "CLOSE_PATIENCE", INTERVAL)


async def read(ws: ClientWebSocketResponse, *, pongs: int) -> None:
    """Read all there is, and answer only so many pings."""
    async for message in ws:
        if message.type is WSMsgType.PING and pongs:
            pongs -= 1
            await ws.pong(message.data)


def gone(door: Door) -> Callable[[], bool]:
    """Return whether the station is gone."""
    return lambda: not door.central.links


async def test_a_quiet_station_that_answers_pings_stays(door: Door) -> None:
    ws = await door.come()
    reading = asyncio.create_task(read(ws, pongs=0))  # aiohttp answers by itself
    await asyncio.sleep(INTERVAL * 6)
    assert door.link().rpc.answers_pings
    reading.cancel()


async def test_a_station_that_answers_pings_no_more_is_dropped(door: Door) -> None:
    ws = await door.come(autoping=False)
    reading = asyncio.create_task(read(ws, pongs=1))
    await until(lambda: door.link().rpc.answers_pings)
    await until(gone(door))
    await reading


async def test_a_station_that_never_answers_pings_has_more_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = await door.come(autoping=False)
    reading = asyncio.create_task(read(ws, pongs=0))
    await asyncio.sleep(INTERVAL * 6)
    assert not gone(door)()
    monkeypatch.setattr(listener, "SILENCE", INTERVAL)
    await until(gone(door))
    await reading


async def test_a_station_that_talks_is_not_pinged(door: Door) -> None:
    ws = await door.come(autoping=False)
    for _ in range(60):
        assert await ask(ws, HEARTBEAT) == ALIVE  # else a ping would come instead
        await asyncio.sleep(INTERVAL / 20)  # far less, for a busy machine is late


async def test_a_stations_own_pings_are_answered_and_count(door: Door) -> None:
    ws = await door.come(autoping=False)
    heard = door.link().rpc.last_heard
    await ws.ping(b"there?")
    while (message := await ws.receive(timeout=5)).type is not WSMsgType.PONG:
        pass
    assert message.data == b"there?"
    assert door.link().rpc.last_heard > heard


async def test_a_station_that_is_gone_when_it_is_pinged_harms_nobody(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    ws = await door.come()
    link = door.link()
    assert ws._response.connection is not None  # noqa: SLF001
    ws._response.connection.transport.abort()  # type: ignore[union-attr] # noqa: SLF001
    await until(gone(door))
    await asyncio.sleep(INTERVAL)
    assert link.rpc.closed or link.rpc.unsent == 0
    assert "Task exception" not in caplog.text


async def test_a_station_that_takes_nothing_is_cut_off(door: Door) -> None:
    """Its answers would pile up here; the others go on meanwhile."""

    async def decide(event: StationEvent) -> Decision:
        return VendorAnswer(known=True, data="x" * 60_000)

    door.desk.decide = decide
    loop = asyncio.get_running_loop()
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    await loop.sock_connect(deaf, ("127.0.0.1", door.port))
    await loop.sock_sendall(
        deaf,
        b"GET /garage HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    )
    text = b'[2,"1","DataTransfer",{"vendorId":"V"}]'
    frame = bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text
    await loop.sock_sendall(deaf, frame * 300)
    await until(lambda: door.central.links and door.link().rpc.unsent)
    link = door.link()
    call = asyncio.create_task(link.rpc.call("Reset", {}, timeout=20))
    await until(gone(door))
    await until(call.done)
    assert link.rpc.unsent == 0
    deaf.close()
    with pytest.raises(Exception, match="the station"):
        await call
