"""The helpers that prices are taken from: what they show, and showed meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import datetime
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .desk import ChargingDesk
from .ledger import LedgerError
from .price_history import async_known_prices

_LOGGER = logging.getLogger(__name__)


class PriceWatch:
    """Notes in the price book what the helpers of tariffs and open sessions show."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        desk: ChargingDesk,
        tell: Callable[[], None],
    ) -> None:
        """Take the desk that prices are for, and who hears that one may be another."""
        self._hass = hass
        self._entry = entry
        self._desk = desk
        self._tell = tell
        self._changing = asyncio.Lock()
        self._unrated = False  # whether the ledger refused what became known
        self._watched: frozenset[str] | None = None
        self._unwatch: CALLBACK_TYPE | None = None

    async def async_look(self) -> None:
        """Watch the helpers that prices are taken from now; raises LedgerError.

        What could not be priced by what they showed is tried again.
        """
        async with self._changing:
            wanted = self._desk.price_helpers()
            if wanted != self._watched:
                await self._async_watch(wanted)
            if self._unrated:
                await self._desk.accounts.price_again()
                self._unrated = False

    def stop(self) -> None:
        """Watch no helper any more."""
        self._watched = None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    async def _async_watch(self, wanted: frozenset[str]) -> None:
        """Watch these helpers and no others; look back where a gap is."""
        gaps = await self._desk.watch_prices(
            wanted, await self._desk.ledger.last_received_at()
        )
        self.stop()  # not before: prices may have changed meanwhile
        self._unwatch = async_track_state_change_event(
            self._hass, wanted, self._on_change
        )
        self._watched = wanted
        now = dt_util.utcnow()
        for entity in wanted:
            if (state := self._hass.states.get(entity)) is not None:
                await self._async_observe(state, now)
        for entity, since in gaps.items():
            self._entry.async_create_background_task(
                self._hass,
                self._async_look_back(entity, since, now),
                f"{DOMAIN} prices of {entity}",
            )

    @callback
    def _on_change(self, event: Event[EventStateChangedData]) -> None:
        """A helper shows another price."""
        if event.data["entity_id"] not in self._desk.prices.watched:
            return  # it has just been left
        state = event.data["new_state"]
        if state is None:
            gone = State(event.data["entity_id"], STATE_UNAVAILABLE)
            at = event.time_fired
        else:
            gone, at = state, state.last_updated
        self._entry.async_create_task(
            self._hass, self._async_hear(gone, at), f"{DOMAIN} price", eager_start=True
        )

    async def _async_hear(self, state: State, at: datetime) -> None:
        """Note what a helper shows from now on; what the ledger refuses, later."""
        try:
            await self._async_observe(state, at)
        except LedgerError as err:
            _LOGGER.warning("What %s shows is kept later: %s", state.entity_id, err)
            self._unrated = True
            self._tell()

    async def _async_observe(self, state: State, at: datetime) -> None:
        """Note what a helper shows."""
        shown = (
            None if state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN) else state.state
        )
        unit = state.attributes.get("unit_of_measurement")
        if await self._desk.prices.observe(state.entity_id, at, shown, unit):
            await self._desk.accounts.price_again()
        self._tell()

    async def _async_look_back(
        self, entity: str, since: datetime, until: datetime
    ) -> None:
        """Fill a gap with what the recorder knows of it."""
        fills = await async_known_prices(self._hass, entity, since, until)
        await self._desk.prices.fill(entity, fills, until)
        await self._desk.accounts.price_again()
