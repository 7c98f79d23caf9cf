"""Who knocks too often, too slowly, or not as one should."""

import asyncio
from collections.abc import AsyncIterator
import logging

from aiohttp import WSServerHandshakeError
import pytest

from custom_components.ladda.central_system import http_server, listener
from tests.central_system.door import (
    ALIVE,
    HEARTBEAT,
    Door,
    ask,
    at_the_door,
    the_end,
    until,
)

PATIENCE = 0.2  # s


@pytest.fixture
async def door(
    socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    """Open a listener with little patience and little room."""
    monkeypatch.setattr(http_server, "PATIENCE", PATIENCE)
    monkeypatch.setattr(listener, "MAX_STRANGERS_AT_ADDRESS", 2)
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(http_server, "MAX_SOCKETS", 8)
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


def odd(door: Door) -> dict[str, int]:
    """Return what was odd about strangers."""
    return door.central.oddities.of("strangers")


async def test_one_address_does_not_take_all_the_room_for_strangers(door: Door) -> None:
    await door.come("/one")
    await door.come("/two")
    await turned_away(door, "/three")
    assert odd(door) == {"a connection: too many unknown stations": 1}
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
    assert odd(door) == {"a connection: it asked for nothing": 2}
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
    assert odd(door) == {"a connection: more than are served": 13}
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
    ids=lambda words: words[:40],
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
    await until(lambda: odd(door) or door.central.oddities.of("garage"))
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_many_strangers_at_once_do_not_get_in_side_by_side(door: Door) -> None:
    comings = [door.come(f"/{number}") for number in range(30)]
    came = await asyncio.gather(*comings, return_exceptions=True)
    assert len([each for each in came if not isinstance(each, Exception)]) == 2


# --- who comes again and again --------------------------------------------------------


async def test_a_storm_of_connections_is_calmed(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that hangs up as soon as it is in, and dials again, for ever."""
    monkeypatch.setattr(door.central, "_comings", listener.Tries(20, 0.5))
    door.desk.admissions["carport"] = door.desk.admissions["garage"]
    neighbour = await door.come("/carport")
    for _ in range(20):
        ws = await door.come()
        await ws.close()
    await turned_away(door, "/garage")
    assert door.central.oddities.of("garage") == {
        "a connection: it comes again and again": 1
    }
    assert await ask(neighbour, HEARTBEAT) == ALIVE
    await asyncio.sleep(0.6)
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_in_a_storm_every_connection_takes_the_place_of_the_one_before(
    door: Door,
) -> None:
    """Nobody hangs up, so that the old ones have to."""
    storm = [await door.come() for _ in range(20)]
    for ws in storm[:-1]:
        await the_end(ws)
    assert await ask(storm[-1], HEARTBEAT) == ALIVE
    await until(lambda: len(door.desk.comings) == 39)
    assert list(door.central.links) == ["garage"]


async def test_after_a_power_cut_all_come_at_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each a few times, for it dials before it has booted."""
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 100)
    monkeypatch.setattr(http_server, "MAX_SOCKETS", 200)
    names = [f"station {number}" for number in range(25)]
    for name in names:
        door.desk.admissions[name] = door.desk.admissions["garage"]
    for _ in range(3):
        await asyncio.gather(*(door.come(f"/{name}") for name in names))
    for ws in door.stations[-25:]:
        assert await ask(ws, HEARTBEAT) == ALIVE


async def test_strangers_that_come_again_and_again_count_together(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names cost nothing; an address is what they have in common."""
    for number in range(20):
        ws = await door.come(f"/{number}")
        await ws.close()
        await until(lambda: not door.central.links)
    await turned_away(door, "/another")
    assert await ask(await door.come(), HEARTBEAT) == ALIVE
