"""Charging that is started and stopped from here (OCPP 1.6 §5.11, §5.12)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from .admittance import payer
from .central_system import Link, NotAccepted, Refused, profile_of
from .charging.connector import RemoteStart
from .charging.journal import Entry, Kind
from .charging.station import Station
from .household import House
from .limits import Limits
from .refusals import TooSoon


class Place(Protocol):
    """What is known where charging is asked for: the desk."""

    @property
    def house(self) -> House:
        """Return who belongs here now."""

    @property
    def limits(self) -> Limits:
        """Return what knows how limits are sent."""

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""

    async def keep(self, station: Station, entry: Entry) -> None:
        """Commit an entry and apply it; raises LedgerError."""


class RemoteCharging:
    """Asks stations to start and to stop; their reports tell what came of it."""

    def __init__(self, place: Place, clock: Callable[[], datetime]) -> None:
        """Take the desk, and the time."""
        self._place = place
        self._clock = clock

    async def start(
        self,
        identity: str,
        connector: int,
        user: str | None,
        token: str | None = None,
        limit_a: Decimal | None = None,
    ) -> None:
        """Ask a station to start a session for a user (None: the station's default).

        Raises MayNotCharge for a user who may not, and TooSoon.
        """
        link = self._place.link(identity)
        station = self._place.station_of(identity)
        now = self._clock()
        _let_rest(station, connector, now)
        user, token = payer(self._place.house, identity, user, token, now)
        phases = self._place.limits.phases(identity, connector)
        asked = RemoteStart(now, token, user, limit_a, phases)
        before = station.connector(connector).remote_start
        await self._keep(station, connector, asked)
        try:
            await link.commands.start(connector, token, limit_a, phases=phases)
        except NotAccepted, Refused:
            if station.connector(connector).remote_start == asked:
                await self._keep(station, connector, before)
            raise

    async def _keep(
        self, station: Station, connector: int, asked: RemoteStart | None
    ) -> None:
        """Keep what is asked for, or that nothing is."""
        now = self._clock()
        data = asked.as_data() if asked else {}
        entry = station.entry(Kind.REMOTE_START, now, now, data, connector=connector)
        await self._place.keep(station, entry)

    async def stop(self, identity: str, connector: int) -> bool:
        """Ask a station to end a connector's session; False: there is none.

        One that says no may know it only by the id that its meter values bear.
        """
        opened = self._place.station_of(identity).session_at(connector)
        if opened is None:
            return False
        commands = self._place.link(identity).commands
        try:
            await commands.stop(opened.session.id)
        except NotAccepted, Refused:
            if opened.alias is None:
                raise
            await commands.stop(opened.alias)
        return True


def _let_rest(station: Station, connector: int, now: datetime) -> None:
    """Spare a station that needs a pause after boots or sessions; raises TooSoon."""
    profile = profile_of(station.info)
    last = station.connector(connector).last_session
    rested = (
        since + timedelta(seconds=pause)
        for since, pause in (
            (station.booted_at, profile.settle_s),
            (last.ended_at if last else None, profile.restart_gap_s),
        )
        if since is not None
    )
    if (wait := max(rested, default=now) - now) > timedelta():
        raise TooSoon(wait)
