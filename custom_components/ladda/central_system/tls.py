"""TLS of the listener; its certificates are renewed while stations stay connected."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from ssl import (
    PROTOCOL_TLS_SERVER,
    SSLContext,
    SSLError,
    SSLObject,
    SSLWantReadError,
    TLSVersion,
)
from typing import Any, Final, override

from cryptography import x509

from .oddities import Note

# What OpenSSL says of a key and a certificate that are no pair, of one kind or of two
_NO_PAIR: Final = {"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_LEGACY_CIPHERS: Final = "AES128-GCM-SHA256:AES256-GCM-SHA384"


class Flaw(StrEnum):
    """Why a certificate or its key cannot be used."""

    FILE_NOT_FOUND = "file_not_found"
    NO_PERMISSION = "no_permission"
    NOT_A_CERTIFICATE = "not_a_certificate"
    UNSUITABLE = "certificate_unsuitable"
    EXPIRED = "certificate_expired"
    NOT_A_KEY = "not_a_key"
    KEY_HAS_PASSWORD = "key_has_password"
    KEY_DOES_NOT_FIT = "key_does_not_fit"
    SAME_KIND_OF_KEY = "same_kind_of_key"


class CertificateUnusable(Exception):
    """A certificate, or its key, cannot be used; `path` is the file to look at."""

    def __init__(self, flaw: Flaw, path: Path) -> None:
        """Name what is wrong, and with which file."""
        super().__init__(f"{path}: {flaw.replace('_', ' ')}")
        self.flaw = flaw
        self.path = path


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """Where a certificate, with those that vouch for it, and its key are (PEM)."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """One pair, or two: whitepaper A00.FR.317 wants an RSA key beside an ECDSA key.

    `legacy_ciphers` are the ones without forward secrecy, which old stations
    need; whitepaper A00.FR.317 has them, libraries offer them no more.
    """

    pairs: tuple[CertificatePair, ...]
    legacy_ciphers: bool = False


# Of each file its inode, time of change (ns) and size (bytes)
type Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be used, and what its files looked like when it was read."""

    pair: CertificatePair
    stamp: Stamp
    kind_of_key: x509.ObjectIdentifier
    expires_at: datetime

    def check_expiry(self, now: datetime) -> None:
        """Raise CertificateUnusable where the certificate is valid no more."""
        if self.expires_at <= now:
            raise CertificateUnusable(Flaw.EXPIRED, self.pair.certificate)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Certificates that were loaded, and what shows each station the one that it can use.

    OpenSSL chooses by the ciphers and signatures that a station offers; one that
    can use both gets ECDSA, which costs less.
    """

    files: CertificateFiles
    loaded: tuple[Certificate, ...]
    context: _Context

    @property
    def first_to_expire(self) -> Certificate:
        """The certificate that expires first."""
        return min(self.loaded, key=attrgetter("expires_at"))


class ServerTls:
    """What the listener shows to stations that connect over TLS.

    `context` stays the same for good. Renewed certificates get contexts of their
    own, to which new connections are moved in the handshake: loaded into one that
    is in use, half a pair would break it, and an old certificate of another kind
    of key would still be shown.
    """

    def __init__(self, certificates: Certificates) -> None:
        """Show certificates, until there are newer ones."""
        self._certificates = certificates
        self.context = certificates.context
        self.context.sni_callback = self._show

    @property
    def first_to_expire(self) -> Certificate:
        """Of the certificates that are shown now, the one that expires first."""
        return self._certificates.first_to_expire

    def watch(self, handshakes: Handshakes) -> None:
        """Have those watched who connect from now on."""
        self.context.handshakes = handshakes

    async def renew(self, now: datetime) -> None:
        """Show the certificates that are in the files, if any has changed.

        Raises CertificateUnusable, and goes on with those that it has.
        """
        renewed = await asyncio.to_thread(_load_changed, self._certificates)
        if renewed is None:
            return
        for certificate in renewed.loaded:
            # One that has expired long since must not keep the other from being renewed.
            if certificate not in self._certificates.loaded:
                certificate.check_expiry(now)
        self._certificates = renewed

    def _show(self, connection: SSLObject, _name: str | None, _: SSLContext) -> None:
        """Show the newest certificates, whatever name a station asks for, or none."""
        connection.context = self._certificates.context


def load_certificates(files: CertificateFiles) -> Certificates:
    """Load certificates and their keys, expired or not; reads the disk, so in a thread.

    Raises CertificateUnusable.
    """
    loaded = tuple(_read(pair) for pair in files.pairs)
    if len({certificate.kind_of_key for certificate in loaded}) < len(loaded):
        raise CertificateUnusable(Flaw.SAME_KIND_OF_KEY, files.pairs[-1].certificate)
    return Certificates(files, loaded, _context(files))


def _load_changed(known: Certificates) -> Certificates | None:
    """Load the certificates again if the files of any have changed since."""
    if all(
        _stamp(certificate.pair) == certificate.stamp for certificate in known.loaded
    ):
        return None
    return load_certificates(known.files)


def _read(pair: CertificatePair) -> Certificate:
    """Read a certificate and its key; raises CertificateUnusable."""
    stamp = _stamp(pair)
    with _reading(pair.certificate):
        pem = pair.certificate.read_bytes()
    with _reading(pair.private_key), pair.private_key.open("rb"):
        pass  # OpenSSL does not tell which of the two it cannot open
    try:
        [leaf, *_] = x509.load_pem_x509_certificates(pem)
    except ValueError as err:
        raise CertificateUnusable(Flaw.NOT_A_CERTIFICATE, pair.certificate) from err
    # Alone: OpenSSL lets the key of one certificate pass for the key of another that
    # it has beside it, and then never shows the other.
    _add(pair, SSLContext(PROTOCOL_TLS_SERVER))
    return Certificate(
        pair, stamp, leaf.public_key_algorithm_oid, leaf.not_valid_after_utc
    )


def _stamp(pair: CertificatePair) -> Stamp:
    """Look at the files: a renewed one is another, or was written later."""
    return _look(pair.certificate), _look(pair.private_key)


def _look(path: Path) -> tuple[int, int, int]:
    """Return a file's inode, time of change (ns) and size (bytes)."""
    with _reading(path):
        look = path.stat()
    return look.st_ino, look.st_mtime_ns, look.st_size


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say what is wrong where a file cannot be read."""
    try:
        yield
    except PermissionError as err:
        raise CertificateUnusable(Flaw.NO_PERMISSION, path) from err
    except (OSError, ValueError) as err:  # no path holds a zero byte
        raise CertificateUnusable(Flaw.FILE_NOT_FOUND, path) from err


def _context(files: CertificateFiles) -> _Context:
    """Make the context of certificates: TLS 1.2 or 1.3, with forward secrecy first."""
    context = _Context(PROTOCOL_TLS_SERVER)
    context.minimum_version = TLSVersion.TLSv1_2
    context.set_ciphers(
        f"{_CIPHERS}:{_LEGACY_CIPHERS}" if files.legacy_ciphers else _CIPHERS
    )
    context.sslobject_class = _Connection
    for pair in files.pairs:
        _add(pair, context)
    return context


def _add(pair: CertificatePair, context: SSLContext) -> None:
    """Have a context show a certificate; raises CertificateUnusable."""

    def give_no_password() -> str:
        raise CertificateUnusable(Flaw.KEY_HAS_PASSWORD, pair.private_key)

    try:
        context.load_cert_chain(pair.certificate, pair.private_key, give_no_password)
    except SSLError as err:
        if err.reason in _NO_PAIR:
            flaw = CertificateUnusable(Flaw.KEY_DOES_NOT_FIT, pair.private_key)
        elif not err.reason:  # nothing that OpenSSL takes for a key
            flaw = CertificateUnusable(Flaw.NOT_A_KEY, pair.private_key)
        else:
            flaw = CertificateUnusable(Flaw.UNSUITABLE, pair.certificate)
        raise flaw from err


class Handshakes:
    """The handshakes that go on: few, and soon over; those that fail are counted."""

    def __init__(self, note: Note, *, most: int, patience: float) -> None:
        """Take who counts, how many may go on at a time, and how long one may take (s)."""
        self._note = note
        self._most = most
        self._patience = patience
        self._going_on: dict[_Connection, asyncio.TimerHandle] = {}

    def begin(self, connection: _Connection) -> bool:
        """Begin one; return whether there is room for it."""
        if len(self._going_on) >= self._most:
            return False
        loop = asyncio.get_running_loop()
        self._going_on[connection] = loop.call_later(
            self._patience, self.fail, connection, "it came to no end"
        )
        return True

    def end(self, connection: _Connection) -> None:
        """End one."""
        if (timer := self._going_on.pop(connection, None)) is not None:
            timer.cancel()

    def fail(self, connection: _Connection, why: str) -> None:
        """End one that failed; `why` is a word of OpenSSL's, or a few of ours."""
        self.end(connection)
        self._note(f"a TLS handshake: {why}")

    def forget(self) -> None:
        """End all, and count none of them."""
        for connection in list(self._going_on):
            self.end(connection)


class _Context(SSLContext):
    """A context whose connections begin with a handshake that is watched."""

    handshakes: Handshakes

    @override
    def wrap_bio(self, *args: Any, **kwargs: Any) -> SSLObject:
        """Begin a connection."""
        connection = super().wrap_bio(*args, **kwargs)
        assert isinstance(connection, _Connection)
        connection.handshakes = self.handshakes
        connection.has_room = self.handshakes.begin(connection)
        return connection


class _Connection(SSLObject):
    """A connection that says how its handshake ends; asyncio keeps silent."""

    handshakes: Handshakes
    has_room: bool

    @override
    def do_handshake(self) -> None:
        """Take the handshake a step further; raises SSLError."""
        if not self.has_room:
            self.handshakes.fail(self, "too many at a time")
            raise SSLError("too many at a time")
        try:
            super().do_handshake()
        except SSLWantReadError:
            raise
        except SSLError as err:
            self.handshakes.fail(self, err.reason)
            raise
        self.handshakes.end(self)
