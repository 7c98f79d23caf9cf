"""The hub: the one place where the rooms are wired together, and to Home Assistant."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
import logging
from pathlib import Path
from typing import Any, Final, Literal

from homeassistant.config_entries import (
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigEntry,
    ConfigSubentry,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_PORT,
    EVENT_HOMEASSISTANT_STOP,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    CoreState,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.event import (
    async_track_state_change_event,
    async_track_time_change,
    async_track_time_interval,
)
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util

from .billing.rating import RunningRating
from .central_system import CentralSystem, ServerTls, UploadReceiver
from .charging.connector import Connector
from .charging.events import Progress, SecurityEvent
from .charging.model import Authorization, Job
from .charging.open_session import OpenSession
from .charging.session import Session
from .charging.station import Station
from .const import (
    CONF_IDENTITY,
    CONF_TURNED_AWAY,
    DOMAIN,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from .desk import ChargingDesk
from .devices import async_describe_account, async_describe_station
from .house import house_of
from .household import House
from .keyring import Keyring
from .ledger import (
    NOBODY,
    Ledger,
    LedgerError,
    LedgerNewer,
    LedgerUnusable,
    SessionQuery,
    Total,
)
from .limit_issues import (
    async_complain_no_more_of_limit,
    async_complain_of_limit,
    async_forget_complaints,
    async_forget_gone,
)
from .passwords import Passwords
from .polling import PACE as POLLING_PACE
from .price_history import async_known_prices
from .server_certificate import (
    async_complain_no_more,
    async_load_tls,
    async_look_after,
    certificate_files,
)
from .strangers import Stranger
from .unknown_tags import async_ask_whose, async_forget_known, async_forget_waiting

_LOGGER = logging.getLogger(__name__)

type LaddaConfigEntry = ConfigEntry[LaddaHub]

HOUSEKEEPING: Final = timedelta(minutes=1)
# A station tells all its connectors within moments of its boot.
CONNECTORS_SETTLE: Final = 3.0
CATCH_UP_PACE: Final = 1.0  # s, between states that are long over
# Strangers that wait to be adopted; who has many names does not get them all shown.
DISCOVERED: Final = 10
# How a station says that it could not upload a file (OCPP 1.6 §7.24; whitepaper, N01)
UPLOAD_FAILURES: Final = frozenset(
    {
        "upload_failed",
        "upload_failure",
        "bad_message",
        "not_supported_operation",
        "permission_denied",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a user has charged: this month, and ever. Wh, and the house's money.

    Costs are None where nothing has a price; sessions in another currency count
    only by their energy. The `provisional` ones count sessions whose cost may
    still change. A session counts when it has ended, and in the month of its end.
    """

    month_energy_wh: Decimal = Decimal(0)
    month_cost: Decimal | None = None
    month_provisional: int = 0
    total_energy_wh: Decimal = Decimal(0)
    total_cost: Decimal | None = None
    provisional: int = 0
    last_session: Session | None = None


@dataclass(frozen=True, slots=True)
class TagPresented:
    """A tag was held to a station's reader."""

    identity: str
    token: str
    authorization: Authorization
    user: str | None


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A session began or ended."""

    kind: Literal["started", "ended"]
    session: Session


@dataclass(frozen=True, slots=True)
class SecurityNoticed:
    """A station noticed something about its own security."""

    identity: str
    event: SecurityEvent


type HubEvent = TagPresented | SessionEvent | SecurityNoticed


def ledger_path(hass: HomeAssistant) -> Path:
    """Return where the ledger is kept: with Home Assistant's own storage."""
    return Path(hass.config.path(STORAGE_DIR, DOMAIN, "ladda.db"))


def uploads_path(hass: HomeAssistant) -> Path:
    """Return where the files are kept that stations upload."""
    return Path(hass.config.path(STORAGE_DIR, DOMAIN, "uploads"))


def ledger_size(hass: HomeAssistant) -> int:
    """Return how many bytes the ledger takes; reads the disk, so in a thread."""
    path = ledger_path(hass)
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


