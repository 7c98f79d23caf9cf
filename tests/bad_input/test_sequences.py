"""Any frames in any order: the desk keeps its head, and its books.

The station speaks to the real conversation, desk and ledger; only the socket between
them is left out, so that thousands of messages take seconds.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from aiohttp import WSMessage, WSMsgType, web
from hypothesis import given, settings, strategies as st

from custom_components.ladda.central_system import Link
from custom_components.ladda.central_system.oddities import Oddities
from custom_components.ladda.charging.model import Registration
from custom_components.ladda.charging.session import Session
from custom_components.ladda.desk import ChargingDesk
from custom_components.ladda.ledger import Ledger, SessionQuery
from tests.desk.counter import Ear, TravellingClock, house
from tests.desk.wire import meter_values, start, stop

NUMBERS = st.one_of(
    st.integers(-2, 20),
    st.sampled_from([2**31 - 1, 2**31, 2**63 - 1, 10**30, -(10**12), 0.5, 1e300]),
    st.sampled_from(["", "1", "1.0", "abc", "NaN", "1e400", " 7 ", "-3"]),
)
TEXTS = st.one_of(
    st.sampled_from(["04AA11", "04bb22", "Local", "Available", "Charging", "NoError"]),
    st.sampled_from(["1970-01-01T00:00:00Z", "2999-12-31T23:59:60Z", "2026-11-23"]),
    st.text(max_size=30),
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
ACTIONS = [
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "FirmwareStatusNotification",
    "Fly",
    "Heartbeat",
    "MeterValues",
    "Reset",
    "SecurityEventNotification",
    "SignCertificate",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
]
FIELDS = [
    "chargePointModel",
    "chargePointVendor",
    "connectorId",
    "csr",
    "errorCode",
    "idTag",
    "meterStart",
    "meterStop",
    "meterValue",
    "reason",
    "sampledValue",
    "status",
    "timestamp",
    "transactionData",
    "transactionId",
    "type",
    "value",
    "vendorId",
]
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
MINUTES = st.integers(-90, 90)
WH = st.integers(0, 50_000)
CONNECTORS = st.integers(1, 2)
# Which of the ids that were given so far, from the last; any other stands for itself.
IDS = st.integers(-3, 3)

FRAMES = (
    st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | st.lists(st.integers(0, 7) | JSON, max_size=5).map(
        lambda frame: json.dumps(frame).encode()
    )
)
"""Frames with anything in them."""

STEPS = st.one_of(
    FRAMES,
    st.tuples(st.just("odd"), st.sampled_from(ACTIONS), PAYLOADS),
    st.tuples(st.just("start"), CONNECTORS, MINUTES, WH, PAYLOADS),
    st.tuples(st.just("stop"), IDS, MINUTES, WH, PAYLOADS),
    st.tuples(st.just("meter"), CONNECTORS, MINUTES, WH, IDS),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)
"""What a station may do; the last payload of a start or stop overrides its fields."""


@dataclass
class Wire:
    """A station's end of the line: says what its steps tell, and keeps what it hears."""

    steps: Sequence[Any]
    clock: TravellingClock
    heard: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        """Begin with the first step."""
        self._left = iter(self.steps)
        self._numbers = count()

    @property
    def ids(self) -> list[int]:
        """Return the ids of transactions that it was given."""
        return [
            frame[2]["transactionId"]
            for frame in self.heard
            if frame[0] == 3 and "transactionId" in frame[2]
        ]

    async def receive(self) -> WSMessage:
        """Say the next thing."""
        for step in self._left:
            if (data := self._said(step)) is not None:
                return WSMessage(WSMsgType.TEXT, data, None)
        self.closed = True
        return WSMessage(WSMsgType.CLOSED, None, None)

    async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
        """Hear an answer."""
        assert kind is WSMsgType.TEXT
        self.heard.append(json.loads(data))

    async def close(self, **how: Any) -> None:
        """Hang up."""
        self.closed = True

    def _said(self, step: Any) -> bytes | None:
        """Return what a step says, None where it says nothing."""
        match step:
            case bytes():
                return step
            case "odd", action, payload:
                return self._call(action, payload)
            case "start", connector, minutes, wh, odd:
                good = start("04AA11", self._at(minutes), wh, connector)
                return self._call("StartTransaction", good | odd)
            case "stop", id_, minutes, wh, odd:
                good = stop(self._id(id_), self._at(minutes), wh)
                return self._call("StopTransaction", good | odd)
            case "meter", connector, minutes, wh, id_:
                read = meter_values(
                    self._at(minutes),
                    wh,
                    connector=connector,
                    transaction=self._id(id_),
                )
                return self._call("MeterValues", read)
            case "wait", minutes:
                self.clock.travel(minutes=minutes)
        return None

    def _call(self, action: str, payload: dict[str, Any]) -> bytes:
        """Write a call that must be answered."""
        self.asked.append(f"call {next(self._numbers)}")
        return json.dumps([2, self.asked[-1], action, payload]).encode()

    def _at(self, minutes: int) -> Any:
        """Return a time so many minutes from now."""
        return self.clock() + timedelta(minutes=minutes)

    def _id(self, which: int) -> int:
        """Return an id that was given, if there is one."""
        known = self.ids
        return known[-which] if 0 < which <= len(known) else which


