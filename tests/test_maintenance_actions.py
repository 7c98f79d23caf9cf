"""Actions keep chargers in good repair; files come to Ladda and can be fetched."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.ladda import maintenance_actions
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .actions import act, device_id
from .house import STATION, LivedInHouse
from .station_simulator import SimulatedStation

FIRMWARE = "http://example.com/new.bin"
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}


@pytest.fixture
async def station(house: LivedInHouse) -> SimulatedStation:
    """Return a charger that says yes to all of this."""
    await house.add_station()
    station = await house.station()
    station.answers["UpdateFirmware"] = {}
    station.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
    for action in (
        "CertificateSigned",
        "ClearCache",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetLog",
        "InstallCertificate",
        "SignedUpdateFirmware",
    ):
        station.answers[action] = {"status": "Accepted"}
    return station


def asked(station: SimulatedStation, action: str) -> list[dict[str, Any]]:
    """Return what the station was asked by messages of that name."""
    return [payload for name, payload in station.received if name == action]


async def until_asked(station: SimulatedStation, action: str) -> None:
    """Wait until the station is asked; an action that waits for it goes on."""
    async with asyncio.timeout(5):
        while not asked(station, action):  # noqa: ASYNC110 # nobody tells
            await asyncio.sleep(0.01)


async def upload_when_asked(
    station: SimulatedStation, action: str, where: Callable[[dict[str, Any]], str]
) -> int:
    """Upload a file as soon as the station is asked to; return the status."""
    await until_asked(station, action)
    location = where(asked(station, action)[-1])
    async with (
        ClientSession() as client,
        client.put(f"{location}diag.zip", data=b"all is well") as answer,
    ):
        return answer.status


async def test_diagnostics_come_to_ladda_and_administrators_fetch_them(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    uploading = asyncio.create_task(
        upload_when_asked(station, "GetDiagnostics", lambda asked: asked["location"])
    )
    done = await act(hass, "get_diagnostics", device_id=device_id(house))
    assert await uploading == 201
    [told] = asked(station, "GetDiagnostics")
    assert told["location"].startswith(f"http://127.0.0.1:{house.port}/upload/")
    assert (done["status"], done["size"]) == ("uploaded", 11)

    stranger = await hass_client_no_auth()
    plain = done["url"].partition("?")[0]
    assert (await stranger.get(plain)).status == 401
    signed = await stranger.get(done["url"])
    assert (signed.status, await signed.read()) == (200, b"all is well")

    admin = await hass_client()
    fetched = await admin.get(plain)
    assert (fetched.status, await fetched.read()) == (200, b"all is well")
    assert (await admin.get("/api/ladda/uploads/sub%2Fladda.db")).status == 404
    hass_admin_user.groups = []
    assert (await admin.get(plain)).status == 401


async def test_a_log_of_security_comes_to_ladda(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    uploading = asyncio.create_task(
        upload_when_asked(
            station, "GetLog", lambda asked: asked["log"]["remoteLocation"]
        )
    )
    done = await act(hass, "get_log", device_id=device_id(house), log="security")
    assert await uploading == 201
    assert asked(station, "GetLog")[0]["logType"] == "SecurityLog"
    [kept] = house.hub.uploads.folder.iterdir()
    assert kept.name == done["file"]


async def test_files_may_go_elsewhere(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    done = await act(
        hass,
        "get_diagnostics",
        device_id=device_id(house),
        location="ftp://example.com/up",
        since="2026-11-01T00:00:00Z",
    )
    assert done == {"status": "accepted", "file": "diag.zip"}
    assert asked(station, "GetDiagnostics") == [
        {"location": "ftp://example.com/up", "startTime": "2026-11-01T00:00:00.000Z"}
    ]


async def test_a_file_that_does_not_come_is_told(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refusal() -> HomeAssistantError:
        with pytest.raises(HomeAssistantError) as caught:
            await act(hass, "get_diagnostics", device_id=device_id(house))
        return caught.value

    waiting = asyncio.create_task(refusal())
    await until_asked(station, "GetDiagnostics")
    await station.send("DiagnosticsStatusNotification", {"status": "Uploading"})
    await station.send("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    failed = await waiting
    assert failed.translation_key == "not_uploaded"
    assert "upload_failed" in str(failed)
    monkeypatch.setattr(maintenance_actions, "UPLOAD_PATIENCE", 0.05)
    assert (await refusal()).translation_key == "not_uploaded"
    station.answers["GetDiagnostics"] = {}
    assert (await refusal()).translation_key == "nothing_to_upload"


async def test_firmware_is_updated_and_the_sensor_tells_how_far_it_came(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    sensor = f"{STATION}_firmware_status"
    charger = device_id(house)
    done = await act(hass, "update_firmware", device_id=charger, location=FIRMWARE)
    assert done == {"status": "accepted"}
    [told] = asked(station, "UpdateFirmware")
    assert told["location"] == FIRMWARE
    retrieve_at = datetime.fromisoformat(told["retrieveDate"])
    assert abs((retrieve_at - datetime.now(UTC)).total_seconds()) < 10
    assert house.state("sensor", sensor).state == "unknown"
    for status, shown in (
        ("Downloading", "downloading"),
        ("InstallationFailed", "installation_failed"),
    ):
        await station.send("FirmwareStatusNotification", {"status": status})
        await hass.async_block_till_done()
        assert house.state("sensor", sensor).state == shown


async def test_signed_firmware_goes_with_its_signature(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    signed = {"certificate": "PEM", "signature": "c2ln"}
    times = {"retrieve": "2026-11-24T01:00:00Z", "install": "2026-11-24T02:00:00Z"}
    charger = {"device_id": device_id(house), "location": FIRMWARE}
    await act(hass, "update_firmware", **charger, **signed, **times)
    [told] = asked(station, "SignedUpdateFirmware")
    assert told["firmware"] == {
        "location": FIRMWARE,
        "retrieveDateTime": "2026-11-24T01:00:00.000Z",
        "installDateTime": "2026-11-24T02:00:00.000Z",
        "signingCertificate": "PEM",
        "signature": "c2ln",
    }
    for half in ({"certificate": "PEM"}, {"install": "2026-11-24T02:00:00Z"}):
        with pytest.raises(vol.Invalid):
            await act(hass, "update_firmware", **charger, **half)


async def test_what_a_charger_will_offer_and_knows_is_read(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    charger = device_id(house)
    await act(hass, "set_limit", device_id=charger, limit=10)
    read = await act(hass, "get_composite_schedule", device_id=charger, connector=1)
    assert read["unit"] == "A"
    assert read["periods"][0]["limit"] == 10
    assert asked(station, "GetCompositeSchedule")[0]["duration"] == 86400
    read = await act(hass, "get_local_list_version", device_id=charger)
    assert read["version"] >= 0
    assert await act(hass, "clear_cache", device_id=charger) == {"status": "accepted"}
    await act(hass, "trigger", device_id=charger, message="LogStatusNotification")
    assert asked(station, "ExtendedTriggerMessage") == [
        {"requestedMessage": "LogStatusNotification"}
    ]


async def test_certificates_are_listed_installed_and_deleted(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    charger = device_id(house)
    station.answers["GetInstalledCertificateIds"] = lambda asked: (
        {"status": "NotFound"}
        if asked["certificateType"] == "ManufacturerRootCertificate"
        else {"status": "Accepted", "certificateHashData": [HASHES]}
    )
    await station.send("SignCertificate", {"csr": "please"})
    await house.hub.ledger.commit()
    read = await act(hass, "list_certificates", device_id=charger)
    [listed] = read["central_system"]
    assert (read["manufacturer"], read["request"]) == ([], "please")

    await act(hass, "delete_certificate", device_id=charger, **listed)
    assert asked(station, "DeleteCertificate") == [{"certificateHashData": HASHES}]
    for kind in ("central_system", "charger"):
        await act(
            hass, "install_certificate", device_id=charger, type=kind, certificate="PEM"
        )
    assert asked(station, "InstallCertificate") == [
        {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"}
    ]
    assert asked(station, "CertificateSigned") == [{"certificateChain": "PEM"}]


async def test_uploads_are_kept_beside_the_ledger(
    house: LivedInHouse, tmp_path: Path
) -> None:
    assert house.hub.uploads.folder == tmp_path / ".storage" / "ladda" / "uploads"
