"""What a 1.6 station sends: frames made into events, decisions into answers.

Pure: no state, no clock of its own. Messages about transactions and meter
values are salvaged as far as anything in them can be used, for an error
answer would make the station discard them (OCPP 1.6 §3.7.1).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import orjson

from ...charging.decisions import (
    Authorized,
    Decision,
    Declined,
    Noted,
    Registered,
    Started,
    VendorAnswer,
)
from ...charging.events import (
    Booted,
    CertificateRequested,
    Heartbeat,
    MeterValuesReported,
    Progress,
    SecurityEvent,
    StationEvent,
    StatusReported,
    TokenPresented,
    TransactionStarted,
    TransactionStopped,
    VendorMessage,
)
from ...charging.model import Authorization, ConnectorStatus, Job, StationInfo
from ..frames import ErrorCode, Refusal
from . import meter_values, values

_STATUSES: Final = {
    "available": ConnectorStatus.AVAILABLE,
    "preparing": ConnectorStatus.PREPARING,
    "occupied": ConnectorStatus.PREPARING,  # what OCPP 1.5 called it
    "charging": ConnectorStatus.CHARGING,
    "suspendedev": ConnectorStatus.SUSPENDED_EV,
    "suspendedevse": ConnectorStatus.SUSPENDED_EVSE,
    "finishing": ConnectorStatus.FINISHING,
    "reserved": ConnectorStatus.RESERVED,
    "unavailable": ConnectorStatus.UNAVAILABLE,
    "faulted": ConnectorStatus.FAULTED,
}
_ID_TAG_STATUS: Final = {
    Authorization.ACCEPTED: "Accepted",
    Authorization.BLOCKED: "Blocked",
    Authorization.EXPIRED: "Expired",
    Authorization.INVALID: "Invalid",
    Authorization.CONCURRENT: "ConcurrentTx",
}
MAX_CONNECTOR: Final = 16
NOBODYS: Final = -values.INT32 - 1  # what no transaction is called
MAX_CSR: Final = 5500  # characters (whitepaper)
MAX_SALVAGED: Final = 4096  # characters


def _unusable(payload: dict[str, Any], field: str) -> Refusal:
    """Say that a field that is needed is missing, or of a wrong type."""
    if payload.get(field) is None:
        return Refusal(ErrorCode.PROTOCOL_ERROR, f"{field} is missing")
    return Refusal(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{field} is of a wrong type")


def _word(payload: dict[str, Any], field: str) -> str:
    """Read a word that is needed, or refuse what is none."""
    if word := values.text(payload.get(field)):
        return word
    raise _unusable(payload, field)


def _connector(payload: dict[str, Any]) -> int:
    """Read a connector's number, or refuse it."""
    number = values.integer(payload.get("connectorId"))
    if number is None:
        raise _unusable(payload, "connectorId")
    if not 0 <= number <= MAX_CONNECTOR:
        raise Refusal(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            f"connectorId is not between 0 and {MAX_CONNECTOR}",
        )
    return number


def _boot(payload: dict[str, Any]) -> Booted:
    """BootNotification (§4.2). Vendor and model may be empty, but must be there."""
    for required in ("chargePointVendor", "chargePointModel"):
        if not isinstance(payload.get(required), str | int | float):
            raise _unusable(payload, required)

    def get(*keys: str) -> str:
        return next(
            (found for key in keys if (found := values.text(payload.get(key)))), ""
        )

    return Booted(
        StationInfo(
            vendor=get("chargePointVendor"),
            model=get("chargePointModel"),
            serial=get("chargePointSerialNumber", "chargeBoxSerialNumber"),
            firmware=get("firmwareVersion"),
            meter_type=get("meterType"),
            meter_serial=get("meterSerialNumber"),
            iccid=get("iccid"),
            imsi=get("imsi"),
        )
    )


def _heartbeat(payload: dict[str, Any]) -> Heartbeat:
    """Heartbeat (§4.6)."""
    return Heartbeat()


def _status(payload: dict[str, Any]) -> StatusReported:
    """StatusNotification (§4.9)."""
    told = payload.get("status")
    if not isinstance(told, str):
        raise _unusable(payload, "status")
    status = _STATUSES.get(values.text(told).casefold())
    if status is None:
        raise Refusal(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "status is not known")
    return StatusReported(
        connector=_connector(payload),
        status=status,
        at=values.moment(payload.get("timestamp")),
        error=values.filled_text(payload.get("errorCode")),
        info=values.filled_text(payload.get("info")),
        vendor_error=values.filled_text(payload.get("vendorErrorCode")),
    )


def _authorize(payload: dict[str, Any]) -> TokenPresented:
    """Authorize (§4.1). A tag that is cut off would be another tag."""
    token = payload.get("idTag")
    if not isinstance(token, str | int | float) or isinstance(token, bool):
        raise _unusable(payload, "idTag")
    if len(str(token)) > values.MAX_TEXT:
        raise Refusal(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "idTag is too long")
    return TokenPresented(values.text(token))


def _start(payload: dict[str, Any]) -> TransactionStarted:
    """StartTransaction (§4.8). Refused only when nothing in it can be used."""
    connector = values.integer(payload.get("connectorId"))
    if connector is not None and not 0 < connector <= MAX_CONNECTOR:
        connector = None
    at = values.moment(payload.get("timestamp"))
    meter = values.number(payload.get("meterStart"))
    if connector is None and at is None and meter is None:
        raise Refusal(ErrorCode.PROTOCOL_ERROR, "nothing in it can be used")
    token = values.text(payload.get("idTag"))
    reservation = values.integer(payload.get("reservationId")) or None  # 0: none
    salvaged = _as_it_came(payload, connector, at, meter)
    return TransactionStarted(connector, token, at, meter, reservation, salvaged)


