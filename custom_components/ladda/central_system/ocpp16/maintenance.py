"""What keeps a 1.6 station in good repair: firmware, diagnostics and logs.

These take the station long: it tells how far it has come with Progress events.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ocpp.v16 import call, enums

from . import values
from .asking import Asker, Caller
from .inbound import timestamp

# A job that was under way may be given up for ours (whitepaper, L01 and N01).
_TAKEN_ON: Final = ("Accepted", "AcceptedCanceled")


@dataclass(frozen=True, slots=True)
class Signature:
    """What vouches for firmware: its maker's certificate (PEM) and signature (base64)."""

    certificate: str
    signature: str


class Maintenance(Asker):
    """The upkeep of one connected station."""

    def __init__(self, send: Caller, clock: Callable[[], datetime]) -> None:
        """Take how to send, and the time."""
        super().__init__(send)
        self._clock = clock

    async def update_firmware(self, location: str, retrieve_at: datetime) -> None:
        """Let a station fetch firmware from a URL (§5.19); it says nothing but yes."""
        await self._ask(
            call.UpdateFirmware(location=location, retrieve_date=timestamp(retrieve_at))
        )

    async def update_signed_firmware(
        self,
        location: str,
        retrieve_at: datetime,
        signature: Signature,
        install_at: datetime | None = None,
    ) -> None:
        """Let a station fetch firmware that it checks first (whitepaper, L01)."""
        firmware = {
            "location": location,
            "retrieve_date_time": timestamp(retrieve_at),
            "install_date_time": timestamp(install_at) if install_at else None,
            "signing_certificate": signature.certificate,
            "signature": signature.signature,
        }
        await self._demand(
            call.SignedUpdateFirmware(request_id=self._request_id(), firmware=firmware),
            *_TAKEN_ON,
        )

    async def get_diagnostics(
        self,
        location: str,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> str | None:
        """Let a station upload diagnostics to a folder's URL (§5.9).

        Returns the name that the file will have; None: there is nothing to upload.
        """
        answer = await self._ask(
            call.GetDiagnostics(
                location=location,
                start_time=timestamp(since) if since else None,
                stop_time=timestamp(until) if until else None,
            )
        )
        return values.text(answer.get("fileName")) or None

    async def get_log(
        self,
        location: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        security: bool,
    ) -> str | None:
        """Let a station upload its log of diagnostics or of security (whitepaper, N01).

        Returns the name that the file will have, where the station tells it.
        """
        log = {
            "remote_location": location,
            "oldest_timestamp": timestamp(since) if since else None,
            "latest_timestamp": timestamp(until) if until else None,
        }
        kind = enums.Log.security_log if security else enums.Log.diagnostics_log
        answer = await self._agree(
            call.GetLog(log=log, log_type=kind, request_id=self._request_id()),
            *_TAKEN_ON,
        )
        return values.text(answer.get("filename")) or None

    def _request_id(self) -> int:
        """Return a number for a job that no earlier one has."""
        return int(self._clock().timestamp())
