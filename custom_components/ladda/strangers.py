"""Strangers: stations that ask to be adopted, and what they say that they are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .central_system import Link
from .charging.model import StationInfo

# What a stranger gets to tell what it is; some do not when they only come back.
PATIENCE: Final = 30.0  # s


@dataclass(frozen=True, slots=True)
class Stranger:
    """A station that asks to be adopted."""

    identity: str
    info: StationInfo
    remote: str


class Strangers:
    """Those who are connected and have been shown, so that somebody can decide."""

    def __init__(self, show: Callable[[Stranger], None]) -> None:
        """Take who hears of each."""
        self._show = show
        self._known: dict[str, Stranger] = {}
        self._silent: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def info_of(self, identity: str) -> StationInfo | None:
        """Return what one said that it is; None: it is none, or was not shown yet."""
        stranger = self._known.get(identity)
        return stranger.info if stranger else None

    def came(self, link: Link) -> None:
        """Give one time to tell what it is; then show it as it is."""
        if link.identity not in self._known:
            self.wait_no_more(link.identity)
            self._silent[link.identity] = asyncio.get_running_loop().call_later(
                PATIENCE, self.show, link, StationInfo()
            )

    def show(self, link: Link, info: StationInfo) -> None:
        """Show one that says what it is."""
        self.wait_no_more(link.identity)
        stranger = Stranger(link.identity, info, link.remote)
        self._known[link.identity] = stranger
        self._show(stranger)

    def went(self, identity: str) -> None:
        """Forget one that went away, or that said as one of the house what it is."""
        self.wait_no_more(identity)
        self._known.pop(identity, None)

    def wait_no_more(self, identity: str) -> None:
        """Wait no more for one to tell what it is."""
        if (timer := self._silent.pop(identity, None)) is not None:
            timer.cancel()