class LaddaHub:
    """One house: its ledger, its desk, its listener, and who wants to know."""

    ledger: Ledger
    desk: ChargingDesk
    passwords: Passwords

    def __init__(self, hass: HomeAssistant, entry: LaddaConfigEntry) -> None:
        """Take what Home Assistant gives."""
        self.hass = hass
        self.entry = entry
        self.central: CentralSystem | None = None
        self._keyring = Keyring(hass, entry)
        self._address = _address(entry)
        self._certificate_files = certificate_files(hass, entry.data)
        self._money_and_time = _money_and_time(hass)
        self._tls: ServerTls | None = None
        self.uploads = UploadReceiver(uploads_path(hass), dt_util.utcnow)
        self.accounts: dict[str | None, Account] = {}
        self.month_start = dt_util.utcnow()
        self._counting = asyncio.Lock()
        self._watching = asyncio.Lock()
        self._taken_over: frozenset[str] = frozenset()
        self._listeners: defaultdict[Any, set[CALLBACK_TYPE]] = defaultdict(set)
        self._event_listeners: set[Callable[[HubEvent], None]] = set()
        self._connector_listeners: set[Callable[[str, int], None]] = set()
        self._connectors: defaultdict[str, list[int]] = defaultdict(list)
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._catching_up: dict[tuple[str, str, int], asyncio.TimerHandle] = {}
        self._unwatch_prices: CALLBACK_TYPE | None = None
        self._watched: frozenset[str] | None = None
        self._stopped = False

    # --- life ------------------------------------------------------------------

    async def async_start(self) -> None:
        """Open the ledger, take up what goes on, and let stations in.

        Raises ConfigEntryError or ConfigEntryNotReady, and leaves nothing open.
        """
        async_forget_waiting(self.hass)  # of before Home Assistant restarted
        self.ledger = await _async_open_ledger(self.hass)
        try:
            self.desk = ChargingDesk(self.ledger, self._house(), self, dt_util.utcnow)
            self.passwords = Passwords(self.desk, self._keyring)
            await self.desk.restore()
            await self._async_watch_prices()
            await self.async_count_accounts()
            self._describe_devices()
            for identity in self.desk.house.stations:
                self._publish_known(identity)
            self.central = CentralSystem(
                self.desk, clock=dt_util.utcnow, uploads=self.uploads
            )
            await self._async_prepare_tls()
            await self._async_listen()
        except BaseException as err:
            self._stop_watching()
            await self.ledger.close()
            if isinstance(err, LedgerError):
                raise _unusable(self.hass, err) from err
            raise
        self.entry.async_on_unload(partial(async_forget_waiting, self.hass))
        self.entry.async_on_unload(partial(async_forget_complaints, self.hass))
        for work, pace in (
            (self._async_keep_house, HOUSEKEEPING),
            (self._async_ask_the_silent, POLLING_PACE),
        ):
            self.entry.async_on_unload(
                async_track_time_interval(
                    self.hass, work, pace, cancel_on_shutdown=True
                )
            )
        self.entry.async_on_unload(
            async_track_time_change(
                self.hass, self._async_begin_day, hour=0, minute=0, second=0
            )
        )
        self.entry.async_on_unload(
            self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self.async_stop)
        )

    async def _async_prepare_tls(self) -> None:
        """Load the certificate to show to stations, where there is one."""
        if self._certificate_files is None:
            return
        self._tls = await async_load_tls(self.hass, self._certificate_files)
        self.entry.async_on_unload(partial(async_complain_no_more, self.hass))
        await async_look_after(self.hass, self._tls)

    async def _async_listen(self) -> None:
        """Open the port."""
        assert self.central is not None
        host, port = self._address
        try:
            await self.central.start(host or None, port, self._tls)
        except OSError as err:
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key="cannot_listen",
                translation_placeholders={"port": str(port), "error": str(err)},
            ) from err

    async def async_stop(self, _: Event | None = None) -> None:
        """Send the stations away and close the ledger; once is enough."""
        if self._stopped:
            return
        self._stopped = True
        self._stop_watching()
        for timer in (*self._settling.values(), *self._catching_up.values()):
            timer.cancel()
        self.desk.stop()
        self.uploads.close()
        if self.central is not None:
            await self.central.stop()
        async with self._counting:
            await self.ledger.close()

    async def async_update(self) -> None:
        """Take over what the owner changed, without disturbing any station."""
        before = self.desk.house
        house = self._house()
        self.desk.move_in(house)
        if self.central is not None:
            for identity in (*self.desk.links,):
                if identity in house.stations:
                    unwanted = not self.desk.is_online(identity)  # it lacks a password
                else:
                    unwanted = (
                        identity in before.stations or identity in house.turned_away
                    )
                if unwanted:
                    self.central.drop(identity)
        for identity in before.stations.keys() - house.stations.keys():
            self._connectors.pop(identity, None)
        self._describe_devices()
        for identity in house.stations.keys() - before.stations.keys():
            self._publish_connectors(identity)
        async_forget_known(self.hass, house.directory)
        async_forget_gone(self.hass, self.entry)
        await self._async_watch_prices()
        await self.async_count_accounts()
        self._tell(("house",))

    @property
    def is_outdated(self) -> bool:
        """Whether stations are to connect otherwise, or money or midnight is another."""
        files = certificate_files(self.hass, self.entry.data)
        return (
            _address(self.entry) != self._address
            or files != self._certificate_files
            or _money_and_time(self.hass) != self._money_and_time
        )

    def _house(self) -> House:
        """Read the house as it is set up now."""
        self._taken_over = frozenset(self.entry.subentries)
        return house_of(self.entry, self.hass.config.currency)

    async def _async_keep_house(self, _: datetime) -> None:
        """Look after what nobody reports: what is over, a renewed certificate."""
        await self.desk.close_forgotten()
        await self.desk.reservations.end_expired()
        await self._async_watch_prices()  # an ended session may need none any more
        if self._tls is not None:
            await async_look_after(self.hass, self._tls)

    async def _async_ask_the_silent(self, _: datetime) -> None:
        """Ask chargers that measure, and do not tell."""
        await self.desk.ask_the_silent()

    async def _async_begin_day(self, _: datetime) -> None:
        """Count anew, for a month may have begun."""
        await self.async_count_accounts()

    # --- prices --------------------------------------------------------------------

    async def _async_watch_prices(self) -> None:
        """Watch the helpers that tariffs and open sessions take their prices from."""
        async with self._watching:
            wanted = self.desk.price_helpers()
            if wanted != self._watched:
                await self._async_watch(wanted)

    async def _async_watch(self, wanted: frozenset[str]) -> None:
        """Watch these helpers and no others; look back where a gap is."""
        gaps = await self.desk.watch_prices(
            wanted, await self.ledger.last_received_at()
        )
        self._stop_watching()  # not before: prices may have changed meanwhile
        self._unwatch_prices = async_track_state_change_event(
            self.hass, wanted, self._on_price_change
        )
        self._watched = wanted
        now = dt_util.utcnow()
        for entity in wanted:
            if (state := self.hass.states.get(entity)) is not None:
                await self._async_observe(state, now)
        for entity, since in gaps.items():
            self.entry.async_create_background_task(
                self.hass,
                self._async_look_back(entity, since, now),
                f"{DOMAIN} prices of {entity}",
            )

    def _stop_watching(self) -> None:
        """Watch no helper any more."""
        self._watched = None
        if self._unwatch_prices is not None:
            self._unwatch_prices()
            self._unwatch_prices = None

    @callback
    def _on_price_change(self, event: Event[EventStateChangedData]) -> None:
        """A helper shows another price."""
        if event.data["entity_id"] not in self.desk.prices.watched:
            return  # it has just been left
        state = event.data["new_state"]
        if state is None:
            gone = State(event.data["entity_id"], STATE_UNAVAILABLE)
            at = event.time_fired
        else:
            gone, at = state, state.last_updated
        self.entry.async_create_task(
            self.hass,
            self._async_observe(gone, at),
            f"{DOMAIN} price",
            eager_start=True,
        )

    async def _async_observe(self, state: State, at: datetime) -> None:
        """Note what a helper shows."""
        shown = (
            None if state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN) else state.state
        )
        unit = state.attributes.get("unit_of_measurement")
        if await self.desk.prices.observe(state.entity_id, at, shown, unit):
            await self._async_price_again()
        self._tell(("prices",))

    async def _async_look_back(
        self, entity: str, since: datetime, until: datetime
    ) -> None:
        """Fill a gap with what the recorder knows of it."""
        fills = await async_known_prices(self.hass, entity, since, until)
        await self.desk.prices.fill(entity, fills, until)
        await self._async_price_again()

    async def _async_price_again(self) -> None:
        """Price everything again that can be, for a price of the past is known."""
        self.desk.pricing.count_again()
        for identity, station in self.desk.stations.items():
            for opened in station.open.values():
                self.connector_changed(identity, opened.session.connector)
        await self.desk.accounts.rate_again()

    # --- accounts --------------------------------------------------------------------

    async def async_count_accounts(self) -> None:
        """Add up everybody's account from the ledger."""
        self.month_start = dt_util.start_of_local_day().replace(day=1)
        await self._async_count({None, *await self.ledger.users(), *self._users()})

    def _users(self) -> set[str]:
        """Return the users who live here, by id."""
        return {user.id for user in self.desk.house.directory.users}

    async def _async_count(self, users: Collection[str | None]) -> None:
        """Add up accounts and tell of them."""
        async with self._counting:
            for user in users:
                if self._stopped:
                    return
                self.accounts[user] = await self._async_account(user)
        for user in users:
            self._tell(("user", user))

    async def _async_account(self, user: str | None) -> Account:
        """Add up one user's account."""
        whose = user or NOBODY
        since = dt_util.as_utc(self.month_start)
        ever = await self.ledger.totals(user=whose)
        month = await self.ledger.totals(user=whose, since=since)
        query = SessionQuery(user=whose, open=False, limit=1)
        newest = await self.ledger.sessions(query)
        return Account(
            month_energy_wh=sum((total.energy_wh for total in month), Decimal(0)),
            month_cost=self._cost(month),
            month_provisional=sum(total.provisional for total in month),
            total_energy_wh=sum((total.energy_wh for total in ever), Decimal(0)),
            total_cost=self._cost(ever),
            provisional=sum(total.provisional for total in ever),
            last_session=newest[0] if newest else None,
        )

    def _cost(self, totals: Iterable[Total]) -> Decimal | None:
        """Add up the costs that are in the house's currency; None: there are none."""
        costs = [total.cost for total in totals if total.currency == self.currency]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if known else None

    def account(self, user: str | None) -> Account:
        """Return a user's account."""
        return self.accounts.get(user, Account())

    # --- what the desk tells -----------------------------------------------------------

    @callback
    def station_changed(self, identity: str) -> None:
        """A station came, went, or told something new about itself."""
        self._publish_connectors(identity)
        self._describe_device(identity)
        self._tell(("station", identity))
        for connector in self._connectors[identity]:
            self._tell(("connector", identity, connector))

    @callback
    def connector_changed(self, identity: str, connector: int) -> None:
        """Something about a connector, or its session, changed."""
        if connector not in self._connectors[identity]:
            self._publish_connectors(identity)
        self._tell(("connector", identity, connector))
        if connector == 0:
            self._tell(("station", identity))

    @callback
    def meter_read(self, identity: str, connector: int, *, live: bool) -> None:
        """What a connector measures, and what its session took, changed.

        What a station kept while it was away is shown now and then as it comes in.
        """
        if connector not in self._connectors[identity]:
            self._publish_connectors(identity)
        topic = ("meter", identity, connector)
        if live:
            self._tell(topic)
        elif topic not in self._catching_up:
            self._catching_up[topic] = self.hass.loop.call_later(
                CATCH_UP_PACE, self._catch_up, topic
            )

    @callback
    def _catch_up(self, topic: tuple[str, str, int]) -> None:
        """Show what has come in meanwhile."""
        del self._catching_up[topic]
        self._tell(topic)

    @callback
    def limit_ignored(
        self, identity: str, connector: int, limit_a: Decimal | None
    ) -> None:
        """A connector draws more than its limit, A per phase; None: no longer."""
        if (subentry := self.subentry_id(identity)) is None:
            return
        if limit_a is None:
            async_complain_no_more_of_limit(self.hass, subentry, connector)
            return
        station = self.desk.house.stations[identity].name
        async_complain_of_limit(self.hass, subentry, station, connector, limit_a)

    @callback
    def session_started(self, session: Session) -> None:
        """A session began."""
        self._tell_event(SessionEvent("started", session))

    @callback
    def session_ended(self, session: Session) -> None:
        """A session ended."""
        self._tell_event(SessionEvent("ended", session))

    @callback
    def accounts_changed(self, users: Collection[str | None]) -> None:
        """What users owe changed."""
        self.entry.async_create_task(
            self.hass, self._async_count(users), f"{DOMAIN} accounts"
        )

    @callback
    def token_presented(
        self, identity: str, token: str, authorization: Authorization, user: str | None
    ) -> None:
        """Somebody held a tag to a reader; an unknown one can be given to a user."""
        self._tell_event(TagPresented(identity, token, authorization, user))
        if authorization is not Authorization.INVALID or not token:
            return
        station = self.desk.house.stations[identity].name
        async_ask_whose(self.hass, self.entry, token, station)

    @callback
    def progressed(self, identity: str, progress: Progress) -> None:
        """A station tells how far a long job has come."""
        if progress.job is not Job.FIRMWARE and progress.status in UPLOAD_FAILURES:
            self.uploads.give_up(identity, progress.status)
        self._tell(("station", identity))

    @callback
    def security_noticed(self, identity: str, event: SecurityEvent) -> None:
        """A station noticed something about its own security."""
        self._tell_event(SecurityNoticed(identity, event))

    @callback
    def password_shown(self, identity: str, password_hash: str) -> None:
        """A station showed a password that it was given: from now on it has to."""
        self._keyring.demand(identity, password_hash)

    @callback
    def stranger_seen(self, stranger: Stranger) -> None:
        """A station asks to be adopted: it appears among the discovered devices.

        It asks again and again, so that it is seen when there is room.
        """
        discovered = self.hass.config_entries.flow.async_progress_by_handler(
            DOMAIN,
            include_uninitialized=True,
            match_context={"source": SOURCE_INTEGRATION_DISCOVERY},
        )
        if self.hass.state is not CoreState.running or len(discovered) >= DISCOVERED:
            return
        discovery_flow.async_create_flow(
            self.hass,
            DOMAIN,
            {"source": SOURCE_INTEGRATION_DISCOVERY},
            {
                CONF_IDENTITY: stranger.identity,
                "vendor": stranger.info.vendor,
                "model": stranger.info.model,
                "serial": stranger.info.serial,
                "address": stranger.remote,
            },
            discovery_key=discovery_flow.DiscoveryKey(
                domain=DOMAIN, key=stranger.identity, version=1
            ),
        )

    def turn_away(self, identity: str) -> None:
        """Let a stranger in no more, until the owner changes their mind."""
        turned_away = {*self.entry.options.get(CONF_TURNED_AWAY, ()), identity}
        self.hass.config_entries.async_update_entry(
            self.entry,
            options={**self.entry.options, CONF_TURNED_AWAY: sorted(turned_away)},
        )

    # --- who wants to know -------------------------------------------------------------

    @callback
    def async_listen(self, topic: Any, update: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `update` whenever a topic changes; return how to stop that.

        Topics: ("station", identity), ("connector", identity, number), ("meter",
        identity, number) for what that measures, ("user", id), ("prices",) for what
        helpers show, ("house",) for what the owner set up.
        """
        listeners = self._listeners[topic]
        listeners.add(update)

        @callback
        def stop() -> None:
            listeners.discard(update)

        return stop

    @callback
    def async_listen_events(self, tell: Callable[[HubEvent], None]) -> CALLBACK_TYPE:
        """Call `tell` with what happens once: tags presented, sessions begun and ended."""
        self._event_listeners.add(tell)

        @callback
        def stop() -> None:
            self._event_listeners.discard(tell)

        return stop

    @callback
    def async_listen_connectors(
        self, tell: Callable[[str, int], None]
    ) -> CALLBACK_TYPE:
        """Call `tell` with every connector that there is and that will be."""
        for identity, numbers in self._connectors.items():
            for number in numbers:
                tell(identity, number)
        self._connector_listeners.add(tell)

        @callback
        def stop() -> None:
            self._connector_listeners.discard(tell)

        return stop

    def _tell(self, topic: Any) -> None:
        """Tell who listens to a topic."""
        for update in tuple(self._listeners.get(topic, ())):
            update()

    def _tell_event(self, event: HubEvent) -> None:
        """Tell who listens to events."""
        for tell in tuple(self._event_listeners):
            tell(event)

    # --- what is where -----------------------------------------------------------------

    def station(self, identity: str) -> Station:
        """Return what is known of a station."""
        return self.desk.stations[identity]

    def connector(self, identity: str, number: int) -> Connector:
        """Return what is known of a connector."""
        return self.desk.stations[identity].connector(number)

    def connectors(self, identity: str) -> list[int]:
        """Return the numbers of the connectors that have been published."""
        return list(self._connectors[identity])

    @property
    def currency(self) -> str:
        """The house's currency, ISO 4217."""
        return self.hass.config.currency

    def subentries(self, kind: str) -> list[ConfigSubentry]:
        """Return the subentries of a kind that have been taken over."""
        return [
            subentry
            for subentry in self.entry.get_subentries_of_type(kind)
            if subentry.subentry_id in self._taken_over
        ]

    def subentry(self, identity: str) -> ConfigSubentry | None:
        """Return a station's subentry."""
        return next(
            (
                subentry
                for subentry in self.subentries(SUBENTRY_STATION)
                if subentry.data[CONF_IDENTITY] == identity
            ),
            None,
        )

    def subentry_id(self, identity: str) -> str | None:
        """Return the id of a station's subentry."""
        subentry = self.subentry(identity)
        return subentry.subentry_id if subentry else None

    def running_cost(self, opened: OpenSession) -> RunningRating | None:
        """Return what an open session has cost so far."""
        return self.desk.pricing.running(opened)

    @callback
    def _publish_connectors(self, identity: str) -> None:
        """Make a station's connectors known, once it is clear how many there are."""
        if identity not in self.desk.house.stations:
            return
        told = self.desk.capabilities(identity).connectors
        if told or self._connectors[identity]:
            self._publish_known(identity)
        elif identity not in self._settling and self._known_connectors(identity):
            self._settling[identity] = self.hass.loop.call_later(
                CONNECTORS_SETTLE, self._publish_settled, identity
            )

    @callback
    def _publish_settled(self, identity: str) -> None:
        """Publish the connectors that a station has told of meanwhile."""
        del self._settling[identity]
        if identity in self.desk.house.stations:
            self._publish_known(identity)

    def _known_connectors(self, identity: str) -> set[int]:
        """Return the connectors that a station has used or says that it has.

        They are numbered from 1 (OCPP 1.6 §3.8): once its settings have been read, a
        station has that one, whatever it says.
        """
        station = self.station(identity)
        least = 1 if station.settings else 0
        told = self.desk.capabilities(identity).connectors or least
        seen = {number for number in station.connectors if number}
        return seen | set(range(1, min(told, 16) + 1))

    @callback
    def _publish_known(self, identity: str) -> None:
        """Publish all connectors that are known now."""
        self._publish(identity, self._known_connectors(identity))

    @callback
    def _publish(self, identity: str, numbers: Iterable[int]) -> None:
        """Tell of connectors that are new."""
        known = self._connectors[identity]
        fresh = sorted(set(numbers) - set(known))
        if not fresh:
            return
        known.extend(fresh)
        self._describe_device(identity)
        for number in fresh:
            for tell in tuple(self._connector_listeners):
                tell(identity, number)

    @callback
    def _describe_devices(self) -> None:
        """Keep the devices of everybody and everything in the house."""
        for identity in self.desk.house.stations:
            self._describe_device(identity)
        for kind in (SUBENTRY_USER, SUBENTRY_TARIFF):
            for subentry in self.subentries(kind):
                async_describe_account(self.hass, self.entry, subentry)

    @callback
    def _describe_device(self, identity: str) -> None:
        """Keep a station's device, and one for each of several connectors."""
        if (subentry := self.subentry(identity)) is not None:
            async_describe_station(
                self.hass,
                self.entry,
                subentry,
                self.desk.stations[identity].info,
                self._connectors[identity],
            )


def _address(entry: LaddaConfigEntry) -> tuple[str, int]:
    """Return the address (empty: all) and the port that stations connect to."""
    return entry.data.get(CONF_HOST, ""), entry.data[CONF_PORT]


def _money_and_time(hass: HomeAssistant) -> tuple[str, str]:
    """Return what accounts are kept in: the currency and the time zone."""
    return hass.config.currency, hass.config.time_zone


async def _async_open_ledger(hass: HomeAssistant) -> Ledger:
    """Open the ledger; say what to do where that cannot be."""
    path = ledger_path(hass)
    try:
        return await Ledger.open(path)
    except LedgerNewer as err:
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="ledger_newer",
            translation_placeholders={"path": str(path)},
        ) from err
    except LedgerUnusable as err:
        raise _unusable(hass, err) from err


def _unusable(hass: HomeAssistant, err: LedgerError) -> ConfigEntryError:
    """Say what to do where the ledger cannot be opened, or not be read."""
    return ConfigEntryError(
        translation_domain=DOMAIN,
        translation_key="ledger_unusable",
        translation_placeholders={"path": str(ledger_path(hass)), "error": str(err)},
    )
