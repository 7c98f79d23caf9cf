"""Reservations, firmware, logs and certificates, as OCPP 1.6 asks for them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from custom_components.ladda.central_system import BadAnswer, NotAccepted
from custom_components.ladda.central_system.ocpp16.certificates import (
    CertificateId,
    Certificates,
    Trust,
)
from custom_components.ladda.central_system.ocpp16.composite_schedule import Period
from custom_components.ladda.central_system.ocpp16.maintenance import (
    Maintenance,
    Signature,
)

from .test_commands import NOW, Station

LATER = NOW + timedelta(hours=1)
LATER_TEXT = "2026-11-23T05:00:00.000Z"
ACCEPTED = {"status": "Accepted"}
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}


def maintenance(station: Station) -> Maintenance:
    """Return the upkeep of a station."""
    return Maintenance(station.send, lambda: NOW)


def certificates(station: Station) -> Certificates:
    """Return the certificates of a station."""
    return Certificates(station.send)


@pytest.mark.parametrize(
    ("order", "action", "payload", "answer"),
    [
        (
            lambda it: it.commands.reserve(1, 7, "04AA11", None, LATER),
            "ReserveNow",
            {
                "connectorId": 1,
                "expiryDate": LATER_TEXT,
                "idTag": "04AA11",
                "reservationId": 7,
            },
            ACCEPTED,
        ),
        (
            lambda it: it.commands.reserve(0, 8, "04AA11", "0A1B2C3D4E5F60", LATER),
            "ReserveNow",
            {
                "connectorId": 0,
                "expiryDate": LATER_TEXT,
                "idTag": "04AA11",
                "parentIdTag": "0A1B2C3D4E5F60",
                "reservationId": 8,
            },
            ACCEPTED,
        ),
        (
            lambda it: it.commands.cancel_reservation(7),
            "CancelReservation",
            {"reservationId": 7},
            {"status": "Rejected"},
        ),
        (lambda it: it.commands.clear_cache(), "ClearCache", {}, ACCEPTED),
        (
            lambda it: it.commands.trigger("SignChargePointCertificate"),
            "ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
            ACCEPTED,
        ),
        (
            lambda it: maintenance(it).update_firmware("http://x/new.bin", LATER),
            "UpdateFirmware",
            {"location": "http://x/new.bin", "retrieveDate": LATER_TEXT},
            {},
        ),
        (
            lambda it: maintenance(it).update_signed_firmware(
                "http://x/new.bin", LATER, Signature("PEM", "c2ln")
            ),
            "SignedUpdateFirmware",
            {
                "requestId": int(NOW.timestamp()),
                "firmware": {
                    "location": "http://x/new.bin",
                    "retrieveDateTime": LATER_TEXT,
                    "signingCertificate": "PEM",
                    "signature": "c2ln",
                },
            },
            {"status": "AcceptedCanceled"},
        ),
        (
            lambda it: maintenance(it).get_diagnostics("http://x/up/", None, LATER),
            "GetDiagnostics",
            {"location": "http://x/up/", "stopTime": LATER_TEXT},
            {"fileName": "d.zip"},
        ),
        (
            lambda it: maintenance(it).get_log("http://x/up/", LATER, security=True),
            "GetLog",
            {
                "log": {
                    "remoteLocation": "http://x/up/",
                    "oldestTimestamp": LATER_TEXT,
                },
                "logType": "SecurityLog",
                "requestId": int(NOW.timestamp()),
            },
            ACCEPTED,
        ),
        (
            lambda it: certificates(it).installed(Trust.CENTRAL_SYSTEM),
            "GetInstalledCertificateIds",
            {"certificateType": "CentralSystemRootCertificate"},
            {"status": "NotFound"},
        ),
        (
            lambda it: certificates(it).install(Trust.MANUFACTURER, "PEM"),
            "InstallCertificate",
            {"certificateType": "ManufacturerRootCertificate", "certificate": "PEM"},
            ACCEPTED,
        ),
        (
            lambda it: certificates(it).delete(
                CertificateId("SHA256", "aa", "bb", "01")
            ),
            "DeleteCertificate",
            {"certificateHashData": HASHES},
            ACCEPTED,
        ),
        (
            lambda it: certificates(it).give("PEM"),
            "CertificateSigned",
            {"certificateChain": "PEM"},
            ACCEPTED,
        ),
    ],
)
async def test_what_a_station_is_asked(
    order: Callable[[Station], Awaitable[object]],
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    station = Station(answer)
    await order(station)
    assert station.asked == [(action, payload)]


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (lambda it: it.commands.reserve(1, 7, "04AA11", None, LATER), "Occupied"),
        (
            lambda it: maintenance(it).update_signed_firmware(
                "http://x", LATER, Signature("PEM", "c2ln"), LATER
            ),
            "RevokedCertificate",
        ),
        (
            lambda it: maintenance(it).get_log("http://x", security=False),
            "Rejected",
        ),
        (lambda it: certificates(it).install(Trust.MANUFACTURER, "PEM"), "Failed"),
        (
            lambda it: it.commands.composite_schedule(
                1, timedelta(hours=1), in_watts=False
            ),
            "Rejected",
        ),
    ],
)
async def test_a_no_is_told_with_the_stations_word(
    order: Callable[[Station], Awaitable[object]], status: str
) -> None:
    with pytest.raises(NotAccepted) as caught:
        await order(Station({"status": status}))
    assert caught.value.status == status


async def test_the_name_of_an_upload_is_told_where_there_is_one() -> None:
    names = [
        await maintenance(Station(answer)).get_diagnostics("http://x")
        for answer in ({"fileName": "d.zip"}, {"fileName": ""}, {})
    ]
    assert names == ["d.zip", None, None]


async def test_certificates_are_listed_by_what_tells_them_apart() -> None:
    station = Station({**ACCEPTED, "certificateHashData": [HASHES]})
    listed = await certificates(station).installed(Trust.MANUFACTURER)
    assert listed == [CertificateId("SHA256", "aa", "bb", "01")]


async def test_a_schedule_is_read_with_its_times() -> None:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16},
            {"startPeriod": "600", "limit": "6.5", "numberPhases": 1},
        ],
    }
    station = Station(
        {**ACCEPTED, "scheduleStart": LATER_TEXT, "chargingSchedule": schedule}
    )
    read = await station.commands.composite_schedule(
        1, timedelta(hours=2), in_watts=False
    )
    assert station.asked[0][1] == {
        "connectorId": 1,
        "duration": 7200,
        "chargingRateUnit": "A",
    }
    assert not read.in_watts
    assert read.periods == (
        Period(LATER, Decimal(16), None),
        Period(datetime(2026, 11, 23, 5, 10, tzinfo=UTC), Decimal("6.5"), 1),
    )


@pytest.mark.parametrize(
    "schedule",
    [None, {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"limit": 1}]}],
)
async def test_a_schedule_that_cannot_be_read_is_told(schedule: Any) -> None:
    station = Station({**ACCEPTED, "chargingSchedule": schedule})
    with pytest.raises(BadAnswer):
        await station.commands.composite_schedule(1, timedelta(hours=1), in_watts=True)