def _stop(payload: dict[str, Any]) -> TransactionStopped:
    """StopTransaction (§4.10). Refused only when nothing in it can be used."""
    at = values.moment(payload.get("timestamp"))
    meter = values.number(payload.get("meterStop"))
    transaction = values.transaction_id(payload.get("transactionId"))
    if transaction is None and at is None and meter is None:
        raise Refusal(ErrorCode.PROTOCOL_ERROR, "nothing in it can be used")
    if transaction is None and values.integer(payload.get("transactionId")) not in (
        *values.NO_TRANSACTION,
        None,
    ):
        transaction = NOBODYS
    return TransactionStopped(
        transaction=transaction or 0,
        at=at,
        meter_stop_wh=meter,
        token=values.text(payload.get("idTag")) or None,
        reason=values.text(payload.get("reason")) or "Local",
        values=meter_values.read(payload.get("transactionData")),
        salvaged=_as_it_came(payload, transaction, at, meter),
    )


def _as_it_came(payload: dict[str, Any], *read: object) -> str:
    """Return a message for a person to see, where one of its fields cannot be read."""
    return orjson.dumps(payload).decode()[:MAX_SALVAGED] if None in read else ""


def _meter_values(payload: dict[str, Any]) -> MeterValuesReported:
    """MeterValues (§4.7). Refused only when it belongs to nothing."""
    transaction = values.transaction_id(payload.get("transactionId"))
    try:
        connector = _connector(payload)
    except Refusal:
        if transaction is None:
            raise
        connector = 0
    return MeterValuesReported(
        connector, transaction, meter_values.read(payload.get("meterValue"))
    )


def _data_transfer(payload: dict[str, Any]) -> VendorMessage:
    """DataTransfer (§4.3)."""
    return VendorMessage(
        vendor=_word(payload, "vendorId"),
        message=values.text(payload.get("messageId")),
        data=values.text(payload.get("data"), 65536),
    )


def _progress(job: Job) -> Callable[[dict[str, Any]], Progress]:
    """Make the reader of a job's status notification (§4.4, §4.5; whitepaper, L01, N01)."""

    def read(payload: dict[str, Any]) -> Progress:
        return Progress(job, values.snake_case(_word(payload, "status")))

    return read


def _security_event(payload: dict[str, Any]) -> SecurityEvent:
    """SecurityEventNotification (whitepaper §5.17)."""
    return SecurityEvent(
        kind=values.snake_case(_word(payload, "type")),
        at=values.moment(payload.get("timestamp")),
        info=values.text(payload.get("techInfo")),
    )


def _sign_certificate(payload: dict[str, Any]) -> CertificateRequested:
    """SignCertificate (whitepaper, A02)."""
    csr = payload.get("csr")
    if not isinstance(csr, str):
        raise _unusable(payload, "csr")
    return CertificateRequested(csr[:MAX_CSR])


_READERS: Final[dict[str, Callable[[dict[str, Any]], StationEvent]]] = {
    "MeterValues": _meter_values,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "Authorize": _authorize,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "BootNotification": _boot,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": _progress(Job.DIAGNOSTICS),
    "FirmwareStatusNotification": _progress(Job.FIRMWARE),
    "SignedFirmwareStatusNotification": _progress(Job.FIRMWARE),
    "LogStatusNotification": _progress(Job.LOG),
    "SecurityEventNotification": _security_event,
    "SignCertificate": _sign_certificate,
}
# Actions of OCPP 1.6 and its security whitepaper that we know and do not take from a
# station: they are ours to send.
_NOT_SUPPORTED: Final = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
)


def is_boot(action: str) -> bool:
    """Tell the one call that a station may make before it is accepted (§4.2)."""
    return action == "BootNotification"


def read(action: str, payload: dict[str, Any]) -> StationEvent:
    """Make a station's call an event; raises Refusal where it cannot be used."""
    reader = _READERS.get(action)
    if reader is not None:
        return reader(payload)
    if action in _NOT_SUPPORTED:
        raise Refusal(ErrorCode.NOT_SUPPORTED, action)
    raise Refusal(ErrorCode.NOT_IMPLEMENTED, "unknown action")


def timestamp(at: datetime) -> str:
    """Write a time in UTC, to the millisecond, ending in Z."""
    utc = at.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def id_tag_info(
    authorization: Authorization, until: datetime | None, group: str | None
) -> dict[str, str]:
    """Write an IdTagInfo (§7.27)."""
    info = {"status": _ID_TAG_STATUS[authorization]}
    if until is not None:
        info["expiryDate"] = timestamp(until)
    if group is not None:
        info["parentIdTag"] = group
    return info


def answer(event: StationEvent, decision: Decision, now: datetime) -> dict[str, Any]:
    """Write the answer's payload for a decision."""
    match decision:
        case Noted():
            return {"currentTime": timestamp(now)} if type(event) is Heartbeat else {}
        case Registered(registration, interval_s):
            return {
                "status": registration.value,
                "currentTime": timestamp(now),
                "interval": interval_s,
            }
        case Authorized(authorization, until, group):
            return {"idTagInfo": id_tag_info(authorization, until, group)}
        case Started(session, authorization, until, group):
            return {
                "transactionId": session,
                "idTagInfo": id_tag_info(authorization, until, group),
            }
        case Declined():
            return {"status": "Rejected"}
        case VendorAnswer(known, data):
            status = "Accepted" if known else "UnknownVendorId"
            return (
                {"status": status} if data is None else {"status": status, "data": data}
            )
    assert_never(decision)
