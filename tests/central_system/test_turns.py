"""Turns at a connector's limit."""

import asyncio

import pytest

from custom_components.ladda.central_system import Overtaken
from custom_components.ladda.central_system.turns import NewestWins


async def test_only_who_came_last_still_gets_a_turn() -> None:
    turns = NewestWins()
    done: list[str] = []

    async def take(name: str) -> None:
        async with turns.turn():
            done.append(name)

    async with turns.turn():
        older, newer = [asyncio.create_task(take(name)) for name in ("older", "newer")]
        await asyncio.sleep(0)
    with pytest.raises(Overtaken):
        await older
    await newer
    assert done == ["newer"]


async def test_what_is_only_done_again_overtakes_nobody() -> None:
    turns = NewestWins()
    done: list[str] = []

    async def take() -> None:
        async with turns.turn():
            done.append("a person")

    async def take_again() -> None:
        async with turns.humble_turn():
            done.append("again")

    async with turns.humble_turn():
        waiting = [asyncio.create_task(take()), asyncio.create_task(take_again())]
        await asyncio.sleep(0)
        done.append("first")
    await asyncio.gather(*waiting)
    assert done == ["first", "a person", "again"]
