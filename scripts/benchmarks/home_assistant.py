"""What Ladda costs inside a running Home Assistant.

Beside it, in the same process, serves a bare WebSocket server that sets as many states
plainly for each message as Ladda's entities changed for one; and another one that has a
row on the disk before the answer, and as many sensors write their states: nobody could do
with less who loses nothing and has entities.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import os
from pathlib import Path
import re
import sqlite3
from statistics import median
import tempfile
from typing import Any, Final

from tests.real_home_assistant import LOOPBACK, REPOSITORY, HomeAssistant, free_port

from .stations import EIGHT, Fleet, fleet
from .usage import cpu_seconds

COMPONENT: Final = "ladda_bench"
WARM: Final = 20  # messages of each station before the measuring begins


@dataclass(frozen=True)
class House:
    """A Home Assistant with so many stations, each with a user of its own."""

    home: HomeAssistant
    port: int
    stations: int

    @property
    def pid(self) -> int:
        """The process."""
        assert self.home.pid is not None
        return self.home.pid

    async def ask(self, action: str, **data: Any) -> Any:
        """Ask the component inside."""
        return await self.home.call(COMPONENT, action, data, return_response=True)

    async def written(self, stations: Fleet, numbers: range) -> dict[str, Any]:
        """Return what was written while all stations reported."""
        await self.ask("count_writes", go_on=True)
        await stations.report(EIGHT, numbers, live=True)
        counted: dict[str, Any] = await self.ask("count_writes", go_on=False)
        return counted

    async def cpu(self, stations: Fleet, numbers: range) -> float:
        """Return the CPU in µs for each message while all stations report."""
        before = cpu_seconds(self.pid)
        sent = await stations.report(EIGHT, numbers, live=True)
        return (cpu_seconds(self.pid) - before) / sent * 1e6


@asynccontextmanager
async def house(
    stations: int, *, everything: bool = False, recorder: bool = False
) -> AsyncIterator[House]:
    """Run a Home Assistant with stations that are all known already.

    `everything`: with the entities switched on that are off at first.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        components = path / "custom_components"
        components.mkdir()
        (components / COMPONENT).symlink_to(
            REPOSITORY / "scripts" / "benchmarks" / "component"
        )
        home = HomeAssistant(
            path,
            integrations=("config", *(("recorder",) if recorder else ())),
            helpers={COMPONENT: {}},
            log_levels={"custom_components.ladda": "warning"},
        )
        port = free_port()
        async with home:
            where = {"host": LOOPBACK, "port": port}
            entry = (await home.flow("ladda", where))["result"]["entry_id"]
            await home.subentry_flow(
                entry,
                "tariff",
                {"name": "T", "kind": "fixed", "markups": {}},
                {"price": "2.5"},
            )
        _add_subentries(path, stations)
        place = House(home, port, stations)
        async with home:
            await _until_all_entities_are_there(place)
        if everything:
            _switch_on_everything(path)
        async with home:
            _pin(place.pid)
            yield place


