"""What price helpers showed, kept in the ledger and at hand for rating."""

from collections.abc import Iterable
from datetime import datetime
import logging
from typing import Final

from .billing.prices import Fill, Observation, Origin, PriceTimeline
from .ledger import Ledger, PriceEntry

_LOGGER = logging.getLogger(__name__)

# Helpers whose value changes only through Home Assistant: it holds while that is down.
_HOLDING: Final = ("input_number.", "input_select.")


class PriceBook:
    """The timelines of all price helpers that tariffs use.

    A helper is watched from `open` on. What happened before that, since Ladda was
    last seen watching, is a gap: unknown until somebody fills it.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Keep the prices in a ledger."""
        self._ledger = ledger
        self._timelines: dict[str, PriceTimeline] = {}
        self._watched: set[str] = set()
        self._showing: dict[str, tuple[str | None, str | None]] = {}

    def timeline(self, entity: str | None) -> PriceTimeline | None:
        """Return a helper's timeline as it grows; None where there is no helper."""
        if entity is None:
            return None
        return self._timelines.setdefault(entity, PriceTimeline())

    def watches(self, entity: str) -> bool:
        """Tell whether a helper is watched already."""
        return entity in self._watched

    def forget_before(self, at: datetime) -> None:
        """Drop what is not needed at hand; the ledger keeps it."""
        for timeline in self._timelines.values():
            timeline.forget_before(at)

    async def load(self, entity: str, since: datetime | None) -> PriceTimeline:
        """Read a helper's timeline from the ledger, as far back as wanted."""
        return _timeline(await self._ledger.prices(entity, since))

    async def open(
        self, entity: str, since: datetime, watched_until: datetime | None
    ) -> datetime | None:
        """Begin to watch a helper; return where a gap begins, if there is one.

        `since` is how far back prices may be needed; `watched_until` is when Ladda
        was last seen watching anything.
        """
        self._watched.add(entity)
        rows = await self._ledger.prices(entity, since)
        timeline = self._timelines[entity] = _timeline(rows)
        seen = [row for row in rows if row.until is None]
        if not seen:
            return None
        last = seen[-1]
        self._showing[entity] = (last.state, last.unit)
        if last.state is None or entity.startswith(_HOLDING):
            return None
        gap = max(last.recorded_at, last.at, watched_until or last.at)
        gone = Observation(gap, None, last.unit, Origin.LIVE)
        timeline.add(gone)
        self._showing[entity] = (None, last.unit)
        await self._keep(entity, gone, gap)
        return gap

    async def observe(
        self, entity: str, at: datetime, state: str | None, unit: str | None
    ) -> None:
        """Note what a helper shows from a moment on; nothing new is not noted."""
        timeline = self._timelines.setdefault(entity, PriceTimeline())
        if self._showing.get(entity) == (state, unit):
            return
        self._showing[entity] = (state, unit)
        observation = Observation(at, state, unit, Origin.LIVE)
        timeline.add(observation)
        await self._keep(entity, observation, at)

    async def fill(
        self, entity: str, fills: Iterable[Fill], recorded_at: datetime
    ) -> None:
        """Keep what became known of a helper's past; only unknown stretches take it."""
        timeline = self._timelines.setdefault(entity, PriceTimeline())
        rows = []
        for fill in fills:
            timeline.fill(fill)
            told = fill.observation
            rows.append(
                PriceEntry(
                    entity=entity,
                    at=fill.start,
                    until=fill.end,
                    state=told.state,
                    unit=told.unit,
                    origin=told.origin,
                    recorded_at=recorded_at,
                )
            )
        if rows:
            await self._ledger.commit(prices=rows)

    async def _keep(self, entity: str, observation: Observation, now: datetime) -> None:
        """Write an observation down."""
        await self._ledger.commit(
            prices=[
                PriceEntry(
                    entity=entity,
                    at=observation.at,
                    state=observation.state,
                    unit=observation.unit,
                    origin=observation.origin,
                    recorded_at=now,
                )
            ]
        )


def _timeline(rows: Iterable[PriceEntry]) -> PriceTimeline:
    """Make a timeline of what the ledger holds."""
    timeline = PriceTimeline()
    for row in rows:
        told = Observation(row.at, row.state, row.unit, Origin(row.origin))
        if row.until is None:
            timeline.add(told)
        else:
            timeline.fill(Fill(row.at, row.until, told))
    return timeline
