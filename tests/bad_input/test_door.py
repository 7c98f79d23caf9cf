"""Who knocks too often, too slowly, or not as one should."""

import asyncio
from collections.abc import AsyncIterator
import logging

from aiohttp import WSServerHandshakeError
import pytest

from custom_components.ladda.central_system import listener
from tests.central_system.door import ALIVE, HEARTBEAT, Door, ask, at_the_door, until

PATIENCE = 0.2  # s


@pytest.fixture
async def door(
    socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    """Open a listener with little patience and little room."""
    monkeypatch.setattr(listener, "HANDSHAKE_PATIENCE", PATIENCE)
    monkeypatch.setattr(listener, "MAX_STRANGERS_AT_ADDRESS", 2)
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(listener, "MAX_SOCKETS", 8)
    async with at_the_door() as opened:
        yield opened


async def turned_away(door: Door, path: str) -> WSServerHandshakeError:
    """Return with what a station is turned away."""
    with pytest.raises(WSServerHandshakeError) as error:
        await door.come(path)
    assert error.value.status == 503
    assert error.value.headers is not None
    assert error.value.headers["Retry-After"] == "60"
    return error.value


async def test_one_address_does_not_take_all_the_room_for_strangers(door: Door) -> None:
    await door.come("/one")
    await door.come("/two")
    await turned_away(door, "/three")
    assert door.central.oddities.of("strangers") == {
        "a connection: too many unknown stations": 1
    }
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_when_too_many_are_connected_the_next_has_to_come_later(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_STRANGERS_AT_ADDRESS", 10)
    inside = [await door.come(f"/{number}") for number in range(4)]
    await turned_away(door, "/garage")
    assert door.central.oddities.of("garage") == {
        "a connection: too many connections": 1
    }
    await inside[0].close()
    await until(lambda: len(door.central.links) < 4)
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_who_says_nothing_is_hung_up_on(door: Door) -> None:
    for words in (b"", b"GET /garage HTTP/1.1\r\nHost: ladda\r\nUpgr"):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(words)
        async with asyncio.timeout(PATIENCE * 10):
            assert await reader.read() == b""
        writer.close()
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_a_station_that_came_in_may_be_silent_for_longer(door: Door) -> None:
    ws = await door.come()
    await asyncio.sleep(PATIENCE * 2)
    assert await ask(ws, HEARTBEAT) == ALIVE


async def test_more_sockets_than_anybody_needs_are_closed_at_once(door: Door) -> None:
    ws = await door.come()
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert sum(reader.at_eof() or bool(reader.exception()) for reader, _ in silent) > 10
    assert await ask(ws, HEARTBEAT) == ALIVE
    for _, writer in silent:
        writer.close()
    await asyncio.sleep(0.05)
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\n\r\n\r\n",
        b"GET /garage\r\n\r\n",
        b"GET /garage HTTP/1.1\r\nHost : ladda\r\n\r\n",
        b"GET /garage HTTP/9.9\r\n\r\n",
        b"POST /garage HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: ladda\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: ladda\r\n\r\n",
        b"GET /garage HTTP/1.1\r\nHost: ladda\r\n\r\n",
        b"GET /garage HTTP/1.1\r\nHost: ladda\r\nUpgrade: websocket\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /garage HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: ladda\r\n\r\n",
    ],
)
async def test_who_does_not_speak_http_gets_no_further(
    door: Door, words: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(words)
    async with asyncio.timeout(PATIENCE * 10):
        try:
            heard = await reader.read()
        except ConnectionError:
            heard = b""
    writer.close()
    assert b" 101 " not in heard
    assert b" 500 " not in heard
    assert door.desk.comings == []
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert await ask(await door.come(), HEARTBEAT) == ALIVE
