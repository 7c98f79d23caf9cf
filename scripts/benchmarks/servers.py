"""The servers that the bench compares, each run in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
import os
from pathlib import Path
import sys
from typing import Final

from custom_components.ladda.billing.tariffs import FixedPrice, Tariff
from custom_components.ladda.billing.users import Directory, User
from custom_components.ladda.central_system import (
    Admission,
    CentralSystem,
    Link,
    Verdict,
)
from custom_components.ladda.charging.decisions import Decision, Noted, Started
from custom_components.ladda.charging.events import (
    Progress,
    SecurityEvent,
    StationEvent,
    TransactionStarted,
)
from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.charging.session import Session
from custom_components.ladda.desk import ChargingDesk
from custom_components.ladda.household import House, StationOptions
from custom_components.ladda.ledger import Ledger
from custom_components.ladda.strangers import Stranger

from .component.bare import serve_bare
from .component.disk import Disk

BARE: Final = "bare"
DISK: Final = "disk"
CENTRAL: Final = "central"
LEDGER: Final = "ledger"
NAMES: Final = {
    BARE: "bare aiohttp + orjson",
    DISK: "bare, a row on the disk",
    CENTRAL: "central system alone",
    LEDGER: "central system, ledger",
}


class Desk:
    """Takes everything."""

    def admit(self, identity: str) -> Admission:
        """Let everybody in."""
        return Admission(Verdict.KNOWN)

    def password_shown(self, identity: str, password_hash: str) -> None:
        """Take no note."""

    def connected(self, link: Link) -> None:
        """Take no note."""

    def disconnected(self, link: Link) -> None:
        """Take no note."""

    async def handle(self, link: Link, event: StationEvent) -> Decision:
        """Say yes."""
        if isinstance(event, TransactionStarted):
            return Started(1, Authorization.ACCEPTED)
        return Noted()


class Ear:
    """Hears nothing."""

    def station_changed(self, identity: str) -> None:
        """Hear nothing."""

    def connector_changed(self, identity: str, connector: int) -> None:
        """Hear nothing."""

    def meter_read(self, identity: str, connector: int, *, live: bool) -> None:
        """Hear nothing."""

    def limit_ignored(
        self, identity: str, connector: int, limit_a: Decimal | None
    ) -> None:
        """Hear nothing."""

    def session_started(self, session: Session) -> None:
        """Hear nothing."""

    def session_ended(self, session: Session) -> None:
        """Hear nothing."""

    def accounts_changed(self, users: Collection[str | None]) -> None:
        """Hear nothing."""

    def token_presented(
        self,
        identity: str,
        token: str,
        authorization: Authorization,
        user: str | None,
    ) -> None:
        """Hear nothing."""

    def password_shown(self, identity: str, password_hash: str) -> None:
        """Hear nothing."""

    def stranger_seen(self, stranger: Stranger) -> None:
        """Hear nothing."""

    def progressed(self, identity: str, progress: Progress) -> None:
        """Hear nothing."""

    def security_noticed(self, identity: str, event: SecurityEvent) -> None:
        """Hear nothing."""


async def _serve_central() -> int:
    """The wire with nobody behind it."""
    return await CentralSystem(Desk()).start("127.0.0.1", 0)


async def _serve_ledger(connections: int, folder: Path) -> int:
    """The whole way of a report: wire, desk, ledger, answer."""
    users = [
        User(id=f"u{number}", name=f"User {number}", tokens=(f"TAG{number}",))
        for number in range(connections)
    ]
    tariff = Tariff(id="t", name="T", currency="SEK", energy=FixedPrice(Decimal(2)))
    house = House(
        directory=Directory(users, "secret"),
        stations={
            f"s{number}": StationOptions(identity=f"s{number}", keep_settings=True)
            for number in range(connections)
        },
        tariffs={"t": tariff},
        default_tariff="t",
    )
    ledger = await Ledger.open(folder / "ladda.db")
    desk = ChargingDesk(ledger, house, Ear(), lambda: datetime.now(UTC), settle=3600)
    await desk.restore()
    return await CentralSystem(desk).start("127.0.0.1", 0)


async def _serve(kind: str, connections: int, folder: Path) -> None:
    """Serve until the end of standard input; print the port first."""
    if kind == BARE:
        port = await serve_bare()
    elif kind == DISK:
        port = await serve_bare(Disk(folder).store)
    elif kind == CENTRAL:
        port = await _serve_central()
    else:
        port = await _serve_ledger(connections, folder)
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


@asynccontextmanager
async def server(
    kind: str, connections: int, folder: Path
) -> AsyncIterator[tuple[int, int]]:
    """Run a server in a process of its own on one core; yield its pid and port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__, kind, str(connections), str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.pid, int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
