"""A backup of Home Assistant holds a whole ledger."""

import asyncio
from contextlib import closing
from pathlib import Path
import sqlite3

import pytest

from custom_components.ladda import backup
from custom_components.ladda.const import DOMAIN
from custom_components.ladda.hub import ledger_path
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .house import TAG, LivedInHouse


def sessions_in(file: Path) -> int:
    """Count the sessions in a copy of the ledger's file alone."""
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (count,) = copy.execute("SELECT count(*) FROM session").fetchone()
    copy.close()
    return int(count)


async def test_the_ledger_stands_still_while_it_is_copied(
    hass: HomeAssistant, house: LivedInHouse, tmp_path: Path
) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    await house.start(station)

    await backup.async_pre_backup(hass)
    file = ledger_path(hass)
    before = file.read_bytes()
    waiting = asyncio.create_task(house.start(station, meter_wh=1))
    await asyncio.sleep(0.2)
    # What is not stored is not acknowledged, and what is stored is in the file.
    assert not waiting.done()
    copy = tmp_path / "copy.db"
    copy.write_bytes(file.read_bytes())
    assert copy.read_bytes() == before
    assert sessions_in(copy) == 1

    await backup.async_post_backup(hass)
    assert await waiting == 2
    assert len(await house.hub.ledger.open_sessions()) == 1


async def test_a_backup_that_nobody_ends_holds_nobody_up_for_ever(
    hass: HomeAssistant, house: LivedInHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "HOLD", 0.2)
    await house.add_station()
    station = await house.station()
    await backup.async_pre_backup(hass)
    assert await house.start(station) == 1
    await backup.async_post_backup(hass)


async def test_a_ledger_that_cannot_be_held_does_not_call_off_the_backup(
    hass: HomeAssistant, house: LivedInHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await backup.async_pre_backup(hass)
    await backup.async_pre_backup(hass)
    assert "The ledger is copied while it is in use" in caplog.text
    await backup.async_post_backup(hass)


async def test_a_backup_needs_no_house(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    await backup.async_pre_backup(hass)
    await backup.async_post_backup(hass)
