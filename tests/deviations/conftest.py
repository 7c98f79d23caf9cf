"""What the tests of deviating stations stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from custom_components.ladda import alignment
from custom_components.ladda.central_system.rpc import RpcSession
from tests.desk.counter import Counter, at_the_desk, house


@pytest.fixture(autouse=True)
def nobody_is_asked_before_it_boots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stations that only speak alone, lest our calls mix with the answers."""
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 3600.0)


@pytest.fixture
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half a minute be a fifth of a second."""
    monkeypatch.setitem(RpcSession.__init__.__kwdefaults__, "call_timeout", 0.2)
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 0.2)


@pytest.fixture
async def counter(socket_enabled: None, tmp_path: Path) -> AsyncIterator[Counter]:
    """Open a desk that knows `garage` and `drive`."""
    async with at_the_desk(tmp_path / "ladda.db", house("garage", "drive")) as opened:
        yield opened
