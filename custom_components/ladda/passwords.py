"""Giving stations new passwords (security whitepaper A01; OCPP-J 1.6 §6.2.2).

A station that takes a new password forgets the old one at once, but its answer may be
lost, or it may have to restart first. So the hash of the new one is kept before it is
sent, and the station may come with either until it has shown the new one; then no other
counts any more. No station is ever shut out by this.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Protocol

from .central_system import Admission, Link, StationError, Taken
from .central_system.credentials import hash_password
from .charging.model import Capabilities

# New ones that a station may have without having shown them. Each makes a login longer.
MOST_UNSHOWN: Final = 3
_SHOWS_NOTHING: Final = 0  # the security profile of a station that logs in with nothing
_PLAIN: Final = 1  # with a password
_OVER_TLS: Final = 2  # with a password, over TLS


class Unshown(Exception):
    """A station has shown none of the passwords that it was given of late."""


class NotKept(Exception):
    """The hash of a new password did not get to the disk, so that it was not sent."""


class Place(Protocol):
    """What is known where passwords are given: the desk."""

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""

    def admit(self, identity: str) -> Admission:
        """Return what a station has to show at the door."""

    def capabilities(self, identity: str) -> Capabilities:
        """Return what a station has shown that it can do."""


class Keeper(Protocol):
    """Keeps the hashes of stations' passwords."""

    async def expect(self, identity: str, password_hash: str) -> None:
        """Let a station come with a new password, too, also after a power cut.

        Raises NotKept, and nothing has changed.
        """

    def forget(self, identity: str, password_hash: str) -> None:
        """Expect no more a password that a station did not take."""

    def go_on_expecting(self, identity: str, password_hash: str) -> None:
        """Let a station come with a password, too, that it may have taken."""

    def rely_on(self, identity: str, password_hash: str) -> None:
        """Expect no other new password: a station took this one."""


@dataclass(frozen=True, slots=True)
class Given:
    """What came of giving a station a new password.

    `profile` is the security profile that it was asked for then, so that it shows the
    password, and `profile_status` what it said to that; None: it was not asked.
    """

    status: Taken
    profile: int | None = None
    profile_status: Taken | None = None


class Passwords:
    """Gives stations new passwords, of which only hashes are kept (A01.FR.08)."""

    def __init__(self, place: Place, keeper: Keeper) -> None:
        """Take the desk, and who keeps the hashes."""
        self._place = place
        self._keeper = keeper
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def give(self, identity: str, key: str) -> Given:
        """Give a station a new password, as `credentials.as_key` writes it.

        Raises StationError where the station certainly does not have it, Unshown or
        NotKept: then nothing has changed.
        """
        async with self._turns[identity]:
            self._place.link(identity)  # nothing is begun with one that is away
            if len(self._place.admit(identity).new_hashes) >= MOST_UNSHOWN:
                raise Unshown
            loop = asyncio.get_running_loop()
            password_hash = await loop.run_in_executor(None, hash_password, key)
            await self._keeper.expect(identity, password_hash)
            try:
                link = self._place.link(identity)
                status = await link.security.set_password(key)
            except StationError:
                self._keeper.forget(identity, password_hash)
                raise
            if status is Taken.ACCEPTED:
                self._keeper.rely_on(identity, password_hash)
            else:
                self._keeper.go_on_expecting(identity, password_hash)
            if status is Taken.UNCLEAR:
                return Given(status)
            return await self._have_it_shown(link, Given(status))

    async def _have_it_shown(self, link: Link, given: Given) -> Given:
        """Let a station show its password that would show none (whitepaper A05).

        A profile is never lowered, and one that is not told is not touched.
        """
        able = self._place.capabilities(link.identity)
        if able.security_profile != _SHOWS_NOTHING:
            return given
        profile = _OVER_TLS if link.is_over_tls else _PLAIN
        return Given(given.status, profile, await link.security.raise_profile(profile))
