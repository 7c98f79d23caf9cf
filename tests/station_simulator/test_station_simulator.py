"""The simulated station against a small central system of the `ocpp` package."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from hypothesis import given, strategies as st
from ocpp.exceptions import InternalError
from ocpp.v16 import ChargePoint, call, call_result
import pytest

from . import CallRefused, Car, SimulatedStation

TAG = "04A1B2C3"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

type Payload = dict[str, Any]


class Hearing(ChargePoint):  # type: ignore[misc]
    """The central system's end of one connection."""

    def __init__(self, central: CentralSystem, websocket: web.WebSocketResponse):
        """Answer for a central system."""
        self.central = central
        self.websocket = websocket
        super().__init__("central", self, response_timeout=5)
        self.route_map = {
            action: {"_on_action": handler}
            for action, handler in {
                "BootNotification": self.on_boot,
                "Authorize": self.on_authorize,
                "StartTransaction": self.on_start,
                "StopTransaction": self.on_stop,
                "MeterValues": self.on_meter_values,
                "StatusNotification": self.on_status,
                "Heartbeat": self.on_heartbeat,
            }.items()
        }

    async def recv(self) -> str:
        """Return the next frame."""
        message = await self.websocket.receive()
        if message.type is not WSMsgType.TEXT:
            raise ConnectionError
        frame = str(message.data)
        self.central.frames.append(frame)
        return frame

    async def send(self, frame: str) -> None:
        """Send a frame."""
        await self.websocket.send_str(frame)

    async def _handle_call(self, msg: Any) -> None:
        self.central.heard.append((msg.action, msg.payload))
        self.central.news.set()
        if self.central.deaf_to == msg.action:
            self.central.deaf_to = None
            await self.websocket.close()
            raise ConnectionError
        if msg.action in self.central.failing:
            await self._send(msg.create_call_error(InternalError()).to_json())
        else:
            await super()._handle_call(msg)

    def on_boot(self, **_: Any) -> Any:
        """Register the station, or not."""
        status = self.central.registrations.pop(0)
        self.central.registrations = self.central.registrations or ["Accepted"]
        return call_result.BootNotification(NOON.isoformat(), 1, status)

    def on_authorize(self, id_tag: str) -> Any:
        """Know one tag, which is in the family's group."""
        return call_result.Authorize(self.central.info(id_tag))

    def on_start(self, id_tag: str, **_: Any) -> Any:
        """Give the next id."""
        self.central.last_id += 1
        return call_result.StartTransaction(
            self.central.last_id, self.central.info(id_tag)
        )

    def on_stop(self, **_: Any) -> Any:
        """Take a stop."""
        return call_result.StopTransaction()

    def on_meter_values(self, **_: Any) -> Any:
        """Take meter values."""
        return call_result.MeterValues()

    def on_status(self, **_: Any) -> Any:
        """Take a status."""
        return call_result.StatusNotification()

    def on_heartbeat(self) -> Any:
        """Tell the time."""
        return call_result.Heartbeat(NOON.isoformat())


class CentralSystem:
    """As little of a central system as there can be.

    `heard` are the CALLs it got, `frames` all that came. It closes the connection instead of answering
    `deaf_to`, once, and answers the actions in `failing` with a CALLERROR.
    """

    def __init__(self) -> None:
        """Know nobody yet."""
        self.heard: list[tuple[str, Payload]] = []
        self.frames: list[str] = []
        self.news = asyncio.Event()
        self.registrations = ["Accepted"]
        self.known = {TAG: "Accepted", "04FFFFFF": "Accepted"}
        self.last_id = 100
        self.deaf_to: str | None = None
        self.failing: set[str] = set()
        self.hearing: Hearing
        self.handshakes: list[web.Request] = []
        self.url = ""

    def info(self, id_tag: str) -> Payload:
        """Return what is known of a tag."""
        return {"status": self.known.get(id_tag, "Invalid"), "parentIdTag": "FAMILY"}

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        self.handshakes.append(request)
        websocket = web.WebSocketResponse(protocols=("ocpp1.6",))
        await websocket.prepare(request)
        self.hearing = Hearing(self, websocket)
        with suppress(ConnectionError):
            await self.hearing.start()
        return websocket

    async def ask(self, message: Any) -> Any:
        """Send a CALL and return the answer."""
        return await self.hearing.call(message, suppress=False)

    def of(self, action: str) -> list[Payload]:
        """Return what was heard of an action."""
        return [payload for heard, payload in self.heard if heard == action]

    async def hear(self, action: str) -> None:
        """Wait until an action is heard."""
        async with asyncio.timeout(5):
            while not self.of(action):
                self.news.clear()
                await self.news.wait()

    def statuses(self, connector: int = 1) -> list[str]:
        """Return the statuses a connector told."""
        told = self.of("StatusNotification")
        return [p["status"] for p in told if p["connectorId"] == connector]


