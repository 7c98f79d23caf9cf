"""What price helpers showed, kept in the ledger and at hand for rating."""

from asyncio import Lock
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from .billing.prices import Fill, Observation, Origin, PriceTimeline, Tells, is_shown
from .ledger import Ledger, LedgerError, PriceEntry

# Helpers whose value changes only through Home Assistant: it holds while that is down.
_HOLDING: Final = ("input_number.", "input_select.")
# Prices change on the quarter hours: a sensor that was away within one and shows the
# same as before showed it all the time.
_SLOT_S: Final = 900

type _Told = tuple[str | None, str | None]
_NOTHING: Final[_Told] = (None, None)


class _Showing(NamedTuple):
    """The state and unit that a helper shows, and since when.

    `gone`: what it showed before it went away, while it is away.
    """

    told: _Told
    since: datetime
    gone: _Told | None = None


class PriceBook:
    """The timelines of all price helpers that tariffs use.

    A helper is watched from `open` until `leave`. What happened before that, since it
    was last watched, is a gap: unknown until somebody fills it.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Keep the prices in a ledger."""
        self._ledger = ledger
        self._timelines: dict[str, PriceTimeline] = {}
        self._since: dict[str, datetime] = {}
        self._watched: set[str] = set()
        self._showing: dict[str, _Showing] = {}
        self._unkept: list[PriceEntry] = []  # what the ledger has yet to take
        self._learning = Lock()

    def timeline(self, entity: str | None) -> PriceTimeline | None:
        """Return a helper's timeline as it grows; None where there is no helper."""
        if entity is None:
            return None
        return self._at_hand(entity)

    @property
    def watched(self) -> frozenset[str]:
        """The helpers that are watched."""
        return frozenset(self._watched)

    def forget_before(self, at: datetime) -> None:
        """Drop what is not needed at hand; the ledger keeps it."""
        for entity, timeline in self._timelines.items():
            timeline.forget_before(at)
            if entity in self._since:
                self._since[entity] = max(self._since[entity], at)

    async def reach_back(self, entity: str | None, since: datetime) -> None:
        """Have a helper's timeline at hand from a moment on."""
        if entity is None or (
            (known := self._since.get(entity)) is not None and known <= since
        ):
            return
        await self._learn(entity, since)

    async def load(self, entity: str, since: datetime | None) -> PriceTimeline:
        """Read a helper's timeline from the ledger, as far back as wanted."""
        timeline = PriceTimeline()
        _take_in(timeline, await self._ledger.prices(entity, since))
        return timeline

    async def open(
        self, entity: str, since: datetime, watched_until: datetime | None
    ) -> datetime | None:
        """Begin to watch a helper; return where a gap begins, if there is one.

        `since` is how far back prices may be needed; `watched_until` is when Ladda
        was last seen watching anything.
        """
        await self.keep()
        rows = await self._learn(entity, since)
        gap = None
        if seen := [row for row in rows if row.until is None]:
            last = seen[-1]
            self._showing[entity] = _Showing(_told(last.state, last.unit), last.at)
            if last.state is None:
                gap = last.at
            elif not entity.startswith(_HOLDING):
                gap = max(last.recorded_at, last.at, watched_until or last.at)
                await self.observe(entity, gap, *_NOTHING)
        self._watched.add(entity)
        return gap

    async def leave(self, entity: str, at: datetime) -> None:
        """Watch a helper no more: nobody knows what it shows from then on."""
        self._watched.discard(entity)
        if entity in self._showing:
            await self.observe(entity, at, *_NOTHING)
            del self._showing[entity]

    async def rename(self, entity: str, new: str) -> None:
        """Go on with a watched helper under another id, with all that is known of it.

        Raises LedgerError, and nothing has changed.
        """
        async with self._learning:
            await self.keep()
            rows = [
                replace(row, entity=new)
                for row in await self._ledger.prices(entity, None)
            ]
            await self._ledger.commit(prices=rows)
            _take_in(self._at_hand(new), rows)
            self._since[new] = min((self._since[entity], *(row.at for row in rows)))
            self._watched.add(new)

    async def observe(
        self, entity: str, at: datetime, state: str | None, unit: str | None
    ) -> bool:
        """Note what a helper shows from a moment on; nothing new is not noted.

        Returns whether that tells something of the time before, too: what a helper
        shows again when it comes back, it held while it was away.
        """
        told = _told(state, unit)
        before = self._showing.get(entity)
        if before is not None and before.told == told:
            return False
        gone = before.told if before is not None and told == _NOTHING else None
        self._showing[entity] = _Showing(told, at, gone)
        self._at_hand(entity).add(Observation(at, *told, Origin.LIVE))
        self._unkept.append(
            PriceEntry(
                entity=entity,
                at=at,
                state=told[0],
                unit=told[1],
                origin=Origin.LIVE,
                recorded_at=at,
            )
        )
        await self.keep()
        if before is None or before.gone != told:
            return False
        if not _holds(entity, before.since, at):
            return False
        held = Observation(before.since, state, unit, Origin.HELD)
        await self.fill(entity, [Fill(before.since, at, held)], at)
        return True

    async def keep(self) -> None:
        """Write down what was observed.

        Raises LedgerError; what the ledger does not take waits for the next time.
        """
        rows, self._unkept = self._unkept, []
        if not rows:
            return
        try:
            await self._ledger.commit(prices=rows)
        except LedgerError:
            self._unkept = rows + self._unkept
            raise

    async def fill(
        self,
        entity: str,
        fills: Iterable[Fill],
        recorded_at: datetime,
        tells: Tells = is_shown,
    ) -> None:
        """Keep what became known of a helper's past.

        Only stretches of which it tells nothing, as `tells` says, take it: what a
        session was billed by never changes afterwards.
        """
        async with self._learning:
            await self.keep()
            known = await self.load(entity, None)
            rows = [
                PriceEntry(
                    entity=entity,
                    at=piece.start,
                    until=piece.end,
                    state=piece.observation.state,
                    unit=piece.observation.unit,
                    origin=piece.observation.origin,
                    recorded_at=recorded_at,
                )
                for fill in fills
                for piece in _unknown(known, fill, tells)
            ]
            if rows:
                await self._ledger.commit(prices=rows)
            _take_in(self._at_hand(entity), rows)

    def _at_hand(self, entity: str) -> PriceTimeline:
        """Return a helper's timeline as it grows."""
        return self._timelines.setdefault(entity, PriceTimeline())

    async def _learn(self, entity: str, since: datetime) -> list[PriceEntry]:
        """Have at hand what the ledger knows of a helper from a moment on.

        What is at hand already stays: the ledger may not have all of it yet.
        """
        async with self._learning:
            rows = await self._ledger.prices(entity, since)
            _take_in(self._at_hand(entity), rows)
            self._since[entity] = since
        return rows


