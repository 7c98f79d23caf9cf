"""The desk: what stations report is decided on, kept, and made known.

Everything of one station goes through in its order: a plan is made, committed
to the ledger, applied, and only then answered (the first promise of the
design). The desk knows no Home Assistant; `hub` tells it who lives in the
house and listens to what happens.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
import itertools
import logging
from typing import Final, Protocol

from .accounts import Accounts
from .admittance import admittance
from .alignment import Alignment
from .auto_start import AutoStart
from .billing.tariffs import Tariff
from .central_system import (
    Admission,
    Disconnected,
    Link,
    NotStored,
    Verdict,
    capabilities,
)
from .charging import ends, metering, reports, starts
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
from .charging.journal import Entry, Kind
from .charging.model import Authorization, Capabilities, Registration, StationInfo
from .charging.open_session import OpenSession
from .charging.plan import Plan
from .charging.session import Closing, Session
from .charging.station import RESTORED, Station
from .household import House, StationOptions
from .ledger import Ledger, LedgerError, SessionQuery
from .limits import Limits
from .polling import Polling
from .pricing import Pricing, energy_entries
from .remote_charging import RemoteCharging
from .reservations import Reservations
from .strangers import Stranger, Strangers

_LOGGER = logging.getLogger(__name__)

HEARTBEAT_S: Final = 300
STRANGER_INTERVAL_S: Final = 30
# What a station needs to come to itself after it booted.
SETTLE: Final = 2.0
BOOT_STORM: Final = timedelta(minutes=10)
BOOTS_COUNTED: Final = 20  # the wait is as long as it gets long before


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

    def password_shown(self, identity: str, password_hash: str) -> None:
        """A station showed a password that it was given, for the first time."""

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
        self.strangers = Strangers(listener.stranger_seen)
        self.links: dict[str, Link] = {}
        self._listener = listener
        self._clock = clock
        self._alignment = Alignment(self, clock, settle)
        self._polling = Polling(self, clock)
        self.limits = Limits(self, listener, clock, settle)
        self.remote = RemoteCharging(self, clock)
        self._auto_start = AutoStart(self.remote.start)
        self.reservations = Reservations(self, listener, clock)
        self.accounts = Accounts(self, ledger, self.pricing, listener, clock)
        self._ids = itertools.count(1)
        self._locks: dict[str, asyncio.Lock] = {}
        self._boots = defaultdict[str, deque[datetime]](
            partial(deque, maxlen=BOOTS_COUNTED)
        )
        self._failing = False  # whether the ledger refuses, which is told once

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
        self, entities: frozenset[str], watched_until: datetime | None
    ) -> dict[str, datetime]:
        """Watch these price helpers and no others; return the gaps' beginnings.

        Running costs of open sessions are counted from then on.
        """
        since = self._oldest_start()
        gaps = {}
        for entity in self.prices.watched - entities:
            await self.prices.leave(entity, self._clock())
        for entity in entities - self.prices.watched:
            gap = await self.prices.open(entity, since, watched_until)
            if gap is not None:
                gaps[entity] = gap
        self.pricing.count_again()
        return gaps

    def _oldest_start(self) -> datetime:
        """Return since when prices are needed at hand."""
        return min(
            (opened.session.started_at for opened in self.pricing.going_on()),
            default=self._clock(),
        )

    def price_helpers(self) -> frozenset[str]:
        """Return the helpers that tariffs and open sessions take their prices from."""
        tariffs = [
            *self.house.tariffs.values(),
            *(
                Tariff.from_data(opened.session.tariff)
                for opened in self.pricing.going_on()
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
            return Admission(
                Verdict.KNOWN, options.password_hash, options.new_password_hashes
            )
        if identity in self.house.turned_away:
            return Admission(Verdict.TURNED_AWAY)
        return Admission(Verdict.STRANGER)

    def password_shown(self, identity: str, password_hash: str) -> None:
        """Make known that a station showed a password that it was given."""
        self._listener.password_shown(identity, password_hash)

    def connected(self, link: Link) -> None:
        """Take note of a station that came in."""
        self.links[link.identity] = link
        if link.identity in self.house.stations:
            self._welcome(link)
            self._alignment.after_connecting(link)
        else:
            self.strangers.came(link)

    def disconnected(self, link: Link) -> None:
        """Take note of a station that went, unless it has come again already.

        What was being done with it ends by itself, for it notes what made it go.
        """
        if self.links.get(link.identity) is not link:
            return
        del self.links[link.identity]
        self.strangers.went(link.identity)
        if link.identity in self.house.stations:
            self._listener.station_changed(link.identity)

    def _welcome(self, link: Link) -> None:
        """Let a station of the house take part."""
        self.strangers.wait_no_more(link.identity)
        link.registration = Registration.ACCEPTED
        self.station_of(link.identity).come_back(self._clock())
        self._listener.station_changed(link.identity)

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
        """Decide on an event, keep it and answer it.

        Raises NotStored where the ledger refuses, and nothing has happened.
        """
        if self._takes_part(link):
            async with self.lock(link.identity):
                if self._takes_part(link):  # it may have been removed meanwhile
                    try:
                        return await self._decide(link, event)
                    except LedgerError as err:
                        if not self._failing:
                            _LOGGER.error("The ledger cannot be used: %s", err)
                        self._failing = True
                        raise NotStored from err
        return self._meet(link, event)

    def _takes_part(self, link: Link) -> bool:
        """Tell whether a station is of the house, and accepted."""
        return (
            link.identity in self.house.stations
            and link.registration is Registration.ACCEPTED
        )

    async def _decide(self, link: Link, event: StationEvent) -> Decision:
        """Decide on an event of a station whose turn it is."""
        station, now = self.station_of(link.identity), self._clock()
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
        self.strangers.show(link, event.info)
        return Registered(Registration.PENDING, STRANGER_INTERVAL_S)

    async def _on_boot(
        self, link: Link, station: Station, event: Booted, now: datetime
    ) -> Registered:
        """A known station booted."""
        await self.make_so(station, reports.plan_boot(station, event, now))
        station.info, station.booted_at = event.info, now  # also where it is not kept
        boots = self._boots[station.identity]
        boots.append(now)
        recent = sum(now - at < BOOT_STORM for at in boots)
        self._alignment.after_boot(link, recent)
        self.strangers.went(station.identity)
        self._listener.station_changed(station.identity)
        return Registered(Registration.ACCEPTED, HEARTBEAT_S)

    async def _on_status(
        self, station: Station, event: StatusReported, now: datetime
    ) -> None:
        """A connector tells its status."""
        connector = station.connector(event.connector)
        before = connector.status
        await self.make_so(station, reports.plan_status(station, event, now))
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
                await self.make_so(station, plan)
                self._listener.progressed(station.identity, event)
            case SecurityEvent():
                plan = reports.plan_security_event(station, event, now)
                await self.make_so(station, plan)
                if plan.entries:
                    self._listener.security_noticed(station.identity, event)
            case CertificateRequested():
                plan = reports.plan_certificate_request(station, event, now)
                await self.make_so(station, plan)
        return plan.decision

    def _on_token(self, station: Station, token: str, now: datetime) -> Authorized:
        """Somebody held a tag to a reader."""
        admitted = admittance(self.house, station.identity, token, now)
        data = {
            "token": token,
            "authorization": admitted.authorization,
            "user": admitted.user,
        }
        self.ledger.post([station.entry(Kind.TOKEN, now, now, data)])
        self._listener.token_presented(
            station.identity, token, admitted.authorization, admitted.user
        )
        return Authorized(admitted.authorization, admitted.until, admitted.group)

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
            group = self.house.directory.group(known.token or "")
            return starts.started_again(known, group)
        able = self.capabilities(station.identity)
        connector = starts.place(station, event, able.connectors)
        in_use = [
            opened.session.token or ""
            for identity in self.house.stations
            for opened in self.stations[identity].open.values()
            if opened.session.authorization is Authorization.ACCEPTED
            and (identity, opened.session.connector) != (station.identity, connector)
        ]
        plan = starts.plan_start(
            station,
            event,
            connector,
            now,
            next(self._ids),
            lambda at, asked: admittance(
                self.house, station.identity, event.token, at, asked, in_use
            ),
        )
        plan = await self.pricing.priced(plan)
        *ended, session = plan.sessions
        await self.pricing.have_prices_for(session)
        await self.make_so(station, plan)
        self._tell_ended(ended)
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
                and not ends.is_of_another(station, event, session, now)
            ):
                if ends.stopped_again(event, session):
                    return
                if session.closing is Closing.REPORTED:
                    link.note("a second stop that contradicts the first")
                    plan = ends.plan_second_stop(station, event, session, now)
                    await self.make_so(station, plan)
                    return
                entries = await energy_entries(self.ledger, [session])
                opened = OpenSession.of(session, entries[session.id])
        if opened is None:
            link.note("a stop of an unknown transaction")
            await self.make_so(station, ends.plan_orphan_stop(station, event, now))
            return
        plan = await self.pricing.priced(ends.plan_stop(station, event, opened, now))
        await self.make_so(station, plan)
        self._tell_ended(plan.sessions)

    def _tell_ended(self, sessions: Iterable[Session]) -> None:
        """Make ended sessions known."""
        for session in sessions:
            self.pricing.forget(session.id)
            self.limits.ended(session.station, session.connector)
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
        await self.make_so(station, plan)
        live = station.take_live(connector, values, now)
        if live:
            self.limits.look(station, connector, values, now)
        self._listener.meter_read(station.identity, connector, live=live)

    # --- what is looked after ----------------------------------------------------------

    async def ask_the_silent(self) -> None:
        """Ask for meter values of sessions of which nothing is heard."""
        await self._polling.ask_the_silent()

    async def close_forgotten(self) -> None:
        """Close sessions of whose ends no station will tell.

        What cannot be kept now is closed another time.
        """
        self.prices.forget_before(self._oldest_start())
        with suppress(LedgerError):  # they wait until it takes them
            await self.prices.keep()
        for station in tuple(self.stations.values()):
            try:
                await self._close_forgotten_at(station)
            except LedgerError as err:
                _LOGGER.debug("%s: closed another time: %r", station.identity, err)

    async def _close_forgotten_at(self, station: Station) -> None:
        """Close a station's sessions of whose ends it will not tell."""
        async with self.lock(station.identity):
            now = self._clock()
            for session in self._forgotten(station, now):
                await self._close(station, session, now)

    async def close_session(self, session: Session) -> None:
        """Close a session whose station does not tell its end, if it still goes on.

        Raises LedgerError.
        """
        station = self.station_of(session.station)
        async with self.lock(station.identity):
            if session.id in station.open:
                await self._close(station, session.id, self._clock())

    async def _close(self, station: Station, session: int, now: datetime) -> None:
        """Close a session with what is known of it; raises LedgerError."""
        plan = await self.pricing.priced(ends.plan_close(station, session, now))
        await self.make_so(station, plan)
        self._tell_ended(plan.sessions)

    def _forgotten(self, station: Station, now: datetime) -> list[int]:
        """Find the sessions on connectors that are long free, or were removed."""
        if station.identity not in self.house.stations:
            return ends.deserted(station, now)
        if self.is_online(station.identity):
            return ends.forgotten(station, now)
        return []

    # --- what its parts ask for ----------------------------------------------------------

    def lock(self, identity: str) -> asyncio.Lock:
        """Return the lock that keeps a station's affairs in order."""
        self.station_of(identity)
        return self._locks[identity]

    def info_of(self, identity: str) -> StationInfo | None:
        """Return what a station said that it is, also before it was adopted."""
        return self.station_of(identity).info or self.strangers.info_of(identity)

    async def keep(self, station: Station, entry: Entry) -> None:
        """Commit an entry and apply it; raises LedgerError."""
        await self.ledger.commit(entries=[entry])
        station.apply_entry(entry)

    async def make_so(self, station: Station, plan: Plan) -> None:
        """Keep a plan, then make it so; raises LedgerError, and nothing has happened."""
        if plan.lasting:
            await self.ledger.commit(entries=plan.entries, sessions=plan.sessions)
            if self._failing:
                _LOGGER.info("The ledger can be used again")
                self._failing = False
        elif plan.entries:
            self.ledger.post(plan.entries)
        station.apply(plan)

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
            elif options.password_hash not in (
                None,
                had.password_hash,
                *had.new_password_hashes,
            ):
                link.registration = Registration.PENDING  # until it has shown it
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
