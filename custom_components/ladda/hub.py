"""The hub: the one place where the rooms are wired together, and to Home Assistant."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
import logging
from pathlib import Path
from typing import Any, Final, Literal

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigEntry
from homeassistant.const import (
    CONF_HOST,
    CONF_PORT,
    EVENT_HOMEASSISTANT_STOP,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import (
    device_registry as dr,
    discovery_flow,
    issue_registry as ir,
)
from homeassistant.helpers.event import (
    async_track_state_change_event,
    async_track_time_interval,
)
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util

from .billing.rating import RunningRating
from .central_system import CentralSystem
from .charging.model import Authorization
from .charging.session import Session
from .charging.station import Connector, Station
from .const import CONF_IDENTITY, CONF_TURNED_AWAY, DOMAIN, SUBENTRY_STATION
from .desk import ChargingDesk, House, Stranger
from .house import house_of
from .ledger import Ledger, LedgerNewer, LedgerUnusable, SessionQuery
from .price_history import async_known_prices

_LOGGER = logging.getLogger(__name__)

type LaddaConfigEntry = ConfigEntry[LaddaHub]

HOUSEKEEPING: Final = timedelta(minutes=1)
# A station tells all its connectors within moments of its boot.
CONNECTORS_SETTLE: Final = 3.0
UNKNOWN_TAG_ISSUES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a user has charged: this month, and ever. Wh, and money in `currency`.

    Costs are None where nothing has a price. `provisional` counts sessions whose
    cost may still change.
    """

    month_energy_wh: Decimal = Decimal(0)
    month_cost: Decimal | None = None
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


type HubEvent = TagPresented | SessionEvent


def ledger_path(hass: HomeAssistant) -> Path:
    """Return where the ledger is kept: with Home Assistant's own storage."""
    return Path(hass.config.path(STORAGE_DIR, DOMAIN, "ladda.db"))


