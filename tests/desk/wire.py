"""Messages as a station writes them, for scenarios that need odd ones."""

from datetime import datetime
from typing import Any


def stamp(at: datetime) -> str:
    """Write a time as stations do."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start(tag: str, at: datetime, meter: int, connector: int = 1) -> dict[str, Any]:
    """Return the payload of a StartTransaction."""
    return {
        "connectorId": connector,
        "idTag": tag,
        "timestamp": stamp(at),
        "meterStart": meter,
    }


def stop(transaction: int, at: datetime, meter: int, **more: Any) -> dict[str, Any]:
    """Return the payload of a StopTransaction."""
    return {
        "transactionId": transaction,
        "timestamp": stamp(at),
        "meterStop": meter,
        **more,
    }


def meter_values(
    at: datetime, wh: int | str, *, transaction: int | None = None, connector: int = 1
) -> dict[str, Any]:
    """Return the payload of a MeterValues with a register."""
    payload: dict[str, Any] = {
        "connectorId": connector,
        "meterValue": [
            {
                "timestamp": stamp(at),
                "sampledValue": [
                    {"value": str(wh), "measurand": "Energy.Active.Import.Register"}
                ],
            }
        ],
    }
    if transaction is not None:
        payload["transactionId"] = transaction
    return payload
