"""The server's CPU for each MeterValues, beside a bare WebSocket server.

Each server runs in a process of its own on one core; the stations run on the other
and send the same frames to all of them, each the next as the last is answered.
"""

from itertools import product
from pathlib import Path
from statistics import median
import tempfile

from .servers import BARE, NAMES, server
from .stations import REGISTER, TEN, fleet
from .usage import cpu_seconds

WARM: int = 50  # messages of each station before the measuring begins


async def _measure(kind: str, connections: int, values: int, messages: int) -> float:
    """Return the server's CPU in µs for each message."""
    rounds = max(messages // connections, 20)
    channels = TEN if values == len(TEN) else (REGISTER,)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            server(kind, connections, Path(folder)) as (pid, port),
            fleet(port, connections) as stations,
        ):
            await stations.charge()
            await stations.report(channels, range(WARM))
            before = cpu_seconds(pid)
            sent = await stations.report(channels, range(WARM, WARM + rounds))
            return (cpu_seconds(pid) - before) / sent * 1e6


async def bench(messages: int, repeats: int) -> None:
    """Measure everything in one run, the servers taking turns, and print a table."""
    print("Server CPU in µs for each MeterValues (and times the bare server's)\n")
    print(
        f"{'connections':>11} {'values':>6}", *(f"{NAMES[kind]:>26}" for kind in NAMES)
    )
    for connections, values in product((1, 20, 200), (1, 10)):
        taken: dict[str, list[float]] = {kind: [] for kind in NAMES}
        for _ in range(repeats):
            for kind, found in taken.items():
                found.append(await _measure(kind, connections, values, messages))
        bare = median(taken[BARE])
        cells = [
            f"{median(found):>16.0f} µs ({median(found) / bare:4.1f}×)"
            for found in taken.values()
        ]
        print(f"{connections:>11} {values:>6}", *cells, flush=True)
