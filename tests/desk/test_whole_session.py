"""A whole session, from the tag at the reader to what it costs."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from custom_components.ladda.charging.model import Authorization, ConnectorStatus
from custom_components.ladda.charging.session import Closing
from tests.station_simulator import Car

from .counter import at_the_desk, house

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_tag_session_ends_on_the_right_account(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage", meter_start_wh=1_234_567)
        await station.plug_in(1, Car())
        assert await station.present_tag(1, "04aa11") == "Accepted"
        transaction = await station.wait_transaction(1)
        counter.clock.travel(minutes=40)
        await station.wait_for(lambda: station.connectors[1].shown_wh > 1_240_000)
        connector = counter.desk.stations["garage"].connector(1)
        assert connector.status is ConnectorStatus.CHARGING
        await station.unplug(1)
        await station.wait_queue_empty()

        [session] = await counter.sessions()
        assert session.id == transaction.id
        assert (session.user, session.user_name) == ("anna", "Anna")
        assert session.authorization is Authorization.ACCEPTED
        assert session.closing is Closing.REPORTED
        assert session.stop_reason == "EVDisconnected"
        assert transaction.meter_stop is not None
        assert session.energy_wh == transaction.meter_stop - transaction.meter_start > 0
        assert session.cost == (session.energy_wh * Decimal("2.50") / 1000).quantize(
            Decimal("0.01")
        )
        assert not session.provisional
        assert abs(session.started_at - transaction.started_at) < timedelta(
            milliseconds=2
        )
        assert ("ended", session.id) in counter.ear.told
