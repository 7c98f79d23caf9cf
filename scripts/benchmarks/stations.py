"""Stations that cost little themselves: they say what they are told to, and no more."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, Self

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType
import orjson

REGISTER: Final = ("Energy.Active.Import.Register", "", "Wh")
POWER: Final = ("Power.Active.Import", "", "W")
BY_PHASE: Final = tuple(
    (measurand, phase, unit)
    for measurand, unit in (
        ("Current.Import", "A"),
        ("Voltage", "V"),
        ("Power.Active.Import", "W"),
    )
    for phase in ("L1", "L2", "L3")
)
EIGHT: Final = (REGISTER, POWER, *BY_PHASE[:6])
TEN: Final = (REGISTER, *BY_PHASE)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """Write a time as stations do."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meter_values(
    number: int,
    transaction: int,
    channels: Sequence[tuple[str, str, str]],
    at: datetime,
) -> dict[str, Any]:
    """Write the payload of a MeterValues; with the next number all values are others."""
    sampled = []
    for index, (measurand, phase, unit) in enumerate(channels):
        value = 10 + (number + index) % 97 / 10
        text = f"{1000 + number * 0.5:.1f}" if index == 0 else f"{value:.1f}"
        sample = {"value": text, "measurand": measurand, "unit": unit}
        sample["context"] = "Sample.Periodic"
        sampled.append(sample | ({"phase": phase} if phase else {}))
    return {
        "connectorId": 1,
        "transactionId": transaction,
        "meterValue": [{"timestamp": stamp(at), "sampledValue": sampled}],
    }


class Station:
    """One station on an open connection."""

    def __init__(self, identity: str, ws: ClientWebSocketResponse) -> None:
        """Take the connection."""
        self.identity = identity
        self.ws = ws
        self.transaction = 0
        self._ids = count(1)

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask, and return the answer's payload."""
        return await self.send(self.frame(action, payload))

    def frame(self, action: str, payload: dict[str, Any]) -> bytes:
        """Write a call."""
        return orjson.dumps([2, str(next(self._ids)), action, payload])

    async def send(self, frame: bytes) -> dict[str, Any]:
        """Send a call and return its answer's payload; refuse whatever we are asked."""
        await self.ws.send_frame(frame, WSMsgType.TEXT)
        while True:
            answer = orjson.loads((await self.ws.receive()).data)
            if answer[0] == 3:
                payload: dict[str, Any] = answer[2]
                return payload
            if answer[0] != 2:
                raise RuntimeError(f"{self.identity} was told {answer}")
            refusal = [4, answer[1], "NotSupported", "", {}]
            await self.ws.send_frame(orjson.dumps(refusal), WSMsgType.TEXT)

    async def listen(self) -> None:
        """Refuse whatever we are asked until the connection ends."""
        async for message in self.ws:
            asked = orjson.loads(message.data)
            refusal = [4, asked[1], "NotSupported", "", {}]
            await self.ws.send_frame(orjson.dumps(refusal), WSMsgType.TEXT)

    async def boot(self) -> None:
        """Say what it is, and that its connector is free."""
        about = {"chargePointVendor": "Bench", "chargePointModel": "One"}
        await self.call("BootNotification", about)
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        await self.call("StatusNotification", status)

    async def start(self, at: datetime) -> None:
        """Begin a transaction with its own tag."""
        number = self.identity.removeprefix("s")
        begin = {
            "connectorId": 1,
            "idTag": f"TAG{number}",
            "meterStart": 1000,
            "timestamp": stamp(at),
        }
        answer = await self.call("StartTransaction", begin)
        self.transaction = answer["transactionId"]

    async def stop(self, at: datetime, meter_stop: int) -> None:
        """End the transaction."""
        end = {
            "transactionId": self.transaction,
            "meterStop": meter_stop,
            "timestamp": stamp(at),
        }
        await self.call("StopTransaction", end)


class Fleet:
    """Stations s0, s1, … that all do the same, side by side."""

    def __init__(self, session: ClientSession, stations: Sequence[Station]) -> None:
        """Take the stations."""
        self._session = session
        self.stations = stations

    @classmethod
    async def connect(cls, session: ClientSession, port: int, number: int) -> Self:
        """Connect so many stations, all at once."""

        async def one(index: int) -> Station:
            url = f"ws://127.0.0.1:{port}/s{index}"
            ws = await session.ws_connect(url, protocols=("ocpp1.6",), compress=0)
            return Station(f"s{index}", ws)

        stations = await asyncio.gather(*(one(index) for index in range(number)))
        return cls(session, stations)

    def place(self, station: Station) -> int:
        """Return a station's place among the others."""
        return self.stations.index(station)

    async def all(self, do: Callable[[Station], Awaitable[object]]) -> None:
        """Let all do something, and wait until they have."""
        await asyncio.gather(*(do(station) for station in self.stations))

    async def charge(self) -> None:
        """Let all begin a transaction, an hour ago."""
        begun = now() - timedelta(hours=1)
        await self.all(lambda station: station.start(begun))

    async def report(
        self,
        channels: Sequence[tuple[str, str, str]],
        numbers: range,
        *,
        live: bool = False,
    ) -> int:
        """Let all send meter values, each the next as the last one is answered.

        They are stamped with the time when they are sent (`live`), or an hour ago, a
        millisecond apart. Returns how many were sent.
        """
        begun = now() - timedelta(hours=1)

        async def one(station: Station) -> None:
            frames = deque(
                station.frame(
                    "MeterValues",
                    meter_values(
                        number,
                        station.transaction,
                        channels,
                        begun + timedelta(milliseconds=number),
                    ),
                )
                for number in numbers
                if not live
            )
            while frames:
                await station.send(frames.popleft())
            for number in numbers if live else ():
                values = meter_values(number, station.transaction, channels, now())
                await station.call("MeterValues", values)

        await self.all(one)
        return len(numbers) * len(self.stations)


@asynccontextmanager
async def fleet(port: int, number: int) -> AsyncIterator[Fleet]:
    """Connect so many stations; hang up at the end."""
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        stations = await Fleet.connect(session, port, number)
        yield stations
        await stations.all(lambda station: station.ws.close())
