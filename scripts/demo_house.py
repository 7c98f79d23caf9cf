"""A house to look at: Home Assistant with Ladda, two chargers, and cars that come."""

import argparse
import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from itertools import cycle
import json
from pathlib import Path
import shutil
import signal
import sys
from typing import Any, Final, Self

from tests.real_home_assistant import (
    LOOPBACK,
    REPOSITORY,
    HomeAssistant,
    NotRunning,
    free_port,
    is_free,
)
from tests.station_simulator import SimulatedStation
from tests.station_simulator.settings import MEASURANDS

from .demo_cars import TAGS, come_and_go
from .demo_dashboard import CONNECTORS, connector_name, dashboard, unique_id
from .demo_texts import TEXTS

FOLDER: Final = REPOSITORY / ".demo"
OWNER, USERNAME, PASSWORD = "Anna", "anna", "charging"
PRICE: Final = "input_number.electricity_price"
PRICES: Final = (1.04, 1.38, 1.92, 2.45, 1.77, 1.21, 0.84, 0.35, 0.19, 0.58, 0.71, 0.66)
"""The price of electricity in SEK/kWh without VAT, a new one each quarter."""

_MODELS: Final = {"garage": ("Duo", "SIM-1001"), "driveway": ("Solo", "SIM-1002")}
_SAMPLE_S: Final = 3  # between meter values: somebody is looking


@dataclass(frozen=True)
class Settled:
    """What stays from one start to the next: the ports, and the language."""

    port: int
    chargers_port: int
    language: str

    @classmethod
    def now(cls, language: str) -> Self:
        """Settle it: the usual ports, or others where those are taken."""
        port, chargers_port = (
            port if is_free(port) else free_port() for port in (8123, 9000)
        )
        return cls(port, chargers_port, language)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what was settled; None if no house has been finished."""
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, path: Path) -> None:
        """Keep it for the next start."""
        path.write_text(json.dumps(asdict(self)))

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of Home Assistant and of the chargers."""
        return self.port, self.chargers_port


class DemoHouse:
    """The house and what happens in it. Energy flows `speed` times as fast."""

    def __init__(
        self,
        folder: Path,
        settled: Settled,
        speed: float,
        python: Path | str = sys.executable,
    ) -> None:
        """Describe it; nothing runs yet. `python` is what runs Home Assistant."""
        self.speed = speed
        self.texts = TEXTS[settled.language]
        self.settled = settled
        self.home = HomeAssistant(
            folder / "home-assistant",
            port=settled.port,
            python=python,
            name=self.texts.house,
            helpers={"input_number": {"electricity_price": self._price_helper()}},
            language=settled.language,
            time_zone="Europe/Stockholm",
            owner=OWNER,
            username=USERNAME,
            password=PASSWORD,
        )
        self.stations = {
            identity: self._station(folder, identity) for identity in _MODELS
        }

    async def live(self) -> None:
        """Let prices change and cars come and go; raises NotRunning if it all ends."""
        async with asyncio.TaskGroup() as life:
            life.create_task(self.home.ended())
            life.create_task(self._change_prices())
            for identity, number in CONNECTORS:
                station = self.stations[identity]
                life.create_task(come_and_go(station, number, self.speed))

    async def stop(self) -> None:
        """Stop everything. Cars go on when the house is started again."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.home.stop)
            for station in self.stations.values():
                stack.push_async_callback(station.stop)

    # --- setting it up ---------------------------------------------------------

    async def set_up(self) -> None:
        """Set the house up as its owner would."""
        home = self.home
        await home.set_input_number(PRICE, PRICES[0])
        where = {"host": LOOPBACK, "port": self.settled.chargers_port}
        entry = (await home.flow("ladda", where))["result"]["entry_id"]
        await self._add_tariff(entry)
        for name, tags in TAGS.items():
            user = {"name": name, "tags": list(tags)}
            person = {"person": f"person.{USERNAME}"} if name == OWNER else {}
            await home.subentry_flow(entry, "user", user | person)
        await self.switch_on()
        await self._adopt_stations()
        await self._make_dashboard(entry)

    async def switch_on(self) -> None:
        """Give the chargers power."""
        for station in self.stations.values():
            await station.start()

    async def _add_tariff(self, entry: str) -> None:
        """Add the tariff: what the helper shows, Swedish energy tax, grid fee, VAT."""
        terms = {
            "energy_tax": "0.439",
            "grid_fee": "0.28",
            "vat_percent": "25",
            "vat_included": False,
        }
        await self.home.subentry_flow(
            entry,
            "tariff",
            {"name": self.texts.tariff, "kind": "helper", "markups": terms},
            {"entity": PRICE},
        )

    async def _adopt_stations(self) -> None:
        """Let the chargers in as they are discovered, and wait for their entities."""

        async def all_seen() -> bool:
            return len(await self.home.discovered("ladda")) == len(self.stations)

        await self.home.wait_for(all_seen, timeout=30)
        for flow in await self.home.discovered("ladda"):
            identity = flow["context"]["unique_id"].removeprefix("station_")
            name = self.texts.stations[identity]
            await self.home.take_up(flow, "adopt", {"name": name})

        async def all_there() -> bool:
            known = await self._entities()
            one_of_each_platform = ("charging", "current_limit", "power", "session")
            return all(
                unique_id(*connector, key) in known
                for connector in CONNECTORS
                for key in one_of_each_platform
            )

        await self.home.wait_for(all_there, timeout=60)

    async def _make_dashboard(self, entry: str) -> None:
        """Store the dashboard, make it the first page, and choose the language."""
        command = self.home.command
        subentries = {
            one["title"]: one["subentry_id"]
            for one in await self.home.subentries(entry)
        }
        entities = await self._entities()
        await command(
            "lovelace/dashboards/create",
            url_path="demo-charging",
            title=self.texts.charging,
            icon="mdi:ev-station",
            mode="storage",
        )
        await command(
            "lovelace/config/save",
            url_path="demo-charging",
            config=dashboard(
                self.texts,
                entities.__getitem__,
                {name: subentries[name] for name in TAGS},
                subentries[self.texts.tariff],
            ),
        )
        await command(
            "frontend/set_user_data",
            key="core",
            value={"default_panel": "demo-charging"},
        )
        await command(
            "frontend/set_user_data",
            key="language",
            value={"language": self.settled.language},
        )
        devices = [
            {
                "stat_consumption": entities[unique_id(identity, number, "energy")],
                "name": connector_name(self.texts, identity, number),
            }
            for identity, number in CONNECTORS
        ]
        await command("energy/save_prefs", device_consumption=devices)

    async def _entities(self) -> dict[str, str]:
        """Return the ids of Ladda's entities by their unique ids."""
        return {
            entity["unique_id"]: entity["entity_id"]
            for entity in await self.home.command("config/entity_registry/list")
            if entity["platform"] == "ladda"
        }

    # --- what is in it ---------------------------------------------------------

    def _price_helper(self) -> dict[str, Any]:
        return {
            "name": self.texts.price,
            "icon": "mdi:transmission-tower",
            "min": 0,
            "max": 10,
            "step": 0.01,
            "mode": "box",
            "unit_of_measurement": "SEK/kWh",
        }

    def _station(self, folder: Path, identity: str) -> SimulatedStation:
        """Return a charger that has its memory in a file."""
        model, serial = _MODELS[identity]
        settings = {
            "MeterValueSampleInterval": str(_SAMPLE_S),
            "MeterValuesSampledData": ",".join(MEASURANDS),
            "ClockAlignedDataInterval": "15",
            "MeterValuesAlignedData": ",".join(MEASURANDS),
        }
        station = SimulatedStation(
            identity,
            f"ws://{LOOPBACK}:{self.settled.chargers_port}",
            connectors=sum(one == identity for one, _ in CONNECTORS),
            model=model,
            serial=serial,
            speed=self.speed,
            settings=settings,
            state_file=folder / f"{identity}.json",
            retry_interval=1,
        )
        # It keeps its factory settings: meter values more often than is usual.
        station.answers["ChangeConfiguration"] = {"status": "Rejected"}
        return station

    async def _change_prices(self) -> None:
        """Change the price of electricity each quarter of simulated time."""
        for price in cycle(PRICES):
            await self.home.set_input_number(PRICE, price)
            await asyncio.sleep(900 / self.speed)