def _pin(pid: int) -> None:
    """Keep a process, with all its threads, on one core; the stations run on others."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {max(os.sched_getaffinity(0))})


def _add_subentries(folder: Path, stations: int) -> None:
    """Write stations and users into the stored config entry."""
    path = folder / ".storage" / "core.config_entries"
    stored = json.loads(path.read_text())
    entries = stored["data"]["entries"]
    [entry] = [entry for entry in entries if entry["domain"] == "ladda"]
    for number in range(stations):
        for kind, data in (
            ("station", {"identity": f"s{number}"}),
            ("user", {"tags": [f"TAG{number}"]}),
        ):
            entry["subentries"].append(
                {
                    "data": data,
                    "subentry_id": f"{kind}{number:04}".rjust(26, "0"),
                    "subentry_type": kind,
                    "title": f"{kind} {number}",
                    "unique_id": f"{kind}_s{number}",
                }
            )
    path.write_text(json.dumps(stored))


async def _until_all_entities_are_there(place: House) -> None:
    """Let all stations tell of their connector, and wait for its entities."""

    async def are_there() -> bool:
        known = await place.home.command("config/entity_registry/list")
        powers = [one for one in known if one["unique_id"].endswith("/1_power")]
        return len(powers) == place.stations

    async with fleet(place.port, place.stations) as stations:
        await stations.all(lambda station: station.boot())
        await place.home.wait_for(are_there, timeout=120)
        # Home Assistant writes its registries some seconds later, or as it stops.


def _switch_on_everything(folder: Path) -> None:
    """Switch on in the stored registry what is off at first."""
    path = folder / ".storage" / "core.entity_registry"
    stored = json.loads(path.read_text())
    for entity in stored["data"]["entities"]:
        entity["disabled_by"] = None
    path.write_text(json.dumps(stored))


async def _attributes(place: House, entities: list[str]) -> list[dict[str, Any]]:
    """Return the attributes of the entities that changed at one station."""
    states = await place.home.states()
    return [states[entity]["attributes"] for entity in entities]


async def _side_by_side(number: int, messages: int, *, everything: bool) -> str:
    """Measure Ladda beside plain writing; return a line of the table."""
    rounds = max(messages // number, 20)
    async with (
        house(number, everything=everything) as place,
        fleet(place.port, number) as stations,
    ):
        await stations.all(lambda station: station.boot())
        await stations.charge()
        written = await place.written(stations, range(WARM))
        changed, reported = written["changed"], written["reported"]
        sent = WARM * number
        writes = (sum(changed.values()) + sum(reported.values())) / sent
        steadily = [entity for entity, times in changed.items() if times >= WARM - 1]
        each = round(len(steadily) / number)
        told = await _attributes(place, sorted(steadily)[:each])
        bare = (await place.ask("serve", attributes=told))["port"]
        least = (await place.ask("serve_entities", stations=number, each=each))["port"]
        async with fleet(bare, number) as plain, fleet(least, number) as needed:
            fleets = (plain, needed, stations)
            used: list[list[float]] = [[], [], []]
            for one in fleets[:2]:
                await place.cpu(one, range(WARM))
            for turn in range(3):
                numbers = range(WARM + turn * rounds, WARM + (turn + 1) * rounds)
                for one, found in zip(fleets, used, strict=True):
                    found.append(await place.cpu(one, numbers))
        barely, at_least, ladda = map(median, used)
        return (
            f"{number:>8} {'all' if everything else 'default':>8} {each:>8}"
            f" {writes:>16.2f} {sum(reported.values()) / sent:>10.2f}"
            f" {barely:>10.0f} µs {at_least:>12.0f} µs ({at_least / barely:.2f}×)"
            f" {ladda:>8.0f} µs ({ladda / barely:.2f}×)"
        )


async def _recorded(number: int) -> None:
    """Tell what the recorder stores of a session of an hour with a value every 30 s."""
    async with (
        house(number, recorder=True) as place,
        fleet(place.port, number) as stations,
    ):
        await stations.all(lambda station: station.boot())
        await stations.charge()
        await stations.report(EIGHT, range(5), live=True)
        database = place.home.folder / "home-assistant_v2.db"
        before = await _rows(database)
        await stations.report(EIGHT, range(5, 125), live=True)
        after = await _rows(database)
    print("\nRows that the recorder stores of a session with 120 MeterValues")
    for key in sorted(after):
        grown = (after[key] - before.get(key, 0)) / number
        if grown:
            print(f"  {key:<40} {grown:6.1f}")


async def _rows(database: Path) -> dict[str, int]:
    """Count the recorder's rows by what they are of, once it has written them."""
    await asyncio.sleep(7)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        states = connection.execute(
            "SELECT states_meta.entity_id, count(*) FROM states"
            " JOIN states_meta USING (metadata_id) GROUP BY 1"
        ).fetchall()
        (attributes,) = connection.execute(
            "SELECT count(*) FROM state_attributes"
        ).fetchone()
    connection.close()
    kinds: dict[str, int] = {"sets of attributes": attributes}
    for name, rows in states:
        kind = "state: " + re.sub(r"_\d+_", "_", name)
        kinds[kind] = kinds.get(kind, 0) + rows
    return kinds


async def bench(messages: int) -> None:
    """Measure everything in one run, and print tables."""
    print("\nHome Assistant, recorder off: CPU for each MeterValues of eight values")
    print(
        f"{'stations':>8} {'entities':>8} {'changed':>8} {'writes/message':>16}"
        f" {'needless':>10} {'plainly':>13} {'a row and entities':>23} {'Ladda':>19}"
    )
    for everything in (False, True):
        for number in (10, 200):
            line = await _side_by_side(number, messages, everything=everything)
            print(line, flush=True)
    await _recorded(10)
