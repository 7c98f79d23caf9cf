"""The desk: what stations report is decided on, kept, and made known.

Everything of one station goes through in its order: a plan is made, committed
to the ledger, applied, and only then answered (the first promise of the
design). The desk knows no Home Assistant; `hub` tells it who lives in the
house and listens to what happens.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
import itertools
import logging
from typing import Any, Final, Protocol

from .alignment import Alignment
from .auto_start import AutoStart
from .billing.prices import Fill, Observation, Origin
from .billing.tariffs import Tariff
from .central_system import (
    Admission,
    Disconnected,
    Link,
    NotStored,
    Verdict,
    capabilities,
    profile_of,
)
from .charging import ends, metering, reports, reserving, starts
from .charging.connector import RemoteStart
from .charging.decisions import Authorized, Decision, Noted, Registered, VendorAnswer
from .charging.events import (
    Booted,
    CertificateRequested,
    Heartbeat,
    MeterValuesReported,
    Progress,
    SecurityEvent,
    StationEvent,
    StatusReported,
    TokenPresented,
    TransactionStarted,
    TransactionStopped,
    VendorMessage,
)
from .charging.journal import Entry, Kind, amount_text
from .charging.model import Authorization, Capabilities, Registration, StationInfo
from .charging.open_session import OpenSession
from .charging.plan import Plan
from .charging.reservation import Ending, Reservation
from .charging.session import Closing, Session
from .charging.starts import Admittance
from .charging.station import RESTORED, Station
from .household import House, StationOptions
from .ledger import Ledger, LedgerError, SessionQuery
from .limits import Limits
from .polling import Polling
from .pricing import Pricing, energy_entries, with_cost
from .refusals import MayNotCharge, TooSoon

_LOGGER = logging.getLogger(__name__)

HEARTBEAT_S: Final = 300
STRANGER_INTERVAL_S: Final = 30
# What a stranger gets to tell what it is; some do not when they only come back.
STRANGER_PATIENCE: Final = 30.0
# What a station needs to come to itself after it booted.
SETTLE: Final = 2.0
BOOT_STORM: Final = timedelta(minutes=10)


class UnknownSession(LookupError):
    """There is no session of that id."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A station that asks to be adopted."""

    identity: str
    info: StationInfo
    remote: str


class Listener(Protocol):
    """Hears what happens, after it is in the ledger."""

    def station_changed(self, identity: str) -> None:
        """A station came, went, or told something new about itself."""

    def connector_changed(self, identity: str, connector: int) -> None:
        """Something about a connector, or its session, changed."""

    def meter_read(self, identity: str, connector: int, *, live: bool) -> None:
        """What a connector measures, and what its session took, changed.

        Not `live`: it was read long ago, and there may be thousands to come.
        """

    def limit_ignored(
        self, identity: str, connector: int, limit_a: Decimal | None
    ) -> None:
        """A connector draws more than its limit, A per phase; None: no longer."""

    def session_started(self, session: Session) -> None:
        """A session began."""

    def session_ended(self, session: Session) -> None:
        """A session ended."""

    def accounts_changed(self, users: Collection[str | None]) -> None:
        """What users owe changed, beyond what their open sessions add."""

    def token_presented(
        self, identity: str, token: str, authorization: Authorization, user: str | None
    ) -> None:
        """Somebody held a tag to a reader."""

    def stranger_seen(self, stranger: Stranger) -> None:
        """A station asks to be adopted."""

    def progressed(self, identity: str, progress: Progress) -> None:
        """A station tells how far a long job has come."""

    def security_noticed(self, identity: str, event: SecurityEvent) -> None:
        """A station noticed something about its own security."""


