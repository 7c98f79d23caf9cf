"""Tokens, as stations spell them."""

from typing import Final

# Stations may show longer ones, but none need take them (OCPP 1.6 §7.28). Characters.
MAX_TOKEN: Final = 20


def same_token(token: str, other: str | None) -> bool:
    """Tell whether two tokens are one; case means nothing (OCPP 1.6 §7.28)."""
    return token.casefold() == (other or "").casefold()


def echoes(token: str, asked: str) -> bool:
    """Tell whether a station charges with a token that we gave it.

    Some put a stroke or two odd characters behind it.
    """
    behind = len(token) - len(asked)
    return 0 <= behind <= 2 and same_token(token[: len(asked)], asked)
