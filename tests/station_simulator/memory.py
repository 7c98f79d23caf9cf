"""What a station keeps through a power cut, as JSON data."""

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .car import Car
from .connector import SimulatedConnector
from .profiles import ChargingProfile
from .transaction import SimulatedTransaction

if TYPE_CHECKING:
    from .station import SimulatedStation


def remember(station: SimulatedStation) -> dict[str, Any]:
    """Return all that is to be kept, with decimals still to be written as text."""
    controller = station.controller
    queue = controller.queue.as_data()
    queued = {message["key"] for message in queue}
    return {
        "settings": station.settings.written,
        "list": asdict(station.local),
        "operative": controller.operative,
        "next_key": controller.next_key,
        "queue": queue,
        "profiles": [(p.connector, p.source) for p in controller.profiles.installed],
        "transactions": [
            transaction.as_data()
            for transaction in controller.history
            if transaction.is_open or transaction.key in queued
        ],
        "connectors": [
            {
                "number": connector.number,
                "register_wh": connector.register_wh,
                "drawn_wh": connector.drawn_wh,
                "car": connector.car and asdict(connector.car),
                "operative": connector.operative,
                "finished": connector.finished,
            }
            for connector in controller.connectors.values()
        ],
    }


def recall(station: SimulatedStation, data: dict[str, Any]) -> None:
    """Put back what `remember` returned."""
    controller = station.controller
    station.settings.written = data["settings"]
    for name, value in data["list"].items():
        setattr(station.local, name, value)
    controller.operative = data["operative"]
    controller.next_key = data["next_key"]
    controller.queue.restore(data["queue"])
    controller.profiles.installed = [
        ChargingProfile.parse(connector, source)
        for connector, source in data["profiles"]
    ]
    for kept in data["connectors"]:
        _recall_connector(controller.connectors[kept["number"]], kept)
    for kept in data["transactions"]:
        transaction = SimulatedTransaction.from_data(kept)
        controller.history.append(transaction)
        if transaction.is_open:
            controller.connectors[transaction.connector].transaction = transaction


def _recall_connector(connector: SimulatedConnector, data: dict[str, Any]) -> None:
    connector.register_wh = Decimal(data["register_wh"])
    connector.drawn_wh = Decimal(data["drawn_wh"])
    connector.car = Car(**data["car"]) if data["car"] else None
    connector.operative = data["operative"]
    connector.finished = data["finished"]
