"""Asking a 1.6 station something: a message of the `ocpp` package, its answer."""

from collections.abc import Awaitable
from typing import Any, Protocol, cast

from ocpp.charge_point import remove_nones, serialize_as_dict, snake_to_camel_case

from ..errors import NotAccepted
from . import values


class Caller(Protocol):
    """Sends one action and returns the answer's payload (rpc.RpcSession.call)."""

    def __call__(
        self, action: str, payload: dict[str, Any], timeout: float | None = None
    ) -> Awaitable[dict[str, Any]]:
        """Send `action`; `timeout` in s."""


def payload_of(message: Any) -> dict[str, Any]:
    """Make the payload of a message of the `ocpp` package, without nulls."""
    serialised = remove_nones(serialize_as_dict(message))
    return cast(dict[str, Any], snake_to_camel_case(serialised))


def status_of(answer: dict[str, Any]) -> str:
    """Read the status of an answer; empty: it has none."""
    return values.text(answer.get("status"))


class Asker:
    """Asks one connected station.

    Everything raises NotAccepted where the station said no, and the other errors of
    `central_system.errors` where it could not be asked.
    """

    def __init__(self, send: Caller) -> None:
        """Take how to send."""
        self._send = send

    async def _ask(self, message: Any) -> dict[str, Any]:
        """Send a message."""
        return await self._send(type(message).__name__, payload_of(message))

    async def _agree(self, message: Any, *good: str) -> dict[str, Any]:
        """Send a message whose answer has a status; return the whole answer.

        Insists on one of the `good` ones, or else on Accepted.
        """
        answer = await self._ask(message)
        status = status_of(answer)
        if status not in (good or ("Accepted",)):
            raise NotAccepted(type(message).__name__, status or "no status")
        return answer

    async def _demand(self, message: Any, *good: str) -> str:
        """Send a message whose answer has a status, and insist on a good one."""
        return status_of(await self._agree(message, *good))
