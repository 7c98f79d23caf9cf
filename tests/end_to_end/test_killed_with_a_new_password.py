"""Home Assistant is killed while a charger gets a new password, and lets it in again."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.real_home_assistant import HomeAssistant, NotRunning, free_port
from tests.station_simulator import SimulatedStation

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.timeout(300)]

OLD = "the old password"


async def set_up(home: HomeAssistant, port: int) -> str:
    """Set a house up with a charger that has to show its password; return its device."""
    entry = await home.flow("ladda", {"host": "127.0.0.1", "port": port})
    charger = {
        "identity": "garage",
        "password": OLD,
        "open_to_all": False,
        "auto_start": False,
        "max_current": 16,
        "keep_settings": False,
    }
    await home.subentry_flow(entry["result"]["entry_id"], "station", charger)
    await asyncio.sleep(2)  # Home Assistant writes its configuration a second later
    devices: list[dict[str, Any]] = await home.command("config/device_registry/list")
    return next(
        str(device["id"])
        for device in devices
        if ["ladda", "garage"] in device["identifiers"]
    )


async def is_let_in(port: int, password: str) -> bool:
    """Tell whether a charger would be let in with a password."""
    url = f"http://127.0.0.1:{port}/garage"
    auth = aiohttp.encode_basic_auth("garage", password)
    async with (
        aiohttp.ClientSession() as client,
        client.get(url, headers={"Authorization": auth}) as told,
    ):
        return told.status != 401


async def test_a_charger_comes_back_with_whichever_password_it_has(
    tmp_path: Path,
) -> None:
    port = free_port()
    home = HomeAssistant(tmp_path)
    garage = SimulatedStation(
        "garage", f"ws://127.0.0.1:{port}", password=OLD, reconnect_delay=0.2
    )
    taken = asyncio.Event()

    def take(payload: dict[str, str]) -> dict[str, str] | None:
        status = garage.settings.change(payload["key"], payload["value"])
        if payload["key"] != "AuthorizationKey":
            return {"status": status}
        taken.set()
        return None

    garage.answers["ChangeConfiguration"] = take
    try:
        await home.start()
        device = await set_up(home, port)
        await garage.start()
        await garage.wait_registered(timeout=30)

        # 1. killed when the charger has taken it, and nobody knows
        asking = asyncio.create_task(
            home.call("ladda", "set_password", {"device_id": device})
        )
        await asyncio.wait_for(taken.wait(), 30)
        await home.kill()
        with pytest.raises(NotRunning):
            await asking
        await home.start()
        await garage.wait_registered(timeout=30)

        # 2. killed as soon as it has shown the new one, written down or not
        await home.kill()
        await home.start()
        await garage.wait_registered(timeout=30)

        # 3. killed when that is written down
        await asyncio.sleep(3)
        await home.kill()
        await home.start()
        await garage.wait_registered(timeout=30)
        assert not await is_let_in(port, OLD)
        assert await is_let_in(port, garage.settings["AuthorizationKey"])
        log = home.log().lower()
        assert garage.settings["AuthorizationKey"] not in log
        assert [line for line in home.warnings() if "Traceback" in line] == []
    finally:
        await garage.stop()
        await home.stop()
