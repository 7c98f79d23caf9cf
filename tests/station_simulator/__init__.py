"""A simulated charging station that speaks OCPP 1.6J over a real WebSocket."""

from .car import Car
from .connector import SimulatedConnector
from .station import SimulatedStation
from .transaction import Reading, SimulatedTransaction
from .wire import CallRefused, Disconnected

__all__ = [
    "CallRefused",
    "Car",
    "Disconnected",
    "Reading",
    "SimulatedConnector",
    "SimulatedStation",
    "SimulatedTransaction",
]
