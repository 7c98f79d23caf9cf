"""How much of what nobody needs is listened to: the guard against floods.

Transaction messages are never counted: a station that was offline for days sends
thousands of them at once, and is meant to.
"""

from typing import Final

RATE: Final = 50.0  # messages in a second that are listened to for ever
BURST: Final = 500.0  # what more may come at once: ten seconds at twice the rate
BYTES: Final = 4096  # that count as one message
EXHAUSTED_AFTER: Final = 60.0  # s of more than that, without a pause
COOL_DOWN: Final = 300.0  # s for which a station that flooded us stays outside


class Patience:
    """A bucket that leaks: messages fill it, time empties it."""

    __slots__ = ("_at", "_full_since", "_level")

    def __init__(self, now: float) -> None:
        """Begin with all patience; times in s."""
        self._level = 0.0
        self._at = now
        self._full_since: float | None = None

    def spend(self, size: int, now: float) -> float:
        """Count a message of `size` bytes; return for how long not to listen, in s."""
        left = max(0.0, self._level - RATE * (now - self._at))
        if left <= BURST / 2:
            self._full_since = None
        self._level, self._at = left + 1 + size / BYTES, now
        if self._level <= BURST:
            return 0.0
        if self._full_since is None:
            self._full_since = now
        return (self._level - BURST) / RATE

    def is_exhausted(self, now: float) -> bool:
        """Tell whether the other side has not left off for too long."""
        return (
            self._full_since is not None and now - self._full_since >= EXHAUSTED_AFTER
        )
