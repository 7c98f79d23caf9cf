"""Home Assistant is killed in the middle of sessions, and the bill is right."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
import sqlite3
from typing import Any

import pytest

from tests.real_home_assistant import HomeAssistant, free_port
from tests.station_simulator import Car, SimulatedStation, SimulatedTransaction

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.timeout(600)]

PRICE = "input_number.electricity_price"
RESTING = Fraction("1.50")  # what the helper shows after every start
HELPERS = {
    "input_number": {
        "electricity_price": {
            "name": "Electricity price",
            "min": -5,
            "max": 20,
            "step": 0.01,
            "initial": float(RESTING),
            "unit_of_measurement": "SEK/kWh",
        }
    }
}
CAR = Car(battery_wh=500_000, need_wh=400_000)
ANNA, BO, CECILIA = "04AA0001", "04BB0002", "04CC0003"
NAMES = {ANNA: "Anna", BO: "Bo", CECILIA: "Cecilia"}

type Prices = list[tuple[datetime, Fraction]]


def spot(price: Fraction) -> Fraction:
    """Return the unit price of the tariff Spot: energy tax, markup and 25 % VAT."""
    return (price + Fraction("0.439") + Fraction("0.05")) * Fraction("1.25")


def cost_by_hand(truth: SimulatedTransaction, prices: Prices) -> Fraction:
    """Price what a station truly measured, in fractions and from scratch.

    The energy between two readings is spread evenly over the time between them.
    """
    assert truth.ended_at is not None
    assert truth.meter_stop is not None
    points = sorted(
        {
            (truth.started_at, truth.meter_start),
            *((reading.at, reading.register_wh) for reading in truth.readings),
            (truth.ended_at, truth.meter_stop),
        }
    )
    total = Fraction(0)
    for (since, low), (until, high) in pairwise(points):
        edges = [since, *(at for at, _ in prices if since < at < until), until]
        for begin, end in pairwise(edges):
            price = next(shown for at, shown in reversed(prices) if at <= begin)
            share = Fraction(
                int((end - begin).total_seconds() * 1_000_000),
                max(int((until - since).total_seconds() * 1_000_000), 1),
            )
            total += (high - low) * share / 1000 * spot(price)
        if since == until:
            price = next(shown for at, shown in reversed(prices) if at <= since)
            total += Fraction(high - low, 1000) * spot(price)
    return total


class House:
    """A house in a real Home Assistant, with two stations and three users."""

    def __init__(self, folder: Path) -> None:
        """Build it; nothing runs yet."""
        self.home = HomeAssistant(folder, helpers=HELPERS, time_zone="Europe/Stockholm")
        self.folder = folder
        self.port = free_port()
        url = f"ws://127.0.0.1:{self.port}/ocpp"
        # An odd old charger: it refuses every setting, and samples each second.
        self.garage = SimulatedStation(
            "garage",
            url,
            connectors=2,
            speed=30,
            meter_start_wh=1_234_567,
            reconnect_delay=0.2,
            retry_interval=0.5,
            settings={"MeterValueSampleInterval": "1"},
        )
        self.garage.answers["ChangeConfiguration"] = {"status": "Rejected"}
        self.drive = SimulatedStation(
            "drive",
            url,
            speed=30,
            meter_start_wh=98_765,
            reconnect_delay=0.2,
            retry_interval=0.5,
        )
        self.prices: Prices = []

    async def set_up(self) -> None:
        """Set it up as a person does."""
        home = self.home
        await home.start()
        entry = await home.flow("ladda", {"host": "127.0.0.1", "port": self.port})
        self.entry_id = entry["result"]["entry_id"]
        self.prices = [await self.price_now()]
        terms = {
            "energy_tax": "0,439",
            "markup": "0.05",
            "vat_percent": "25",
            "vat_included": False,
        }
        await home.subentry_flow(
            self.entry_id,
            "tariff",
            {"name": "Spot", "kind": "helper", "default": True, "markups": terms},
            {"entity": PRICE},
        )
        await home.subentry_flow(
            self.entry_id,
            "tariff",
            {
                "name": "Flat",
                "kind": "fixed",
                "default": False,
                "markups": {"session_fee": "5", "vat_included": True},
            },
            {"price": "2.15"},
        )
        flat = next(
            one
            for one in await home.subentries(self.entry_id)
            if one["title"] == "Flat"
        )
        for tag, name in NAMES.items():
            tariff = {"tariff": flat["subentry_id"]} if tag == CECILIA else {}
            await home.subentry_flow(
                self.entry_id,
                "user",
                {"name": name, "tags": [tag], "active": True, **tariff},
            )
        await asyncio.gather(self.garage.start(), self.drive.start())

        async def both_seen() -> bool:
            return len(await home.discovered("ladda")) == 2

        await home.wait_for(both_seen, timeout=20)
        for flow in await home.discovered("ladda"):
            result = await home.take_up(flow, "adopt", {"name": "A charger"})
            assert result["reason"] == "station_added", result
        await self.everybody_is_back()
        await asyncio.sleep(2)  # Home Assistant writes its configuration a second later

    async def price_now(self) -> tuple[datetime, Fraction]:
        """Return what the price helper shows, and since when."""
        state = (await self.home.states())[PRICE]
        return datetime.fromisoformat(state["last_updated"]), Fraction(state["state"])

    async def change_price(self, price: str) -> None:
        """Change the price helper, in the middle of things."""
        await self.home.set_input_number(PRICE, float(price))
        self.prices.append(await self.price_now())
        await asyncio.sleep(1.2)

    async def kill_and_start_again(self) -> None:
        """Pull the plug, and start again. The price rests meanwhile."""
        assert self.prices[-1][1] == RESTING
        await self.home.kill()
        await asyncio.sleep(1)
        await self.home.start()
        assert (await self.price_now())[1] == RESTING

    async def everybody_is_back(self) -> None:
        """Wait until the stations have told everything."""
        for station in (self.garage, self.drive):
            await station.wait_registered(timeout=30)
            await station.wait_queue_empty(timeout=30)

    async def sessions(self) -> list[dict[str, Any]]:
        """List the sessions as an automation would."""
        answer = await self.home.call("ladda", "list_sessions", return_response=True)
        return list(answer["sessions"])

    def kept(self) -> dict[int, tuple[str, str, str | None, int]]:
        """Read the sessions from the ledger's file: name, energy, cost, provisional."""
        path = self.folder / ".storage" / "ladda" / "ladda.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute(
                "SELECT id, user_name, energy_wh, cost, provisional FROM session"
            )
            return {row[0]: row[1:] for row in rows}


@asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    """Run a house; stop everything at the end."""
    house = House(folder)
    try:
        await house.set_up()
        yield house
    finally:
        await house.garage.stop()
        await house.drive.stop()
        await house.home.stop()


async def charge(station: SimulatedStation, connector: int, tag: str) -> None:
    """Plug a car in and present a tag."""
    await station.plug_in(connector, CAR)
    assert await station.present_tag(connector, tag) == "Accepted"
    await station.wait_transaction(connector)


def is_the_cost(told: str | None, exact: Fraction) -> bool:
    """Tell whether a bill is the exact cost, rounded to the öre."""
    hair = Fraction(1, 100_000)  # energy at a price change is kept to 0.001 Wh
    return told is not None and abs(Fraction(told) - exact) <= Fraction(1, 200) + hair


async def test_every_session_ends_with_the_right_user_energy_and_cost(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        garage, drive = house.garage, house.drive

        # 1. killed right after a session began
        await charge(garage, 1, ANNA)
        await house.kill_and_start_again()
        await house.everybody_is_back()

        # 2. killed between meter values, sessions overlapping, the price moving
        await charge(garage, 2, BO)
        await charge(drive, 1, CECILIA)
        for price in ("2.75", "0.80", "-0.35", str(float(RESTING))):
            await house.change_price(price)
        await house.kill_and_start_again()
        await house.everybody_is_back()
        await house.change_price("3.10")
        await house.change_price(str(float(RESTING)))

        # 3. killed while a station is away; a session begins and one ends meanwhile
        await garage.go_offline()
        await garage.unplug(1)
        await house.kill_and_start_again()
        await garage.go_online()
        await house.everybody_is_back()

        # 4. killed in the very moment in which a session ends
        await charge(garage, 1, ANNA)
        await house.change_price("4.20")
        await house.change_price(str(float(RESTING)))
        await asyncio.gather(drive.unplug(1), house.kill_and_start_again())
        await house.everybody_is_back()

        # 5. killed in the middle of the replay of what happened before
        await garage.go_offline()
        await asyncio.sleep(6)
        await garage.unplug(2)
        waiting = len(garage.queue)
        assert waiting > 5
        await garage.go_online()
        await garage.wait_for(lambda: len(garage.queue) < waiting)
        await house.kill_and_start_again()
        await house.everybody_is_back()
        await garage.unplug(1)
        await house.everybody_is_back()

        await the_books_are_right(house)
        # Home Assistant has something to say about being killed; we have not.
        assert [line for line in house.home.warnings() if "ladda" in line] == []


async def the_books_are_right(house: House) -> None:
    """Compare sessions, ledger and explanations with what the stations truly did."""
    told = {session["id"]: session for session in await house.sessions()}
    kept = house.kept()
    truths = [*house.garage.history, *house.drive.history]
    assert len(truths) == len(told) == len(kept) == 4
    for truth in truths:
        assert truth.id is not None
        session = told[truth.id]
        assert session["user"] == NAMES[truth.id_tag]
        assert not session["open"]
        assert session["closing"] == "reported"
        assert truth.meter_stop is not None
        energy = truth.meter_stop - truth.meter_start
        assert Decimal(session["energy_wh"]) == energy > 0
        assert not session["provisional"]
        exact = (
            Fraction(energy, 1000) * Fraction("2.15") + 5
            if truth.id_tag == CECILIA
            else cost_by_hand(truth, house.prices)
        )
        assert is_the_cost(session["cost"], exact), (session, float(exact))
        name, wh, cost, provisional = kept[truth.id]
        assert (name, Decimal(wh), cost, provisional) == (
            session["user"],
            energy,
            session["cost"],
            0,
        )
        detail = await house.home.call(
            "ladda", "get_session", {"session_id": truth.id}, return_response=True
        )
        assert total(part["wh"] for part in detail["slices"]) == energy
        amounts = total(part["amount"] for part in detail["slices"])
        assert is_the_cost(
            session["cost"], Fraction(amounts + Decimal(detail["session_fee"]))
        )


def total(numbers: Iterable[str]) -> Decimal:
    """Add numbers up."""
    return sum(map(Decimal, numbers), Decimal(0))
