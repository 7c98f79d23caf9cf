"""Watching whether chargers keep to their limits: some accept one and go on as before."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from .charging.connector import Connector
from .charging.limit import drawn_a, is_beyond, own_limit, phases_for
from .charging.model import TimedValue
from .charging.open_session import OpenSession
from .charging.station import Station

# Cars take a few seconds to follow, meter values come at most of the time twice a minute.
PATIENCE: Final = timedelta(minutes=2)
_NOTHING_A: Final = Decimal(1)  # a car that takes less does not show what it may


class Listener(Protocol):
    """Hears of limits that are not obeyed."""

    def limit_ignored(
        self, identity: str, connector: int, limit_a: Decimal | None
    ) -> None:
        """A connector draws more than its limit, A per phase; None: no longer."""


class _Beyond(NamedTuple):
    """Since when a session has drawn more than a limit."""

    session: int
    limit_a: Decimal
    since: datetime


class LimitWatch:
    """Tells once of each connector that draws clearly more than it may, for a while."""

    def __init__(self, listener: Listener) -> None:
        """Take who wants to know."""
        self._listener = listener
        self._beyond: dict[tuple[str, int], _Beyond] = {}
        self._told: set[tuple[str, int]] = set()

    def look(
        self,
        station: Station,
        connector: Connector,
        values: Iterable[TimedValue],
        now: datetime,
    ) -> None:
        """Compare what was just measured with the limit, where there is one."""
        opened = station.session_at(connector.number)
        limit_a = own_limit(connector, opened)
        if limit_a is None:
            limit_a = connector.limit_a
        if opened is None or limit_a is None:
            return
        told = {
            channel.measurand for _, value, _ in values for channel in value.samples
        }
        drawn = drawn_a(connector, told, phases_for(connector, opened))
        if drawn is None:
            return
        key = station.identity, connector.number
        if is_beyond(drawn, limit_a):
            self._on_beyond(key, opened, limit_a, now)
        elif drawn < _NOTHING_A and limit_a:
            self._beyond.pop(key, None)
        else:
            self.forget(*key)

    def _on_beyond(
        self, key: tuple[str, int], opened: OpenSession, limit_a: Decimal, now: datetime
    ) -> None:
        """A connector draws more than it may."""
        session = opened.session.id
        before = self._beyond.get(key)
        if before is None or before[:2] != (session, limit_a):
            self._beyond[key] = _Beyond(session, limit_a, now)
        elif now - before.since >= PATIENCE and key not in self._told:
            self._told.add(key)
            self._listener.limit_ignored(*key, limit_a)

    def forget(self, identity: str, number: int) -> None:
        """Begin anew with a connector: its limit is obeyed, or has become another."""
        key = identity, number
        self._beyond.pop(key, None)
        if key in self._told:
            self._told.remove(key)
            self._listener.limit_ignored(identity, number, None)
