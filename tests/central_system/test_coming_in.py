"""Who comes in at the door, under which name, and who is turned away."""

import asyncio
import base64
from contextlib import AsyncExitStack
import logging
import threading
import time

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSServerHandshakeError
import pytest

from custom_components.ladda.central_system import (
    Admission,
    CentralSystem,
    Verdict,
    credentials,
    listener,
)
from custom_components.ladda.central_system.credentials import hash_password
from custom_components.ladda.central_system.listener import WRONG_PASSWORDS
from custom_components.ladda.central_system.patience import Tries
from custom_components.ladda.charging.model import Registration

from .door import (
    ALIVE,
    BOOT,
    HEARTBEAT,
    Desk,
    Door,
    ask,
    at_the_door,
    basic,
    the_end,
    until,
)

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash as everywhere, at a fraction of the price."""
    monkeypatch.setattr(credentials, "_COST", 2)


async def status(door: Door, path: str = "/garage", **options: object) -> int:
    """Return the HTTP status with which a station is turned away."""
    with pytest.raises(WSServerHandshakeError) as error:
        await door.come(path, **options)  # type: ignore[arg-type]
    return error.value.status


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/garage", "garage"),
        ("/garage/", "garage"),
        ("/garage//", "garage"),
        ("/ocpp/v16/garage", "garage"),
        ("/garage?token=1", "garage"),
        ("/left%20bay", "left bay"),
        ("/%20garage%20", "garage"),
        ("/A%2FB", "A/B"),
        ("/00:1A:2B", "00:1A:2B"),
        ("/Stra%C3%9Fe", "Straße"),
        ("/" + "x" * 48, "x" * 48),
    ],
)
def test_the_identity_is_the_last_segment_of_the_path(path: str, identity: str) -> None:
    assert listener.identity_of(path.partition("?")[0]) == identity


async def test_a_station_is_known_by_the_percent_encoded_end_of_its_path(
    door: Door,
) -> None:
    door.desk.admissions["left bay/1"] = Admission(Verdict.KNOWN)
    ws = await door.come("/ocpp/left%20bay%2F1/?x=y")
    assert await ask(ws, HEARTBEAT) == ALIVE
    assert list(door.central.links) == ["left bay/1"]
    assert door.link("left bay/1").remote == "127.0.0.1"


@pytest.mark.parametrize("path", ["/" + "x" * 49, "/a%0Ab", "/a%00"])
async def test_a_path_with_a_name_that_cannot_be_one_is_not_found(
    door: Door, path: str
) -> None:
    assert await status(door, path) == 404
    assert door.central.turned_away == 1


# Grizzl-E (#442) dials no name and offers no subprotocol
NAMELESS = ("/", "//", "/%20", "/?x=y")


@pytest.mark.parametrize("path", NAMELESS)
async def test_a_station_without_a_name_is_known_by_the_name_that_it_logs_in_with(
    door: Door, path: str
) -> None:
    door.desk.admissions["drive"] = locked("geheim")
    ws = await door.come(path, protocols=(), headers=basic("drive", b"geheim"))
    assert await ask(ws, HEARTBEAT) == ALIVE
    assert list(door.central.links) == ["drive"]


@pytest.mark.parametrize("path", NAMELESS)
@pytest.mark.parametrize(
    "headers", [{}, basic("", b"geheim"), {"Authorization": "Basic ***"}]
)
async def test_a_station_without_any_name_is_known_by_its_address(
    door: Door, path: str, headers: dict[str, str]
) -> None:
    door.desk.admissions["127.0.0.1"] = Admission(Verdict.KNOWN)
    ws = await door.come(path, protocols=(), headers=headers)
    assert await ask(ws, HEARTBEAT) == ALIVE
    assert list(door.central.links) == ["127.0.0.1"]


async def test_a_stranger_without_any_name_waits_under_its_address(door: Door) -> None:
    ws = await door.come("/", protocols=())
    assert (await ask(ws, BOOT))[2]["status"] == "Pending"
    assert list(door.central.links) == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["x" * 49, "a\nb", "a\0"])
async def test_a_login_with_a_name_that_cannot_be_one_is_not_found(
    door: Door, name: str
) -> None:
    assert await status(door, "/", headers=basic(name, b"geheim")) == 404


@pytest.mark.parametrize(
    "headers",
    [{}, basic("drive", b"falsch"), basic("", b"geheim"), basic("127.0.0.1", b"x")],
)
async def test_a_station_without_a_name_in_its_path_needs_its_password_still(
    door: Door, headers: dict[str, str]
) -> None:
    door.desk.admissions |= {"drive": locked("geheim"), "127.0.0.1": locked("geheim")}
    assert await status(door, "/", headers=headers) == 401
    assert door.desk.comings == []


async def test_a_name_in_the_path_goes_before_all_others(door: Door) -> None:
    door.desk.admissions["drive"] = locked("geheim")
    right = basic("drive", b"geheim")
    assert await status(door, "/drive", headers=basic("garage", b"geheim")) == 401
    await door.come("/garage", headers=right)
    assert list(door.central.links) == ["garage"]


async def test_a_station_that_somebody_turned_away_is_not_found(door: Door) -> None:
    door.desk.admissions["gone"] = Admission(Verdict.TURNED_AWAY)
    assert await status(door, "/gone") == 404


async def test_a_browser_is_told_that_this_is_for_stations(door: Door) -> None:
    url = door.url.replace("ws:", "http:") + "/garage"
    async with door.client.get(url) as response:
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"
    async with door.client.get(url.replace("garage", "")) as response:
        assert response.status == 426
    assert door.central.turned_away == 2
    assert door.central.oddities.of("garage") == {"a connection: no WebSocket": 1}
    assert door.central.oddities.of("strangers") == {"a connection: no WebSocket": 1}
    assert door.central.links == {}


async def test_the_subprotocol_is_agreed(door: Door) -> None:
    ws = await door.come(protocols=("ocpp2.0.1", "ocpp1.6"))
    assert ws.protocol == "ocpp1.6"


async def test_a_known_station_may_offer_no_subprotocol(door: Door) -> None:
    ws = await door.come(protocols=())
    assert ws.protocol is None
    assert await ask(ws, HEARTBEAT) == ALIVE


async def test_a_stranger_that_offers_no_subprotocol_waits_like_any_other(
    door: Door,
) -> None:
    ws = await door.come("/stranger", protocols=())
    assert ws.protocol is None
    assert (await ask(ws, HEARTBEAT))[2] == "SecurityError"
    assert (await ask(ws, BOOT))[2]["status"] == "Pending"


@pytest.mark.parametrize("path", ["/garage", "/stranger"])
@pytest.mark.parametrize("offered", ["ocpp2.0.1", "ocpp1.6j"])
async def test_a_station_that_speaks_something_else_is_closed_after_the_handshake(
    door: Door, path: str, offered: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        ws = await door.come(path, protocols=(offered,))
        assert ws.protocol is None
        await the_end(ws)
        assert ws.close_code == WSCloseCode.PROTOCOL_ERROR
    assert door.central.links == {}
    who = "garage" if path == "/garage" else "strangers"
    kind = "a connection: no protocol that we speak"
    assert door.central.oddities.of(who) == {kind: 3}
    assert caplog.messages == [f"{who} sent something odd: {kind}"]


GOOD = (
    "GET /garage HTTP/1.1\r\nHost: ladda\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
    "\r\n"
)


@pytest.mark.parametrize(
    "request_",
    [
        GOOD,
        GOOD.replace("Connection: Upgrade\r\n", ""),  # Autel, lbbrhzn/ocpp#1933
        GOOD.replace("Connection: Upgrade", "connection: keep-alive,  UPGRADE"),
        GOOD.replace("websocket\r", "WebSocket \r"),
        GOOD.replace("GET /", "GET  /"),
        GOOD.replace("GET /", "GET ws://ladda:9000/"),
        GOOD.replace("HTTP/1.1", "HTTP/1.0").replace("Host: ladda\r\n", ""),
        GOOD.replace("Host: ladda", "Host:"),
        GOOD.replace("Host: ladda", "Host: ladda\r\nX-Maker: \xe4\r\nX-Empty:"),
        GOOD.replace("Host: ladda", "Host: ladda\r\nContent-Length: 0"),
        "\r\n\r\n" + GOOD,
    ],
)
async def test_a_station_may_ask_oddly(door: Door, request_: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request_.encode("latin-1"))
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    text = b'[2,"1","Heartbeat",{}]'
    for _ in range(2):
        writer.write(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
        head = await reader.readexactly(2)
        assert b"currentTime" in await reader.readexactly(head[1])
    writer.close()
    await writer.wait_closed()
    await until(lambda: not door.central.links)


# --- passwords ---------------------------------------------------------------------


def locked(password: str) -> Admission:
    """Return the admission of a station that must prove itself."""
    return Admission(Verdict.KNOWN, hash_password(password))


@pytest.mark.parametrize(
    ("password", "presented"),
    [
        ("geheim", b"geheim"),
        ("gehéim:mit:Punkten", "gehéim:mit:Punkten".encode()),
        (KEY, KEY.encode()),
        (KEY, KEY.upper().encode()),
        (KEY, bytes.fromhex(KEY)),
        (KEY.upper(), bytes.fromhex(KEY)),
    ],
)
async def test_a_station_with_its_password_comes_in(
    door: Door, password: str, presented: bytes
) -> None:
    door.desk.admissions["garage"] = locked(password)
    ws = await door.come(headers=basic("garage", presented))
    assert await ask(ws, HEARTBEAT) == ALIVE


async def test_an_identity_with_a_colon_can_prove_itself(door: Door) -> None:
    door.desk.admissions["00:1A"] = locked("geheim")
    await door.come("/00:1A", headers=basic("00:1A", b"geheim"))
    assert list(door.central.links) == ["00:1A"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("garage", b"falsch"),
        basic("garage", b""),
        basic("garage", KEY.encode()),
        basic("other", b"geheim"),
        basic("", b"geheim"),
        {"Authorization": "Bearer geheim"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic Zm\u00e9"},
        {"Authorization": "Basic " + base64.b64encode(b"garage").decode()},
    ],
)
async def test_a_station_without_its_password_stays_outside(
    door: Door, headers: dict[str, str]
) -> None:
    door.desk.admissions["garage"] = locked("geheim")
    with pytest.raises(WSServerHandshakeError) as error:
        await door.come(headers=headers)
    assert error.value.status == 401
    assert error.value.headers is not None
    assert error.value.headers["WWW-Authenticate"].startswith("Basic")
    assert door.desk.comings == []


async def test_who_guesses_passwords_is_not_listened_to_for_a_while(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.desk.admissions["garage"] = locked("geheim")
    monkeypatch.setattr(door.central, "_wrong_passwords", Tries(WRONG_PASSWORDS, 0.5))
    for _ in range(WRONG_PASSWORDS):
        assert await status(door, headers=basic("garage", b"falsch")) == 401
    right = basic("garage", b"geheim")
    assert await status(door, headers=right) == 401
    await asyncio.sleep(0.6)
    await door.come(headers=right)


# A station that was given new passwords has to show one of those that it may have.


def with_new(*new: str, old: str | None = "geheim") -> Admission:
    """Return the admission of a station that was given passwords of late."""
    known = hash_password(old) if old is not None else None
    return Admission(Verdict.KNOWN, known, tuple(map(hash_password, new)))


@pytest.mark.parametrize("presented", [bytes.fromhex(KEY), KEY.upper().encode()])
@pytest.mark.parametrize("old", ["geheim", None])
async def test_a_station_that_shows_its_new_password_is_told_of(
    door: Door, old: str | None, presented: bytes
) -> None:
    door.desk.admissions["garage"] = admission = with_new(KEY, old=old)
    await door.come(headers=basic("garage", presented))
    assert door.desk.shown == [("garage", *admission.new_hashes)]


async def test_it_is_told_which_of_several_a_station_shows(door: Door) -> None:
    door.desk.admissions["garage"] = admission = with_new("one", "two", "three")
    await door.come(headers=basic("garage", b"two"))
    assert door.desk.shown == [("garage", admission.new_hashes[1])]


async def test_the_newest_password_is_the_first_to_be_checked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.desk.admissions["garage"] = admission = with_new("one", "two")
    checked: list[str] = []

    def verify(presented: bytes, hashed: str) -> bool:
        checked.append(hashed)
        return credentials.verify_password(presented, hashed)

    monkeypatch.setattr(listener, "verify_password", verify)
    await door.come(headers=basic("garage", b"two"))
    await door.come(headers=basic("garage", b"geheim"))
    one, two = admission.new_hashes
    assert checked == [two, two, one, admission.password_hash]


async def test_the_old_password_is_good_until_the_new_one_was_shown(door: Door) -> None:
    door.desk.admissions["garage"] = with_new(KEY)
    await door.come(headers=basic("garage", b"geheim"))
    assert door.desk.shown == []


@pytest.mark.parametrize("headers", [{}, basic("garage", b""), basic("garage", b"no")])
async def test_a_station_that_has_shown_none_yet_may_show_what_it_likes(
    door: Door, headers: dict[str, str]
) -> None:
    door.desk.admissions["garage"] = with_new(KEY, old=None)
    for _ in range(WRONG_PASSWORDS + 1):
        await door.come(headers=headers)
    assert door.desk.shown == []
    await door.come(headers=basic("garage", KEY.encode()))
    assert len(door.desk.shown) == 1


async def test_a_guess_counts_once_however_many_passwords_there_may_be(
    door: Door,
) -> None:
    door.desk.admissions["garage"] = with_new("one", "two", "three")
    for _ in range(WRONG_PASSWORDS - 1):
        assert await status(door, headers=basic("garage", b"falsch")) == 401
    await door.come(headers=basic("garage", b"two"))
    assert await status(door, headers=basic("garage", b"falsch")) == 401
    assert await status(door, headers=basic("garage", b"two")) == 401
    assert await status(door) == 401


@pytest.fixture
def slow_checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Let the check of a password take a while; return what was checked."""
    checked: list[bytes] = []

    def verify(presented: bytes, hashed: str) -> bool:
        checked.append(presented)
        time.sleep(0.05)
        return credentials.verify_password(presented, hashed)

    monkeypatch.setattr(listener, "verify_password", verify)
    return checked


