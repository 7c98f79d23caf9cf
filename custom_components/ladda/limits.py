"""Limits of current: a person sets them, and they hold whatever comes and goes.

A limit is sent again where a station forgets it with each session, and where it was
sent in W for other phases than those that the session turns out to charge on.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
import logging
from typing import NamedTuple, Protocol

from .central_system import (
    Disconnected,
    Link,
    NotAccepted,
    Refused,
    StationError,
    ends_with_session,
    holds_above_all,
)
from .charging.connector import Connector
from .charging.journal import Entry, Kind, amount_text
from .charging.limit import own_limit, phases_for
from .charging.model import Capabilities, TimedValue
from .charging.open_session import OpenSession
from .charging.station import Station
from .ledger import LedgerError
from .limit_watch import LimitWatch, Listener as WatchListener

_LOGGER = logging.getLogger(__name__)


class Place(Protocol):
    """What is known where limits are set: the desk."""

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""

    def is_online(self, identity: str) -> bool:
        """Tell whether a station can be asked things."""

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""

    def capabilities(self, identity: str) -> Capabilities:
        """Return what a station has shown that it can do."""

    async def keep(self, station: Station, entry: Entry) -> None:
        """Commit an entry and apply it; raises LedgerError."""


class Listener(WatchListener, Protocol):
    """Hears of limits."""

    def connector_changed(self, identity: str, connector: int) -> None:
        """What limits a connector changed."""


class _Aim(NamedTuple):
    """What a limit is to be sent for: a session, if one goes on, and its phases."""

    session: int | None
    phases: int | None  # None: it is sent in A


class Limits:
    """Sets the limits of connectors, and keeps them in force."""

    def __init__(
        self,
        place: Place,
        listener: Listener,
        clock: Callable[[], datetime],
        settle: float,
    ) -> None:
        """Take the desk, who listens, the time, and what a start takes to settle, in s."""
        self._place = place
        self._listener = listener
        self._clock = clock
        self._settle = settle
        self._renewals: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._failed: dict[tuple[str, int], _Aim] = {}
        self._watch = LimitWatch(listener)

    def stop(self) -> None:
        """Send nothing any more."""
        for task in self._renewals.values():
            task.cancel()

    def takes_watts(self, identity: str) -> bool:
        """Tell whether a station takes limits in watts only (§9.4.2, and "W" and "A")."""
        units = self._place.capabilities(identity).rate_units
        return bool(units) and not units & {"current", "a"}

    def phases(self, identity: str, number: int) -> int | None:
        """Return on how many phases a limit is to be counted; None: it is sent in A."""
        if not self.takes_watts(identity):
            return None
        station = self._place.station_of(identity)
        return phases_for(station.connector(number), station.session_at(number))

    def in_force(self, identity: str, number: int) -> Decimal | None:
        """Return the limit that a connector keeps to, or will from the next start.

        A per phase; None: there is none, or its station did not take it for the session
        that goes on.
        """
        station = self._place.station_of(identity)
        connector, opened = station.connector(number), station.session_at(number)
        if (own := own_limit(connector, opened)) is not None:
            if connector.limit_a is None or not holds_above_all(connector.limit_way):
                return own
            return min(own, connector.limit_a)
        lost = _is_forgotten(connector, opened) and (
            (identity, number) not in self._renewals
        )
        return None if lost else connector.limit_a

    async def set(self, identity: str, number: int, limit_a: Decimal | None) -> None:
        """Limit a connector's current, A per phase (0: pause), or lift the limit."""
        link = self._place.link(identity)
        station = self._place.station_of(identity)
        connector = station.connector(number)
        async with link.limit_turn(number):
            opened = station.session_at(number)
            if own_limit(connector, opened) is not None:
                await link.commands.clear_session_limit(number)
            if limit_a is None:
                await link.commands.clear_limit(number)
                await self._keep(station, connector, None, connector.limit_way, opened)
            else:
                await self._send(link, station, connector, limit_a)
        self._failed.pop((identity, number), None)
        self._watch.forget(identity, number)
        self._listener.connector_changed(identity, number)

    async def _send(
        self, link: Link, station: Station, connector: Connector, limit_a: Decimal
    ) -> None:
        """Send a limit for the session that goes on and those to come, and keep it."""
        opened = station.session_at(connector.number)
        phases = self.phases(station.identity, connector.number)
        way = await link.commands.set_limit(
            connector.number,
            limit_a,
            phases=phases,
            transaction=opened.session.id if opened else None,
            alone=len([number for number in station.connectors if number]) <= 1,
            first_try=connector.limit_way,
        )
        await self._keep(station, connector, limit_a, way, opened, phases)

    async def _keep(
        self,
        station: Station,
        connector: Connector,
        limit_a: Decimal | None,
        way: str | None,
        opened: OpenSession | None,
        phases: int | None = None,
    ) -> None:
        """Keep what a connector is limited to now."""
        now = self._clock()
        data = {
            "limit_a": amount_text(limit_a),
            "way": way,
            "phases": phases,
            "session": opened.session.id if opened else None,
        }
        number = connector.number
        entry = station.entry(Kind.LIMIT, now, now, data, connector=number)
        await self._place.keep(station, entry)

    def look(
        self,
        station: Station,
        number: int,
        values: Iterable[TimedValue],
        now: datetime,
    ) -> None:
        """Compare a connector's limit with what was just measured there."""
        connector = station.connector(number)
        if connector.limit_a is None and (
            (opened := station.session_at(number)) is None or opened.limit_a is None
        ):
            return
        self.renew(station.identity, number)
        self._watch.look(station, connector, values, now)

    # --- what is sent again ------------------------------------------------------------

    def renew_all(self, identity: str) -> None:
        """Bring the limits of a station in line that has come back."""
        for number in self._place.station_of(identity).connectors:
            self._failed.pop((identity, number), None)
            self.renew(identity, number)

    def renew(self, identity: str, number: int) -> None:
        """Send a limit again, in the background, if it is not in force as it should be.

        What the station did not take is sent again only when something has changed.
        """
        key = identity, number
        station = self._place.station_of(identity)
        aim = self._aim(station, station.connector(number))
        if aim is None or key in self._renewals or aim == self._failed.get(key):
            return
        if self._place.is_online(identity):
            self._renewals[key] = asyncio.create_task(self._renew(station, number))

    def _aim(self, station: Station, connector: Connector) -> _Aim | None:
        """Return what a limit is to be sent again for; None: it is in force."""
        opened = station.session_at(connector.number)
        own = own_limit(connector, opened)
        if own is not None and opened is not None:
            limit_a, sent_for, lost = own, opened.limit_phases, False
        elif connector.limit_a is not None:
            limit_a, sent_for = connector.limit_a, connector.limit_phases
            lost = _is_forgotten(connector, opened)
            if opened is None and ends_with_session(connector.limit_way):
                return None
        else:
            return None
        phases = None if sent_for is None else phases_for(connector, opened)
        if lost or (limit_a and phases != sent_for):
            return _Aim(opened.session.id if opened else None, phases)
        return None

    async def _renew(self, station: Station, number: int) -> None:
        """Send a limit again, and once more where the station was not ready for it."""
        key = station.identity, number
        try:
            for patience in (self._settle, 10 * self._settle):
                await asyncio.sleep(patience)
                error = await self._try_to_renew(station, number)
                if not isinstance(error, NotAccepted | Refused):
                    break
            if error is not None and not isinstance(error, Disconnected):
                _LOGGER.warning(
                    "The limit of %s, connector %s, could not be set again: %s",
                    *key,
                    error,
                )
        finally:
            del self._renewals[key]
        self._listener.connector_changed(*key)
        self.renew(*key)  # for what has changed meanwhile

    async def _try_to_renew(self, station: Station, number: int) -> Exception | None:
        """Send a limit again, unless it was sent meanwhile; return what went wrong."""
        key = station.identity, number
        connector = station.connector(number)
        aim: _Aim | None = None
        try:
            link = self._place.link(station.identity)
            async with link.limit_renewal(number):
                if (aim := self._aim(station, connector)) is not None:
                    await self._send_again(link, station, connector)
        except (StationError, LedgerError) as err:
            if aim is not None:
                self._failed[key] = aim
            return err
        self._failed.pop(key, None)
        return None

    async def _send_again(
        self, link: Link, station: Station, connector: Connector
    ) -> None:
        """Send the limit that counts now."""
        opened = station.session_at(connector.number)
        own = own_limit(connector, opened)
        if own is not None and opened is not None:
            phases = phases_for(connector, opened)
            await link.commands.limit_session(
                connector.number, own, phases=phases, transaction=opened.session.id
            )
            opened.limit_phases = phases
        elif connector.limit_a is not None:
            await self._send(link, station, connector, connector.limit_a)


def _is_forgotten(connector: Connector, opened: OpenSession | None) -> bool:
    """Tell whether a station has forgotten a limit with the session that it was for."""
    return (
        opened is not None
        and ends_with_session(connector.limit_way)
        and connector.limit_session != opened.session.id
    )
