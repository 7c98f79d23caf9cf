"""A simulated charging station: its power, its network, its card reader."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
import json
from pathlib import Path
from ssl import SSLContext
from typing import Any, Literal

from .answers import Answers
from .authorization import Authorization, LocalAuthorization
from .car import Car
from .clock import utcnow
from .connector import SimulatedConnector
from .controller import Controller
from .link import Dialling, Link
from .memory import recall, remember
from .settings import Settings
from .transaction import SimulatedTransaction
from .transaction_queue import TransactionQueue
from .upkeep import Upkeep
from .wire import (
    Answer,
    CallRefused,
    Disconnected,
    Payload,
    StationEndpoint,
    payload_of,
)

_TICK = 0.1
"""How often the station looks at its clock, in real seconds."""


class SimulatedStation:
    """A charging station with `connectors` outlets that speaks OCPP 1.6J.

    It dials `url`/`identity`. Cars, meters and timestamps live by `clock`,
    which may be any; energy flows `speed` times as fast as the power says.
    Heartbeats, retries and re-dialling live in real time. `settings` are
    configuration keys as the factory set them. With a `state_file` its memory
    survives the process. `after_power_cut` says whether an open transaction
    goes on after a power cut or is stopped with reason PowerLoss. Of connectors that
    it is `silent_about` (0: itself) it tells no status.

    A station that misbehaves: not `named`, it dials `url` alone; it `boots` only
    when asked to; it hangs up after `patience` real seconds without a sign of life. With
    `key_as_text` it shows its AuthorizationKey in hex digits.

    `answers` overrides how it answers an action; `history` is what it truly
    did and measured.
    """

    def __init__(
        self,
        identity: str,
        url: str,
        *,
        connectors: int = 1,
        vendor: str = "Simulated",
        model: str = "Type 2",
        serial: str = "SIM-1",
        firmware: str = "1.0",
        password: str | None = None,
        key_as_text: bool = False,
        subprotocols: Sequence[str] = ("ocpp1.6",),
        ssl: SSLContext | bool = True,
        speed: float = 1,
        clock: Callable[[], datetime] = utcnow,
        settings: Mapping[str, str] | None = None,
        state_file: Path | None = None,
        meter_start_wh: int | Decimal = 0,
        after_power_cut: Literal["resume", "stop"] = "resume",
        silent_about: Collection[int] = (),
        reconnect_delay: float = 0.5,
        response_timeout: float = 30,
        retry_interval: float | None = None,
        named: bool = True,
        boots: bool = True,
        patience: float | None = None,
    ) -> None:
        """Build the station; `start` switches it on."""
        self.identity = identity
        self.answers: dict[str, Answer] = {}
        self.settings = Settings(
            {"NumberOfConnectors": str(connectors)} | dict(settings or {})
        )
        self.local = LocalAuthorization()
        self.queue = TransactionQueue()
        self.controller = Controller(
            {
                number: SimulatedConnector(number, Decimal(meter_start_wh), clock())
                for number in range(1, connectors + 1)
            },
            self.settings,
            self.queue,
            clock=clock,
            speed=speed,
            tell=self._tell,
            changed=self._report_statuses,
        )
        self.link = Link(
            Dialling(
                identity=identity,
                url=url,
                password=password,
                key_as_text=key_as_text,
                subprotocols=subprotocols,
                ssl=ssl,
                reconnect_delay=reconnect_delay,
                response_timeout=response_timeout,
                retry_interval=retry_interval,
                named=named,
                boots=boots,
                patience=patience,
            ),
            {
                "chargePointVendor": vendor,
                "chargePointModel": model,
                "chargePointSerialNumber": serial,
                "firmwareVersion": firmware,
            },
            self.controller,
            self.answers,
            silent_about,
        )
        self.upkeep = Upkeep(self)
        self.link.handlers = Answers(self).handlers() | self.upkeep.handlers()
        self._after_power_cut = after_power_cut
        self._state_file = state_file
        self._saved = ""
        self._life: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._resetting: asyncio.Task[None] | None = None
        if state_file and state_file.exists():
            recall(self, json.loads(state_file.read_text()))

    @property
    def connectors(self) -> dict[int, SimulatedConnector]:
        """The connectors by number, from 1."""
        return self.controller.connectors

    @property
    def history(self) -> list[SimulatedTransaction]:
        """All transactions, the open ones too, in the order of their start."""
        return self.controller.history

    @property
    def sent(self) -> deque[tuple[str, Payload]]:
        """The CALLs that the station sent: action and payload."""
        return self.link.sent

    @property
    def received(self) -> deque[tuple[str, Payload]]:
        """The CALLs that the central system sent: action and payload."""
        return self.link.received

    def asked(self, action: str) -> list[Payload]:
        """Return what the central system asked by CALLs of that name."""
        return [payload for name, payload in self.received if name == action]

    def refuse_settings(
        self, refuses: Callable[[str, str], bool], status: str = "Rejected"
    ) -> None:
        """Let the station refuse settings, by key and value, and take all others."""

        def answer(payload: Payload) -> Payload:
            key, value = payload["key"], payload["value"]
            refused = refuses(key, value)
            return {"status": status if refused else self.settings.change(key, value)}

        self.answers["ChangeConfiguration"] = answer

    @property
    def endpoint(self) -> StationEndpoint:
        """The end of the present connection; raises Disconnected without one."""
        return self.link.endpoint

    @property
    def is_registered(self) -> bool:
        """Whether a central system has accepted the station since its boot."""
        return self.link.is_registered

    @property
    def registration(self) -> str | None:
        """The last answer to BootNotification since the boot (§7.36)."""
        return self.link.registration

    @property
    def refused_with(self) -> int | None:
        """The HTTP status of the last handshake, if it failed."""
        return self.link.refused_with

    @property
    def is_online(self) -> bool:
        """Whether the station is connected and accepted."""
        return self.link.is_online

    async def start(self) -> None:
        """Switch the station on; it dials until `stop`."""
        await self.power_on()

    async def stop(self) -> None:
        """Take the station out of use with a goodbye; raise what went wrong in it."""
        if self._resetting:
            self._resetting.cancel()
            await asyncio.gather(self._resetting, return_exceptions=True)
        await self._end_life()

    async def power_cut(self) -> None:
        """Cut the power: nothing flows, the connection breaks, memory remains."""
        self.controller.catch_up()
        await self.link.hang_up()
        await self._end_life()

    async def power_on(self) -> None:
        """Give the station power again; it boots."""
        if self._life:
            raise RuntimeError("The station has power")
        if self._after_power_cut == "stop":
            self.controller.stop_all("PowerLoss")
        self.controller.resume()
        self.link.power_up()
        self._life = asyncio.create_task(self._live())

    async def go_offline(self) -> None:
        """Take the network away; cars go on charging."""
        self.link.network.clear()
        await self.link.hang_up()
        await self.wait_for(lambda: not self.is_online)

    async def go_online(self) -> None:
        """Give the network back."""
        self.link.network.set()

    async def plug_in(self, connector: int, car: Car) -> None:
        """Plug a car in."""
        self.controller.plug_in(connector, car)

    async def unplug(self, connector: int) -> None:
        """Pull the plug out of the car."""
        self.controller.unplug(connector)

    async def present_tag(self, connector: int, id_tag: str) -> str:
        """Hold a tag to the reader and return the authorization status (§7.2).

        The tag that started a transaction, or one of its group, stops it; an
        accepted tag starts one as soon as a car is there.
        """
        self.controller.catch_up()
        outlet = self.connectors[connector]
        transaction = outlet.transaction
        if transaction and transaction.id_tag.casefold() == id_tag.casefold():
            self.controller.stop(connector, "Local", id_tag)
            return "Accepted"
        status, parent_tag = await self._authorize(id_tag)
        if status != "Accepted":
            return status
        if outlet.transaction:
            if parent_tag and parent_tag == outlet.transaction.parent_tag:
                self.controller.stop(connector, "Local", id_tag)
        elif outlet.operative:
            self.controller.admit(connector, id_tag, parent_tag)
        return status

    def remote_start(
        self, connector: int, id_tag: str, profile: dict[str, Any] | None
    ) -> None:
        """Start as the central system asked, after asking back if so set (§5.11)."""
        if not self.settings.flag("AuthorizeRemoteTxRequests"):
            self.controller.admit(connector, id_tag, None, profile)
        elif self._tasks:
            self._tasks.create_task(self._ask_and_admit(connector, id_tag, profile))

    def afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while when the CALL under way is answered."""
        tasks = self._tasks
        assert tasks is not None  # who is asked something has power
        self.endpoint.afterwards(lambda: tasks.create_task(work))

    def reset(self, *, soft: bool) -> None:
        """Reboot; a soft reset delivers its stops before, a hard one after (§5.14)."""
        self._resetting = asyncio.create_task(self._reset(soft))

    def obey(self, key: str) -> None:
        """Take a changed setting into account."""
        self.link.obey(key)

    def triggered(
        self, requested: str, connector: int | None
    ) -> Callable[[], None] | None:
        """Return what sends a requested message, None if it is not known (§5.17)."""
        outlets = [connector] if connector else list(self.connectors)
        stations = [connector] if connector is not None else self.link.told_of()

        def statuses() -> None:
            for number in stations:
                self.link.trigger(
                    "StatusNotification", self.link.status_notification(number)
                )

        def meter_values() -> None:
            self.controller.catch_up()
            for number in outlets:
                payload = self.controller.read_meter(
                    number, "Trigger", "MeterValuesSampledData"
                )
                if payload:
                    self.link.trigger("MeterValues", payload)

        return {
            "BootNotification": self.link.boot_again,
            "Heartbeat": lambda: self.link.trigger("Heartbeat", {}),
            "StatusNotification": statuses,
            "MeterValues": meter_values,
        }.get(requested)

    async def send(self, message: object, payload: Payload | None = None) -> Payload:
        """Send a CALL and return the payload of its CALLRESULT.

        `message` is an `ocpp.v16.call` dataclass, or an action whose `payload`
        goes out as it is, odd as it may be. Raises CallRefused, Disconnected,
        TimeoutError.
        """
        if isinstance(message, str):
            return await self.endpoint.request(message, payload or {}, strict=False)
        action = type(message).__name__
        return await self.endpoint.request(action, payload_of(message))

    async def send_frame(self, frame: str) -> None:
        """Send text as it is, OCPP or not."""
        await self.endpoint.wire.send(frame)

    async def wait_for(
        self, condition: Callable[[], bool], *, timeout: float = 5
    ) -> None:
        """Wait until a condition holds; TimeoutError if it never does.

        What went wrong inside the station is raised here.
        """
        async with asyncio.timeout(timeout):
            while not condition():
                if self._life and self._life.done():
                    await self._life
                await asyncio.sleep(0.01)

    async def wait_registered(self, *, timeout: float = 5) -> None:
        """Wait until the station is connected and accepted."""
        await self.wait_for(lambda: self.is_online, timeout=timeout)

    async def wait_status(
        self, connector: int, status: str, *, timeout: float = 5
    ) -> None:
        """Wait until a connector has a status."""
        outlet = self.connectors[connector]
        await self.wait_for(lambda: outlet.status == status, timeout=timeout)

    async def wait_transaction(
        self, connector: int, *, timeout: float = 5
    ) -> SimulatedTransaction:
        """Wait for an open transaction that has its id, and return it."""
        outlet = self.connectors[connector]
        await self.wait_for(lambda: outlet.transaction_id is not None, timeout=timeout)
        assert outlet.transaction
        return outlet.transaction

    async def wait_queue_empty(self, *, timeout: float = 5) -> None:
        """Wait until all transaction messages are delivered (or given up)."""
        await self.wait_for(lambda: not self.queue, timeout=timeout)

    async def _live(self) -> None:
        """Do everything that needs power."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._run_controller())
            self._tasks.create_task(self._keep_memory())
            self._tasks.create_task(self.link.run())

    async def _run_controller(self) -> None:
        """Let the connectors follow the clock."""
        while True:
            self.controller.catch_up()
            await asyncio.sleep(_TICK)

    async def _keep_memory(self) -> None:
        """Write the memory down once a second."""
        while True:
            self._save()
            await asyncio.sleep(1)

    async def _end_life(self) -> None:
        """Stop all tasks; raise the error if one of them failed before."""
        if self._life is None:
            return
        life, self._life = self._life, None
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life
        self._tasks = None
        self._save()

    async def _reset(self, soft: bool) -> None:
        """Reboot the station."""
        if soft:
            self.controller.catch_up()
            self.controller.stop_all("SoftReset")
            with suppress(TimeoutError):
                await self.wait_queue_empty()
            await self._end_life()
        else:
            await self.power_cut()
            self.controller.stop_all("HardReset")
        await self.power_on()

    async def _authorize(self, id_tag: str) -> Authorization:
        """Ask the central system, or decide alone where it cannot be asked (§3.5)."""
        now = self.controller.now
        before = self.local.beforehand(id_tag, self.settings, now)
        if before or not self.is_online:
            return before or self.local.offline(id_tag, self.settings, now)
        try:
            reply = await self.endpoint.request("Authorize", {"idTag": id_tag})
        except CallRefused, Disconnected, TimeoutError:
            return self.local.offline(id_tag, self.settings, now)
        self.local.remember(id_tag, reply["idTagInfo"], self.settings)
        return Authorization.of(reply["idTagInfo"], now)

    async def _ask_and_admit(
        self, connector: int, id_tag: str, profile: dict[str, Any] | None
    ) -> None:
        """Start as asked from afar if the tag may charge."""
        status, parent_tag = await self._authorize(id_tag)
        if status == "Accepted":
            self.controller.admit(connector, id_tag, parent_tag, profile)

    def _tell(self, action: str, payload: Payload) -> None:
        self.link.tell(action, payload)

    def _report_statuses(self) -> None:
        self.link.report_statuses()

    def _save(self) -> None:
        """Write the memory to the state file, if there is one and it changed."""
        if self._state_file is None:
            return
        data = json.dumps(remember(self), default=str)
        if data != self._saved:
            written = self._state_file.with_suffix(".new")
            written.write_text(data)
            written.replace(self._state_file)
            self._saved = data
