"""The wire: stations connect here and speak OCPP."""

from .errors import (
    BadAnswer,
    Busy,
    Disconnected,
    NoAnswer,
    NotAccepted,
    NotStored,
    NotUploaded,
    Overtaken,
    Refused,
    StationError,
    UploadFailed,
)
from .link import Link
from .listener import Admission, CentralSystem, Desk, Verdict
from .ocpp16.certificates import CertificateId, Trust
from .ocpp16.commands import SESSION_WAY, ends_with_session, holds_above_all
from .ocpp16.composite_schedule import CompositeSchedule
from .ocpp16.maintenance import Signature
from .ocpp16.profiles import StationProfile, profile_of
from .ocpp16.security import Taken, holds_password
from .ocpp16.settings import LearnedSettings, capabilities, standard_settings
from .oddities import STRANGERS
from .tls import (
    CertificateFiles,
    CertificatePair,
    CertificateUnusable,
    ServerTls,
    load_certificates,
)
from .uploads import Upload, UploadReceiver

__all__ = [
    "SESSION_WAY",
    "STRANGERS",
    "Admission",
    "BadAnswer",
    "Busy",
    "CentralSystem",
    "CertificateFiles",
    "CertificateId",
    "CertificatePair",
    "CertificateUnusable",
    "CompositeSchedule",
    "Desk",
    "Disconnected",
    "LearnedSettings",
    "Link",
    "NoAnswer",
    "NotAccepted",
    "NotStored",
    "NotUploaded",
    "Overtaken",
    "Refused",
    "ServerTls",
    "Signature",
    "StationError",
    "StationProfile",
    "Taken",
    "Trust",
    "Upload",
    "UploadFailed",
    "UploadReceiver",
    "Verdict",
    "capabilities",
    "ends_with_session",
    "holds_above_all",
    "holds_password",
    "load_certificates",
    "profile_of",
    "standard_settings",
]
