"""Connections that are dead, deaf or stuck are noticed and closed."""

import asyncio
from collections.abc import Callable
import socket

from aiohttp import ClientWebSocketResponse, WSMsgType
import pytest

from custom_components.ladda.central_system import Disconnected, listener, rpc
from custom_components.ladda.central_system.listener import LOOK_INTERVAL, STUCK_LOOKS
from custom_components.ladda.charging.decisions import Decision, VendorAnswer
from custom_components.ladda.charging.events import StationEvent

from .door import ALIVE, HEARTBEAT, Door, ask, hear, say, until

INTERVAL = 0.1  # s


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let minutes be tenths of seconds."""
    monkeypatch.setattr(listener, "LOOK_INTERVAL", INTERVAL / 4)
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


async def test_a_station_that_waits_for_us_is_not_dropped(door: Door) -> None:
    """While a backup is made nothing is decided, and what it answers is not heard."""
    decided = asyncio.Event()

    async def decide(event: StationEvent) -> Decision:
        await decided.wait()
        return VendorAnswer(known=True)

    door.desk.decide = decide
    ws = await door.come()
    answer = asyncio.create_task(hear(ws))  # aiohttp answers pings by itself
    await until(lambda: door.link().rpc.answers_pings)
    await say(ws, [2, "1", "DataTransfer", {"vendorId": "V"}])
    await asyncio.sleep(INTERVAL * listener.PINGS_MISSED * 2)
    assert not gone(door)()
    decided.set()
    assert await answer == [3, "1", {"status": "Accepted"}]


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


async def test_a_station_that_talks_is_not_pinged(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings_apart = 20 * INTERVAL  # for a busy machine is late
    monkeypatch.setattr(listener, "PING_INTERVAL", pings_apart)
    ws = await door.come(autoping=False)
    for _ in range(60):
        assert await ask(ws, HEARTBEAT) == ALIVE  # else a ping would come instead
        await asyncio.sleep(pings_apart / 60)


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


# --- stations whose network is gone, and that are told to nobody -----------------------


async def dial(door: Door, window: int = 4096) -> socket.socket:
    """Connect as a station that reads only what it is made to, and return its end."""
    loop = asyncio.get_running_loop()
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    end.setblocking(False)
    await loop.sock_connect(end, ("127.0.0.1", door.port))
    await loop.sock_sendall(
        end,
        b"GET /garage HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    )
    assert b" 101 " in await loop.sock_recv(end, 4096)
    await until(lambda: "garage" in door.central.links)
    return end


def frame(opcode: int, text: bytes = b"") -> bytes:
    """Return a short frame as a station masks it."""
    return bytes((0x80 | opcode, 0x80 | len(text), 0, 0, 0, 0)) + text


async def test_a_half_open_connection_is_noticed(door: Door) -> None:
    """The network goes without a word: nothing comes any more, no end either."""
    loop = asyncio.get_running_loop()
    end = await dial(door)
    await loop.sock_sendall(end, frame(0xA))  # a pong, so that pings are known to work
    await until(lambda: door.link().rpc.answers_pings)
    began = loop.time()
    await until(gone(door))
    patience = INTERVAL * listener.PINGS_MISSED
    assert patience <= loop.time() - began + 0.01
    assert [what for what, _ in door.desk.comings] == ["came", "went"]
    end.close()


async def test_a_new_connection_takes_the_place_of_one_that_is_half_open(
    door: Door,
) -> None:
    end = await dial(door)
    old = door.link()
    call = asyncio.create_task(old.rpc.call("Reset", {}, timeout=20))
    await asyncio.sleep(0)
    new = await door.come()
    async with asyncio.timeout(INTERVAL):  # nobody waits for the old one's goodbye
        assert await ask(new, HEARTBEAT) == ALIVE
        with pytest.raises(Disconnected):
            await call
    await until(lambda: len(door.desk.comings) == 3)
    assert [what for what, _ in door.desk.comings] == ["came", "came", "went"]
    assert door.desk.comings[-1][1] is old
    assert await ask(new, HEARTBEAT) == ALIVE
    end.close()


async def test_a_station_that_takes_nothing_is_cut_off(door: Door) -> None:
    """Its answers would pile up here; the others go on meanwhile."""

    async def decide(event: StationEvent) -> Decision:
        return VendorAnswer(known=True, data="x" * 60_000)

    door.desk.decide = decide
    loop = asyncio.get_running_loop()
    deaf = await dial(door)
    told = frame(0x1, b'[2,"1","DataTransfer",{"vendorId":"V"}]')
    await loop.sock_sendall(deaf, told * 300)
    await until(lambda: door.link().rpc.unsent)
    link = door.link()
    began = loop.time()
    call = asyncio.create_task(link.rpc.call("Reset", {}, timeout=20))
    await until(gone(door))
    await until(call.done)
    assert INTERVAL / 2 <= loop.time() - began < INTERVAL * 6
    assert link.rpc.unsent == 0
    deaf.close()
    with pytest.raises(Disconnected, match="the station"):
        await call


async def test_a_station_that_takes_little_at_a_time_stays(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "LOOK_INTERVAL", INTERVAL)
    cut_off_after = STUCK_LOOKS * INTERVAL

    async def decide(event: StationEvent) -> Decision:
        return VendorAnswer(known=True, data="x" * 60_000)

    door.desk.decide = decide
    loop = asyncio.get_running_loop()
    slow = await dial(door, window=1 << 18)
    told = frame(0x1, b'[2,"1","DataTransfer",{"vendorId":"V"}]')
    await loop.sock_sendall(slow, told * 400)
    await until(lambda: door.link().rpc.unsent)
    began = loop.time()
    while not gone(door)() and door.link().rpc.unsent:
        await loop.sock_recv(slow, 100_000)
        await asyncio.sleep(INTERVAL / 30)
    assert loop.time() - began > cut_off_after
    assert not gone(door)()
    slow.close()


def test_who_takes_nothing_is_cut_off_soon_after_ten_seconds() -> None:
    looks_apart = (STUCK_LOOKS - 1) * LOOK_INTERVAL
    assert looks_apart == 10
    assert looks_apart + LOOK_INTERVAL <= 15
