"""Calls become events, decisions become answers; transactions are salvaged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, strategies as st
from ocpp.messages import CallResult, validate_payload
import pytest

from custom_components.ladda.central_system.frames import ErrorCode, Refusal
from custom_components.ladda.central_system.ocpp16 import inbound
from custom_components.ladda.charging.decisions import (
    Authorized,
    Decision,
    Declined,
    Noted,
    Registered,
    Started,
    VendorAnswer,
)
from custom_components.ladda.charging.events import (
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
from custom_components.ladda.charging.model import (
    Authorization,
    Channel,
    ConnectorStatus,
    Job,
    Measurand,
    MeterValue,
    Registration,
    StationInfo,
)

from ..test_frames import JSON

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
AT = "2026-11-23T04:00:00Z"
ACTIONS = [
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
]
FIELDS = [
    "connectorId",
    "transactionId",
    "timestamp",
    "meterStart",
    "meterStop",
    "idTag",
    "status",
    "errorCode",
    "meterValue",
    "transactionData",
    "chargePointVendor",
    "chargePointModel",
    "vendorId",
    "data",
    "reason",
]


@pytest.mark.parametrize(
    ("action", "payload", "event"),
    [
        ("Heartbeat", {}, Heartbeat()),
        (
            "BootNotification",
            {
                "chargePointVendor": "",
                "chargePointModel": "M" * 30,
                "chargeBoxSerialNumber": "S" * 33,
                "firmwareVersion": 1.5,
                "vendorExtra": 1,
            },
            Booted(StationInfo(model="M" * 30, serial="S" * 33, firmware="1.5")),
        ),
        (
            "StatusNotification",
            {
                "connectorId": "1",
                "status": "SuspendedEV",
                "errorCode": "NoError",
                "info": "null",
                "vendorErrorCode": "0x0000",
            },
            StatusReported(1, ConnectorStatus.SUSPENDED_EV),
        ),
        (
            "StatusNotification",
            {
                "connectorId": 0,
                "status": "faulted",
                "errorCode": "InternalError",
                "info": "safe mode max 14.0A",
                "timestamp": AT,
            },
            StatusReported(
                0, ConnectorStatus.FAULTED, NOW, "InternalError", "safe mode max 14.0A"
            ),
        ),
        ("Authorize", {"idTag": 4711}, TokenPresented("4711")),
        ("Authorize", {"idTag": 1.5}, TokenPresented("1.5")),
        ("Authorize", {"idTag": ""}, TokenPresented("")),
        (
            "StartTransaction",
            {"connectorId": 2, "idTag": "04AA", "meterStart": 10.5, "timestamp": AT},
            TransactionStarted(2, "04AA", NOW, Decimal("10.5")),
        ),
        (
            "StartTransaction",
            {
                "connectorId": 1,
                "idTag": "04AA",
                "meterStart": 0,
                "timestamp": AT,
                "reservationId": "3",
            },
            TransactionStarted(1, "04AA", NOW, Decimal(0), 3),
        ),
        (
            "StopTransaction",
            {"transactionId": 7, "meterStop": 1000, "timestamp": AT},
            TransactionStopped(7, NOW, Decimal(1000)),
        ),
        (
            "StopTransaction",
            {
                "transactionId": "7",
                "meterStop": "1000",
                "timestamp": AT,
                "idTag": "04AA",
                "reason": "EVDisconnect",
                "transactionData": [
                    {"timestamp": AT, "sampledValue": [{"value": "9"}]}
                ],
            },
            TransactionStopped(
                7,
                NOW,
                Decimal(1000),
                "04AA",
                "EVDisconnect",
                (MeterValue(NOW, {Channel(Measurand.ENERGY_REGISTER): Decimal(9)}),),
            ),
        ),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": 9223372036854775807,
                "meterValue": {"timestamp": AT, "sampledValue": [{"value": 9}]},
            },
            MeterValuesReported(
                1,
                None,
                (MeterValue(NOW, {Channel(Measurand.ENERGY_REGISTER): Decimal(9)}),),
            ),
        ),
        (
            "DataTransfer",
            {"vendorId": "V", "messageId": "m", "data": "d"},
            VendorMessage("V", "m", "d"),
        ),
        (
            "DiagnosticsStatusNotification",
            {"status": "Uploading"},
            Progress(Job.DIAGNOSTICS, "uploading"),
        ),
        (
            "SignedFirmwareStatusNotification",
            {"status": "InstallVerificationFailed", "requestId": 1},
            Progress(Job.FIRMWARE, "install_verification_failed"),
        ),
        ("LogStatusNotification", {"status": "Idle"}, Progress(Job.LOG, "idle")),
        (
            "SecurityEventNotification",
            {"type": "SettingSystemTime", "timestamp": AT},
            SecurityEvent("setting_system_time", NOW),
        ),
        (
            "SecurityEventNotification",
            {"type": "InvalidTLSVersion", "techInfo": "TLS 1.0"},
            SecurityEvent("invalid_tls_version", None, "TLS 1.0"),
        ),
        ("SignCertificate", {"csr": "a request"}, CertificateRequested("a request")),
    ],
)
def test_what_a_station_reports(
    action: str, payload: dict[str, Any], event: StationEvent
) -> None:
    assert inbound.read(action, payload) == event


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ({"meterStart": 5}, TransactionStarted(None, "", None, Decimal(5))),
        (
            {"connectorId": 0, "meterStart": 5},
            TransactionStarted(None, "", None, Decimal(5)),
        ),
        (
            {"connectorId": 99, "timestamp": AT},
            TransactionStarted(None, "", NOW, None),
        ),
        ({"connectorId": 2}, TransactionStarted(2, "", None, None)),
        (
            {"connectorId": 2, "idTag": {}, "meterStart": "x", "timestamp": 7},
            TransactionStarted(2, "", None, None),
        ),
    ],
)
def test_a_start_is_salvaged_and_kept_as_it_came(
    payload: dict[str, Any], event: TransactionStarted
) -> None:
    read = inbound.read("StartTransaction", payload)
    assert isinstance(read, TransactionStarted)
    assert json.loads(read.salvaged) == payload
    assert replace(read, salvaged="") == event


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (
            {"transactionId": -1, "meterStop": 5},
            TransactionStopped(0, None, Decimal(5)),
        ),
        ({"timestamp": AT}, TransactionStopped(0, NOW, None)),
        ({"transactionId": 7, "idTag": 3}, TransactionStopped(7, None, None, "3")),
    ],
)
def test_a_stop_is_salvaged_and_kept_as_it_came(
    payload: dict[str, Any], event: TransactionStopped
) -> None:
    read = inbound.read("StopTransaction", payload)
    assert isinstance(read, TransactionStopped)
    assert json.loads(read.salvaged) == payload
    assert replace(read, salvaged="") == event


def test_of_a_message_that_is_too_long_the_beginning_is_kept() -> None:
    read = inbound.read("StartTransaction", {"meterStart": 5, "more": "x" * 10**5})
    assert isinstance(read, TransactionStarted)
    assert len(read.salvaged) == inbound.MAX_SALVAGED


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ({"transactionId": 7}, MeterValuesReported(0, 7, ())),
        ({"transactionId": 7, "connectorId": 99}, MeterValuesReported(0, 7, ())),
        ({"transactionId": "7", "connectorId": -1}, MeterValuesReported(0, 7, ())),
        ({"connectorId": 0}, MeterValuesReported(0, None, ())),
    ],
)
def test_meter_values_are_salvaged(
    payload: dict[str, Any], event: StationEvent
) -> None:
    assert inbound.read("MeterValues", payload) == event


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Fly", {}, ErrorCode.NOT_IMPLEMENTED),
        ("", {}, ErrorCode.NOT_IMPLEMENTED),
        ("RemoteStartTransaction", {}, ErrorCode.NOT_SUPPORTED),
        ("BootNotification", {"chargePointVendor": "V"}, ErrorCode.PROTOCOL_ERROR),
        ("Authorize", {"idTag": True}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("Authorize", {"idTag": None}, ErrorCode.PROTOCOL_ERROR),
        ("StatusNotification", {"status": "Available"}, ErrorCode.PROTOCOL_ERROR),
        (
            "StatusNotification",
            {"connectorId": -1, "status": "Available"},
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
        (
            "StatusNotification",
            {"connectorId": 17, "status": "Available"},
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
        ("StartTransaction", {"idTag": "04AA"}, ErrorCode.PROTOCOL_ERROR),
        ("StopTransaction", {"idTag": "04AA"}, ErrorCode.PROTOCOL_ERROR),
        ("MeterValues", {"meterValue": []}, ErrorCode.PROTOCOL_ERROR),
        ("MeterValues", {"connectorId": -1}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("Authorize", {"idTag": "4" * 300}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("DataTransfer", {"data": "x"}, ErrorCode.PROTOCOL_ERROR),
        ("DataTransfer", {"vendorId": []}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("FirmwareStatusNotification", {}, ErrorCode.PROTOCOL_ERROR),
        ("LogStatusNotification", {"status": {}}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("SecurityEventNotification", {"timestamp": AT}, ErrorCode.PROTOCOL_ERROR),
        ("SignCertificate", {"csr": 7}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    ],
)
def test_what_cannot_be_used_at_all_is_refused(
    action: str, payload: dict[str, Any], code: ErrorCode
) -> None:
    with pytest.raises(Refusal) as error:
        inbound.read(action, payload)
    assert error.value.code is code


@given(
    st.sampled_from(ACTIONS),
    st.dictionaries(st.sampled_from(FIELDS), JSON) | st.dictionaries(st.text(), JSON),
)
def test_a_call_is_read_or_refused_and_nothing_else(
    action: str, payload: dict[str, Any]
) -> None:
    try:
        event = inbound.read(action, payload)
    except Refusal:
        return
    assert event == inbound.read(action, payload)


@given(
    st.sampled_from(["connectorId", "meterStart", "timestamp", "idTag", "more"]), JSON
)
def test_one_odd_field_never_loses_a_start(field: str, odd: Any) -> None:
    payload = {"connectorId": 1, "meterStart": 5, "timestamp": AT, "idTag": "04AA"}
    event = inbound.read("StartTransaction", payload | {field: odd})
    assert isinstance(event, TransactionStarted)


@given(
    st.sampled_from(
        [
            "transactionId",
            "meterStop",
            "timestamp",
            "idTag",
            "reason",
            "transactionData",
        ]
    ),
    JSON,
)
def test_one_odd_field_never_loses_a_stop(field: str, odd: Any) -> None:
    payload = {"transactionId": 7, "meterStop": 5, "timestamp": AT}
    event = inbound.read("StopTransaction", payload | {field: odd})
    assert isinstance(event, TransactionStopped)


UNTIL = datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("action", "event", "decision", "payload"),
    [
        (
            "Heartbeat",
            Heartbeat(),
            Noted(),
            {"currentTime": "2026-11-23T04:00:00.000Z"},
        ),
        ("MeterValues", MeterValuesReported(1, None, ()), Noted(), {}),
        (
            "StatusNotification",
            StatusReported(1, ConnectorStatus.AVAILABLE),
            Noted(),
            {},
        ),
        ("StopTransaction", TransactionStopped(7, None, None), Noted(), {}),
        (
            "SignCertificate",
            CertificateRequested("a request"),
            Declined(),
            {"status": "Rejected"},
        ),
        ("FirmwareStatusNotification", Progress(Job.FIRMWARE, "idle"), Noted(), {}),
        (
            "BootNotification",
            Booted(StationInfo()),
            Registered(Registration.REJECTED, 3600),
            {
                "status": "Rejected",
                "currentTime": "2026-11-23T04:00:00.000Z",
                "interval": 3600,
            },
        ),
        (
            "StartTransaction",
            TransactionStarted(1, "04AA", None, None),
            Started(7, Authorization.CONCURRENT, UNTIL),
            {
                "transactionId": 7,
                "idTagInfo": {
                    "status": "ConcurrentTx",
                    "expiryDate": "2026-11-30T23:00:00.000Z",
                },
            },
        ),
        (
            "StartTransaction",
            TransactionStarted(1, "04AA", None, None),
            Started(7, Authorization.ACCEPTED, None, "0A1B2C3D4E5F60"),
            {
                "transactionId": 7,
                "idTagInfo": {"status": "Accepted", "parentIdTag": "0A1B2C3D4E5F60"},
            },
        ),
        (
            "Authorize",
            TokenPresented("04AA"),
            Authorized(Authorization.ACCEPTED, None, "0A1B2C3D4E5F60"),
            {"idTagInfo": {"status": "Accepted", "parentIdTag": "0A1B2C3D4E5F60"}},
        ),
        (
            "DataTransfer",
            VendorMessage("V", "", ""),
            VendorAnswer(),
            {"status": "UnknownVendorId"},
        ),
        (
            "DataTransfer",
            VendorMessage("V", "", ""),
            VendorAnswer(known=True, data="d"),
            {"status": "Accepted", "data": "d"},
        ),
        *(
            (
                "Authorize",
                TokenPresented("04AA"),
                Authorized(authorization),
                {"idTagInfo": {"status": status}},
            )
            for authorization, status in {
                Authorization.ACCEPTED: "Accepted",
                Authorization.BLOCKED: "Blocked",
                Authorization.EXPIRED: "Expired",
                Authorization.INVALID: "Invalid",
            }.items()
        ),
    ],
)
async def test_answers_are_what_ocpp_asks_for(
    action: str, event: StationEvent, decision: Decision, payload: dict[str, Any]
) -> None:
    assert inbound.answer(event, decision, NOW) == payload
    await validate_payload(CallResult("1", payload, action=action), "1.6")
