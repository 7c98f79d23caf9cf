"""Upkeep: a station uploads files and fetches firmware, over HTTP only."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
from ocpp.v16 import call_result

from .wire import CallRefused, Disconnected, Handler

if TYPE_CHECKING:
    from .station import SimulatedStation


class Upkeep:
    """The handlers of a station's upkeep (OCPP 1.6 §5.9, §5.19; whitepaper, N01).

    `files` are what it uploads, by what they tell of: diagnostics, security. After
    an update it calls its firmware by the last part of where that came from.
    """

    def __init__(self, station: SimulatedStation) -> None:
        """Look after a station."""
        self._station = station
        self.files = {"diagnostics": b"all is well", "security": b"nobody was here"}

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by action."""
        return {
            "GetDiagnostics": self._get_diagnostics,
            "GetLog": self._get_log,
            "UpdateFirmware": self._update_firmware,
        }

    def _get_diagnostics(self, location: str, **period: str) -> Any:
        if "diagnostics" not in self.files:
            return call_result.GetDiagnostics()
        self._station.afterwards(
            self._upload("diagnostics", location, "Diagnostics", "UploadFailed")
        )
        return call_result.GetDiagnostics(file_name="diagnostics.log")

    def _get_log(self, log: dict[str, str], log_type: str, request_id: int) -> Any:
        what = log_type.removesuffix("Log").lower()
        if what not in self.files:
            return call_result.GetLog(status="Rejected")
        location = log["remote_location"]
        self._station.afterwards(
            self._upload(what, location, "Log", "UploadFailure", requestId=request_id)
        )
        return call_result.GetLog(status="Accepted", filename=f"{what}.log")

    def _update_firmware(self, location: str, **when: Any) -> Any:
        self._station.afterwards(self._update(location))
        return call_result.UpdateFirmware()

    async def _upload(
        self, what: str, location: str, job: str, failure: str, **more: int
    ) -> None:
        """Upload a file into a folder, and tell how far it comes."""
        await self._tell(job, "Uploading", **more)
        url = f"{location.rstrip('/')}/{what}.log"
        done = await _succeeds("PUT", url, self.files[what])
        await self._tell(job, "Uploaded" if done else failure, **more)

    async def _update(self, location: str) -> None:
        """Fetch firmware and install it, which makes the station boot again."""
        await self._tell("Firmware", "Downloading")
        if not await _succeeds("GET", location):
            await self._tell("Firmware", "DownloadFailed")
            return
        for status in ("Downloaded", "Installing", "Installed"):
            await self._tell("Firmware", status)
        self._station.link.install(location.rpartition("/")[2])
        self._station.reset(soft=True)

    async def _tell(self, job: str, status: str, **more: int) -> None:
        """Tell how far a job has come; a station that is offline does not."""
        payload = {"status": status, **more}
        with suppress(CallRefused, Disconnected, TimeoutError):
            await self._station.send(f"{job}StatusNotification", payload)


async def _succeeds(method: str, url: str, data: bytes | None = None) -> bool:
    """Do something over HTTP, and tell whether that worked."""
    try:
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, url, data=data) as answer,
        ):
            await answer.read()
            return answer.ok
    except aiohttp.ClientError, ValueError:
        return False
