"""Stations connect over TLS, and the certificate is renewed under their feet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
import socket
import ssl
import warnings

from aiohttp import ClientConnectionError
import pytest

from custom_components.ladda.central_system import (
    CertificateFiles,
    CertificatePair,
    CertificateUnusable,
    ServerTls,
    http_server,
    load_certificates,
)
from custom_components.ladda.central_system.tls import Flaw

from ..certificates import Files, Key, certificate, ecdsa_key, rsa_key
from .door import ALIVE, HEARTBEAT, Door, ask, at_the_door, until

type Spoil = Callable[[Files], None]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files of a certificate with an RSA key, valid for 90 days."""
    return Files.written(tmp_path, rsa_key())


@pytest.fixture
def second(tmp_path: Path) -> Files:
    """Return the files of a second certificate, with an ECDSA key."""
    return Files.written(tmp_path / "second", ecdsa_key())


def load(*pairs: Files, legacy_ciphers: bool = False) -> ServerTls:
    """Load the certificates that are in the files."""
    named = CertificateFiles(
        pairs=tuple(CertificatePair(files.certificate, files.key) for files in pairs),
        legacy_ciphers=legacy_ciphers,
    )
    return ServerTls(load_certificates(named))


@pytest.fixture
def tls(files: Files) -> ServerTls:
    """Return what the listener shows."""
    return load(files)


@pytest.fixture
async def door(socket_enabled: None, tls: ServerTls) -> AsyncIterator[Door]:
    """Open a listener that knows the station `garage`, over TLS."""
    # What fails at accepting, asyncio tells in its debug mode, which nobody has on.
    asyncio.get_running_loop().set_debug(False)
    async with at_the_door(tls) as opened:
        yield opened


def old_station(files: Files, ciphers: str) -> ssl.SSLContext:
    """Return the context of a station that knows TLS 1.2 and some ciphers only."""
    context = files.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    return context


async def handshake(door: Door, context: ssl.SSLContext) -> tuple[str, bytes]:
    """Return the cipher that is agreed, and the certificates that are seen (PEM)."""
    _, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=context)
    seen: ssl.SSLObject = writer.get_extra_info("ssl_object")
    cipher, shown = seen.cipher(), seen.get_unverified_chain()
    assert cipher is not None
    writer.close()
    await writer.wait_closed()
    return cipher[0], "".join(map(ssl.DER_cert_to_PEM_cert, shown)).encode()


def flaw_of(*pairs: Files) -> tuple[Flaw, Path]:
    """Return what is wrong, and with which file."""
    with pytest.raises(CertificateUnusable) as unusable:
        load(*pairs)
    return unusable.value.flaw, unusable.value.path


# --- stations ------------------------------------------------------------------------


@pytest.mark.parametrize("key", [rsa_key, ecdsa_key], ids=["RSA", "ECDSA"])
async def test_a_station_converses_over_tls(
    socket_enabled: None, files: Files, key: Callable[[], Key]
) -> None:
    files.write(key())
    async with at_the_door(load(files)) as door:
        ws = await door.come(ssl=files.trusting())
        assert await ask(ws, HEARTBEAT) == ALIVE


def failed(door: Door) -> dict[str, int]:
    """Return what was refused of strangers, and how often."""
    return door.central.oddities.of("strangers")


