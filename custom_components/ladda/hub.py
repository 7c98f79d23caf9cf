"""The hub: the one place where the rooms are wired together, and to Home Assistant."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack, contextmanager
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
from homeassistant.const import CONF_HOST, CONF_PORT, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, CoreState, Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.event import (
    async_track_time_change,
    async_track_time_interval,
)
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util

from .balances import Balances
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
from .helper_issues import async_miss_helpers, async_miss_no_helpers
from .house import house_of
from .household import House
from .keyring import Keyring
from .known_connectors import KnownConnectors
from .ledger import Ledger, LedgerError, LedgerNewer, LedgerUnusable
from .limit_issues import (
    async_complain_no_more_of_limit,
    async_complain_of_limit,
    async_forget_complaints,
    async_forget_gone,
)
from .passwords import Passwords
from .polling import PACE as POLLING_PACE
from .price_watch import PriceWatch
from .renames import async_follow_renames
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
    balances: Balances
    central: CentralSystem
    _connectors: KnownConnectors
    _price_watch: PriceWatch

    def __init__(self, hass: HomeAssistant, entry: LaddaConfigEntry) -> None:
        """Take what Home Assistant gives."""
        self.hass = hass
        self.entry = entry
        self._keyring = Keyring(hass, entry)
        self._address = _address(entry)
        self._certificate_files = certificate_files(hass, entry.data)
        self._money_and_time = _money_and_time(hass)
        self._tls: ServerTls | None = None
        self.uploads = UploadReceiver(uploads_path(hass), dt_util.utcnow)
        self._taken_over: frozenset[str] = frozenset()
        self._listeners: defaultdict[Any, set[CALLBACK_TYPE]] = defaultdict(set)
        self._event_listeners: set[Callable[[HubEvent], None]] = set()
        self._catching_up: dict[tuple[str, str, int], asyncio.TimerHandle] = {}
        self._stopped = False

    # --- life ------------------------------------------------------------------

    async def async_start(self) -> None:
        """Open the ledger, take up what goes on, and let stations in.

        Raises ConfigEntryError or ConfigEntryNotReady, and leaves nothing open.
        """
        async_forget_waiting(self.hass)  # of before Home Assistant restarted
        self.ledger = await _async_open_ledger(self.hass)
        try:
            async with AsyncExitStack() as undo:
                undo.push_async_callback(self.ledger.close)
                self._wire()
                undo.callback(self._price_watch.stop)
                await self._async_take_up()
                await self._async_prepare_tls()
                await self._async_listen()
                undo.pop_all()
        except LedgerError as err:
            raise _unusable(self.hass, err) from err
        self._begin_housekeeping()

    def _wire(self) -> None:
        """Put the rooms together."""
        self.desk = ChargingDesk(self.ledger, self._house(), self, dt_util.utcnow)
        self.passwords = Passwords(self.desk, self._keyring)
        self.balances = Balances(
            self.ledger, self.currency, lambda user: self._tell(("user", user))
        )
        self._connectors = KnownConnectors(self.desk, self._describe_device)
        self._price_watch = PriceWatch(
            self.hass, self.entry, self.desk, lambda: self._tell(("prices",))
        )
        self.central = CentralSystem(
            self.desk, clock=dt_util.utcnow, uploads=self.uploads
        )

    async def _async_take_up(self) -> None:
        """Take up everything where the ledger left it."""
        await self.desk.restore()
        await self._price_watch.async_look()
        await self._async_count_all()
        self._describe_devices()
        for identity in self.desk.house.stations:
            self._connectors.tell(identity)

    def _begin_housekeeping(self) -> None:
        """Look after the house until the entry is unloaded."""
        self.entry.async_on_unload(partial(async_forget_waiting, self.hass))
        self.entry.async_on_unload(partial(async_forget_complaints, self.hass))
        self.entry.async_on_unload(partial(async_miss_no_helpers, self.hass))
        self.entry.async_on_unload(
            async_follow_renames(self.hass, self.entry, self.desk)
        )
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
        self._price_watch.stop()
        self._connectors.stop()
        for timer in self._catching_up.values():
            timer.cancel()
        self.desk.stop()
        self.uploads.close()
        await self.central.stop()
        await self.balances.close()
        await self.ledger.close()

    async def async_update(self) -> None:
        """Take over what the owner changed, without disturbing any station."""
        before = self.desk.house
        house = self._house()
        self.desk.move_in(house)
        for identity in (*self.desk.links,):
            if identity in house.stations:
                unwanted = not self.desk.is_online(identity)  # it lacks a password
            else:
                unwanted = identity in before.stations or identity in house.turned_away
            if unwanted:
                self.central.drop(identity)
        for identity in before.stations.keys() - house.stations.keys():
            self._connectors.forget(identity)
        self._describe_devices()
        for identity in house.stations.keys() - before.stations.keys():
            self._connectors.look(identity)
        async_forget_known(self.hass, house.directory)
        async_forget_gone(self.hass, self.entry)
        async_miss_helpers(self.hass, self.entry)
        with _or_later("Prices are watched"):
            await self._price_watch.async_look()
        with _or_later("Accounts are added up"):
            await self._async_count_all()
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
        with _or_later("Prices are watched"):  # an ended session may need none any more
            await self._price_watch.async_look()
        async_miss_helpers(self.hass, self.entry)
        if self._tls is not None:
            await async_look_after(self.hass, self._tls)

    async def _async_ask_the_silent(self, _: datetime) -> None:
        """Ask chargers that measure, and do not tell."""
        await self.desk.ask_the_silent()

    async def _async_begin_day(self, _: datetime) -> None:
        """Count anew, for a month may have begun."""
        with _or_later("Accounts are added up"):
            await self._async_count_all()

    async def _async_count_all(self) -> None:
        """Add up everybody's account from the ledger."""
        month_start = dt_util.start_of_local_day().replace(day=1)
        users = {user.id for user in self.desk.house.directory.users}
        await self.balances.begin_month(month_start, users)

    # --- what the desk tells -----------------------------------------------------------

    @callback
    def station_changed(self, identity: str) -> None:
        """A station came, went, or told something new about itself."""
        self._connectors.look(identity)
        self._describe_device(identity)
        self._tell(("station", identity))
        for connector in self._connectors.of(identity):
            self._tell(("connector", identity, connector))

    @callback
    def connector_changed(self, identity: str, connector: int) -> None:
        """Something about a connector, or its session, changed."""
        self._connectors.met(identity, connector)
        self._tell(("connector", identity, connector))
        if connector == 0:
            self._tell(("station", identity))

    @callback
    def meter_read(self, identity: str, connector: int, *, live: bool) -> None:
        """What a connector measures, and what its session took, changed.

        What a station kept while it was away is shown now and then as it comes in.
        """
        self._connectors.met(identity, connector)
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

    async def _async_count(self, users: Collection[str | None]) -> None:
        """Add up accounts."""
        with _or_later("Accounts are added up"):
            await self.balances.count(users)

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
        return self._connectors.listen(tell)

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
        return self._connectors.of(identity)

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
                self._connectors.of(identity),
            )


@contextmanager
def _or_later(what: str) -> Iterator[None]:
    """Go on where the ledger refuses: what was to be done is done another time."""
    try:
        yield
    except LedgerError as err:
        _LOGGER.warning("%s another time: %s", what, err)


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
