"""What sessions cost: open ones as they go on, closed ones by all that is known."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from .billing.rating import Rating, RunningRating, rate
from .billing.tariffs import Tariff
from .charging.energy import EnergyCurve
from .charging.journal import READINGS, Entry, Kind
from .charging.open_session import CLOSINGS, OpenSession, until_closed
from .charging.plan import Plan
from .charging.session import Session
from .charging.station import Station
from .ledger import Ledger
from .price_book import PriceBook


class Pricing:
    """Prices sessions by the tariffs that they began under and the price book."""

    def __init__(self, ledger: Ledger, stations: Mapping[str, Station]) -> None:
        """Take where readings and prices are kept, and where sessions go on."""
        self.book = PriceBook(ledger)
        self._ledger = ledger
        self._stations = stations
        self._running: dict[int, RunningRating] = {}

    def going_on(self) -> list[OpenSession]:
        """Return all open sessions."""
        return [
            opened
            for station in self._stations.values()
            for opened in station.open.values()
        ]

    def count_again(self) -> None:
        """Count the running costs of all open sessions anew."""
        self._running.clear()
        for opened in self.going_on():
            self.count(opened)

    def count(self, opened: OpenSession) -> None:
        """Count an open session's running cost anew."""
        self.forget(opened.session.id)
        if (data := opened.session.tariff) is not None:
            tariff = Tariff.from_data(data)
            running = RunningRating(tariff, self.book.timeline(tariff.entity))
            self._running[opened.session.id] = running

    def running(self, opened: OpenSession) -> RunningRating | None:
        """Return what an open session has cost so far; None: it has no tariff."""
        running = self._running.get(opened.session.id)
        if running is not None:
            for point in opened.energy.points[running.points :]:
                running.add(point)
        return running

    async def priced(self, plan: Plan) -> Plan:
        """Price the sessions that a plan closes."""
        if not plan.curves:
            return plan
        for session in plan.sessions:
            await self.have_prices_for(session)
        return plan._replace(
            sessions=tuple(
                self._priced_session(session, plan.curves.get(session.id))
                for session in plan.sessions
            ),
        )

    async def have_prices_for(self, session: Session) -> None:
        """Have the prices at hand since a session's start, however long ago it was."""
        if session.tariff is None:
            return
        entity = Tariff.from_data(session.tariff).entity
        await self.book.reach_back(entity, session.started_at)

    def _priced_session(self, session: Session, curve: EnergyCurve | None) -> Session:
        """Price a closed session by the prices at hand."""
        if curve is None or session.tariff is None:
            return session
        tariff = Tariff.from_data(session.tariff)
        rating = rate(tariff, curve.points, self.book.timeline(tariff.entity))
        return with_cost(session, rating)

    async def rating(self, session: Session) -> Rating | None:
        """Price a session by all that the ledger knows, slice by slice."""
        if session.tariff is None:
            return None
        tariff = Tariff.from_data(session.tariff)
        timeline = (
            await self.book.load(tariff.entity, session.started_at)
            if tariff.entity
            else None
        )
        entries = await energy_entries(self._ledger, [session])
        known = until_closed(entries[session.id])
        opened = OpenSession.of(session, known)
        points = opened.energy.points
        if session.ended_at is not None:
            points = list(opened.curve_again().points)
        return rate(tariff, points, timeline)

    def forget(self, session: int) -> None:
        """Count a session's running cost no more."""
        self._running.pop(session, None)


async def energy_entries(
    ledger: Ledger, sessions: Collection[Session]
) -> dict[int, list[Entry]]:
    """Read what sessions' energy is known from, by id, in the order of the journal."""
    return await ledger.session_entries(
        [session.id for session in sessions], [Kind.START, *READINGS, *CLOSINGS]
    )


def with_cost(session: Session, rating: Rating) -> Session:
    """Return a session with what it costs."""
    return replace(
        session,
        cost=rating.billed,
        currency=rating.currency,
        provisional=rating.provisional,
    )