async def test_a_station_that_dials_without_tls_is_refused_and_counted(
    door: Door, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET /garage HTTP/1.1\r\nHost: ladda\r\n\r\n")
        await reader.read()
        writer.close()
    assert door.desk.comings == []
    assert failed(door) == {"a TLS handshake: HTTP_REQUEST": 3}
    assert caplog.messages == [
        "strangers sent something odd: a TLS handshake: HTTP_REQUEST"
    ]
    assert await ask(await door.come(ssl=files.trusting()), HEARTBEAT) == ALIVE
    assert len(failed(door)) == 1


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_station_that_does_not_trust_the_certificate_says_so(
    door: Door, files: Files, newest: ssl.TLSVersion
) -> None:
    station = ssl.create_default_context()
    station.maximum_version = newest

    def dial() -> None:  # in a thread, for asyncio does not send the alert
        address = ("127.0.0.1", door.port)
        with (
            socket.create_connection(address) as connection,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            station.wrap_socket(connection, server_hostname="localhost")

    await asyncio.to_thread(dial)
    assert await ask(await door.come(ssl=files.trusting()), HEARTBEAT) == ALIVE
    assert len(door.desk.comings) == 1
    assert failed(door) == {"a TLS handshake: TLSV1_ALERT_UNKNOWN_CA": 1}


async def test_tls_1_1_is_refused(door: Door, files: Files) -> None:
    context = files.trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ClientConnectionError):
        await door.come(ssl=context)
    assert failed(door) == {"a TLS handshake: UNSUPPORTED_PROTOCOL": 1}


async def test_a_station_with_tls_1_2_gets_forward_secrecy(
    door: Door, files: Files
) -> None:
    everything = "AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    cipher, _ = await handshake(door, old_station(files, everything))
    assert cipher == "ECDHE-RSA-AES128-GCM-SHA256"


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES256-GCM-SHA384"])
async def test_old_ciphers_are_there_for_who_asks_for_them_only(
    door: Door, files: Files, cipher: str
) -> None:
    station = old_station(files, cipher)
    with pytest.raises(ClientConnectionError):
        await door.come(ssl=station)
    assert failed(door) == {"a TLS handshake: NO_SHARED_CIPHER": 1}
    async with at_the_door(load(files, legacy_ciphers=True)) as open_to_old_ones:
        agreed, _ = await handshake(open_to_old_ones, station)
        assert agreed == cipher
        ws = await open_to_old_ones.come(ssl=station)
        assert await ask(ws, HEARTBEAT) == ALIVE


# --- two certificates ----------------------------------------------------------------

RSA_ONLY = "ECDHE-RSA-AES128-GCM-SHA256"
ECDSA_ONLY = "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.fixture(params=["RSA first", "ECDSA first"])
async def wide_door(
    socket_enabled: None,
    files: Files,
    second: Files,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Door]:
    """Open a listener with two certificates, each with one that vouches for it."""
    for number, pair in enumerate((files, second), 2):
        with pair.certificate.open("ab") as chain:
            chain.write(certificate(rsa_key(number)))
    pairs = [files, second] if request.param == "RSA first" else [second, files]
    async with at_the_door(load(*pairs)) as opened:
        yield opened


async def test_each_station_is_shown_the_certificate_that_it_can_use(
    wide_door: Door, files: Files, second: Files
) -> None:
    for ciphers, pair in ((RSA_ONLY, files), (ECDSA_ONLY, second)):
        station = old_station(pair, ciphers)
        agreed, shown = await handshake(wide_door, station)
        assert agreed == ciphers
        assert shown == pair.certificate.read_bytes()
        ws = await wide_door.come(ssl=station)
        assert await ask(ws, HEARTBEAT) == ALIVE
        await ws.close()


async def test_a_station_that_can_use_both_is_shown_ecdsa(
    wide_door: Door, second: Files
) -> None:
    for station in (
        second.trusting(),  # TLS 1.3
        old_station(second, f"{RSA_ONLY}:{ECDSA_ONLY}"),
    ):
        _, shown = await handshake(wide_door, station)
        assert shown == second.certificate.read_bytes()


async def test_old_ciphers_take_the_rsa_key_of_either_pair(
    socket_enabled: None, files: Files, second: Files
) -> None:
    station = old_station(files, "AES128-GCM-SHA256")
    async with at_the_door(load(second, files, legacy_ciphers=True)) as door:
        agreed, shown = await handshake(door, station)
    assert agreed == "AES128-GCM-SHA256"
    assert shown == files.certificate.read_bytes()


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three handshakes go on at a time, for a fifth of a second."""
    monkeypatch.setattr(http_server, "MAX_SOCKETS", 3)
    monkeypatch.setattr(http_server, "PATIENCE", 0.2)


@pytest.mark.usefixtures("little_room")
async def test_who_says_nothing_is_hung_up_on(door: Door, files: Files) -> None:
    streams = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(2)]
    streams[0][1].write(b"\x16\x03\x01\x02\x00\x01\x00")  # half a greeting
    assert await ask(await door.come(ssl=files.trusting()), HEARTBEAT) == ALIVE
    for reader, writer in streams:
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        writer.close()
    assert failed(door) == {"a TLS handshake: it came to no end": 2}


@pytest.mark.usefixtures("little_room")
async def test_more_handshakes_than_can_go_on_are_broken_off(
    door: Door, files: Files
) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(8)]
    await until(lambda: failed(door))
    with pytest.raises(ClientConnectionError):
        await door.come(ssl=files.trusting())
    assert failed(door) == {"a TLS handshake: too many at a time": 6}
    await until(lambda: len(failed(door)) == 2)
    assert await ask(await door.come(ssl=files.trusting()), HEARTBEAT) == ALIVE
    for _, writer in silent:
        writer.close()


async def test_closing_forgets_the_handshakes_that_go_on(
    socket_enabled: None, tls: ServerTls
) -> None:
    async with at_the_door(tls) as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        await asyncio.sleep(0.05)
        await door.central.stop()
        assert failed(door) == {}
        writer.close()
    ours = [
        timer
        for timer in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined] # noqa: SLF001
        if "Handshakes" in repr(timer) and not timer.cancelled()
    ]
    assert ours == []


# --- renewal -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [rsa_key, partial(rsa_key, 2), ecdsa_key],
    ids=["same key", "new key", "another kind of key"],
)
async def test_a_renewed_certificate_is_shown_and_nobody_is_dropped(
    door: Door, tls: ServerTls, files: Files, key: Callable[[], Key]
) -> None:
    ws = await door.come(ssl=files.trusting())
    files.write(key(), days=180)
    await tls.renew(datetime.now(UTC))
    assert await ask(ws, HEARTBEAT) == ALIVE
    for station in (files.trusting(), old_station(files, "ECDHE+AESGCM")):
        _, shown = await handshake(door, station)
        assert shown == files.certificate.read_bytes()
    assert tls.first_to_expire.expires_at - datetime.now(UTC) > timedelta(days=179)
    assert await ask(ws, HEARTBEAT) == ALIVE


async def test_a_renewed_certificate_is_shown_to_who_asks_for_no_name(
    door: Door, tls: ServerTls, files: Files
) -> None:
    files.write(ecdsa_key())
    await tls.renew(datetime.now(UTC))
    station = files.trusting()
    station.check_hostname = False
    _, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=station, server_hostname=""
    )
    writer.close()
    await writer.wait_closed()


async def test_a_certificate_that_was_not_renewed_is_not_loaded_again(
    tls: ServerTls, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", None)
    await tls.renew(datetime.now(UTC))


def half_written(files: Files) -> None:
    """Write the new certificate only: its key comes later."""
    files.certificate.write_bytes(certificate(rsa_key(2)))


def cut_off(files: Files) -> None:
    """Write half of the new certificate."""
    files.certificate.write_bytes(certificate(rsa_key())[:500])


def expired(files: Files) -> None:
    """Put in a certificate that has expired."""
    files.write(rsa_key(), days=-1)


def removed(files: Files) -> None:
    """Remove the key."""
    files.key.unlink()


@pytest.mark.parametrize(
    ("spoil", "flaw"),
    [
        (half_written, Flaw.KEY_DOES_NOT_FIT),
        (cut_off, Flaw.NOT_A_CERTIFICATE),
        (expired, Flaw.EXPIRED),
        (removed, Flaw.FILE_NOT_FOUND),
    ],
)
async def test_a_bad_new_certificate_leaves_the_old_one_until_there_is_a_good_one(
    door: Door, tls: ServerTls, files: Files, spoil: Spoil, flaw: Flaw
) -> None:
    station = files.trusting()
    spoil(files)
    for _ in range(2):
        with pytest.raises(CertificateUnusable) as unusable:
            await tls.renew(datetime.now(UTC))
        assert unusable.value.flaw is flaw
    assert await ask(await door.come(ssl=station), HEARTBEAT) == ALIVE
    files.write(rsa_key(2))
    await tls.renew(datetime.now(UTC))
    assert await ask(await door.come(ssl=files.trusting()), HEARTBEAT) == ALIVE


async def seen_by_both(door: Door, files: Files, second: Files) -> list[bytes]:
    """Return what a station that knows only RSA sees, and one that knows only ECDSA."""
    return [
        (await handshake(door, old_station(pair, ciphers)))[1]
        for pair, ciphers in ((files, RSA_ONLY), (second, ECDSA_ONLY))
    ]


@pytest.mark.parametrize(
    ("which", "key"), [("files", rsa_key), ("second", ecdsa_key)], ids=["RSA", "ECDSA"]
)
async def test_of_two_certificates_either_is_renewed(
    socket_enabled: None,
    files: Files,
    second: Files,
    which: str,
    key: Callable[[int], Key],
    request: pytest.FixtureRequest,
) -> None:
    tls = load(files, second)
    async with at_the_door(tls) as door:
        ws = await door.come(ssl=second.trusting())
        renewed: Files = request.getfixturevalue(which)
        renewed.write(key(2))
        await tls.renew(datetime.now(UTC))
        assert await seen_by_both(door, files, second) == [
            files.certificate.read_bytes(),
            second.certificate.read_bytes(),
        ]
        assert await ask(ws, HEARTBEAT) == ALIVE


async def test_two_certificates_may_change_their_kinds_together(
    socket_enabled: None, files: Files, second: Files
) -> None:
    tls = load(files, second)
    async with at_the_door(tls) as door:
        files.write(ecdsa_key(2))
        with pytest.raises(CertificateUnusable) as unusable:
            await tls.renew(datetime.now(UTC))
        assert unusable.value.flaw is Flaw.SAME_KIND_OF_KEY
        second.write(rsa_key(2))
        await tls.renew(datetime.now(UTC))
        assert await seen_by_both(door, second, files) == [
            second.certificate.read_bytes(),
            files.certificate.read_bytes(),
        ]


@pytest.mark.parametrize("which", ["files", "second"], ids=["RSA", "ECDSA"])
async def test_a_bad_one_of_two_leaves_both_old_ones(
    socket_enabled: None,
    files: Files,
    second: Files,
    which: str,
    request: pytest.FixtureRequest,
) -> None:
    tls = load(files, second)
    before = [files.certificate.read_bytes(), second.certificate.read_bytes()]
    stations = [old_station(files, RSA_ONLY), old_station(second, ECDSA_ONLY)]
    bad: Files = request.getfixturevalue(which)
    files.write(rsa_key(2))
    second.write(ecdsa_key(2))
    bad.key.write_text("hello")
    async with at_the_door(tls) as door:
        with pytest.raises(CertificateUnusable) as unusable:
            await tls.renew(datetime.now(UTC))
        assert unusable.value.flaw is Flaw.NOT_A_KEY
        assert unusable.value.path == bad.key
        assert [(await handshake(door, station))[1] for station in stations] == before


async def test_one_that_has_expired_long_since_does_not_keep_the_other_from_renewal(
    socket_enabled: None, files: Files, second: Files
) -> None:
    second.write(ecdsa_key(), days=-1)
    tls = load(files, second)
    files.write(rsa_key(2))
    await tls.renew(datetime.now(UTC))
    async with at_the_door(tls) as door:
        _, shown = await handshake(door, old_station(files, RSA_ONLY))
        assert shown == files.certificate.read_bytes()


# --- flaws ---------------------------------------------------------------------------


@pytest.mark.parametrize("key", [partial(rsa_key, 2), ecdsa_key], ids=["RSA", "ECDSA"])
def test_a_key_of_another_certificate_does_not_fit(
    files: Files, key: Callable[[], Key]
) -> None:
    files.certificate.write_bytes(certificate(key()))
    assert flaw_of(files) == (Flaw.KEY_DOES_NOT_FIT, files.key)


def test_a_key_with_a_password_is_refused(files: Files) -> None:
    files.write(rsa_key(), password=b"secret")
    assert flaw_of(files) == (Flaw.KEY_HAS_PASSWORD, files.key)


@pytest.mark.parametrize("text", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n", "hello"])
def test_what_is_no_key_is_refused(files: Files, text: str) -> None:
    files.key.write_text(text)
    assert flaw_of(files) == (Flaw.NOT_A_KEY, files.key)


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(files: Files, text: str) -> None:
    files.certificate.write_text(text)
    assert flaw_of(files) == (Flaw.NOT_A_CERTIFICATE, files.certificate)


def test_a_key_in_place_of_the_certificate_is_refused(files: Files) -> None:
    files.key.copy(files.certificate)
    assert flaw_of(files) == (Flaw.NOT_A_CERTIFICATE, files.certificate)


def test_a_certificate_with_a_short_key_is_refused(files: Files) -> None:
    files.write(rsa_key(bits=1024))
    assert flaw_of(files) == (Flaw.UNSUITABLE, files.certificate)


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_the_key_of_the_one_certificate_is_none_for_the_other(
    files: Files, second: Files, kind: str
) -> None:
    first, other = (files, second) if kind == "RSA" else (second, files)
    mixed_up = Files(other.certificate, first.key)
    assert flaw_of(first, mixed_up) == (Flaw.KEY_DOES_NOT_FIT, first.key)


@pytest.mark.parametrize("key", [rsa_key, ecdsa_key], ids=["RSA", "ECDSA"])
def test_two_certificates_with_the_same_kind_of_key_are_refused(
    files: Files, second: Files, key: Callable[[int], Key]
) -> None:
    files.write(key(1))
    second.write(key(2))
    assert flaw_of(files, second) == (Flaw.SAME_KIND_OF_KEY, second.certificate)
    assert flaw_of(files, files) == (Flaw.SAME_KIND_OF_KEY, files.certificate)


def test_of_two_certificates_the_flawed_one_is_named(
    files: Files, second: Files
) -> None:
    second.key.unlink()
    assert flaw_of(files, second) == (Flaw.FILE_NOT_FOUND, second.key)
    assert flaw_of(second, files) == (Flaw.FILE_NOT_FOUND, second.key)


def test_of_two_certificates_the_first_to_expire_counts(
    files: Files, second: Files
) -> None:
    second.write(ecdsa_key(), days=30)
    for tls in (load(files, second), load(second, files)):
        assert tls.first_to_expire.pair.certificate == second.certificate


def test_files_that_are_not_there_are_named(files: Files, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.pem"
    missing = Files(nowhere, files.key)
    assert flaw_of(missing) == (Flaw.FILE_NOT_FOUND, nowhere)
    assert flaw_of(Files(files.certificate, nowhere)) == (Flaw.FILE_NOT_FOUND, nowhere)
    assert flaw_of(Files(tmp_path, files.key)) == (Flaw.FILE_NOT_FOUND, tmp_path)
    nothing = Path("\0")
    assert flaw_of(Files(nothing, files.key)) == (Flaw.FILE_NOT_FOUND, nothing)


def test_a_file_that_we_may_not_read_is_named(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests as root may read everything.
    def forbid(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "open", forbid)
    assert flaw_of(files)[0] is Flaw.NO_PERMISSION


def test_an_expired_certificate_can_be_shown_but_is_told_from_a_valid_one(
    files: Files,
) -> None:
    files.write(rsa_key(), days=-1)
    now = datetime.now(UTC)
    expired = load(files).first_to_expire
    assert expired.expires_at < now
    with pytest.raises(CertificateUnusable) as unusable:
        expired.check_expiry(now)
    assert unusable.value.flaw is Flaw.EXPIRED
    assert str(unusable.value) == f"{files.certificate}: certificate expired"