@pytest.fixture
async def central(socket_enabled: None) -> AsyncIterator[CentralSystem]:
    """A central system that listens on loopback."""
    system = CentralSystem()
    app = web.Application()
    app.router.add_get("/ocpp/{identity}", system.listen)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    system.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ocpp"
    yield system
    await runner.cleanup()


type Build = Callable[..., SimulatedStation]


@pytest.fixture
async def build(central: CentralSystem) -> AsyncIterator[Build]:
    """Make stations that are stopped at the end."""
    built: list[SimulatedStation] = []

    def make(**options: Any) -> SimulatedStation:
        quick = {"reconnect_delay": 0.02, "retry_interval": 0.02}
        station = SimulatedStation("GARAGE 1", central.url, **quick | options)
        built.append(station)
        return station

    yield make
    for station in built:
        await station.stop()


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        """Begin at noon."""
        self.now = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


def profile(
    limit: float,
    purpose: str = "TxDefaultProfile",
    unit: str = "A",
    **more: Any,
) -> Payload:
    """Return a charging profile with one limit."""
    return {
        "chargingProfileId": more.pop("id", 1),
        "stackLevel": more.pop("level", 0),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": more.pop("kind", "Relative"),
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": start, "limit": value}
                for start, value in [(0, limit), *more.pop("then", ())]
            ],
            **more,
        },
    }


async def charging(station: SimulatedStation, **car: Any) -> None:
    """Start the station and a transaction on connector 1."""
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car(**car))
    assert await station.present_tag(1, TAG) == "Accepted"
    await station.wait_transaction(1)


# --- A session with a tag


async def test_a_session_by_tag_ends_with_the_energy_that_the_car_took(
    central: CentralSystem, build: Build
) -> None:
    station = build(speed=36_000, meter_start_wh=123_456)
    await charging(station, need_wh=5_000)
    await station.wait_status(1, "SuspendedEV")
    assert await station.present_tag(1, TAG.lower()) == "Accepted"
    await station.unplug(1)
    await station.wait_queue_empty()
    await station.wait_for(lambda: central.statuses()[-1] == "Available")

    (start,), (stop,) = central.of("StartTransaction"), central.of("StopTransaction")
    assert (start["meterStart"], stop["meterStop"]) == (123_456, 128_456)
    assert stop["transactionId"] == 101
    assert stop["reason"] == "Local"
    assert central.statuses() == [
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEV",
        "Finishing",
        "Available",
    ]
    (truth,) = station.history
    assert (truth.id, truth.energy_wh, truth.is_open) == (101, 5_000, False)


async def test_a_refused_tag_starts_nothing(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car())
    assert await station.present_tag(1, "STRANGER") == "Invalid"
    assert station.connectors[1].status == "Preparing"
    assert not station.history


