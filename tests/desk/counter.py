"""A desk to try: the real listener, the real ledger, no Home Assistant."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from custom_components.ladda.billing.tariffs import FixedPrice, HelperPrice, Tariff
from custom_components.ladda.billing.users import Directory, User
from custom_components.ladda.central_system import CentralSystem
from custom_components.ladda.charging.events import Progress, SecurityEvent
from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.charging.session import Session
from custom_components.ladda.desk import ChargingDesk
from custom_components.ladda.household import House, StationOptions
from custom_components.ladda.ledger import Ledger, SessionQuery
from custom_components.ladda.strangers import Stranger
from tests.station_simulator import SimulatedStation

ANNA = User(id="anna", name="Anna", tokens=("04AA11",))
BO = User(id="bo", name="Bo", tokens=("04BB22",), tariff="spot")
CECILIA = User(id="cecilia", name="Cecilia", tokens=("04CC33",), active=False)
FIXED = Tariff(
    id="fixed", name="Fixed", currency="SEK", energy=FixedPrice(Decimal("2.50"))
)
SPOT = Tariff(id="spot", name="Spot", currency="SEK", energy=HelperPrice("sensor.spot"))


class TravellingClock:
    """A clock that runs like any other, and can be put forward."""

    def __init__(self) -> None:
        """Start now."""
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self._ahead

    def travel(self, **time: float) -> None:
        """Let time pass: so many `minutes` or `hours`."""
        self._ahead += timedelta(**time)


def house(*stations: str, users: tuple[User, ...] = (ANNA, BO, CECILIA)) -> House:
    """Return a house with these stations."""
    return House(
        directory=Directory(users, "secret"),
        stations={
            identity: StationOptions(identity=identity, name=identity)
            for identity in stations
        },
        tariffs={"fixed": FIXED, "spot": SPOT},
        default_tariff="fixed",
    )


def with_options(place: House, identity: str, **options: object) -> House:
    """Return the house with other options of one station."""
    changed = replace(place.stations[identity], **options)  # type: ignore[arg-type]
    return replace(place, stations={**place.stations, identity: changed})


@dataclass
class Ear:
    """Hears everything that the desk tells."""

    told: list[tuple[str, object]] = field(default_factory=list)
    tokens: list[tuple[str, str, Authorization, str | None]] = field(
        default_factory=list
    )
    strangers: list[Stranger] = field(default_factory=list)

    def station_changed(self, identity: str) -> None:
        """A station changed."""
        self.told.append(("station", identity))

    def connector_changed(self, identity: str, connector: int) -> None:
        """A connector changed."""
        self.told.append(("connector", (identity, connector)))

    def meter_read(self, identity: str, connector: int, *, live: bool) -> None:
        """A meter was read."""
        self.told.append(("meter", (identity, connector, live)))

    def limit_ignored(
        self, identity: str, connector: int, limit_a: Decimal | None
    ) -> None:
        """A limit is not obeyed, or is again."""
        self.told.append(("ignored", (identity, connector, limit_a)))

    def session_started(self, session: Session) -> None:
        """A session began."""
        self.told.append(("started", session.id))

    def session_ended(self, session: Session) -> None:
        """A session ended."""
        self.told.append(("ended", session.id))

    def accounts_changed(self, users: Collection[str | None]) -> None:
        """Accounts changed."""
        self.told.append(("accounts", tuple(users)))

    def token_presented(
        self, identity: str, token: str, authorization: Authorization, user: str | None
    ) -> None:
        """A tag was presented."""
        self.tokens.append((identity, token, authorization, user))

    def password_shown(self, identity: str, password_hash: str) -> None:
        """A new password was shown."""
        self.told.append(("password", (identity, password_hash)))

    def stranger_seen(self, stranger: Stranger) -> None:
        """A stranger was seen."""
        self.strangers.append(stranger)

    def progressed(self, identity: str, progress: Progress) -> None:
        """A job came further."""
        self.told.append(("progress", (identity, progress)))

    def security_noticed(self, identity: str, event: SecurityEvent) -> None:
        """A station noticed something."""
        self.told.append(("security", (identity, event)))


@dataclass
class Counter:
    """A desk at work."""

    desk: ChargingDesk
    central: CentralSystem
    ear: Ear
    url: str
    path: Path
    clock: TravellingClock
    stations: list[SimulatedStation] = field(default_factory=list)

    async def station(self, identity: str, **options: object) -> SimulatedStation:
        """Switch a station on and wait until it is accepted."""
        station = self.stranger(identity, **options)
        await station.start()
        await station.wait_registered()
        return station

    async def mute(self, identity: str, **options: object) -> SimulatedStation:
        """Switch on a station that tells only what a test lets it tell.

        It does not read its meter by the clock, of which a travelling one would make
        many readings; and it has told its statuses, which would be late by as much.
        """
        station = self.stranger(identity, **options)
        station.refuse_settings(lambda key, _: key == "ClockAlignedDataInterval")
        await station.start()
        await station.wait_registered()
        known, told_of = self.desk.stations[identity], station.link.told_of()
        await station.wait_for(lambda: all(known.seen(n).status for n in told_of))
        return station

    def stranger(self, identity: str, **options: object) -> SimulatedStation:
        """Return a station that is not switched on yet."""
        defaults = {
            "reconnect_delay": 0.05,
            "retry_interval": 0.05,
            "clock": self.clock,
        }
        options = defaults | options
        station = SimulatedStation(identity, self.url, **options)  # type: ignore[arg-type]
        self.stations.append(station)
        return station

    async def sessions(self) -> list[Session]:
        """Read all sessions, oldest first."""
        return await self.desk.ledger.sessions(SessionQuery(newest_first=False))


@asynccontextmanager
async def at_the_desk(
    path: Path, place: House, *, port: int = 0, clock: TravellingClock | None = None
) -> AsyncIterator[Counter]:
    """Open a desk over a ledger; close it, and the stations, at the end."""
    clock = clock or TravellingClock()
    ledger = await Ledger.open(path)
    ear = Ear()
    desk = ChargingDesk(ledger, place, ear, clock, settle=0.01)
    await desk.restore()
    await desk.watch_prices(desk.price_helpers(), await ledger.last_received_at())
    central = CentralSystem(desk, clock=clock)
    bound = await central.start("127.0.0.1", port)
    counter = Counter(desk, central, ear, f"ws://127.0.0.1:{bound}", path, clock)
    try:
        yield counter
    finally:
        for station in counter.stations:
            await station.stop()
        desk.stop()
        await central.stop()
        await ledger.close()