class LaddaHub:
    """One house: its ledger, its desk, its listener, and who wants to know."""

    ledger: Ledger
    desk: ChargingDesk

    def __init__(self, hass: HomeAssistant, entry: LaddaConfigEntry) -> None:
        """Take what Home Assistant gives."""
        self.hass = hass
        self.entry = entry
        self.central: CentralSystem | None = None
        self.accounts: dict[str | None, Account] = {}
        self._listeners: defaultdict[Any, set[CALLBACK_TYPE]] = defaultdict(set)
        self._event_listeners: set[Callable[[HubEvent], None]] = set()
        self._connector_listeners: set[Callable[[str, int], None]] = set()
        self._connectors: defaultdict[str, list[int]] = defaultdict(list)
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._unwatch_prices: CALLBACK_TYPE | None = None
        self._watched: frozenset[str] = frozenset()
        self._stopped = False

    # --- life ------------------------------------------------------------------

    async def async_start(self) -> None:
        """Open the ledger, take up what goes on, and let stations in.

        Raises ConfigEntryError or ConfigEntryNotReady, and leaves nothing open.
        """
        self.ledger = await _async_open_ledger(self.hass)
        try:
            self.desk = ChargingDesk(self.ledger, self._house(), self, dt_util.utcnow)
            await self.desk.restore()
            await self._async_watch_prices()
            await self.async_count_accounts()
            for identity in self.desk.house.stations:
                self._publish_connectors(identity)
            self.central = CentralSystem(self.desk, clock=dt_util.utcnow)
            await self._async_listen()
        except BaseException:
            self._stop_watching()
            await self.ledger.close()
            raise
        self.entry.async_on_unload(
            async_track_time_interval(
                self.hass,
                self._async_keep_house,
                HOUSEKEEPING,
                cancel_on_shutdown=True,
            )
        )
        self.entry.async_on_unload(
            self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self.async_stop)
        )

    async def _async_listen(self) -> None:
        """Open the port."""
        assert self.central is not None
        host, port = self.entry.data.get(CONF_HOST), self.entry.data[CONF_PORT]
        try:
            await self.central.start(host or None, port)
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
        for timer in self._settling.values():
            timer.cancel()
        self.desk.stop()
        if self.central is not None:
            await self.central.stop()
        await self.ledger.close()

    async def async_update(self) -> None:
        """Take over what the owner changed, without disturbing any station."""
        before = self.desk.house
        house = self._house()
        self.desk.move_in(house)
        if self.central is not None:
            for identity in (*self.desk.links,):
                gone = identity in before.stations and identity not in house.stations
                if gone or identity in house.turned_away:
                    self.central.drop(identity)
        for identity in before.stations.keys() - house.stations.keys():
            self._connectors.pop(identity, None)
        for identity in house.stations.keys() - before.stations.keys():
            self._publish_connectors(identity)
        await self._async_watch_prices()
        await self.async_count_accounts()

    def _house(self) -> House:
        """Read the house as it is set up now."""
        return house_of(self.entry, self.hass.config.currency)

    async def _async_keep_house(self, _: datetime) -> None:
        """Look after what nobody reports: forgotten sessions, prices known late."""
        await self.desk.close_forgotten()

    # --- prices --------------------------------------------------------------------

    async def _async_watch_prices(self) -> None:
        """Watch the helpers that tariffs take their prices from."""
        wanted = self.desk.price_helpers()
        if wanted == self._watched:
            return
        self._stop_watching()
        self._watched = wanted
        gaps = await self.desk.watch_prices(
            wanted, await self.ledger.last_received_at()
        )
        if wanted:
            self._unwatch_prices = async_track_state_change_event(
                self.hass, wanted, self._on_price_change
            )
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
        if self._unwatch_prices is not None:
            self._unwatch_prices()
            self._unwatch_prices = None

    @callback
    def _on_price_change(self, event: Event[EventStateChangedData]) -> None:
        """A helper shows another price."""
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
        await self.desk.prices.observe(state.entity_id, at, shown, unit)

    async def _async_look_back(
        self, entity: str, since: datetime, until: datetime
    ) -> None:
        """Fill a gap with what the recorder knows of it."""
        fills = await async_known_prices(self.hass, entity, since, until)
        await self.desk.prices.fill(entity, fills, until)
        self.desk.count_again()
        await self.desk.rate_again()

    # --- accounts --------------------------------------------------------------------

    async def async_count_accounts(self) -> None:
        """Add up all users' accounts from the ledger."""
        month = dt_util.start_of_local_day().replace(day=1)
        ever = await self.ledger.totals()
        this_month = await self.ledger.totals(since=dt_util.as_utc(month))
        users: set[str | None] = {None, *(total.user for total in ever)}
        users |= {user.id for user in self.desk.house.directory.users}
        for user in users:
            newest = (
                await self.ledger.sessions(SessionQuery(user=user, limit=1))
                if user
                else []
            )
            mine = [total for total in ever if total.user == user]
            months = [total for total in this_month if total.user == user]
            self.accounts[user] = Account(
                month_energy_wh=sum((total.energy_wh for total in months), Decimal(0)),
                month_cost=_sum(total.cost for total in months),
                total_energy_wh=sum((total.energy_wh for total in mine), Decimal(0)),
                total_cost=_sum(total.cost for total in mine),
                provisional=sum(total.provisional for total in mine),
                last_session=newest[0] if newest else None,
            )
            self._tell(("user", user))

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
            self.hass, self.async_count_accounts(), f"{DOMAIN} accounts"
        )

    @callback
    def token_presented(
        self, identity: str, token: str, authorization: Authorization, user: str | None
    ) -> None:
        """Somebody held a tag to a reader; an unknown one can be given to a user."""
        self._tell_event(TagPresented(identity, token, authorization, user))
        if authorization is not Authorization.INVALID or not token:
            return
        issue_id = f"unknown_tag_{token}"
        issues = ir.async_get(self.hass).issues
        waiting = [
            key
            for domain, key in issues
            if domain == DOMAIN and key.startswith("unknown_tag_")
        ]
        if issue_id not in waiting and len(waiting) >= UNKNOWN_TAG_ISSUES:
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="unknown_tag",
            translation_placeholders={
                "tag": token,
                "station": self.desk.house.stations[identity].name,
            },
            data={"tag": token, "entry_id": self.entry.entry_id},
        )

    @callback
    def stranger_seen(self, stranger: Stranger) -> None:
        """A station asks to be adopted: it appears among the discovered devices."""
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

        Topics: ("station", identity), ("connector", identity, number), ("user", id).
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

    def running_cost(self, session: Session) -> RunningRating | None:
        """Return what an open session has cost so far."""
        return self.desk.running_cost(session.id)

    def subentry_id(self, identity: str) -> str | None:
        """Return a station's subentry."""
        return next(
            (
                subentry.subentry_id
                for subentry in self.entry.get_subentries_of_type(SUBENTRY_STATION)
                if subentry.data[CONF_IDENTITY] == identity
            ),
            None,
        )

    @callback
    def _publish_connectors(self, identity: str) -> None:
        """Make a station's connectors known, once it is clear how many there are."""
        station = self.desk.stations.get(identity)
        if identity not in self.desk.house.stations or station is None:
            return
        seen = {number for number in station.connectors if number}
        told = self.desk.capabilities(identity).connectors
        if (
            told is None
            and identity not in self._settling
            and not self._connectors[identity]
        ):
            if seen:
                self._settling[identity] = self.hass.loop.call_later(
                    CONNECTORS_SETTLE, self._publish_seen, identity
                )
            return
        if told is not None:
            seen |= set(range(1, min(told, 16) + 1))
        self._publish(identity, seen)

    @callback
    def _publish_seen(self, identity: str) -> None:
        """Publish the connectors that a station has told of by using them."""
        if identity in self.desk.house.stations:
            station = self.desk.stations[identity]
            self._publish(identity, {number for number in station.connectors if number})

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
    def _describe_device(self, identity: str) -> None:
        """Keep a station's device, and one for each of several connectors."""
        options = self.desk.house.stations.get(identity)
        subentry_id = self.subentry_id(identity)
        if options is None or subentry_id is None:
            return
        info = self.desk.stations[identity].info
        registry = dr.async_get(self.hass)
        device = registry.async_get_or_create(
            config_entry_id=self.entry.entry_id,
            config_subentry_id=subentry_id,
            identifiers={(DOMAIN, identity)},
            name=options.name,
            manufacturer=(info and info.vendor) or None,
            model=(info and info.model) or None,
            serial_number=(info and info.serial) or None,
            sw_version=(info and info.firmware) or None,
        )
        numbers = self._connectors[identity]
        if len(numbers) > 1:
            for number in numbers:
                registry.async_get_or_create_child(
                    config_entry_id=self.entry.entry_id,
                    config_subentry_id=subentry_id,
                    identifiers={(DOMAIN, f"{identity}_{number}")},
                    parent_device_id=device.id,
                    translation_key="connector",
                    translation_placeholders={"number": str(number)},
                )


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
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="ledger_unusable",
            translation_placeholders={"path": str(path), "error": str(err)},
        ) from err


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    """Add up what is known; None where nothing is."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known else None