async def test_a_tag_of_the_same_group_stops_the_transaction(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await charging(station)
    assert await station.present_tag(1, "04FFFFFF") == "Accepted"
    assert station.connectors[1].status == "Finishing"


async def test_a_tag_before_the_plug_waits_for_the_car(build: Build) -> None:
    clock = Clock()
    station = build(clock=clock, settings={"ConnectionTimeOut": "30"})
    await station.start()
    await station.wait_registered()
    await station.present_tag(1, TAG)
    assert station.connectors[1].status == "Preparing"
    clock.forward(seconds=31)
    await station.wait_status(1, "Available")
    await station.present_tag(1, TAG)
    await station.plug_in(1, Car())
    assert station.connectors[1].status == "Charging"


async def test_a_start_that_the_central_system_refuses_is_stopped(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car())
    station.remote_start(1, "STRANGER", None)
    await station.wait_status(1, "Finishing")
    await station.wait_queue_empty()
    assert central.of("StopTransaction")[0]["reason"] == "DeAuthorized"


async def test_pulling_the_plug_ends_the_transaction(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await charging(station)
    await station.unplug(1)
    await station.wait_queue_empty()
    assert central.of("StopTransaction")[0]["reason"] == "EVDisconnected"
    assert station.connectors[1].status == "Available"


# --- From afar


async def test_a_remote_start_is_answered_before_it_starts(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car())
    answer = await central.ask(
        call.RemoteStartTransaction(TAG, 1, profile(10, "TxProfile"))
    )
    assert answer.status == "Accepted"
    transaction = await station.wait_transaction(1)
    assert station.connectors[1].current_a == 10
    kinds = [
        "answer" if f.startswith("[3") else f.split('"')[3] for f in central.frames
    ]
    assert kinds.index("answer") < kinds.index("StartTransaction")

    answer = await central.ask(call.RemoteStopTransaction(transaction.id))
    assert answer.status == "Accepted"
    await station.wait_queue_empty()
    assert central.of("StopTransaction")[0]["reason"] == "Remote"
    assert not station.controller.profiles.installed
    answer = await central.ask(call.RemoteStopTransaction(transaction.id))
    assert answer.status == "Rejected"


async def test_a_remote_start_can_be_authorized_first(
    central: CentralSystem, build: Build
) -> None:
    station = build(settings={"AuthorizeRemoteTxRequests": "true"})
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car())
    await central.ask(call.RemoteStartTransaction("STRANGER"))
    await central.hear("Authorize")
    assert not station.history


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_stops_the_transaction_and_boots(
    central: CentralSystem, build: Build, kind: str
) -> None:
    station = build()
    await charging(station)
    central.heard.clear()
    assert (await central.ask(call.Reset(kind))).status == "Accepted"
    await central.hear("BootNotification")
    await central.hear("StopTransaction")
    order = [action for action, _ in central.heard if action != "StatusNotification"]
    expected = ["StopTransaction", "BootNotification"]
    assert order == (expected if kind == "Soft" else expected[::-1])
    assert central.of("StopTransaction")[0]["reason"] == f"{kind}Reset"


async def test_unlocking_ends_the_transaction(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await charging(station)
    assert (await central.ask(call.UnlockConnector(1))).status == "Unlocked"
    assert (await central.ask(call.UnlockConnector(7))).status == "NotSupported"
    await station.wait_queue_empty()
    assert central.of("StopTransaction")[0]["reason"] == "UnlockCommand"


async def test_a_busy_connector_goes_out_of_service_when_it_is_done(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await charging(station)
    answer = await central.ask(call.ChangeAvailability(1, "Inoperative"))
    assert answer.status == "Scheduled"
    assert station.connectors[1].status == "Charging"
    await station.unplug(1)
    assert station.connectors[1].status == "Unavailable"
    answer = await central.ask(call.ChangeAvailability(0, "Operative"))
    assert answer.status == "Accepted"
    await station.wait_status(1, "Available")


async def test_triggered_messages_follow_the_answer(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await charging(station)
    await station.wait_for(lambda: central.statuses()[-1] == "Charging")
    central.heard.clear()
    for message in ("MeterValues", "StatusNotification", "Heartbeat"):
        answer = await central.ask(call.TriggerMessage(message, 1))
        assert answer.status == "Accepted"
        await central.hear(message)
    value = central.of("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
    assert value["context"] == "Trigger"
    answer = await central.ask(call.TriggerMessage("FirmwareStatusNotification"))
    assert answer.status == "NotImplemented"


# --- Configuration


async def test_keys_are_written_refused_or_unknown(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    for key, value, status in [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,RPM", "Rejected"),
        ("NumberOfConnectors", "4", "Rejected"),
        ("WiFi", "on", "NotSupported"),
    ]:
        answer = await central.ask(call.ChangeConfiguration(key, value))
        assert answer.status == status, key
    answer = await central.ask(
        call.GetConfiguration(["NumberOfConnectors", "AuthorizationKey", "WiFi"])
    )
    assert answer.configuration_key == [
        {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
        {"key": "AuthorizationKey", "readonly": False},
    ]
    assert answer.unknown_key == ["WiFi"]
    assert station.settings["MeterValueSampleInterval"] == "30"


async def test_a_new_password_is_used_at_once(
    central: CentralSystem, build: Build
) -> None:
    station = build(password="old")
    await station.start()
    await station.wait_registered()
    key = "00112233445566778899aabbccddeeff"
    await central.ask(call.ChangeConfiguration("AuthorizationKey", key))
    await station.wait_for(lambda: len(central.handshakes) == 2 and station.is_online)
    sent = [request.headers["Authorization"] for request in central.handshakes]
    assert sent[0] == "Basic R0FSQUdFIDE6b2xk"
    assert sent[1] == "Basic R0FSQUdFIDE6ABEiM0RVZneImaq7zN3u/w=="


async def test_the_meter_is_read_at_the_intervals_that_are_set(
    central: CentralSystem, build: Build
) -> None:
    clock = Clock()
    clock.forward(minutes=7)
    station = build(
        clock=clock,
        settings={
            "MeterValueSampleInterval": "600",
            "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
            "ClockAlignedDataInterval": "900",
            "StopTxnAlignedData": "Energy.Active.Import.Register",
        },
    )
    await charging(station, need_wh=50_000)
    clock.forward(minutes=25)
    await station.wait_for(lambda: len(central.of("MeterValues")) == 4)
    values = [payload["meterValue"][0] for payload in central.of("MeterValues")]
    # 16 A * 3 * 230 V = 11,04 kW = 184 Wh a minute
    assert [
        (v["timestamp"], v["sampledValue"][0]["context"], v["sampledValue"][0]["value"])
        for v in values
    ] == [
        ("2026-05-04T12:15:00.000Z", "Sample.Clock", "1472"),
        ("2026-05-04T12:17:00.000Z", "Sample.Periodic", "1840"),
        ("2026-05-04T12:27:00.000Z", "Sample.Periodic", "3680"),
        ("2026-05-04T12:30:00.000Z", "Sample.Clock", "4232"),
    ]
    assert values[1]["sampledValue"][1]["value"] == "11040.0"
    await station.unplug(1)
    await station.wait_queue_empty()
    data = central.of("StopTransaction")[0]["transactionData"]
    assert [value["sampledValue"][0]["value"] for value in data] == ["1472", "4232"]
    assert [tuple(reading) for reading in station.history[0].readings] == [
        (NOON + timedelta(minutes=minutes), 184 * (minutes - 7))
        for minutes in (7, 15, 17, 27, 30, 32)
    ]


# --- Nobody listens


async def test_what_happens_offline_is_replayed_in_order_with_its_own_times(
    central: CentralSystem, build: Build
) -> None:
    clock = Clock()
    station = build(clock=clock, settings={"AllowOfflineTxForUnknownId": "true"})
    await station.start()
    await station.wait_registered()
    await station.go_offline()
    await station.plug_in(1, Car(need_wh=50_000))
    assert await station.present_tag(1, TAG) == "Accepted"
    clock.forward(minutes=2)
    await station.unplug(1)
    assert [payload for _, payload in _queued(station)][1]["transactionId"] == -1
    central.heard.clear()
    clock.forward(hours=3)
    await station.go_online()
    await station.wait_queue_empty()

    told = [
        (a, p) for a, p in central.heard if a not in ("StatusNotification", "Heartbeat")
    ]
    assert [action for action, _ in told] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    assert told[0][1]["timestamp"] == "2026-05-04T12:00:00.000Z"
    assert told[3][1]["timestamp"] == "2026-05-04T12:02:00.000Z"
    assert [payload["transactionId"] for _, payload in told[1:]] == [101, 101, 101]
    assert told[3][1]["meterStop"] == 368
    assert station.history[0].id == 101


async def test_a_message_whose_answer_was_lost_is_sent_again(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await station.plug_in(1, Car())
    central.deaf_to = "StartTransaction"
    await station.present_tag(1, TAG)
    await station.wait_transaction(1)
    first, second = central.of("StartTransaction")
    assert first == second


async def test_a_message_that_fails_too_often_is_given_up(
    central: CentralSystem, build: Build
) -> None:
    station = build(settings={"TransactionMessageAttempts": "2"})
    await charging(station)
    central.failing = {"StopTransaction"}
    await station.present_tag(1, TAG)
    await station.wait_queue_empty()
    assert len(central.of("StopTransaction")) == 2


async def test_offline_the_local_list_decides(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    entries = [
        {"idTag": TAG, "idTagInfo": {"status": "Accepted"}},
        {"idTag": "04BAD", "idTagInfo": {"status": "Blocked"}},
    ]
    answer = await central.ask(call.SendLocalList(3, "Full", entries))
    assert answer.status == "Accepted"
    answer = await central.ask(call.SendLocalList(3, "Differential", []))
    assert answer.status == "VersionMismatch"
    assert (await central.ask(call.GetLocalListVersion())).list_version == 3
    await station.go_offline()
    await station.plug_in(1, Car())
    assert await station.present_tag(1, "STRANGER") == "Invalid"
    assert await station.present_tag(1, "04BAD") == "Blocked"
    assert await station.present_tag(1, TAG.lower()) == "Accepted"
    assert station.connectors[1].status == "Charging"


async def test_a_transaction_goes_on_after_a_power_cut(
    central: CentralSystem, build: Build
) -> None:
    clock = Clock()
    station = build(clock=clock)
    await charging(station, need_wh=50_000)
    clock.forward(minutes=10)
    await station.power_cut()
    clock.forward(hours=5)
    await station.power_on()
    await station.wait_registered()
    clock.forward(minutes=5)
    await station.unplug(1)
    await station.wait_queue_empty()
    assert len(central.of("BootNotification")) == 2
    assert len(central.of("StartTransaction")) == 1
    (stop,) = central.of("StopTransaction")
    assert (stop["transactionId"], stop["meterStop"]) == (101, 15 * 184)


async def test_or_ends_with_the_power_cut(central: CentralSystem, build: Build) -> None:
    clock = Clock()
    station = build(clock=clock, after_power_cut="stop")
    await charging(station, need_wh=50_000)
    clock.forward(minutes=10)
    await station.power_cut()
    clock.forward(hours=5)
    await station.power_on()
    await station.wait_queue_empty()
    (stop,) = central.of("StopTransaction")
    assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", 1840)
    assert stop["timestamp"] == "2026-05-04T12:10:00.000Z"


async def test_its_memory_survives_the_process(
    central: CentralSystem, build: Build, tmp_path: Path
) -> None:
    memory = tmp_path / "station.json"
    clock = Clock()
    station = build(clock=clock, state_file=memory)
    await charging(station, need_wh=50_000)
    await central.ask(call.ChangeConfiguration("HeartbeatInterval", "77"))
    await central.ask(call.SetChargingProfile(1, profile(8)))
    await station.go_offline()
    clock.forward(minutes=2)
    await station.stop()

    again = build(clock=clock, state_file=memory)
    assert again.settings["HeartbeatInterval"] == "77"
    assert again.connectors[1].register_wh == station.connectors[1].register_wh
    assert again.connectors[1].transaction_id == 101
    await again.start()
    await again.wait_registered()
    assert again.connectors[1].current_a == 8
    await again.present_tag(1, TAG)
    await again.wait_queue_empty()
    assert central.of("StopTransaction")[0]["transactionId"] == 101


# --- Registration and the network


async def test_a_pending_station_asks_again_and_sends_only_what_is_triggered(
    central: CentralSystem, build: Build
) -> None:
    central.registrations = ["Pending", "Rejected", "Accepted"]
    station = build()
    await station.start()
    await station.wait_for(lambda: station.registration == "Pending")
    await station.plug_in(1, Car())
    answer = await central.ask(call.RemoteStartTransaction(TAG, 1))
    assert answer.status == "Rejected"
    await central.ask(call.TriggerMessage("StatusNotification", 1))
    await station.wait_for(lambda: central.statuses() == ["Preparing"])
    assert [a for a, _ in central.heard] == ["BootNotification", "StatusNotification"]
    await central.ask(call.TriggerMessage("BootNotification"))
    await station.wait_for(lambda: station.registration == "Rejected")
    await station.wait_registered()
    await station.wait_for(lambda: len(central.statuses(0)) == 1)


async def test_it_does_not_boot_again_after_a_mere_reconnect(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await station.wait_for(lambda: bool(central.statuses()))
    await station.go_offline()
    await station.plug_in(1, Car())
    await station.go_online()
    await station.wait_for(lambda: central.statuses() == ["Available", "Preparing"])
    assert len(central.of("BootNotification")) == 1


async def test_the_heartbeat_keeps_its_interval(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    await central.hear("Heartbeat")


async def test_a_refused_handshake_is_tried_again(
    central: CentralSystem, build: Build
) -> None:
    central.url = central.url.replace("/ocpp", "/elsewhere")
    station = build()
    await station.start()
    await station.wait_for(lambda: station.refused_with == 404)


# --- Charging profiles


async def test_profiles_are_obeyed(central: CentralSystem, build: Build) -> None:
    station = build()
    await charging(station, need_wh=50_000)
    connector = station.connectors[1]

    async def current(number: int, **of: Any) -> Decimal:
        answer = await central.ask(call.SetChargingProfile(number, profile(**of)))
        assert answer.status == "Accepted"
        return connector.current_a

    assert await current(0, limit=10) == 10
    assert await current(1, limit=12.5, id=2) == Decimal("12.5")
    assert await current(1, limit=6900, unit="W", id=3, level=1) == 10
    assert await current(1, limit=14, id=4, purpose="TxProfile") == 14
    assert await current(0, limit=8, id=5, purpose="ChargePointMaxProfile") == 8
    assert await current(0, limit=5, id=5, purpose="ChargePointMaxProfile") == 0
    assert connector.status == "SuspendedEVSE"
    await central.ask(call.ClearChargingProfile())
    assert connector.current_a == 16
    assert connector.status == "Charging"


async def test_profiles_it_cannot_keep_are_refused(
    central: CentralSystem, build: Build
) -> None:
    station = build(
        settings={
            "ChargeProfileMaxStackLevel": "0",
            "ChargingScheduleAllowedChargingRateUnit": "Power",
        }
    )
    await station.start()
    await station.wait_registered()
    for number, odd in [
        (1, profile(10)),
        (1, profile(7000, unit="W", level=1)),
        (1, profile(7000, "ChargePointMaxProfile", "W")),
        (1, profile(7000, "TxProfile", "W")),
    ]:
        answer = await central.ask(call.SetChargingProfile(number, odd))
        assert answer.status == "Rejected"


async def test_a_setpoint_that_is_not_renewed_falls_back(
    central: CentralSystem, build: Build
) -> None:
    clock = Clock()
    station = build(clock=clock)
    await charging(station, need_wh=50_000)
    setpoint = profile(
        16, kind="Absolute", startSchedule="2026-05-04T12:00:00Z", then=[(120, 6)]
    )
    await central.ask(call.SetChargingProfile(1, setpoint))
    answer = await central.ask(call.GetCompositeSchedule(1, 300, "W"))
    assert answer.charging_schedule["charging_schedule_period"] == [
        {"start_period": 0, "limit": 11040, "number_phases": 3},
        {"start_period": 120, "limit": 4140, "number_phases": 3},
    ]
    clock.forward(minutes=3)
    await station.wait_for(lambda: station.connectors[1].current_a == 6)
    # Two minutes at 184 Wh, one at 69
    assert station.connectors[1].register_wh == 2 * 184 + 69


async def test_the_station_limit_is_shared_by_its_transactions(
    central: CentralSystem, build: Build
) -> None:
    station = build(connectors=2)
    await charging(station)
    await station.plug_in(2, Car(phases=1))
    await station.present_tag(2, "04FFFFFF")
    limit = profile(20, "ChargePointMaxProfile")
    await central.ask(call.SetChargingProfile(0, limit))
    powers = [connector.power_w for connector in station.connectors.values()]
    assert powers == [10 * 230 * 3, 10 * 230]


# --- Odd stations


async def test_a_test_can_answer_for_the_station(
    central: CentralSystem, build: Build
) -> None:
    station = build()
    station.answers["ClearCache"] = {"status": "Rejected"}
    station.answers["GetLocalListVersion"] = lambda payload: InternalError()
    await station.start()
    await station.wait_registered()
    assert (await central.ask(call.ClearCache())).status == "Rejected"
    with pytest.raises(InternalError):
        await central.ask(call.GetLocalListVersion())
    assert station.received[-1] == ("GetLocalListVersion", {})


async def test_a_test_can_send_anything(central: CentralSystem, build: Build) -> None:
    station = build()
    await station.start()
    await station.wait_registered()
    assert "currentTime" in await station.send(call.Heartbeat())
    with pytest.raises(CallRefused) as refused:
        await station.send("StartTransaction", {"connectorId": "one"})
    assert refused.value.code != ""
    assert station.sent[-1] == ("StartTransaction", {"connectorId": "one"})


# --- The car


@given(
    need_wh=st.integers(1, 60_000),
    taper_below_wh=st.integers(0, 5_000),
    looks=st.lists(st.integers(1, 3_600_000), max_size=20),
)
def test_the_register_does_not_depend_on_when_one_looks(
    need_wh: int, taper_below_wh: int, looks: list[int]
) -> None:
    """However often the clock is looked at, the same energy has flowed."""
    car = Car(need_wh=need_wh, taper_below_wh=taper_below_wh)
    clocks = Clock(), Clock()
    watched, left_alone = (
        SimulatedStation("A", "ws://127.0.0.1", clock=clock) for clock in clocks
    )
    for station in (watched, left_alone):
        station.controller.plug_in(1, car)
        station.controller.admit(1, TAG)
    for milliseconds in looks:
        clocks[0].forward(milliseconds=milliseconds)
        watched.controller.catch_up()
    clocks[1].now = clocks[0].now
    left_alone.controller.catch_up()
    registers = [s.connectors[1].register_wh for s in (watched, left_alone)]
    assert abs(registers[0] - registers[1]) < Decimal("0.1")
    assert registers[0] <= need_wh


def _queued(station: SimulatedStation) -> list[tuple[str, Payload]]:
    return [(m["action"], m["payload"]) for m in station.queue.as_data()]


async def test_no_task_is_left_after_stop(central: CentralSystem, build: Build) -> None:
    before = asyncio.all_tasks()
    station = build()
    await charging(station)
    await station.stop()
    await station.wait_for(
        lambda: (
            not {
                task for task in asyncio.all_tasks() - before if "station" in repr(task)
            }
        )
    )
