"""Reservations: connectors that are kept free for somebody (OCPP 1.6 §5.13, §5.1)."""

from asyncio import Lock
from collections.abc import Callable
from datetime import datetime
import logging
from typing import Protocol

from .admittance import payer
from .central_system import Link
from .charging import reserving
from .charging.plan import Plan
from .charging.reservation import Ending, Reservation
from .charging.station import Station
from .household import House
from .ledger import LedgerError

_LOGGER = logging.getLogger(__name__)


class Place(Protocol):
    """What is known where reservations are made: the desk."""

    @property
    def house(self) -> House:
        """Return who belongs here now."""

    @property
    def stations(self) -> dict[str, Station]:
        """Return all that have been here."""

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""

    def lock(self, identity: str) -> Lock:
        """Return the lock that keeps a station's affairs in order."""

    async def make_so(self, station: Station, plan: Plan) -> None:
        """Keep a plan, then make it so; raises LedgerError, and nothing has happened."""


class Listener(Protocol):
    """Hears of reservations."""

    def connector_changed(self, identity: str, connector: int) -> None:
        """A connector was reserved, or is no more."""


class Reservations:
    """Makes reservations with stations, and notes their ends."""

    def __init__(
        self, place: Place, listener: Listener, clock: Callable[[], datetime]
    ) -> None:
        """Take the desk, who listens, and the time."""
        self._place = place
        self._listener = listener
        self._clock = clock

    async def reserve(
        self,
        identity: str,
        connector: int,
        user: str | None,
        token: str | None,
        until: datetime,
    ) -> Reservation:
        """Keep a connector free for a user (None: the station's default).

        Raises MayNotCharge for a user who may not charge.
        """
        link = self._place.link(identity)
        station = self._place.station_of(identity)
        house = self._place.house
        user, token = payer(house, identity, user, token, self._clock())
        reservation = Reservation(station.next_reservation(), token, user, until)
        group = house.directory.group(token)
        await link.commands.reserve(connector, reservation.id, token, group, until)
        async with self._place.lock(identity):
            plan = reserving.plan_reservation(
                station, connector, reservation, self._clock()
            )
            await self._place.make_so(station, plan)
        self._listener.connector_changed(identity, connector)
        return reservation

    async def cancel(self, identity: str, connector: int) -> bool:
        """Give up a connector's reservation; False: there is none."""
        station = self._place.station_of(identity)
        reservation = station.connector(connector).reservation
        if reservation is None:
            return False
        await self._place.link(identity).commands.cancel_reservation(reservation.id)
        await self._end(station, connector, Ending.CANCELLED)
        return True

    async def end_expired(self) -> None:
        """End the reservations whose time is over, as the stations do themselves.

        Where that cannot be kept now, it is done another time.
        """
        now = self._clock()
        for station in tuple(self._place.stations.values()):
            for connector in reserving.expired_reservations(station, now):
                try:
                    await self._end(station, connector, Ending.EXPIRED)
                except LedgerError as err:
                    _LOGGER.debug("%s: ended another time: %s", station.identity, err)

    async def _end(self, station: Station, connector: int, ending: Ending) -> None:
        """Note that a reservation is over."""
        async with self._place.lock(station.identity):
            now = self._clock()
            plan = reserving.plan_reservation_end(station, connector, ending, now)
            await self._place.make_so(station, plan)
        self._listener.connector_changed(station.identity, connector)
