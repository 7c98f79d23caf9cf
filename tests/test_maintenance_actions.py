"""Actions keep chargers in good repair; files come to Ladda and can be fetched."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from ocpp.exceptions import NotImplementedError
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.ladda import maintenance_actions
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr

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
    for action in (
        "CertificateSigned",
        "ClearCache",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "InstallCertificate",
        "SignedUpdateFirmware",
    ):
        station.answers[action] = {"status": "Accepted"}
    return station


@pytest.fixture
async def vendors_server() -> AsyncGenerator[str]:
    """Return where the charger's maker keeps its firmware."""

    async def firmware(request: web.Request) -> web.Response:
        return web.Response(body=b"better than ever")

    app = web.Application()
    app.router.add_get("/2.0", firmware)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_diagnostics_come_to_ladda_and_administrators_fetch_them(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    done = await act(hass, "get_diagnostics", device_id=device_id(house))
    [told] = station.asked("GetDiagnostics")
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
    done = await act(hass, "get_log", device_id=device_id(house), log="security")
    assert station.asked("GetLog")[0]["logType"] == "SecurityLog"
    [kept] = house.hub.uploads.folder.iterdir()
    assert kept.name == done["file"]
    assert kept.read_bytes() == station.upkeep.files["security"]


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
    assert done == {"status": "accepted", "file": "diagnostics.log"}
    assert station.asked("GetDiagnostics") == [
        {"location": "ftp://example.com/up", "startTime": "2026-11-01T00:00:00.000Z"}
    ]


async def test_a_file_that_does_not_come_is_told(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refusal(action: str = "get_diagnostics", **more: str) -> str | None:
        with pytest.raises(HomeAssistantError) as caught:
            await act(hass, action, device_id=device_id(house), **more)
        assert str(caught.value).startswith("Garage ")
        return caught.value.translation_key

    # What Ladda does not take, or not over HTTP, the charger cannot upload
    monkeypatch.setattr(house.hub.uploads, "_max_size", 3)
    assert await refusal() == "upload_failed"
    assert await refusal("get_log", log="security") == "upload_failed"
    monkeypatch.setattr(maintenance_actions, "UPLOAD_PATIENCE", 0.05)
    station.answers["GetDiagnostics"] = {"fileName": "diagnostics.log"}
    assert await refusal() == "not_uploaded"
    del station.answers["GetDiagnostics"]
    station.upkeep.files.clear()
    assert await refusal() == "nothing_to_upload"
    assert await refusal("get_log", log="diagnostics") == "station_declined"
    station.answers["GetLog"] = NotImplementedError("no security extension")
    assert await refusal("get_log", log="diagnostics") == "station_refused"
    await station.go_offline()
    await house.until(lambda: not house.hub.desk.is_online(STATION))
    assert await refusal() == "station_offline"


async def test_firmware_is_updated_and_the_sensor_tells_how_far_it_came(
    hass: HomeAssistant,
    house: LivedInHouse,
    station: SimulatedStation,
    vendors_server: str,
) -> None:
    sensor = f"{STATION}_firmware_status"
    seen = house.shown("sensor", sensor)
    charger = device_id(house)
    assert house.state("sensor", sensor).state == "unknown"
    done = await act(
        hass, "update_firmware", device_id=charger, location=f"{vendors_server}/2.0"
    )
    assert done == {"status": "accepted"}
    [told] = station.asked("UpdateFirmware")
    retrieve_at = datetime.fromisoformat(told["retrieveDate"])
    assert abs((retrieve_at - datetime.now(UTC)).total_seconds()) < 10

    def version() -> str | None:
        device = dr.async_get(hass).async_get(charger)
        assert device is not None
        return device.sw_version

    await house.until(lambda: version() == "2.0")
    assert seen == ["downloading", "downloaded", "installing", "installed"]

    await house.until(lambda: house.hub.desk.is_online(STATION))
    seen.clear()
    await act(
        hass, "update_firmware", device_id=charger, location=f"{vendors_server}/3.0"
    )
    await house.until(lambda: seen == ["downloading", "download_failed"])


async def test_signed_firmware_goes_with_its_signature(
    hass: HomeAssistant, house: LivedInHouse, station: SimulatedStation
) -> None:
    signed = {"certificate": "PEM", "signature": "c2ln"}
    times = {"retrieve": "2026-11-24T01:00:00Z", "install": "2026-11-24T02:00:00Z"}
    charger = {"device_id": device_id(house), "location": FIRMWARE}
    await act(hass, "update_firmware", **charger, **signed, **times)
    [told] = station.asked("SignedUpdateFirmware")
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
    assert station.asked("GetCompositeSchedule")[0]["duration"] == 86400
    read = await act(hass, "get_local_list_version", device_id=charger)
    assert read["version"] >= 0
    assert await act(hass, "clear_cache", device_id=charger) == {"status": "accepted"}
    await act(hass, "trigger", device_id=charger, message="LogStatusNotification")
    assert station.asked("ExtendedTriggerMessage") == [
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
    assert station.asked("DeleteCertificate") == [{"certificateHashData": HASHES}]
    for kind in ("central_system", "charger"):
        await act(
            hass, "install_certificate", device_id=charger, type=kind, certificate="PEM"
        )
    assert station.asked("InstallCertificate") == [
        {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"}
    ]
    assert station.asked("CertificateSigned") == [{"certificateChain": "PEM"}]


async def test_uploads_are_kept_beside_the_ledger(
    house: LivedInHouse, tmp_path: Path
) -> None:
    assert house.hub.uploads.folder == tmp_path / ".storage" / "ladda" / "uploads"
