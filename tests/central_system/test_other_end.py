"""Ladda and the `ocpp` package understand each other: neither was made for the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from aiohttp import ClientWebSocketResponse
from ocpp import messages
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result, datatypes, enums
import pytest

from custom_components.ladda.central_system import LearnedSettings, Refused, profile_of
from custom_components.ladda.charging.decisions import Decision, Noted, Started
from custom_components.ladda.charging.events import (
    Booted,
    MeterValuesReported,
    StationEvent,
    TransactionStarted,
    TransactionStopped,
)
from custom_components.ladda.charging.model import Authorization, Registration

from .door import Door

AT = "2026-11-23T04:00:00Z"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package check messages where it reads them, and not in threads."""
    monkeypatch.setattr(messages, "ASYNC_VALIDATION", False)


def answers[Method: Callable[..., Any]](action: str) -> Callable[[Method], Method]:
    """Mark what answers an action; the package's own `on` has no types."""
    return cast(Callable[[Method], Method], on(action))


class Wire:
    """The WebSocket in the words of the `ocpp` package."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        """Take an open connection."""
        self._ws = ws

    async def recv(self) -> str:
        """Return the next message."""
        return await self._ws.receive_str()

    async def send(self, text: str) -> None:
        """Send a message."""
        await self._ws.send_str(text)


class Station(ChargePoint):  # type: ignore[misc] # the package has no types
    """A station as the `ocpp` package makes it."""

    def __init__(self, wire: Wire) -> None:
        """Have settings, one of which is not as wanted."""
        super().__init__("garage", wire)
        self.settings = {"MeterValueSampleInterval": "900", "HeartbeatInterval": "300"}
        self.profiles: list[dict[str, Any]] = []
        self.tags: list[dict[str, Any]] = []

    @answers("GetConfiguration")
    def on_get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        """Tell the settings."""
        return call_result.GetConfiguration(
            configuration_key=[
                datatypes.KeyValue(key=key, readonly=False, value=value)
                for key, value in self.settings.items()
            ]
        )

    @answers("ChangeConfiguration")
    def on_change_configuration(
        self, key: str, value: str
    ) -> call_result.ChangeConfiguration:
        """Change a setting."""
        self.settings[key] = value
        return call_result.ChangeConfiguration(enums.ConfigurationStatus.accepted)

    @answers("SetChargingProfile")
    def on_set_charging_profile(
        self, connector_id: int, cs_charging_profiles: dict[str, Any]
    ) -> call_result.SetChargingProfile:
        """Take a profile."""
        self.profiles.append(cs_charging_profiles)
        return call_result.SetChargingProfile(enums.ChargingProfileStatus.accepted)

    @answers("SendLocalList")
    def on_send_local_list(
        self, local_authorization_list: list[dict[str, Any]], **_: Any
    ) -> call_result.SendLocalList:
        """Take tags."""
        self.tags += local_authorization_list
        return call_result.SendLocalList(enums.UpdateStatus.accepted)


@pytest.fixture
async def station(door: Door) -> AsyncIterator[Station]:
    """Connect a station of the `ocpp` package."""
    station = Station(Wire(await door.come()))
    running = asyncio.create_task(station.start())
    yield station
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_session_as_the_package_reports_it(
    door: Door, station: Station
) -> None:
    async def decide(event: StationEvent) -> Decision:
        if type(event) is TransactionStarted:
            return Started(7, Authorization.ACCEPTED)
        return Noted()

    door.desk.decide = decide
    door.desk.registration = Registration.ACCEPTED
    booted = await station.call(
        call.BootNotification("Model", "Vendor"), suppress=False
    )
    assert (booted.status, booted.interval) == ("Accepted", 300)
    started = await station.call(
        call.StartTransaction(1, "04AA11", 1000, AT), suppress=False
    )
    assert started.transaction_id == 7
    assert started.id_tag_info == {"status": "Accepted"}
    sampled = datatypes.SampledValue(value="1500", unit=enums.UnitOfMeasure.wh)
    value = datatypes.MeterValue(timestamp=AT, sampled_value=[sampled])
    await station.call(call.MeterValues(1, [value], transaction_id=7), suppress=False)
    await station.call(call.StopTransaction(2000, AT, 7), suppress=False)
    assert [type(event) for event in door.desk.events] == [
        Booted,
        TransactionStarted,
        MeterValuesReported,
        TransactionStopped,
    ]


async def test_settings_tags_and_limits_as_the_package_takes_them(
    door: Door, station: Station
) -> None:
    link = door.link()
    report = await link.bring_settings_in_line(
        LearnedSettings(), profile_of(None), write=True
    )
    assert report.changed == {"MeterValueSampleInterval": "30"}
    assert station.settings["MeterValueSampleInterval"] == "30"
    until = datetime(2027, 1, 1, tzinfo=UTC)
    tokens = [("04AA11", Authorization.ACCEPTED, until, "0A1B2C3D4E5F60")]
    assert await link.commands.send_token_list(tokens, 1, 10) == 1
    assert station.tags[0]["id_tag"] == "04AA11"
    await link.commands.set_limit(
        1, Decimal("7.25"), phases=None, transaction=None, alone=True
    )
    [profile] = station.profiles
    period = profile["charging_schedule"]["charging_schedule_period"][0]
    assert float(period["limit"]) == 7.2
    with pytest.raises(Refused):
        await link.commands.unlock(1)
