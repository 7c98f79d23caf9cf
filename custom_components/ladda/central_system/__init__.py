"""The wire: stations connect here and speak OCPP."""

from .errors import (
    BadAnswer,
    Disconnected,
    NoAnswer,
    NotAccepted,
    NotStored,
    Refused,
    StationError,
)
from .link import Link
from .listener import Admission, CentralSystem, Desk, Verdict
from .ocpp16.settings import capabilities, standard_settings

__all__ = [
    "Admission",
    "BadAnswer",
    "CentralSystem",
    "Desk",
    "Disconnected",
    "Link",
    "NoAnswer",
    "NotAccepted",
    "NotStored",
    "Refused",
    "StationError",
    "Verdict",
    "capabilities",
    "standard_settings",
]
