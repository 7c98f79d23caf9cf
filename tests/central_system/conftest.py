"""What the tests of the wire stand on."""

from collections.abc import AsyncIterator

import pytest

from .door import Door, at_the_door


@pytest.fixture
async def door(socket_enabled: None) -> AsyncIterator[Door]:
    """Open a listener that knows the station `garage`."""
    async with at_the_door() as opened:
        yield opened
