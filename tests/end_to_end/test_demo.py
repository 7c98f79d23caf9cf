"""The demo does what it promises to who starts it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_house import DemoHouse, Settled
from tests.real_home_assistant import free_port

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.timeout(360)]


def entities_in(card: Any) -> Iterator[str]:
    """Return the entities that a dashboard, or a part of it, shows."""
    if isinstance(card, list):
        for one in card:
            yield from entities_in(one)
    elif isinstance(card, dict):
        if isinstance(card.get("entity"), str):
            yield card["entity"]
        for one in card.values():
            yield from entities_in(one)


async def test_a_person_watches_cars_charge_and_finds_them_again_next_time(
    tmp_path: Path,
) -> None:
    house = DemoHouse(tmp_path, Settled(free_port(), free_port(), "sv"), speed=30)
    home = house.home
    try:
        await home.start()
        await house.set_up()
        page = await home.command("lovelace/config", url_path="demo-charging")
        shown = set(entities_in(page))
        assert len(shown) > 20
        assert shown <= (await home.states()).keys()

        async def anna_pays() -> bool:
            states = await home.states()
            return any(float(states[cost]["state"]) > 0 for cost in costs)

        costs = [one for one in shown if "denna_manad" in one]
        life = asyncio.create_task(house.live())
        # A session is on her account when it has ended: fifty minutes, thirty times as fast
        await home.wait_for(anna_pays, timeout=180)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await house.stop()

        again = DemoHouse(tmp_path, house.settled, speed=30)
        house, home = again, again.home
        await home.start()
        await house.switch_on()
        assert await anna_pays()
        assert home.warnings() == []
    finally:
        await house.stop()
