"""Bringing stations in line: their settings, their list of tags, their status."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
import hashlib
import logging
from typing import Any, Final, Protocol

from .central_system import (
    Disconnected,
    LearnedSettings,
    Link,
    StationError,
    StationProfile,
    capabilities,
    profile_of,
)
from .charging.journal import Entry, Kind
from .charging.model import StationInfo
from .charging.station import Station
from .household import House
from .ledger import LedgerError

_LOGGER = logging.getLogger(__name__)

# A station that does not say that it booted gets this long before it is asked things.
BOOT_PATIENCE: Final = 10.0
LONGEST_DELAY: Final = 600.0


class Place(Protocol):
    """What is known where stations are brought in line: the desk."""

    @property
    def house(self) -> House:
        """Return who belongs here now."""

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""

    def info_of(self, identity: str) -> StationInfo | None:
        """Return what a station said that it is, also before it was adopted."""

    async def keep(self, station: Station, entry: Entry) -> None:
        """Commit an entry and apply it; raises LedgerError."""

    def aligned(self, identity: str) -> None:
        """Hear that a station's settings are known."""


class Alignment:
    """Asks stations to be as exact billing needs them, and never insists.

    One thing at a time is done with a station, however often it comes and boots.
    """

    def __init__(
        self, place: Place, clock: Callable[[], datetime], settle: float
    ) -> None:
        """Take the desk, the time, and the seconds that a boot takes to settle."""
        self._place = place
        self._clock = clock
        self._settle = settle
        self._preparing: dict[str, asyncio.Task[None]] = {}

    def stop(self) -> None:
        """Ask nothing of stations any more."""
        for task in self._preparing.values():
            task.cancel()

    def after_connecting(self, link: Link) -> None:
        """Bring a station in line that came, unless it tells first that it booted.

        One that never told what it is is asked.
        """
        patience = self._patience(link.identity)
        if self._place.station_of(link.identity).info is None:
            self._soon(link, self._ask_to_boot(link, patience))
        else:
            self._soon(link, self._bring_in_line(link, patience, booted=False))

    def after_boot(self, link: Link, boots: int = 1) -> None:
        """Bring a station in line that booted, later after each of `boots` in a row."""
        settle = max(self._settle, self._profile(link.identity).settle_s)
        delay = min(settle * 2 ** (boots - 1), LONGEST_DELAY)
        self._soon(link, self._bring_in_line(link, delay, booted=True))

    def ask_to_boot(self, link: Link) -> None:
        """Have a station that was adopted present itself, and bring it in line."""
        self._soon(link, self._ask_to_boot(link, 0))

    def tags_soon(self, link: Link) -> None:
        """Give a station the users' tags, after what is being done with it."""
        earlier = self._preparing.get(link.identity)
        self._preparing[link.identity] = asyncio.create_task(
            self._bring_tags_soon(link, earlier)
        )

    def _profile(self, identity: str) -> StationProfile:
        """Return what a station needs beyond what all do, as far as it said what it is."""
        return profile_of(self._place.info_of(identity))

    def _patience(self, identity: str) -> float:
        """Return how long a station gets that does not say that it booted, in s."""
        return max(BOOT_PATIENCE, self._profile(identity).settle_s)

    def _soon(self, link: Link, work: Coroutine[Any, Any, None]) -> None:
        """Do something with a station instead of what was to be done before."""
        if (task := self._preparing.get(link.identity)) is not None:
            task.cancel()
        self._preparing[link.identity] = asyncio.create_task(work)

    async def _ask_to_boot(self, link: Link, delay: float) -> None:
        """Ask a station to tell what it is; one that does not is brought in line, too."""
        await asyncio.sleep(delay)
        try:
            await self._trigger(link, "BootNotification")
        except Disconnected:
            _LOGGER.debug("%s went away", link.identity)
            return
        await self._bring_in_line(link, self._patience(link.identity), booted=False)

    async def _bring_in_line(self, link: Link, delay: float, *, booted: bool) -> None:
        """Settings and tag list as they should be; status known."""
        await asyncio.sleep(delay)
        if link.rpc.closed:
            return
        try:
            if not booted:
                await self._trigger(link, "StatusNotification")
            await self._bring_settings_in_line(link)
            await self._bring_tags_in_line(link)
        except Disconnected:
            _LOGGER.debug("%s went away before it was ready", link.identity)
        except LedgerError as err:
            _LOGGER.error(
                "What %s was set to could not be kept: %s", link.identity, err
            )

    async def _bring_tags_soon(
        self, link: Link, earlier: asyncio.Task[None] | None
    ) -> None:
        """Give a station the users' tags after they changed, and earlier work is done."""
        if earlier is not None:
            await earlier  # not only waited for: it is cancelled with this
        await asyncio.sleep(self._settle)
        try:
            await self._bring_tags_in_line(link)
        except Disconnected:
            _LOGGER.debug("%s gets its tags when it is back", link.identity)
        except LedgerError as err:
            _LOGGER.error("The tags of %s could not be noted: %s", link.identity, err)

    async def _trigger(self, link: Link, message: str) -> None:
        """Ask for a message, which a station may refuse. Raises Disconnected only."""
        if message in self._profile(link.identity).untriggered:
            return
        try:
            await link.commands.trigger(message)
        except Disconnected:
            raise
        except StationError as err:
            _LOGGER.debug("Not vital: %s", err)

    async def _bring_settings_in_line(self, link: Link) -> None:
        """Read a station's settings and change what exact billing needs otherwise."""
        station = self._place.station_of(link.identity)
        firmware, last = station.firmware, station.settings
        learned = last if last.get("firmware") == firmware else {}
        report = await link.bring_settings_in_line(
            LearnedSettings.from_data(learned),
            self._profile(link.identity),
            write=not self._place.house.stations[link.identity].keep_settings,
        )
        data = {
            "firmware": firmware,
            "known": {key: found.value for key, found in report.known.items()}
            | report.changed,
            "reboot_required": report.reboot_required,
            **report.as_data(),
        }
        if data != last:
            now = self._clock()
            entry = station.entry(Kind.SETTINGS, now, now, data)
            await self._place.keep(station, entry)
        self._place.aligned(link.identity)

    async def _bring_tags_in_line(self, link: Link) -> None:
        """Give a station the users' tags, so that charging goes on without us."""
        station = self._place.station_of(link.identity)
        if self._place.house.stations[link.identity].keep_settings:
            return
        able = capabilities(station.settings.get("known", {}))
        if able.profiles and "localauthlistmanagement" not in able.profiles:
            return
        tokens = self._place.house.directory.token_list(self._clock())
        tokens = tokens[: able.local_list_length or len(tokens)]
        digest = hashlib.sha256(repr(tokens).encode()).hexdigest()[:16]
        try:
            version = await link.commands.token_list_version()
            last = station.token_list
            if version < 0 or (last.get("digest"), last.get("version")) == (
                digest,
                version,
            ):
                return
            version = max(version, last.get("version", 0)) + 1
            chunk = able.local_list_chunk or 50
            version = await link.commands.send_token_list(tokens, version, chunk)
        except Disconnected:
            raise
        except StationError as err:
            _LOGGER.debug("%s takes no list of tags: %s", link.identity, err)
            return
        now = self._clock()
        entry = station.entry(
            Kind.TOKEN_LIST, now, now, {"digest": digest, "version": version}
        )
        await self._place.keep(station, entry)