class Books:
    """A desk over a ledger, and a neighbour in the middle of a session."""

    def __init__(self, ledger: Ledger, clock: TravellingClock) -> None:
        """Open the desk."""
        self.ledger = ledger
        self.clock = clock
        self.desk = ChargingDesk(ledger, house("garage", "drive"), Ear(), clock)
        self.oddities = Oddities(lambda: 0.0)

    async def say(self, identity: str, *steps: Any) -> Wire:
        """Let a station come, do something, and go."""
        wire = Wire(steps, self.clock)
        link = Link(
            cast(web.WebSocketResponse, wire),
            cast(asyncio.WriteTransport, None),
            identity,
            "somewhere",
            Registration.ACCEPTED,
            self.desk,
            self.clock,
            lambda kind: self.oddities.note(identity, kind),
            "ws://ladda",
        )
        self.desk.connected(link)
        await link.run()
        self.desk.disconnected(link)
        return wire

    async def sessions(self) -> list[Session]:
        """Return all sessions."""
        return await self.ledger.sessions(SessionQuery(newest_first=False))

    async def check(self, neighbour: Session) -> None:
        """Check that the books are right, and are the same after a restart."""
        sessions = await self.sessions()
        assert len({session.id for session in sessions}) == len(sessions)
        assert all(0 < session.id < 2**31 for session in sessions)
        assert neighbour in sessions
        for session in sessions:
            if session.is_open:
                continue
            assert session.ended_at is not None
            assert session.energy_wh is not None
            assert session.cost is not None
            assert session.energy_wh >= 0
            assert session.cost >= 0
            assert session.started_at <= session.ended_at <= self.clock()
        again = ChargingDesk(self.ledger, self.desk.house, Ear(), self.clock)
        await again.restore()
        for identity, station in self.desk.stations.items():
            told = {id_: one.session for id_, one in station.open.items()}
            kept = {s.id: s for s in sessions if s.is_open and s.station == identity}
            restored = {
                id_: one.session for id_, one in again.stations[identity].open.items()
            }
            assert told == kept == restored


async def live_through(path: Path, steps: Sequence[Any]) -> None:
    """Let `garage` do all this, next door to a station that charges."""
    ledger = await Ledger.open(path)
    try:
        books = Books(ledger, TravellingClock())
        await books.desk.restore()
        await books.desk.watch_prices(books.desk.price_helpers(), None)
        await books.say("drive", ("start", 1, 0, 1000, {}))
        [neighbour] = await books.sessions()
        wire = await books.say("garage", *steps)
        answered = [frame[1] for frame in wire.heard if frame[0] in (3, 4)]
        assert [id_ for id_ in answered if id_ in wire.asked] == wire.asked
        assert len(wire.heard) <= len(steps)
        assert not [frame for frame in wire.heard if frame[2] == "InternalError"]
        await books.check(neighbour)
        await books.say("drive", ("wait", 30), ("stop", neighbour.id, 0, 6000, {}))
        ended = await ledger.session(neighbour.id)
        assert ended is not None
        assert ended.energy_wh == 5000
        books.desk.stop()
    finally:
        await ledger.close()


class ErrorsOnly(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(self.format(record))


def live(steps: Sequence[Any]) -> None:
    """Live through it, with nothing in the log that nobody thought of."""
    errors = ErrorsOnly()
    logging.getLogger().addHandler(errors)
    try:
        with TemporaryDirectory() as folder:
            asyncio.run(live_through(Path(folder) / "ladda.db", steps))
    finally:
        logging.getLogger().removeHandler(errors)
    assert errors.messages == []


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=40))
def test_whatever_a_station_does_the_books_are_right(steps: list[Any]) -> None:
    live(steps)


@settings(max_examples=40)
@given(st.lists(FRAMES, max_size=60))
def test_whatever_comes_in_is_read_answered_or_dropped(frames: list[bytes]) -> None:
    live(frames)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.just("odd"), st.sampled_from(ACTIONS), PAYLOADS), max_size=60)
)
def test_whatever_is_called_is_answered_once(calls: list[Any]) -> None:
    live(calls)