def _told(state: str | None, unit: str | None) -> _Told:
    """Return what a helper tells: one without a state tells no unit either."""
    return _NOTHING if state is None else (state, unit)


def _holds(entity: str, since: datetime, until: datetime) -> bool:
    """Tell whether a helper that shows the same again did so in between."""
    same_slot = since.timestamp() // _SLOT_S == until.timestamp() // _SLOT_S
    return same_slot or entity.startswith(_HOLDING)


def _unknown(known: PriceTimeline, fill: Fill, tells: Tells) -> Iterator[Fill]:
    """Return the parts of a fill that tell something new."""
    pieces = known.observations_between(fill.start, fill.end, tells)
    ends = [piece.at for piece in pieces[1:]] + [fill.end]
    for piece, end in zip(pieces, ends, strict=True):
        start = max(piece.at, fill.start)
        if not tells(piece) and start < end:
            yield Fill(start, end, fill.observation)


def _fill(row: PriceEntry) -> Fill:
    """Make a fill of its row."""
    assert row.until is not None
    return Fill(
        row.at, row.until, Observation(row.at, row.state, row.unit, Origin(row.origin))
    )


def _take_in(timeline: PriceTimeline, rows: Iterable[PriceEntry]) -> None:
    """Let a timeline know what the ledger holds."""
    for row in rows:
        if row.until is None:
            timeline.add(Observation(row.at, row.state, row.unit, Origin(row.origin)))
        else:
            timeline.fill(_fill(row))
