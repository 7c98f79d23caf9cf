"""How much of what nobody needs is listened to: the guards against floods."""

from dataclasses import dataclass, field
from typing import Final

RATE: Final = 50.0  # messages in a second that are listened to for ever
BURST: Final = 500.0  # what more may come at once: ten seconds at twice the rate
# What more may come of transaction messages: a station that was offline sends all that
# it kept as fast as it can, and is meant to. Here it is a month of two connectors, with
# ten values each half minute.
REPLAY: Final = 250_000.0
BYTES: Final = 4096  # that count as one message
EXHAUSTED_AFTER: Final = 60.0  # s of more than that, without a pause
COOL_DOWN: Final = 300.0  # s for which a station that flooded us stays outside


class Patience:
    """A bucket that leaks: messages fill it, time empties it."""

    __slots__ = ("_at", "_burst", "_full_since", "_level")

    def __init__(self, burst: float, now: float) -> None:
        """Begin with all patience, for so many messages at once; times in s."""
        self._burst = burst
        self._level = 0.0
        self._at = now
        self._full_since: float | None = None

    def spend(self, size: int, now: float) -> float:
        """Count a message of `size` bytes; return for how long not to listen, in s."""
        left = max(0.0, self._level - RATE * (now - self._at))
        if left <= self._burst / 2:
            self._full_since = None
        self._level, self._at = left + 1 + size / BYTES, now
        if self._level <= self._burst:
            return 0.0
        if self._full_since is None:
            self._full_since = now
        return (self._level - self._burst) / RATE

    def is_exhausted(self, now: float) -> bool:
        """Tell whether the other side has not left off for too long."""
        return (
            self._full_since is not None and now - self._full_since >= EXHAUSTED_AFTER
        )


@dataclass(slots=True)
class Tries:
    """Who tried the same `most` times `within` so many seconds has to wait."""

    most: int
    within: float
    _times: dict[str, list[float]] = field(default_factory=dict)

    def are_used_up(self, who: str, now: float) -> bool:
        """Tell whether `who` has to wait; `now` in s."""
        return len(self._recent(who, now)) >= self.most

    def count(self, who: str, now: float) -> None:
        """Take note of a try."""
        for other in list(self._times):
            self._recent(other, now)
        self._times[who] = [*self._recent(who, now), now]

    def _recent(self, who: str, now: float) -> list[float]:
        """Return when `who` tried of late, and forget the rest."""
        recent = [at for at in self._times.get(who, ()) if now - at < self.within]
        if recent:
            self._times[who] = recent
        else:
            self._times.pop(who, None)
        return recent
