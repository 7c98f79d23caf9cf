"""A process that commits until it is killed, and prints what was acknowledged.

Each number is committed as two entries and a session, some at a time.
"""

import asyncio
from itertools import count
from pathlib import Path
import sys

from custom_components.ladda.ledger import Ledger

from .records import a_session, an_entry


async def commit_for_ever(ledger: Ledger, numbers: count[int]) -> None:
    """Commit one number after the other."""
    for n in numbers:
        start, meter = (an_entry(kind=kind, session=n) for kind in ("start", "meter"))
        await ledger.commit(entries=[start, meter], sessions=[a_session(n)])
        sys.stdout.write(f"{n}\n")
        sys.stdout.flush()


async def main(path: Path) -> None:
    """Go on from where the last process was killed, with ten committers."""
    ledger = await Ledger.open(path)
    numbers = count(await ledger.next_session_id())
    await asyncio.gather(*(commit_for_ever(ledger, numbers) for _ in range(10)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