class ChargingDesk:
    """Decides on what stations report, and asks things of them."""

    def __init__(
        self,
        ledger: Ledger,
        house: House,
        listener: Listener,
        clock: Callable[[], datetime],
        *,
        settle: float = SETTLE,
    ) -> None:
        """Take where things are kept, who belongs here, who listens, and the time.

        `settle`: the seconds that a station gets after its boot before it is asked.
        """
        self.ledger = ledger
        self.house = house
        self.stations: dict[str, Station] = {}
        self.pricing = Pricing(ledger, self.stations)
        self.prices = self.pricing.book
        self.strangers: dict[str, Stranger] = {}
        self.links: dict[str, Link] = {}
        self._silent: dict[str, asyncio.TimerHandle] = {}
        self._listener = listener
        self._clock = clock
        self._alignment = Alignment(self, clock, settle)
        self._polling = Polling(self, clock)
        self._auto_start = AutoStart(self.start_charging)
        self.limits = Limits(self, listener, clock, settle)
        self._ids = itertools.count(1)
        self._locks: dict[str, asyncio.Lock] = {}
        self._boots: dict[str, list[datetime]] = {}
        self._failing = False  # whether the ledger took nothing, which is told once

    # --- life ------------------------------------------------------------------

    async def restore(self) -> None:
        """Take up everything where the ledger left it."""
        self._ids = itertools.count(await self.ledger.next_session_id())
        for identity in self.house.stations:
            self.station_of(identity)
        for entry in await self.ledger.latest(RESTORED):
            self.station_of(entry.station).apply_entry(entry)
        sessions = await self.ledger.open_sessions()
        entries = await energy_entries(self.ledger, sessions)
        for session in sessions:
            self.station_of(session.station).resume(session, entries[session.id])
        for station in self.stations.values():
            for connector in station.connectors.values():
                query = SessionQuery(
                    station=station.identity,
                    connector=connector.number,
                    open=False,
                    limit=1,
                )
                for session in await self.ledger.sessions(query):
                    connector.last_session = session

    async def watch_prices(
        self, entities: Iterable[str], watched_until: datetime | None
    ) -> dict[str, datetime]:
        """Begin to watch price helpers; return the gaps' beginnings.

        Running costs of open sessions are counted from then on.
        """
        since = self._oldest_start()
        gaps = {}
        for entity in entities:
            if not self.prices.watches(entity):
                gap = await self.prices.open(entity, since, watched_until)
                if gap is not None:
                    gaps[entity] = gap
        self.pricing.count_again()
        return gaps

    def _oldest_start(self) -> datetime:
        """Return since when prices are needed at hand."""
        return min(
            (
                opened.session.started_at
                for station in self.stations.values()
                for opened in station.open.values()
            ),
            default=self._clock(),
        )

    def price_helpers(self) -> frozenset[str]:
        """Return the helpers that tariffs and open sessions take their prices from."""
        tariffs = [
            *self.house.tariffs.values(),
            *(
                Tariff.from_data(opened.session.tariff)
                for station in self.stations.values()
                for opened in station.open.values()
                if opened.session.tariff is not None
            ),
        ]
        return frozenset(
            tariff.entity for tariff in tariffs if tariff.entity is not None
        )

    def stop(self) -> None:
        """Ask nothing of stations any more."""
        self._alignment.stop()
        self._auto_start.stop()
        self.limits.stop()

    def station_of(self, identity: str) -> Station:
        """Return what is known of a station."""
        if identity not in self.stations:
            self.stations[identity] = Station(identity)
            self._locks[identity] = asyncio.Lock()
        return self.stations[identity]

    # --- who is there ------------------------------------------------------------

    def admit(self, identity: str) -> Admission:
        """Decide on a station at the door."""
        if (options := self.house.stations.get(identity)) is not None:
            return Admission(Verdict.KNOWN, options.password_hash)
        if identity in self.house.turned_away:
            return Admission(Verdict.TURNED_AWAY)
        return Admission(Verdict.STRANGER)

    def connected(self, link: Link) -> None:
        """Take note of a station that came in."""
        self.links[link.identity] = link
        if link.identity in self.house.stations:
            self._welcome(link)
            self._alignment.after_connecting(link)
        elif link.identity not in self.strangers:
            self._wait_for_boot(link)

    def disconnected(self, link: Link) -> None:
        """Take note of a station that went, unless it has come again already.

        What was being done with it ends by itself, for it notes what made it go.
        """
        if self.links.get(link.identity) is not link:
            return
        del self.links[link.identity]
        self.strangers.pop(link.identity, None)
        self._wait_no_more(link.identity)
        if link.identity in self.house.stations:
            self._listener.station_changed(link.identity)

    def _welcome(self, link: Link) -> None:
        """Let a station of the house take part."""
        self._wait_no_more(link.identity)
        link.registration = Registration.ACCEPTED
        self.station_of(link.identity).clock.restart()
        self._listener.station_changed(link.identity)

    def _wait_for_boot(self, link: Link) -> None:
        """Give a stranger time to tell what it is; then show it as it is."""
        self._wait_no_more(link.identity)
        self._silent[link.identity] = asyncio.get_running_loop().call_later(
            STRANGER_PATIENCE, self._see, link, StationInfo()
        )

    def _wait_no_more(self, identity: str) -> None:
        """Wait no more for a stranger to tell what it is."""
        if (timer := self._silent.pop(identity, None)) is not None:
            timer.cancel()

    def _see(self, link: Link, info: StationInfo) -> None:
        """Show a stranger, so that somebody can decide."""
        self._wait_no_more(link.identity)
        stranger = Stranger(link.identity, info, link.remote)
        self.strangers[link.identity] = stranger
        self._listener.stranger_seen(stranger)

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""
        link = self.links.get(identity)
        if link is None or link.registration is not Registration.ACCEPTED:
            raise Disconnected(f"{identity} is not connected")
        return link

    def is_online(self, identity: str) -> bool:
        """Tell whether a station can be asked things."""
        link = self.links.get(identity)
        return link is not None and link.registration is Registration.ACCEPTED

    # --- what stations report ------------------------------------------------------

    async def handle(self, link: Link, event: StationEvent) -> Decision:
        """Decide on an event, keep it and answer it."""
        identity = link.identity
        if (
            identity not in self.house.stations
            or link.registration is not Registration.ACCEPTED
        ):
            return self._meet(link, event)
        station = self.station_of(identity)
        async with self._locks[identity]:
            now = self._clock()
            match event:
                case MeterValuesReported():
                    await self._on_meter_values(station, event, now)
                case Heartbeat():
                    pass
                case Progress() | SecurityEvent() | CertificateRequested():
                    return await self._on_upkeep(station, event, now)
                case StatusReported():
                    await self._on_status(station, event, now)
                case TokenPresented(token):
                    return self._on_token(station, token, now)
                case TransactionStarted():
                    return await self._on_start(station, event, now)
                case TransactionStopped():
                    await self._on_stop(link, station, event, now)
                case Booted():
                    return await self._on_boot(link, station, event, now)
                case VendorMessage():
                    return VendorAnswer()
        return Noted()

    def _meet(self, link: Link, event: StationEvent) -> Registered:
        """Let a station wait until somebody decides, or it has come with its password."""
        if not isinstance(event, Booted):  # its owner removed it a moment ago
            raise NotStored
        if link.identity in self.house.turned_away:
            return Registered(Registration.REJECTED, 3600)
        self._see(link, event.info)
        return Registered(Registration.PENDING, STRANGER_INTERVAL_S)

    async def _carry_out(self, station: Station, plan: Plan) -> None:
        """Keep a plan, then make it so. Raises NotStored, and nothing has happened."""
        if plan.lasting:
            try:
                await self.ledger.commit(entries=plan.entries, sessions=plan.sessions)
            except LedgerError as err:
                if not self._failing:
                    _LOGGER.error("The ledger takes nothing: %s", err)
                self._failing = True
                raise NotStored from err
            if self._failing:
                _LOGGER.info("The ledger takes entries again")
                self._failing = False
        elif plan.entries:
            self.ledger.post(plan.entries)
        station.apply(plan)

    async def _on_boot(
        self, link: Link, station: Station, event: Booted, now: datetime
    ) -> Registered:
        """A known station booted."""
        await self._carry_out(station, reports.plan_boot(station, event, now))
        station.info, station.booted_at = event.info, now  # also where it is not kept
        recent = [
            at for at in self._boots.get(station.identity, ()) if now - at < BOOT_STORM
        ]
        self._boots[station.identity] = [*recent, now]
        self._alignment.after_boot(link, len(self._boots[station.identity]))
        self.strangers.pop(station.identity, None)
        self._listener.station_changed(station.identity)
        return Registered(Registration.ACCEPTED, HEARTBEAT_S)

    async def _on_status(
        self, station: Station, event: StatusReported, now: datetime
    ) -> None:
        """A connector tells its status."""
        connector = station.connector(event.connector)
        before = connector.status
        await self._carry_out(station, reports.plan_status(station, event, now))
        if connector.number and self.house.stations[station.identity].auto_start:
            self._auto_start.look(station, connector, before)
        self._listener.connector_changed(station.identity, connector.number)

    async def _on_upkeep(
        self,
        station: Station,
        event: Progress | SecurityEvent | CertificateRequested,
        now: datetime,
    ) -> Decision:
        """A station tells of its upkeep, which has nothing to do with charging."""
        match event:
            case Progress():
                plan = reports.plan_progress(station, event, now)
                await self._carry_out(station, plan)
                self._listener.progressed(station.identity, event)
            case SecurityEvent():
                plan = reports.plan_security_event(station, event, now)
                await self._carry_out(station, plan)
                if plan.entries:
                    self._listener.security_noticed(station.identity, event)
            case CertificateRequested():
                plan = reports.plan_certificate_request(station, event, now)
                await self._carry_out(station, plan)
        return plan.decision

    def _on_token(self, station: Station, token: str, now: datetime) -> Authorized:
        """Somebody held a tag to a reader."""
        admitted = self._admit(station, token, now, None, in_use=())
        data = {
            "token": token,
            "authorization": admitted.authorization,
            "user": admitted.user,
        }
        self.ledger.post([station.entry(Kind.TOKEN, now, now, data)])
        self._listener.token_presented(
            station.identity, token, admitted.authorization, admitted.user
        )
        return Authorized(admitted.authorization, admitted.until)

    def _admit(
        self,
        station: Station,
        token: str,
        at: datetime,
        asked: RemoteStart | None,
        in_use: Collection[str],
    ) -> Admittance:
        """Decide who charges with a tag, and on what terms."""
        options = self.house.stations[station.identity]
        directory = self.house.directory
        user: str | None
        until: datetime | None = None
        status = Authorization.ACCEPTED
        if asked is not None:
            user = asked.user
        else:
            decision = directory.authorize(token, at, in_use)
            status = decision.authorization
            user = decision.user.id if decision.user else None
            until = decision.user.valid_until if decision.user else None
            if status is Authorization.INVALID and options.open_to_all:
                status = Authorization.ACCEPTED
        if user is None and status is Authorization.ACCEPTED:
            user = options.default_user
        return self._terms(user, status, until)

    def _terms(
        self,
        user: str | None,
        status: Authorization = Authorization.ACCEPTED,
        until: datetime | None = None,
    ) -> Admittance:
        """Return a user's terms as they are now."""
        found = self.house.directory.user(user) if user is not None else None
        tariff = self.house.tariff_of(user)
        return Admittance(
            status,
            found.id if found else None,
            found.name if found else None,
            tariff.as_data() if tariff else None,
            tariff.currency if tariff else None,
            until,
        )

    async def _on_start(
        self, station: Station, event: TransactionStarted, now: datetime
    ) -> Decision:
        """A transaction began, or its beginning is told once more."""
        key = starts.start_key(station, event, now)
        known = (
            starts.same_start(station, event)
            if key is None
            else await self.ledger.session_by_start(key)
        )
        if known is not None:
            return starts.started_again(known)
        able = self.capabilities(station.identity)
        connector = starts.place(station, event, able.connectors)
        in_use = [
            opened.session.token or ""
            for other in self.stations.values()
            for opened in other.open.values()
            if (other.identity, opened.session.connector)
            != (station.identity, connector)
        ]
        plan = starts.plan_start(
            station,
            event,
            connector,
            now,
            next(self._ids),
            lambda at, asked: self._admit(station, event.token, at, asked, in_use),
        )
        plan = await self.pricing.priced(plan)
        await self._carry_out(station, plan)
        *ended, session = plan.sessions
        self._tell_ended(ended)
        await self.pricing.have_prices_for(session)
        self.pricing.count(station.open[session.id])
        self.limits.renew(station.identity, session.connector)
        self._listener.session_started(session)
        self._listener.connector_changed(station.identity, session.connector)
        if session.authorization is not Authorization.ACCEPTED:
            self._listener.token_presented(
                station.identity, event.token, session.authorization, session.user
            )
        return plan.decision

    async def _on_stop(
        self, link: Link, station: Station, event: TransactionStopped, now: datetime
    ) -> None:
        """A transaction ended, or its end is told late or once more.

        What contradicts what is known is kept as evidence only.
        """
        opened = ends.transaction_of(station, event, now)
        if opened is None and event.transaction:
            session = await self.ledger.session(event.transaction)
            if (
                session is not None
                and session.station == station.identity
                and not session.is_open
            ):
                if ends.stopped_again(event, session):
                    return
                if session.closing is Closing.REPORTED:
                    link.note("a second stop that contradicts the first")
                    plan = ends.plan_second_stop(station, event, session, now)
                    await self._carry_out(station, plan)
                    return
                entries = await energy_entries(self.ledger, [session])
                opened = OpenSession.of(session, entries[session.id])
        if opened is None:
            link.note("a stop of an unknown transaction")
            await self._carry_out(station, ends.plan_orphan_stop(station, event, now))
            return
        plan = await self.pricing.priced(ends.plan_stop(station, event, opened, now))
        await self._carry_out(station, plan)
        self._tell_ended(plan.sessions)

    def _tell_ended(self, sessions: Iterable[Session]) -> None:
        """Make ended sessions known."""
        for session in sessions:
            self.pricing.forget(session.id)
            self.limits.renew(session.station, session.connector)
            self._listener.session_ended(session)
            self._listener.connector_changed(session.station, session.connector)
            self._listener.accounts_changed([session.user])

    async def _on_meter_values(
        self, station: Station, event: MeterValuesReported, now: datetime
    ) -> None:
        """A meter was read."""
        values = metering.timed(station, event.values, now)
        connector = station.connector_of(event)
        plan = metering.plan_meter_values(station, event, values, now)
        await self._carry_out(station, plan)
        live = station.take_live(connector, values, now)
        if live:
            self.limits.look(station, connector, values, now)
        self._listener.meter_read(station.identity, connector, live=live)

    # --- money -----------------------------------------------------------------------

    async def rate_again(self) -> int:
        """Price all provisional sessions again; return how many are known now."""
        settled = 0
        for found in await self.ledger.sessions(SessionQuery(provisional=True)):
            async with self._lock(found.station):
                session = await self.ledger.session(found.id)
                if session is None or session.is_open:
                    continue
                rating = await self.pricing.rating(session)
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
        found = await self.ledger.session(session_id)
        if found is None:
            raise UnknownSession(session_id)
        async with self._lock(found.station):
            session = await self.ledger.session(session_id)
            assert session is not None
            before = session.user
            terms = self._terms(user)
            session = replace(
                session,
                user=terms.user,
                user_name=terms.user_name,
                tariff=terms.tariff,
                currency=terms.currency,
                cost=None,
                provisional=False,
            )
            rating = await self.pricing.rating(session)
            if rating is not None and not session.is_open:
                session = with_cost(session, rating)
            data = {
                "user": terms.user,
                "user_name": terms.user_name,
                "tariff": terms.tariff,
                "currency": terms.currency,
            }
            await self._amend(session, Kind.ASSIGN, data)
        self._listener.accounts_changed([before, session.user])
        return session

    async def _amend(self, session: Session, kind: Kind, data: dict[str, Any]) -> None:
        """Keep a session as it has become, and why."""
        station = self.station_of(session.station)
        now = self._clock()
        entry = station.entry(
            kind, now, now, data, connector=session.connector, session=session.id
        )
        await self.ledger.commit(entries=[entry], sessions=[session])
        station.replace_session(session)
        if session.is_open:
            self.pricing.count(station.open[session.id])
        self._listener.connector_changed(session.station, session.connector)
        self._listener.accounts_changed([session.user])

    async def set_price(
        self, entity: str, start: datetime, end: datetime, state: str, unit: str | None
    ) -> int:
        """Fill in what a helper would have shown; return how many sessions that settles."""
        told = Observation(start, state, unit, Origin.MANUAL)
        await self.prices.fill(entity, [Fill(start, end, told)], self._clock())
        self.pricing.count_again()
        return await self.rate_again()

    def _lock(self, identity: str) -> asyncio.Lock:
        """Return the lock that keeps a station's affairs in order."""
        self.station_of(identity)
        return self._locks[identity]

    # --- what we ask of stations -------------------------------------------------------

    async def start_charging(
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
        link = self.link(identity)
        station = self.station_of(identity)
        now = self._clock()
        self._let_rest(station, connector, now)
        user, token = self._payer(identity, user, token, now)
        phases = self.limits.phases(identity, connector)
        data = {
            "token": token,
            "user": user,
            "limit_a": amount_text(limit_a),
            "limit_phases": phases,
        }
        entry = station.entry(Kind.REMOTE_START, now, now, data, connector=connector)
        await self.keep(station, entry)
        await link.commands.start(connector, token, limit_a, phases=phases)

    def _let_rest(self, station: Station, connector: int, now: datetime) -> None:
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

    def _payer(
        self, identity: str, user: str | None, token: str | None, now: datetime
    ) -> tuple[str | None, str]:
        """Return who pays, else the station's default user, and the tag to charge with.

        Raises MayNotCharge for a user who may not.
        """
        user = user or self.house.stations[identity].default_user
        payer = self.house.directory.user(user) if user is not None else None
        if payer and payer.standing(now) is not Authorization.ACCEPTED:
            raise MayNotCharge(payer.name)
        return user, token or self.house.directory.remote_token(user)

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
        link = self.link(identity)
        station = self.station_of(identity)
        user, token = self._payer(identity, user, token, self._clock())
        reservation = Reservation(station.next_reservation(), token, user, until)
        await link.commands.reserve(connector, reservation.id, token, until)
        async with self._lock(identity):
            plan = reserving.plan_reservation(
                station, connector, reservation, self._clock()
            )
            await self._carry_out_ours(station, plan)
        self._listener.connector_changed(identity, connector)
        return reservation

    async def cancel_reservation(self, identity: str, connector: int) -> bool:
        """Give up a connector's reservation; False: there is none."""
        station = self.station_of(identity)
        reservation = station.connector(connector).reservation
        if reservation is None:
            return False
        await self.link(identity).commands.cancel_reservation(reservation.id)
        await self._end_reservation(station, connector, Ending.CANCELLED)
        return True

    async def end_expired_reservations(self) -> None:
        """End the reservations whose time is over, as the stations do themselves."""
        now = self._clock()
        for station in self.stations.values():
            for connector in reserving.expired_reservations(station, now):
                await self._end_reservation(station, connector, Ending.EXPIRED)

    async def _end_reservation(
        self, station: Station, connector: int, ending: Ending
    ) -> None:
        """Note that a reservation is over."""
        async with self._lock(station.identity):
            now = self._clock()
            plan = reserving.plan_reservation_end(station, connector, ending, now)
            await self._carry_out_ours(station, plan)
        self._listener.connector_changed(station.identity, connector)

    async def _carry_out_ours(self, station: Station, plan: Plan) -> None:
        """Keep a plan that no report led to, then make it so. Raises LedgerError."""
        if plan.entries:
            await self.ledger.commit(entries=plan.entries)
        station.apply(plan)

    async def stop_charging(self, identity: str, connector: int) -> bool:
        """Ask a station to end a connector's session; False: there is none."""
        opened = self.station_of(identity).session_at(connector)
        if opened is None:
            return False
        await self.link(identity).commands.stop(opened.session.id)
        return True

    async def ask_the_silent(self) -> None:
        """Ask for meter values of sessions of which nothing is heard."""
        await self._polling.ask_the_silent()

    async def close_forgotten(self) -> None:
        """Close sessions on connectors that have long been free."""
        now = self._clock()
        self.prices.forget_before(self._oldest_start())
        for identity, station in self.stations.items():
            if not self.is_online(identity):
                continue
            async with self._lock(identity):
                for session in ends.forgotten(station, now):
                    plan = await self.pricing.priced(
                        ends.plan_close(station, session, now)
                    )
                    await self._carry_out(station, plan)
                    self._tell_ended(plan.sessions)

    # --- what the alignment of stations asks for -----------------------------------------

    def info_of(self, identity: str) -> StationInfo | None:
        """Return what a station said that it is, also before it was adopted."""
        stranger = self.strangers.get(identity)
        return self.station_of(identity).info or (stranger.info if stranger else None)

    async def keep(self, station: Station, entry: Entry) -> None:
        """Commit an entry and apply it; raises LedgerError."""
        await self.ledger.commit(entries=[entry])
        station.apply_entry(entry)

    def aligned(self, identity: str) -> None:
        """Hear that a station's settings are known."""
        self.limits.renew_all(identity)
        self._listener.station_changed(identity)

    def capabilities(self, identity: str) -> Capabilities:
        """Return what a station has shown that it can do."""
        return capabilities(self.station_of(identity).settings.get("known", {}))

    def move_in(self, house: House) -> None:
        """Take over what the owner changed; only stations concerned notice."""
        before, self.house = self.house, house
        for identity in house.stations:
            self.station_of(identity)
        for identity, link in list(self.links.items()):
            options, had = house.stations.get(identity), before.stations.get(identity)
            if options is None:
                continue
            if had is None:
                self._adopt(link, options)
            elif options.keep_settings != had.keep_settings:
                self._alignment.after_boot(link)
            else:
                self._alignment.tags_soon(link)

    def _adopt(self, link: Link, options: StationOptions) -> None:
        """Let a station take part that belongs here from now on.

        It is asked to boot, for it thinks that it has to wait. One that must have a
        password has not shown it yet, and waits until it comes again.
        """
        if options.password_hash is None:
            self._welcome(link)
            self._alignment.ask_to_boot(link)
