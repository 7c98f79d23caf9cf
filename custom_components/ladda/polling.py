"""Asking for meter values where a session goes on and nothing is told of it.

Some stations measure, but tell it only when they are asked to (OCPP 1.6 §5.17).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from typing import Final, Protocol

from .central_system import Link, NotAccepted, Refused, StationError, profile_of
from .charging.model import Capabilities
from .charging.open_session import OpenSession
from .charging.session import Session
from .charging.station import Station

_LOGGER = logging.getLogger(__name__)

# How often sessions are looked at: the usual interval of meter values.
PACE: Final = timedelta(seconds=30)
# A station that tells by itself has done so within three of its intervals, and this.
PATIENCE: Final = timedelta(seconds=90)
# What comes so soon after we asked came because we asked.
ANSWERED_WITHIN: Final = timedelta(seconds=10)
# A station that agreed to tell, and told nothing, is asked again only then.
TRY_AGAIN: Final = timedelta(minutes=10)
# No answers in a row, after which a firmware does not know the question.
STRIKES: Final = 3
_QUESTION: Final = "MeterValues"


class Place(Protocol):
    """What is known where stations are asked: the desk."""

    @property
    def stations(self) -> dict[str, Station]:
        """Return all that have been here."""

    def is_online(self, identity: str) -> bool:
        """Tell whether a station can be asked things."""

    def link(self, identity: str) -> Link:
        """Return a station's connection; raises Disconnected where there is none."""

    def capabilities(self, identity: str) -> Capabilities:
        """Return what a station has shown that it can do."""


class Polling:
    """Asks the silent, but none whose firmware does not know the question."""

    def __init__(self, place: Place, clock: Callable[[], datetime]) -> None:
        """Take the desk, and the time."""
        self._place = place
        self._clock = clock
        self._busy = False
        self._asked: dict[int, datetime] = {}  # by session, when last
        self._strikes: Counter[tuple[str, str]] = Counter()  # by station and firmware

    async def ask_the_silent(self) -> None:
        """Look at all sessions that go on, and ask; to be done at the `PACE`."""
        if self._busy:
            return
        self._busy = True
        now = self._clock()
        self._forget_ended()
        try:
            silent = {
                identity: sessions
                for identity, station in self._place.stations.items()
                if station.open
                and self._place.is_online(identity)
                and _QUESTION not in profile_of(station.info).untriggered
                and self._strikes[identity, station.firmware] < STRIKES
                and (sessions := self._silent_sessions(station, now))
            }
            await asyncio.gather(
                *(self._ask(*each, now=now) for each in silent.items())
            )
        finally:
            self._busy = False

    def _forget_ended(self) -> None:
        """Forget the sessions that have ended."""
        going_on = {id_ for each in self._place.stations.values() for id_ in each.open}
        self._asked = {id_: at for id_, at in self._asked.items() if id_ in going_on}

    def _silent_sessions(self, station: Station, now: datetime) -> list[Session]:
        """List the sessions whose meter should have been heard of by now.

        A station that has just come, or booted, has to come to itself first.
        """
        able = self._place.capabilities(station.identity)
        usual = timedelta(seconds=able.sample_interval_s or PACE.seconds)
        came = self._place.link(station.identity).connected_at
        if now < max(came, station.booted_at or came) + PATIENCE - PACE / 2:
            return []
        return [
            opened.session
            for opened in station.open.values()
            if now >= self._due(opened, usual) - PACE / 2  # looks may be early
        ]

    def _due(self, opened: OpenSession, usual: timedelta) -> datetime:
        """Return when a session is to be asked for, if nothing is told until then."""
        asked = self._asked.get(opened.session.id)
        heard = opened.last_heard
        if asked is None or heard > asked + ANSWERED_WITHIN:
            return heard + max(3 * usual, PATIENCE)
        return asked + (usual if heard >= asked else TRY_AGAIN)

    async def _ask(
        self, identity: str, sessions: list[Session], *, now: datetime
    ) -> None:
        """Ask a station to tell what it measures in some sessions."""
        key = identity, self._place.stations[identity].firmware
        try:
            for session in sessions:
                self._asked[session.id] = now
                commands = self._place.link(identity).commands
                await commands.trigger(_QUESTION, session.connector)
        except NotAccepted, Refused:
            self._strikes[key] = STRIKES
        except StationError as err:
            _LOGGER.debug("%s tells no meter values: %s", identity, err)
            self._strikes[key] += 1
        else:
            del self._strikes[key]
