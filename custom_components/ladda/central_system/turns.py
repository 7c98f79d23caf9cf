"""Turns at something that only one does at a time, and where only the newest counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import Overtaken


class NewestWins:
    """Of those who wait for their turn, only who came last still gets it."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._turn = asyncio.Lock()
        self._newest = object()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for who is at it, then be at it; raises Overtaken if a newer one came."""
        mine = self._newest = object()
        async with self._turn:
            if self._newest is not mine:
                raise Overtaken
            yield

    @asynccontextmanager
    async def humble_turn(self) -> AsyncIterator[None]:
        """Wait for who is at it, then be at it; nobody who waits is overtaken."""
        async with self._turn:
            yield
