"""Set the demo's house up on the newest Home Assistant and charge a car there."""

import asyncio
from decimal import Decimal
from pathlib import Path
import sys
import tempfile

from tests.real_home_assistant import REPOSITORY, free_port
from tests.station_simulator import Car

from .demo_cars import BOS_FOB
from .demo_house import DemoHouse, Settled

PYTHON = REPOSITORY / ".venv-next" / "bin" / "python"


async def _smoke(folder: Path) -> list[str]:
    """Charge a car over a restart; return what went wrong."""
    settled = Settled(free_port(), free_port(), "en")
    house = DemoHouse(folder, settled, speed=30, python=PYTHON)
    try:
        await house.home.start()
        version = (await house.home.command("get_config"))["version"]
        print("Home Assistant", version)
        await house.set_up()
        driveway = house.stations["driveway"]
        await driveway.wait_registered(timeout=30)
        await driveway.plug_in(1, Car(need_wh=1_000))
        if (answer := await driveway.present_tag(1, BOS_FOB)) != "Accepted":
            return [f"The tag was {answer}"]
        await asyncio.sleep(5)
        await house.home.stop()
        await house.home.start()
        await driveway.wait_registered(timeout=30)
        await driveway.wait_status(1, "SuspendedEV", timeout=60)
        await driveway.unplug(1)
        await driveway.wait_queue_empty(timeout=30)
        truth = driveway.history[-1]
        assert truth.meter_stop is not None
        listed = await house.home.call("ladda", "list_sessions", return_response=True)
        [session] = listed["sessions"]
        print(session)
        problems = house.home.warnings()
        if Decimal(session["energy_wh"]) != truth.meter_stop - truth.meter_start:
            problems.append("The session has another energy than the charger")
        if session["user"] != "Bo" or session["open"] or session["cost"] is None:
            problems.append("The session is not Bo's, not ended, or has no cost")
        return problems
    finally:
        await house.stop()


def main() -> int:
    """Print what went wrong and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        problems = asyncio.run(_smoke(Path(folder)))
    print(*problems or ["All is well."], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