async def _live(house: DemoHouse, new: Path | None) -> None:
    """Start a house, set it up if it is new, and let it live; stop it in the end.

    `new` is the file that says that a house is set up.
    """
    try:
        _say("Starting Home Assistant …")
        await house.home.start()
        if new:
            _say("Setting up tariff, users, chargers and dashboard …")
            await house.set_up()
            house.settled.write(new)
        else:
            await house.switch_on()
        _say(_welcome(house))
        await house.live()
    finally:
        _say("", "Stopping …")
        await house.stop()


async def _until_told_to_end(house: DemoHouse, new: Path | None) -> None:
    """Let a house live until somebody presses Ctrl-C (or ends the process).

    Pressing it again does not disturb the stopping.
    """
    told = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, told.set)
    life = asyncio.create_task(_live(house, new))
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    life.cancel()
    with suppress(asyncio.CancelledError):
        await life


def _welcome(house: DemoHouse) -> str:
    """Return what a person wants to know once everything runs."""
    home = house.home
    return f"""
  Home Assistant with Ladda is at   {home.url}
  Log in as                         {USERNAME}
  with the password                 {PASSWORD}

  The first page shows two chargers with three outlets between them. Cars of Anna
  and Bo come and go, and energy flows {house.speed:g} times as fast as it would. Flip a
  switch, drag a current limit, or watch status, power, energy and cost move.
  Now and then a stranger holds up a tag that nobody knows: see Settings.
  The integration itself is at Settings, Devices & services, Ladda.

  Ctrl-C stops everything; the next start goes on with the same house.
"""


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _speed(text: str) -> float:
    """Read the speed: 1 to 30, beyond which prices change faster than is measured."""
    speed = float(text)
    if not 1 <= speed <= 30:
        raise argparse.ArgumentTypeError("it must be between 1 and 30")
    return speed


def main() -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--speed",
        type=_speed,
        default=10.0,
        help="how many times as fast energy flows, 1 to 30 (default 10)",
    )
    parser.add_argument(
        "--language", choices=TEXTS, help="the language of a new house (default en)"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget everything and start over"
    )
    wanted = parser.parse_args()
    settled_file = FOLDER / "settled.json"
    settled = Settled.read(settled_file)
    if settled and not all(map(is_free, settled.ports)):
        parser.error(
            f"a port of {settled.ports} is taken; is the demo running already?"
        )
    if settled and not wanted.fresh:
        if wanted.language not in (None, settled.language):
            parser.error(
                f"the house speaks {settled.language}; add --fresh to build anew"
            )
        house, new = DemoHouse(FOLDER, settled, wanted.speed), None
    else:
        if FOLDER.exists():
            shutil.rmtree(FOLDER)
        FOLDER.mkdir()
        settled = Settled.now(wanted.language or "en")
        house, new = DemoHouse(FOLDER, settled, wanted.speed), settled_file
    status = 0
    try:
        asyncio.run(_until_told_to_end(house, new))
    except* NotRunning as ended:
        _say("Home Assistant ended by itself:", str(ended.exceptions[0]))
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
