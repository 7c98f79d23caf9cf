"""Passwords of stations: kept as salted hashes only (security whitepaper A01.FR.08)."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

_COST: Final = 2**13  # about 20 ms and 8 MiB for each check
_KEY_BYTES: Final = range(16, 21)
_HEX_KEY: Final = re.compile(rb"(?:[0-9a-fA-F]{2}){16,20}")


def new_password() -> str:
    """Make a password that every station can take: 40 hex digits (20 bytes)."""
    return secrets.token_hex(20)


def as_key(password: str) -> str:
    """Write a password as a station is given it: 32 to 40 hex digits (§6.2.2).

    They stand for its UTF-8, unless it is such digits already. Raises ValueError for
    one that is not of 16 to 20 bytes.
    """
    secret = password.encode()
    if _HEX_KEY.fullmatch(secret):
        return password
    if len(secret) not in _KEY_BYTES:
        raise ValueError("no station takes a password of this length")
    return secret.hex()


def hash_password(password: str) -> str:
    """Hash a password for keeping. Takes some milliseconds: run it in an executor."""
    salt = secrets.token_bytes(16)
    parts = (salt, _derive(password.encode(), salt))
    return "$".join(["scrypt", *(base64.b64encode(part).decode() for part in parts)])


def verify_password(presented: bytes, hashed: str) -> bool:
    """Check what a station presented. Takes some milliseconds: run it in an executor."""
    salt, key = (base64.b64decode(part) for part in hashed.split("$")[1:])
    return hmac.compare_digest(_derive(presented, salt), key)


def _derive(secret: bytes, salt: bytes) -> bytes:
    """Derive a key that is expensive to guess.

    An AuthorizationKey in hex digits stands for its bytes: stations present either
    (OCPP-J 1.6 §6.2.2).
    """
    if _HEX_KEY.fullmatch(secret):
        secret = bytes.fromhex(secret.decode())
    return hashlib.scrypt(secret, salt=salt, n=_COST, r=8, p=1, dklen=32)
