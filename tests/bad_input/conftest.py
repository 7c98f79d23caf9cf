"""What the tests of bad input stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from custom_components.ladda import alignment

from .neighbours import Neighbours, neighbours


@pytest.fixture(autouse=True)
def nobody_is_asked_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stations only speak, lest our own calls mix with the answers."""
    monkeypatch.setattr(alignment, "BOOT_PATIENCE", 3600.0)


@pytest.fixture
async def yard(socket_enabled: None, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """Open a desk with a station that misbehaves, and one that must not notice."""
    async with neighbours(tmp_path) as opened:
        yield opened
