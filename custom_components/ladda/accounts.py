"""Accounts put right: sessions given to somebody else, and priced again."""

from asyncio import Lock
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from .admittance import terms
from .billing.prices import Fill, Observation, Origin
from .billing.tariffs import Tariff
from .charging.journal import Kind, amount_text
from .charging.session import Session
from .charging.station import Station
from .household import House
from .ledger import Ledger, SessionQuery
from .pricing import Pricing, with_cost


class UnknownSession(LookupError):
    """There is no session of that id."""


class Place(Protocol):
    """What is known where accounts are kept: the desk."""

    @property
    def house(self) -> House:
        """Return who belongs here now."""

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""

    def lock(self, identity: str) -> Lock:
        """Return the lock that keeps a station's affairs in order."""


class Listener(Protocol):
    """Hears of accounts."""

    def connector_changed(self, identity: str, connector: int) -> None:
        """What a connector's session is about changed."""

    def accounts_changed(self, users: Collection[str | None]) -> None:
        """What users owe changed."""


class Accounts:
    """Changes who pays for sessions, and what; the journal tells why."""

    def __init__(
        self,
        place: Place,
        ledger: Ledger,
        pricing: Pricing,
        listener: Listener,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the desk, where sessions and prices are kept, who listens, and the time."""
        self._place = place
        self._ledger = ledger
        self._pricing = pricing
        self._listener = listener
        self._clock = clock

    async def price_again(self) -> int:
        """Price anew all that can be, for a price of the past is known.

        Returns how many sessions that settles. Raises LedgerError.
        """
        self._pricing.count_again()
        for opened in self._pricing.going_on():
            session = opened.session
            self._listener.connector_changed(session.station, session.connector)
        return await self._rate_again()

    async def _rate_again(self) -> int:
        """Price all provisional sessions again; return how many are known now."""
        settled = 0
        for found in await self._ledger.sessions(SessionQuery(provisional=True)):
            async with self._place.lock(found.station):
                session = await self._ledger.session(found.id)
                if session is None or session.is_open:
                    continue
                rating = await self._pricing.rating(session)
                if rating is None:
                    continue
                priced = with_cost(session, rating)
                if (priced.cost, priced.provisional) == (
                    session.cost,
                    session.provisional,
                ):
                    continue
                await self._amend(
                    priced, Kind.RATED, {"cost": amount_text(priced.cost)}
                )
                settled += not priced.provisional
        return settled

    async def assign(self, session_id: int, user: str | None) -> Session:
        """Give a session to another user, on that user's terms as they are now.

        Raises UnknownSession.
        """
        found = await self._ledger.session(session_id)
        if found is None:
            raise UnknownSession(session_id)
        async with self._place.lock(found.station):
            session = await self._ledger.session(session_id)
            assert session is not None
            before = session.user
            theirs = terms(self._place.house, user)
            session = replace(
                session,
                user=theirs.user,
                user_name=theirs.user_name,
                tariff=theirs.tariff,
                currency=theirs.currency,
                cost=None,
                provisional=False,
            )
            if session.is_open:
                await self._pricing.have_prices_for(session)
            elif (rating := await self._pricing.rating(session)) is not None:
                session = with_cost(session, rating)
            await self._amend(session, Kind.ASSIGN, _terms_of(session))
        self._listener.accounts_changed([before, session.user])
        return session

    async def follow(self, helper: str, new: str) -> None:
        """Go on with a price helper under another id; raises LedgerError.

        Sessions that go on take their prices from it, as they did before.
        """
        if helper not in self._pricing.book.watched:
            return
        await self._pricing.book.rename(helper, new)
        for found in self._pricing.going_on():
            station = self._place.station_of(found.session.station)
            async with self._place.lock(station.identity):
                opened = station.open.get(found.session.id)
                if opened is None or opened.session.tariff is None:
                    continue
                tariff = Tariff.from_data(opened.session.tariff)
                if tariff.entity != helper:
                    continue
                renamed = tariff.with_entity(new).as_data()
                session = replace(opened.session, tariff=renamed)
                await self._amend(session, Kind.ASSIGN, _terms_of(session))

    async def set_price(
        self,
        tariff: Tariff,
        start: datetime,
        end: datetime,
        state: str,
        unit: str | None,
    ) -> int:
        """Fill in what a tariff's helper would have shown, where it showed no price.

        Returns how many sessions that settles.
        """
        assert tariff.entity is not None
        told = Observation(start, state, unit, Origin.MANUAL)
        await self._pricing.book.fill(
            tariff.entity, [Fill(start, end, told)], self._clock(), tariff.has_price
        )
        return await self.price_again()

    async def _amend(self, session: Session, kind: Kind, data: dict[str, Any]) -> None:
        """Keep a session as it has become, and why."""
        station = self._place.station_of(session.station)
        now = self._clock()
        entry = station.session_entry(kind, session, now, now, data)
        await self._ledger.commit(entries=[entry], sessions=[session])
        station.replace_session(session)
        if session.is_open:
            self._pricing.count(station.open[session.id])
        self._listener.connector_changed(session.station, session.connector)
        self._listener.accounts_changed([session.user])


def _terms_of(session: Session) -> dict[str, Any]:
    """Write for the journal on whose account a session is, and on what terms."""
    return {
        "user": session.user,
        "user_name": session.user_name,
        "tariff": session.tariff,
        "currency": session.currency,
    }
