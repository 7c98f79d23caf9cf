"""Kill the process at any moment: what was acknowledged is there."""

import asyncio
from collections import Counter
from pathlib import Path
import random
import subprocess
import sys

from custom_components.ladda.ledger import Ledger, SessionQuery

REPOSITORY = Path(__file__).parents[2]


async def acknowledged_until_killed(path: Path, seconds: float) -> list[int]:
    """Let a process commit for a while after its first commit, then kill it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.ledger.committer", str(path)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    first = await process.stdout.readline()
    await asyncio.sleep(seconds)
    process.kill()
    rest, _ = await process.communicate()
    lines = (first + rest).split(b"\n")
    return [int(line) for line in lines[:-1]]  # what follows the last one is cut off


async def test_what_was_acknowledged_survives_kill_and_nothing_is_half_there(
    path: Path,
) -> None:
    moments = random.Random()  # noqa: S311
    acknowledged: list[int] = []
    for _ in range(4):
        seconds = moments.uniform(0, 0.3)
        acknowledged += await acknowledged_until_killed(path, seconds)
        assert path.with_name("ladda.db-wal").exists()  # it was no orderly end

        ledger = await Ledger.open(path)
        entries = Counter(
            entry.session for entry in await ledger.entries(limit=1_000_000)
        )
        sessions = {one.id for one in await ledger.sessions(SessionQuery())}
        await ledger.close()
        assert set(acknowledged) <= sessions
        assert entries.keys() == sessions
        assert set(entries.values()) == {2}
    assert len(set(acknowledged)) == len(acknowledged) > 4
