"""Certificates of a central system, each of which vouches for itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

type Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 1, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return an RSA key; of another number, another one."""
    return rsa.generate_private_key(65537, bits)


@cache
def ecdsa_key(number: int = 1) -> ec.EllipticCurvePrivateKey:
    """Return an ECDSA key; of another number, another one."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Files:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path

    @classmethod
    def inside(cls, folder: Path) -> Files:
        """Name the files as certificate clients do."""
        return cls(folder / "fullchain.pem", folder / "privkey.pem")

    @classmethod
    def written(cls, folder: Path, key: Key) -> Files:
        """Write them into a folder, which is made if need be; valid for 90 days."""
        folder.mkdir(exist_ok=True)
        files = cls.inside(folder)
        files.write(key)
        return files

    def write(
        self, key: Key, *, days: float = 90, password: bytes | None = None
    ) -> None:
        """Put in a certificate for localhost that is valid for some days, and its key."""
        self.certificate.write_bytes(certificate(key, days))
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        self.key.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        )

    def trusting(self) -> ssl.SSLContext:
        """Return the context of a station that trusts the certificate as it is now."""
        return ssl.create_default_context(cafile=self.certificate)


def certificate(key: Key, days: float = 90) -> bytes:
    """Make a certificate for localhost (PEM) that is valid for some days."""
    name = x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)
