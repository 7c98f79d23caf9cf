"""Run the benchmarks that are asked for, or all of them."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from . import central_system, home_assistant, latency, recovery

# What each takes: whether a rough look is enough
BENCHMARKS: Final[dict[str, Callable[[bool], Awaitable[None]]]] = {
    "central-system": lambda quick: central_system.bench(
        *((4000, 1) if quick else (20000, 3))
    ),
    "latency": lambda quick: latency.bench(10 if quick else 60),
    "home-assistant": lambda quick: home_assistant.bench(2000 if quick else 10000),
    "recovery": lambda quick: recovery.bench(20 if quick else 120),
}


async def _run(names: list[str], *, quick: bool) -> None:
    """Run benchmarks in their order."""
    for name, bench in BENCHMARKS.items():
        if name in names:
            await bench(quick)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a rough look")
    options = parser.parse_args()
    if unknown := set(options.name) - BENCHMARKS.keys():
        parser.error(f"there is no {', '.join(unknown)}")
    asyncio.run(_run(options.name or list(BENCHMARKS), quick=options.quick))


if __name__ == "__main__":
    main()
