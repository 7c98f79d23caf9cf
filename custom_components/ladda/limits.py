"""Limits of current: a person sets them, and they hold whatever comes and goes.

A limit is sent again where a station forgets it with each session, where it was sent in
W for other phases than those that the session turns out to charge on, where it is not
obeyed, and where nobody knows whether another one, that was to take its place, was taken.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
import logging
from typing import NamedTuple, Protocol

from .central_system import (
    SESSION_WAY,
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


type _Whose = tuple[str, int, int | None]
"""A station, its connector and the session that a limit is for; None: for all."""


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
        self._in_doubt: dict[_Whose, str | None] = {}  # and the way to try first
        self._watch = LimitWatch(self)

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
        that goes on, or may have taken another.
        """
        station = self._place.station_of(identity)
        connector, opened = station.connector(number), station.session_at(number)
        own = own_limit(connector, opened)
        lost = _whose(station, connector) in self._in_doubt or (
            own is None and _is_forgotten(connector, opened)
        )
        if lost and (identity, number) not in self._renewals:
            return None
        if own is None or connector.limit_a is None:
            return connector.limit_a if own is None else own
        above_all = holds_above_all(connector.limit_way)
        return min(own, connector.limit_a) if above_all else own

    async def set(self, identity: str, number: int, limit_a: Decimal | None) -> None:
        """Limit a connector's current, A per phase (0: pause), or lift the limit."""
        link = self._place.link(identity)
        station = self._place.station_of(identity)
        connector = station.connector(number)
        async with link.limit_turn(number):
            await self._change(link, station, connector, limit_a)
        self._failed.pop((identity, number), None)
        self._watch.forget(identity, number)
        self._listener.connector_changed(identity, number)

    async def _change(
        self,
        link: Link,
        station: Station,
        connector: Connector,
        limit_a: Decimal | None,
    ) -> None:
        """Put a limit, or none, in the place of all that limits a connector, and keep it.

        That of the session goes last, for until then it is in force. Who says no leaves
        all as it was; whatever else goes wrong, nobody knows what the station does.
        """
        opened = station.session_at(connector.number)
        own = own_limit(connector, opened)
        with self._in_doubt_if_this_fails(station, connector, NotAccepted, Refused):
            way, phases = await self._send(link, station, connector, limit_a)
        with self._in_doubt_if_this_fails(station, connector):
            if own is not None:
                await link.commands.clear_session_limit(connector.number)
            await self._keep(station, connector, limit_a, way, opened, phases)
        key = station.identity, connector.number
        self._in_doubt = {
            whose: way for whose, way in self._in_doubt.items() if whose[:2] != key
        }

    @contextmanager
    def _in_doubt_if_this_fails(
        self, station: Station, connector: Connector, *but: type[Exception]
    ) -> Iterator[None]:
        """Have what limits a connector sent again, unless it fails by an error of `but`."""
        try:
            yield
        except but:
            raise
        except BaseException:  # also where who asked is cancelled
            key = station.identity, connector.number
            both = (*key, None), _whose(station, connector)
            self._in_doubt |= dict.fromkeys(both)
            self._failed.pop(key, None)
            self.renew(*key)
            self._listener.connector_changed(*key)
            raise

    async def _send(
        self,
        link: Link,
        station: Station,
        connector: Connector,
        limit_a: Decimal | None,
        first_try: str | None = None,
    ) -> tuple[str | None, int | None]:
        """Send a limit, or that there is none, for the session that goes on and all to come.

        `first_try`: a way to try before the one by which the station took the last limit.
        Returns how it took this one, and the phases that its watts were counted on.
        """
        if limit_a is None:
            await link.commands.clear_limit(connector.number)
            return connector.limit_way, None
        opened = station.session_at(connector.number)
        able = self._place.capabilities(station.identity)
        phases = self.phases(station.identity, connector.number)
        way = await link.commands.set_limit(
            connector.number,
            limit_a,
            phases=phases,
            transaction=opened.session.id if opened else None,
            alone=len(station.numbers(able.connectors)) <= 1,
            first_try=first_try or connector.limit_way,
        )
        return way, phases

    async def _keep(
        self,
        station: Station,
        connector: Connector,
        limit_a: Decimal | None,
        way: str | None,
        opened: OpenSession | None,
        phases: int | None,
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

    def limit_ignored(
        self, identity: str, number: int, limit_a: Decimal | None
    ) -> None:
        """A limit is not obeyed (None: it is again), which may help to send it once more.

        For the session, if it can be: some obey a default from the next one on only.
        """
        self._listener.limit_ignored(identity, number, limit_a)
        if limit_a is not None:
            station = self._place.station_of(identity)
            whose = _whose(station, station.connector(number))
            self._in_doubt[whose] = SESSION_WAY
            self.renew(identity, number)

    def ended(self, identity: str, number: int) -> None:
        """A session ended: its own limit is none any more, the connector's goes on."""
        if self._place.station_of(identity).connector(number).limit_a is None:
            self._watch.forget(identity, number)
        self.renew(identity, number)

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
        session = opened.session.id if opened else None
        if _whose(station, connector) in self._in_doubt:
            return _Aim(session, None)
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
            return _Aim(session, phases)
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
        opened, whose = station.session_at(connector.number), _whose(station, connector)
        own = own_limit(connector, opened)
        if own is not None and opened is not None:
            phases = self.phases(station.identity, connector.number)
            await link.commands.limit_session(
                connector.number, own, phases=phases, transaction=opened.session.id
            )
            opened.limit_phases = phases
        else:
            limit_a = connector.limit_a
            way, phases = await self._send(
                link, station, connector, limit_a, self._in_doubt.get(whose)
            )
            await self._keep(station, connector, limit_a, way, opened, phases)
        self._in_doubt.pop(whose, None)


def _whose(station: Station, connector: Connector) -> _Whose:
    """Tell whose limit counts at a connector: that of its session, or its own."""
    opened = station.session_at(connector.number)
    own = opened is not None and own_limit(connector, opened) is not None
    session = opened.session.id if own and opened else None
    return station.identity, connector.number, session


def _is_forgotten(connector: Connector, opened: OpenSession | None) -> bool:
    """Tell whether a station has forgotten a limit with the session that it was for."""
    return (
        opened is not None
        and ends_with_session(connector.limit_way)
        and connector.limit_session != opened.session.id
    )
