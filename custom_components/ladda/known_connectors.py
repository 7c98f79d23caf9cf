"""Which connectors the chargers of the house have, as soon as that is clear."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from .desk import ChargingDesk

# A station tells all its connectors within moments of its boot.
SETTLE: Final = 3.0  # s


class KnownConnectors:
    """Tells of each connector once; what is known of one is the desk's."""

    def __init__(self, desk: ChargingDesk, found: Callable[[str], None]) -> None:
        """Take the desk; `found` hears of a station before its new connectors are told."""
        self._desk = desk
        self._found = found
        self._listeners: set[Callable[[str, int], None]] = set()
        self._told: defaultdict[str, list[int]] = defaultdict(list)
        self._settling: dict[str, asyncio.TimerHandle] = {}

    def of(self, identity: str) -> list[int]:
        """Return the numbers of the connectors that have been told of."""
        return list(self._told[identity])

    def listen(self, tell: Callable[[str, int], None]) -> Callable[[], None]:
        """Call `tell` with every connector that there is and that will be."""
        for identity, numbers in self._told.items():
            for number in numbers:
                tell(identity, number)
        self._listeners.add(tell)
        return lambda: self._listeners.discard(tell)

    def look(self, identity: str) -> None:
        """Tell of a station's connectors, once it is clear how many there are."""
        if identity not in self._desk.house.stations:
            return
        if self._desk.capabilities(identity).connectors or self._told[identity]:
            self.tell(identity)
        elif identity not in self._settling and self._known(identity):
            self._settling[identity] = asyncio.get_running_loop().call_later(
                SETTLE, self._tell_settled, identity
            )

    def met(self, identity: str, number: int) -> None:
        """Look at a station's connectors where this one has not been told of."""
        if number not in self._told[identity]:
            self.look(identity)

    def tell(self, identity: str) -> None:
        """Tell of all connectors that are known now, and new."""
        told = self._told[identity]
        fresh = sorted(self._known(identity) - set(told))
        if not fresh:
            return
        told.extend(fresh)
        self._found(identity)
        for number in fresh:
            for hear in tuple(self._listeners):
                hear(identity, number)

    def forget(self, identity: str) -> None:
        """Forget those of a station that was removed."""
        self._told.pop(identity, None)

    def stop(self) -> None:
        """Wait for nothing any more."""
        for timer in self._settling.values():
            timer.cancel()

    def _tell_settled(self, identity: str) -> None:
        """Tell of the connectors that a station has told of meanwhile."""
        del self._settling[identity]
        if identity in self._desk.house.stations:
            self.tell(identity)

    def _known(self, identity: str) -> set[int]:
        """Return the connectors that a station has used or says that it has.

        Once its settings have been read, it has the first one, whatever it says.
        """
        station = self._desk.stations[identity]
        least = 1 if station.settings else 0
        told = self._desk.capabilities(identity).connectors or least
        return station.numbers(told)
