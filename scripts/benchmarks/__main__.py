"""Run the benchmarks that are asked for, or all of them."""

import argparse
import asyncio

from . import central_system, home_assistant


async def _run(names: list[str], *, quick: bool) -> None:
    """Run benchmarks in their order."""
    if "central-system" in names:
        await central_system.bench(*((4000, 1) if quick else (20000, 3)))
    if "home-assistant" in names:
        await home_assistant.bench(2000 if quick else 10000)


def main() -> None:
    """Measure."""
    every = ["central-system", "home-assistant"]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*every, []], default=every)
    parser.add_argument("--quick", action="store_true", help="a rough look")
    options = parser.parse_args()
    asyncio.run(_run(options.name or every, quick=options.quick))


if __name__ == "__main__":
    main()
