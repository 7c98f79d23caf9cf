"""A Home Assistant of our own: a process, its configuration folder, and its APIs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
import json
from pathlib import Path
import re
import signal
import socket
import sys
from typing import Any, Self

import aiohttp

REPOSITORY = Path(__file__).parents[1]
LOOPBACK = "127.0.0.1"

_INTEGRATIONS = (
    "backup",
    "config",
    "energy",
    "frontend",
    "history",
    "logbook",
    "person",
)
"""What a house has; default_config would look for devices and the internet."""

_FLOWS = "/api/config/config_entries"
_READY_WITHIN_S = 120
_STOP_WITHIN_S = 60

# A record of the log begins with a time and a level; a traceback is part of it.
_RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:\+00:00)? (?P<level>[A-Z]+) \("
)
_UNAVOIDABLE = (
    "Skipping pip installation of required modules",
    "We found a custom integration ladda which has not been tested",
    # Cameras and voice are always set up; their native programs may be missing.
    "Error loading libturbojpeg",
    "FFmpeg fails",
    "Error starting FFmpeg",
)
"""Warnings that have nothing to do with how Ladda works."""

type Answer = dict[str, Any]
type Step = Mapping[str, Any] | str
"""What a person does at a step: fill in a form, or choose from a menu."""


class ApiError(Exception):
    """Home Assistant refused something, or a flow took an input badly."""


class NotRunning(Exception):
    """Home Assistant ended by itself, or did not come up in time."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether nobody listens at a TCP port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


class Flow:
    """A config, options or subentry flow as a person walks it.

    `result` is what the last step returned: `type` form, menu, progress,
    create_entry or abort, with `errors`, `reason`, `result` and so on.
    """

    def __init__(self, home: HomeAssistant, path: str, result: Answer) -> None:
        """Continue at `result`; `path` is where flows of this kind are."""
        self._home = home
        self._path = path
        self.result = result

    async def take(self, step: Step) -> Self:
        """Fill in the form (a mapping) or choose from the menu (a string).

        A form that comes back with errors is no exception: see `result`.
        """
        given = {"next_step_id": step} if isinstance(step, str) else dict(step)
        self.result = await self._home.post(self._at, given)
        return self

    async def wait(self, *, timeout: float = 10) -> Self:
        """Wait while the flow shows progress."""
        async with asyncio.timeout(timeout):
            while self.result["type"] == "progress":
                await asyncio.sleep(0.1)
                self.result = await self._home.get(self._at)
        return self

    @property
    def _at(self) -> str:
        return f"{self._path}/{self.result['flow_id']}"


