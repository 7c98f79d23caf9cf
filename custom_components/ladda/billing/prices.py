"""What a price helper showed, and when."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple


class Origin(StrEnum):
    """Where a price came from."""

    LIVE = "live"  # seen as it changed
    HISTORY = "history"  # read from the recorder afterwards
    HELD = "held"  # the last one known, kept while the helper was away
    MANUAL = "manual"  # set by a person
    FIXED = "fixed"  # written in the tariff


class Observation(NamedTuple):
    """What a helper showed from `at` (UTC) on; `state` None: it was not available."""

    at: datetime
    state: str | None
    unit: str | None
    origin: Origin


class Fill(NamedTuple):
    """What is known afterwards of a helper from `start` until before `end` (UTC)."""

    start: datetime
    end: datetime
    observation: Observation


type Tells = Callable[[Observation], bool]

_AT: Final = attrgetter("at")


def is_shown(observation: Observation) -> bool:
    """Tell whether a helper showed anything at all."""
    return observation.state is not None


class _Steps:
    """Observations in order of time, each in force until the next."""

    __slots__ = ("_observations",)

    def __init__(self) -> None:
        """Nothing is observed yet."""
        self._observations: list[Observation] = []

    def put(self, observation: Observation) -> None:
        """Add an observation, which replaces another one of the same moment."""
        observations = self._observations
        if not observations or observations[-1].at < observation.at:
            observations.append(observation)
            return
        low = bisect_left(observations, observation.at, key=_AT)
        high = bisect_right(observations, observation.at, lo=low, key=_AT)
        observations[low:high] = [observation]

    def paint(self, fill: Fill) -> None:
        """Put the fill's observation over everything from its start to its end."""
        observations = self._observations
        low = bisect_left(observations, fill.start, key=_AT)
        high = bisect_left(observations, fill.end, lo=low, key=_AT)
        painted = [fill.observation._replace(at=fill.start)]
        if high == len(observations) or observations[high].at != fill.end:
            after = self.between(fill.end, fill.end)[0]
            painted.append(after._replace(at=fill.end))
        observations[low:high] = painted

    def between(self, start: datetime, end: datetime) -> list[Observation]:
        """The one in force at `start`, then those that begin inside (start, end)."""
        observations = self._observations
        low = bisect_right(observations, start, key=_AT)
        high = bisect_left(observations, end, lo=low, key=_AT)
        if low:
            return observations[low - 1 : high]
        return [Observation(start, None, None, Origin.LIVE), *observations[:high]]

    def forget_before(self, at: datetime) -> None:
        """Drop all that is over at `at`."""
        begun = bisect_right(self._observations, at, key=_AT)
        del self._observations[: max(begun - 1, 0)]


class PriceTimeline:
    """All that is known of one price helper, asked by moments in time.

    An observation holds from its `at` until the next one. Fills are later
    knowledge: they replace only stretches of which the helper tells nothing, as it
    was not yet observed, not available (state None), or showed no price to who
    asks; a later fill wins over an earlier one.
    """

    __slots__ = ("_fills", "_seen")

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        """Take the observations of one helper, in any order."""
        self._seen = _Steps()
        self._fills: _Steps | None = None
        for observation in observations:
            self._seen.put(observation)

    def add(self, observation: Observation) -> None:
        """Add an observation; one of the same moment is replaced."""
        self._seen.put(observation)

    def fill(self, fill: Fill) -> None:
        """Add later knowledge; ValueError when it ends before it starts."""
        if fill.end <= fill.start:
            raise ValueError(f"A fill from {fill.start} until {fill.end}")
        if self._fills is None:
            self._fills = _Steps()
        self._fills.paint(fill)

    def forget_before(self, at: datetime) -> None:
        """Drop what no question about `at` or later needs."""
        self._seen.forget_before(at)
        if self._fills is not None:
            self._fills.forget_before(at)

    def observations_between(
        self, start: datetime, end: datetime, tells: Tells = is_shown
    ) -> list[Observation]:
        """What was in force at `start`, then every change inside (start, end).

        The first one's `at` may be long before `start`; when nothing was
        observed yet, it is an unknown one at `start`. What a fill tells begins
        where the fill begins or where the helper ceased to tell anything (as
        `tells` says), whichever is later.
        """
        seen = self._seen.between(start, end)
        if self._fills is None:
            return seen
        known: list[Observation] = []
        ends = [observation.at for observation in seen[1:]] + [end]
        for observation, until in zip(seen, ends, strict=True):
            if tells(observation):
                known.append(observation)
                continue
            since = max(observation.at, start)
            known += (
                (piece if is_shown(piece) else observation)._replace(
                    at=max(piece.at, observation.at)
                )
                for piece in self._fills.between(since, until)
            )
        return known
