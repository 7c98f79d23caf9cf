"""Starting by itself where a car was plugged in, if the owner wants that.

Some chargers start only when they are told to, though anybody may charge.
"""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

from .central_system import Disconnected, NoAnswer, StationError
from .charging.connector import Connector
from .charging.model import ConnectorStatus
from .charging.station import Station
from .ledger import LedgerError
from .refusals import MayNotCharge, TooSoon

_LOGGER = logging.getLogger(__name__)

# Whoever plugs in and holds up a tag does so first, and is not overtaken.
PATIENCE: Final = 10.0  # s

type Starter = Callable[[str, int, None], Awaitable[None]]


class AutoStart:
    """Starts a session some seconds after a car was plugged in, once."""

    def __init__(self, start: Starter) -> None:
        """Take what asks a station to start: its identity, connector, and no user."""
        self._start = start
        self._waiting: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._missed: set[tuple[str, int]] = set()  # their stations were not reached

    def stop(self) -> None:
        """Start nothing any more."""
        for task in self._waiting.values():
            task.cancel()

    def look(
        self, station: Station, connector: Connector, before: ConnectorStatus | None
    ) -> None:
        """Start soon, if a car was plugged in: the connector was free `before`.

        What was stopped, and stays plugged in, is not started again. Where the station
        was not reached then, it is asked again when it tells that the car still waits.
        """
        key = station.identity, connector.number
        plugged_in = before is ConnectorStatus.AVAILABLE or key in self._missed
        waits = connector.status is ConnectorStatus.PREPARING
        self._missed.discard(key)
        if plugged_in and waits and key not in self._waiting:
            task = asyncio.create_task(self._start_soon(station, connector))
            self._waiting[key] = task
            task.add_done_callback(lambda _: self._waiting.pop(key))

    async def _start_soon(self, station: Station, connector: Connector) -> None:
        """Start, unless the car is gone by then, or charges."""
        wait = PATIENCE
        while wait:
            await asyncio.sleep(wait)
            wait = await self._try(station, connector)

    async def _try(self, station: Station, connector: Connector) -> float:
        """Start where a car waits for it; return when to try again, in s, or 0."""
        key = station.identity, connector.number
        if (
            connector.status is not ConnectorStatus.PREPARING
            or station.session_at(connector.number) is not None
        ):
            return 0
        try:
            await self._start(*key, None)
        except TooSoon as err:
            return err.wait.total_seconds()
        except Disconnected, NoAnswer:
            self._missed.add(key)
        except (StationError, LedgerError, MayNotCharge) as err:
            _LOGGER.warning("%s, connector %s, could not be started: %s", *key, err)
        return 0
