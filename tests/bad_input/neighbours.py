"""Two stations at one desk: one that misbehaves, and one that must not notice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from custom_components.ladda.charging.session import Session
from tests.central_system.door import ask
from tests.desk.counter import Counter, at_the_desk, house
from tests.desk.wire import start, stop

METER_START = 1000  # Wh
METER_STOP = 6000


@dataclass
class Neighbours:
    """A desk, the station `garage` in the middle of a session, and the station `drive`."""

    counter: Counter
    client: ClientSession
    begun: datetime
    garage: ClientWebSocketResponse
    drive: ClientWebSocketResponse
    session: int
    connections: list[ClientWebSocketResponse] = field(default_factory=list)

    async def come(self, identity: str, **options: Any) -> ClientWebSocketResponse:
        """Connect one more station; raises WSServerHandshakeError when turned away."""
        ws = await connect(self.client, self.counter, identity, **options)
        self.connections.append(ws)
        return ws

    async def all_is_well(self) -> None:
        """Check that the neighbour is served, and that the session can end as it should."""
        heard = await ask(self.drive, [2, "well?", "Heartbeat", {}])
        assert heard[:2] == [3, "well?"]
        if self.garage.closed:
            self.garage = await self.come("garage")
        session = await self.end()
        assert session.energy_wh == METER_STOP - METER_START
        assert session.closing == "reported"

    async def end(self) -> Session:
        """End the session of `garage` as a good station does."""
        told = stop(self.session, self.begun + timedelta(minutes=30), METER_STOP)
        heard = await ask(self.garage, [2, "stop", "StopTransaction", told])
        assert heard == [3, "stop", {}]
        ended = await self.counter.desk.ledger.session(self.session)
        assert ended is not None
        return ended

    @property
    def odd(self) -> dict[str, int]:
        """What was odd about `garage`, and how often."""
        return self.counter.central.oddities.of("garage")


async def connect(
    client: ClientSession, counter: Counter, identity: str, **options: Any
) -> ClientWebSocketResponse:
    """Connect as a station that says nothing by itself."""
    options = {"protocols": ("ocpp1.6",)} | options
    ws: ClientWebSocketResponse = await client.ws_connect(
        f"{counter.url}/{identity}", **options
    )
    return ws


@asynccontextmanager
async def neighbours(path: Path) -> AsyncIterator[Neighbours]:
    """Open a desk where `garage` charges and `drive` stands by."""
    async with (
        at_the_desk(path / "ladda.db", house("garage", "drive")) as counter,
        ClientSession() as client,
    ):
        garage = await connect(client, counter, "garage")
        drive = await connect(client, counter, "drive")
        counter.clock.travel(hours=1)
        begun = counter.clock() - timedelta(hours=1)
        told = start("04AA11", begun, METER_START)
        heard = await ask(garage, [2, "start", "StartTransaction", told])
        session = heard[2]["transactionId"]
        yard = Neighbours(counter, client, begun, garage, drive, session)
        yield yard
        for ws in (yard.garage, yard.drive, *yard.connections):
            await ws.close()