class HomeAssistant:
    """A Home Assistant with Ladda, run from the sources of this repository.

    `folder` holds its configuration and survives it: `start` after `stop` or
    `kill` goes on where it was. `helpers` are added to configuration.yaml:
    domain to object id to configuration. It listens on the loopback interface
    only, at `port`. Times are in UTC unless `time_zone` says otherwise.
    """

    def __init__(
        self,
        folder: Path,
        *,
        helpers: Mapping[str, Mapping[str, Any]] | None = None,
        integrations: Iterable[str] = _INTEGRATIONS,
        port: int | None = None,
        python: Path | str = sys.executable,
        name: str = "Home",
        currency: str = "SEK",
        language: str = "en",
        time_zone: str = "UTC",
        owner: str = "Owner",
        username: str = "owner",
        password: str = "charging",
        log_levels: Mapping[str, str] | None = None,
    ) -> None:
        """Describe it; `start` brings it up."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.tokens: Answer = {}
        self.username, self.password = username, password
        self._owner = owner
        self._language = language
        self._python = python
        self._configuration = {
            "homeassistant": {
                "name": name,
                "latitude": 59.33,
                "longitude": 18.07,
                "elevation": 28,
                "unit_system": "metric",
                "currency": currency,
                "country": "SE",
                "language": language,
                "time_zone": time_zone,
                "internal_url": self.url,
                "external_url": self.url,
            },
            "logger": {"default": "info", "logs": dict(log_levels or {})},
            **{integration: {} for integration in integrations},
            **(helpers or {}),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    # --- life ------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        running = self._process and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self) -> None:
        """Start the process, log in, and wait until everything is set up.

        Raises NotRunning with the end of the log if that does not come about.
        """
        await asyncio.to_thread(self._furnish)
        with self._console.open("ab") as console:
            # A group of its own, so that the terminal's Ctrl-C reaches only us.
            self._process = await asyncio.create_subprocess_exec(
                str(self._python),
                *("-m", "homeassistant", "--skip-pip", "--log-no-color"),
                *("-c", str(self.folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )
        try:
            self._session = aiohttp.ClientSession(self.url)
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._until(self._serves)
                self.tokens = await self._log_in()
                await self._open_socket()
                await self._until(self._is_set_up)
        except BaseException as err:
            await self.stop()
            if isinstance(err, TimeoutError):
                raise NotRunning(self.log()[-4000:]) from err
            raise

    async def stop(self) -> None:
        """Shut down as a service manager does (SIGTERM); kill only if it hangs."""
        await self._leave()
        if self.pid and self._process:
            self._process.terminate()
            try:
                async with asyncio.timeout(_STOP_WITHIN_S):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
                raise

    async def kill(self) -> None:
        """Pull the plug (SIGKILL)."""
        if self.pid and self._process:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
        await self._leave()

    async def ended(self) -> None:
        """Wait until the process ends by itself, then raise NotRunning."""
        if self._process:
            await self._process.wait()
        raise NotRunning(self.log()[-4000:])

    # --- flows -----------------------------------------------------------------

    async def flow(self, handler: str, *steps: Step) -> Answer:
        """Set an integration up and return where the steps lead to."""
        return await self._walk("flow", {"handler": handler}, steps)

    async def discovered(self, handler: str) -> list[Answer]:
        """Return the flows that wait on the integrations page, newest last."""
        flows = await self.command("config_entries/flow/progress")
        return [
            flow
            for flow in flows
            if flow["handler"] == handler and flow["context"]["source"] != "user"
        ]

    async def take_up(self, flow: Answer, *steps: Step) -> Answer:
        """Walk through a discovered flow and return where the steps lead to."""
        path = f"{_FLOWS}/flow"
        walk = Flow(self, path, await self.get(f"{path}/{flow['flow_id']}"))
        return await _walk_through(walk, steps)

    async def options(self, entry_id: str, *steps: Step) -> Answer:
        """Walk through the options of an entry and return where that leads to."""
        return await self._walk("options/flow", {"handler": entry_id}, steps)

    async def reconfigure(self, handler: str, entry_id: str, *steps: Step) -> Answer:
        """Reconfigure an entry and return where the steps lead to."""
        begin = {"handler": handler, "entry_id": entry_id}
        return await self._walk("flow", begin, steps)

    async def subentry_flow(
        self, entry_id: str, kind: str, *steps: Step, subentry_id: str | None = None
    ) -> Answer:
        """Add a subentry, or reconfigure one; return where the steps lead to."""
        flow = await self.begin_subentry_flow(entry_id, kind, subentry_id)
        return await _walk_through(flow, steps)

    async def begin_subentry_flow(
        self, entry_id: str, kind: str, subentry_id: str | None = None
    ) -> Flow:
        """Open the form of a subentry, to be walked step by step."""
        begin: Answer = {"handler": [entry_id, kind]}
        if subentry_id:
            begin["subentry_id"] = subentry_id
        return await self._begin("subentries/flow", begin)

    async def entries(self, domain: str) -> list[Answer]:
        """Return the config entries of an integration."""
        return list(await self.command("config_entries/get", domain=domain))

    async def subentries(self, entry_id: str) -> list[Answer]:
        """Return an entry's subentries: subentry_id, subentry_type, title."""
        kept = await self.command("config_entries/subentries/list", entry_id=entry_id)
        return list(kept)

    # --- states and actions ----------------------------------------------------

    async def states(self) -> dict[str, Answer]:
        """Return all states by entity id."""
        return {state["entity_id"]: state for state in await self.command("get_states")}

    async def state(self, entity_id: str) -> str | None:
        """Return an entity's state, None if there is no such entity."""
        state = (await self.states()).get(entity_id)
        return state["state"] if state else None

    async def wait_state(
        self, entity_id: str, state: str, *, timeout: float = 10
    ) -> None:
        """Wait until an entity is in a state."""

        async def is_so() -> bool:
            return await self.state(entity_id) == state

        await self.wait_for(is_so, timeout=timeout)

    async def wait_for(
        self, condition: Callable[[], Awaitable[bool]], *, timeout: float = 10
    ) -> None:
        """Wait until a condition holds; TimeoutError if it never does."""
        async with asyncio.timeout(timeout):
            await self._until(condition)

    async def call(
        self,
        domain: str,
        service: str,
        data: Mapping[str, Any] | None = None,
        *,
        return_response: bool = False,
        **target: Any,
    ) -> Any:
        """Perform an action; return its response where it is asked for.

        `target` is entity_id, device_id, area_id.
        """
        answer = await self.command(
            "call_service",
            domain=domain,
            service=service,
            service_data=dict(data or {}),
            return_response=return_response,
            **({"target": target} if target else {}),
        )
        return answer.get("response")

    async def set_input_number(self, entity_id: str, value: float) -> None:
        """Put a number helper to a value."""
        await self.call(
            "input_number", "set_value", {"value": value}, entity_id=entity_id
        )

    # --- APIs ------------------------------------------------------------------

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a command over the WebSocket and return its result.

        Raises ApiError if Home Assistant refuses it, NotRunning if it is gone.
        """
        if self._socket is None or self._socket.closed:
            raise NotRunning("There is no connection")
        number = next(self._ids)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        await self._socket.send_json({"id": number, "type": command} | fields)
        return await waiting

    async def get(self, path: str) -> Any:
        """Read from the REST API. Raises ApiError."""
        return await self._request("GET", path)

    async def post(self, path: str, data: Mapping[str, Any]) -> Any:
        """Write to the REST API. Raises ApiError."""
        return await self._request("POST", path, json=data)

    # --- log -------------------------------------------------------------------

    def log(self) -> str:
        """Return all that was logged, in every start."""
        return self._console.read_text() if self._console.exists() else ""

    def warnings(self) -> list[str]:
        """Return the warnings and errors with their tracebacks.

        Left out are those that say nothing about Ladda and cannot be avoided.
        """
        records: list[str] = []
        for line in self.log().splitlines():
            if _RECORD.match(line) or not records:
                records.append(line)
            else:
                records[-1] += f"\n{line}"
        return [
            record
            for record in records
            if _level(record) not in ("DEBUG", "INFO")
            and not any(text in record for text in _UNAVOIDABLE)
        ]

    # --- inside ----------------------------------------------------------------

    @property
    def _console(self) -> Path:
        return self.folder / "console.log"

    def _furnish(self) -> None:
        """Write what Home Assistant reads before anybody can talk to it."""
        components = self.folder / "custom_components"
        components.mkdir(parents=True, exist_ok=True)
        ladda = components / "ladda"
        if not ladda.is_symlink():
            ladda.symlink_to(REPOSITORY / "custom_components" / "ladda")
        # JSON is YAML too.
        configuration = json.dumps(self._configuration, indent=2)
        (self.folder / "configuration.yaml").write_text(configuration + "\n")
        # `http:` in YAML would only be a proposal that somebody has to confirm.
        self._keep("http", 2, 2, _http(self.port))
        if not (self.folder / ".storage" / "onboarding").exists():
            # The left out steps would set up integrations that need the internet.
            done = ["core_config", "analytics", "integration"]
            self._keep("onboarding", 4, 1, {"done": done})

    def _keep(self, key: str, version: int, minor: int, data: Answer) -> None:
        """Write a file of Home Assistant's storage."""
        storage = self.folder / ".storage"
        storage.mkdir(exist_ok=True)
        kept = {"version": version, "minor_version": minor, "key": key, "data": data}
        (storage / key).write_text(json.dumps(kept))

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Look again and again; NotRunning if the process ends meanwhile."""
        while not await condition():
            if self.pid is None:
                raise NotRunning(self.log()[-4000:])
            await asyncio.sleep(0.1)

    async def _serves(self) -> bool:
        """Whether the web server is up; /api/onboarding vanishes one day."""
        assert self._session
        try:
            async with self._session.get("/manifest.json") as reply:
                return reply.status == HTTPStatus.OK
        except aiohttp.ClientConnectionError:
            return False

    async def _is_set_up(self) -> bool:
        return bool((await self.command("get_config"))["state"] == "RUNNING")

    async def _log_in(self) -> Answer:
        """Return tokens; the first time, make the owner's account."""
        client = f"{self.url}/"
        onboarding = await self._request("GET", "/api/onboarding", missing=[])
        if any(step["step"] == "user" and not step["done"] for step in onboarding):
            account = {
                "name": self._owner,
                "username": self.username,
                "password": self.password,
                "client_id": client,
                "language": self._language,
            }
            code = (await self.post("/api/onboarding/users", account))["auth_code"]
        else:
            begin = {
                "client_id": client,
                "handler": ["homeassistant", None],
                "redirect_uri": client,
            }
            login = await self.post("/auth/login_flow", begin)
            secret = {
                "client_id": client,
                "username": self.username,
                "password": self.password,
            }
            login = await self.post(f"/auth/login_flow/{login['flow_id']}", secret)
            if login["type"] != "create_entry":
                raise ApiError(f"Cannot log in: {login}")
            code = login["result"]
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": client,
        }
        tokens = await self._request("POST", "/auth/token", data=grant)
        return dict(tokens) | {"hassUrl": self.url, "clientId": client}

    async def _open_socket(self) -> None:
        """Open the WebSocket and let it say who we are."""
        assert self._session
        self._socket = await self._session.ws_connect("/api/websocket", max_msg_size=0)
        await self._socket.receive_json()
        token = self.tokens["access_token"]
        await self._socket.send_json({"type": "auth", "access_token": token})
        answer = await self._socket.receive_json()
        if answer["type"] != "auth_ok":
            raise ApiError(f"Cannot log in: {answer}")
        self._listening = asyncio.create_task(self._listen(self._socket))

    async def _listen(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        """Hand results to those who wait for them."""
        async for message in connection:
            answer = json.loads(message.data)
            waiting = self._waiting.pop(answer["id"], None)
            if waiting is None or waiting.done():
                continue
            if answer["success"]:
                waiting.set_result(answer["result"])
            else:
                waiting.set_exception(ApiError(answer["error"]))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NotRunning("The connection broke"))
        self._waiting.clear()

    async def _leave(self) -> None:
        """Close what talks to the process."""
        if self._socket:
            await self._socket.close()
        if self._listening:
            await self._listening
        if self._session:
            await self._session.close()
        self._socket = self._listening = self._session = None

    async def _request(
        self, method: str, path: str, *, missing: Any = None, **body: Any
    ) -> Any:
        """Make a request; `missing` is returned, if it is given, for a 404."""
        if self._session is None:
            raise NotRunning("There is no connection")
        headers = {}
        if token := self.tokens.get("access_token"):
            headers["Authorization"] = f"Bearer {token}"
        async with self._session.request(
            method, path, headers=headers, **body
        ) as reply:
            if reply.status == HTTPStatus.NOT_FOUND and missing is not None:
                return missing
            if reply.status >= HTTPStatus.BAD_REQUEST:
                raise ApiError(f"{method} {path}: {reply.status} {await reply.text()}")
            return await reply.json()

    async def _begin(self, kind: str, begin: Mapping[str, Any]) -> Flow:
        path = f"{_FLOWS}/{kind}"
        return Flow(self, path, await self.post(path, begin))

    async def _walk(
        self, kind: str, begin: Mapping[str, Any], steps: tuple[Step, ...]
    ) -> Answer:
        return await _walk_through(await self._begin(kind, begin), steps)


async def _walk_through(flow: Flow, steps: tuple[Step, ...]) -> Answer:
    """Take the steps; ApiError names a form that came back with errors."""
    for step in steps:
        await flow.take(step)
        if errors := flow.result.get("errors"):
            raise ApiError(f"{flow.result['step_id']}: {errors}")
    return flow.result


def _level(record: str) -> str:
    """Return a record's level; what no logger wrote counts as an error."""
    match = _RECORD.match(record)
    return match["level"] if match else "ERROR"


def _http(port: int) -> Answer:
    """Return the stored configuration of the web server."""
    stable = {
        "server_host": [LOOPBACK],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": datetime.now(UTC).isoformat(),
        "error": None,
        "error_message": None,
    }
    return {"stable": stable, "pending": None, "yaml_migration_done": True}