async def test_who_guesses_many_passwords_at_once_gets_no_further(
    door: Door, slow_checks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come before the first of them is found to be wrong."""
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    door.desk.admissions["garage"] = locked("geheim")
    guesses = [
        asyncio.create_task(status(door, headers=basic("garage", str(n).encode())))
        for n in range(90)
    ]
    await until(lambda: slow_checks)
    await door.come("/stranger")  # there is room for others meanwhile
    assert set(await asyncio.gather(*guesses)) <= {401, 503}
    assert len(slow_checks) <= WRONG_PASSWORDS
    assert door.central.oddities.of("garage") == {
        "a connection: a password while another is checked": 90 - len(slow_checks),
        "a connection: a wrong password, or none": len(slow_checks),
    }
    await door.come(headers=basic("garage", b"geheim"))


async def test_a_station_that_goes_while_its_password_is_checked_never_came(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door.desk.admissions["garage"] = locked("geheim")
    checking = threading.Event()

    def verify(presented: bytes, hashed: str) -> bool:
        checking.set()
        time.sleep(0.2)
        return True

    monkeypatch.setattr(listener, "verify_password", verify)
    coming = asyncio.create_task(door.come(headers=basic("garage", b"geheim")))
    await until(checking.is_set)
    coming.cancel()
    await asyncio.sleep(0.4)
    assert door.desk.comings == []
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_what_is_kept_of_a_password_tells_nothing_of_it() -> None:
    assert hash_password("geheim") != hash_password("geheim")
    assert "geheim" not in hash_password("geheim")
    assert len(credentials.new_password()) == 40


@pytest.mark.parametrize(
    ("password", "key"),
    [
        (KEY, KEY),
        (KEY.upper(), KEY.upper()),
        ("x" * 16, "78" * 16),
        ("x" * 20, "78" * 20),
        ("é" * 8, "c3a9" * 8),
        ("0123456789abcdef", "30313233343536373839616263646566"),
    ],
)
def test_a_password_is_given_as_hex_digits(password: str, key: str) -> None:
    assert credentials.as_key(password) == key
    hashed = hash_password(key)
    assert credentials.verify_password(password.encode(), hashed)
    assert credentials.verify_password(bytes.fromhex(key), hashed)


@pytest.mark.parametrize(
    "password", ["", "geheim", "x" * 15, "x" * 21, "é" * 16, "0" * 33, "0" * 42]
)
def test_a_password_that_no_station_takes_cannot_be_given(password: str) -> None:
    with pytest.raises(ValueError):
        credentials.as_key(password)


def test_tries_are_forgotten_after_a_while() -> None:
    tries = Tries(10, 60)
    for second in range(10):
        assert not tries.are_used_up("a", second)
        tries.count("a", second)
    assert tries.are_used_up("a", 10)
    assert not tries.are_used_up("b", 10)
    tries.count("b", 1000)
    assert tries._times == {"b": [1000]}  # noqa: SLF001


# --- strangers -----------------------------------------------------------------------


async def test_a_stranger_is_only_heard_when_it_boots(door: Door) -> None:
    ws = await door.come("/stranger")
    assert (await ask(ws, HEARTBEAT))[:3] == [4, "1", "SecurityError"]
    assert (await ask(ws, [2, "2", "StopTransaction", {}]))[2] == "SecurityError"
    assert (await ask(ws, BOOT))[2]["status"] == "Pending"
    assert (await ask(ws, HEARTBEAT))[2] == "SecurityError"
    assert len(door.desk.events) == 1


async def test_a_stranger_takes_part_once_it_is_accepted(door: Door) -> None:
    ws = await door.come("/stranger")
    door.desk.registration = Registration.ACCEPTED
    assert await ask(ws, BOOT) == [
        3,
        "b",
        {
            "status": "Accepted",
            "currentTime": "2026-11-23T04:00:00.000Z",
            "interval": 300,
        },
    ]
    assert await ask(ws, HEARTBEAT) == ALIVE


async def test_a_known_station_need_not_boot(door: Door) -> None:
    ws = await door.come()
    assert await ask(ws, HEARTBEAT) == ALIVE


@pytest.fixture
def few_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two strangers wait at a time."""
    monkeypatch.setattr(listener, "MAX_STRANGERS", 2)


@pytest.mark.usefixtures("few_strangers")
async def test_when_too_many_strangers_wait_the_next_has_to_come_later(
    door: Door,
) -> None:
    first = await door.come("/one")
    await door.come("/two")
    with pytest.raises(WSServerHandshakeError) as error:
        await door.come("/three")
    assert error.value.status == 503
    assert error.value.headers is not None
    assert error.value.headers["Retry-After"] == "60"
    await door.come()  # a known station is no stranger
    await first.close()
    await until(lambda: "one" not in door.central.links)
    await door.come("/three")


@pytest.mark.usefixtures("few_strangers")
async def test_a_stranger_that_comes_again_takes_its_own_place(door: Door) -> None:
    await door.come("/one")
    await door.come("/two")
    await door.come("/two")
    assert set(door.central.links) == {"one", "two"}


# --- the same station again ---------------------------------------------------------


async def test_a_new_connection_replaces_the_old_one(door: Door) -> None:
    old = await door.come()
    old_link = door.link()
    new = await door.come()
    await the_end(old)
    assert old.close_code == WSCloseCode.GOING_AWAY
    await until(lambda: len(door.desk.comings) == 3)
    assert door.desk.comings == [
        ("came", old_link),
        ("came", door.link()),
        ("went", old_link),
    ]
    assert door.link() is not old_link
    assert await ask(new, HEARTBEAT) == ALIVE


async def test_a_station_can_be_sent_to_come_in_anew(door: Door) -> None:
    ws = await door.come()
    door.central.drop("garage")
    door.central.drop("nobody")
    await the_end(ws)
    assert ws.close_code == WSCloseCode.GOING_AWAY
    await until(lambda: not door.central.links)


# --- opening and closing -------------------------------------------------------------


@pytest.mark.usefixtures("socket_enabled")
async def test_closing_tells_all_stations_and_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(at_the_door())
        stations: list[ClientWebSocketResponse] = []
        for identity in ("garage", "stranger", "carport"):
            stations.append(await door.come("/" + identity))  # noqa: PERF401
        ends = [asyncio.create_task(the_end(ws)) for ws in stations]
        await door.central.stop()
        await asyncio.gather(*ends)
        assert {ws.close_code for ws in stations} == {WSCloseCode.GOING_AWAY}
        assert [what for what, _ in door.desk.comings].count("went") == 3
        assert door.central.links == {}
        with pytest.raises(OSError):
            await door.come()
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() if not task.done()} <= before


@pytest.mark.usefixtures("socket_enabled")
async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind() -> None:
    async with at_the_door() as door:
        other = CentralSystem(Desk())
        with pytest.raises(OSError):
            await other.start("127.0.0.1", door.port)
        await other.stop()
