"""A house that chargers connect to over TLS: setting it up, renewal, complaints."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
import json
from pathlib import Path
import ssl
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ladda.central_system.tls import Flaw
from custom_components.ladda.const import (
    CONF_CERTIFICATE,
    CONF_LEGACY_CIPHERS,
    CONF_PRIVATE_KEY,
    CONF_SECOND_CERTIFICATE,
    DOMAIN,
)
from custom_components.ladda.diagnostics import async_get_config_entry_diagnostics
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir

from .certificates import Files, certificate, ecdsa_key, rsa_key
from .house import LOOPBACK, STATION, LivedInHouse

TRANSLATIONS = Path(__file__).parents[1] / "custom_components/ladda/translations"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files of a certificate with an RSA key, valid for 90 days."""
    return Files.written(tmp_path, rsa_key())


@pytest.fixture
def second(tmp_path: Path) -> Files:
    """Return the files of a second certificate, with an ECDSA key."""
    return Files.written(tmp_path / "second", ecdsa_key())


def named(files: Files) -> dict[str, str]:
    """Name the files of a certificate, as a form and an entry do."""
    return {
        CONF_CERTIFICATE: str(files.certificate),
        CONF_PRIVATE_KEY: str(files.key),
    }


@pytest.fixture
def tls_entry(
    hass: HomeAssistant, house_entry: MockConfigEntry, files: Files
) -> MockConfigEntry:
    """Return the entry of a house with a certificate that is not set up yet.

    It has no place for a second one, as those that earlier versions made.
    """
    hass.config_entries.async_update_entry(
        house_entry, data={**house_entry.data, **named(files)}
    )
    return house_entry


@pytest.fixture
async def tls_house(
    hass: HomeAssistant, tls_entry: MockConfigEntry
) -> AsyncGenerator[LivedInHouse]:
    """Return a house with a certificate, set up, that knows one station."""
    house = LivedInHouse(hass, tls_entry, tls_entry.data[CONF_PORT])
    await house.set_up()
    await house.add_station()
    yield house
    await house.close()


@pytest.fixture
async def wide_house(
    hass: HomeAssistant, tls_entry: MockConfigEntry, second: Files
) -> AsyncGenerator[LivedInHouse]:
    """Return a house with two certificates, set up, that knows one station."""
    hass.config_entries.async_update_entry(
        tls_entry, data={**tls_entry.data, CONF_SECOND_CERTIFICATE: named(second)}
    )
    house = LivedInHouse(hass, tls_entry, tls_entry.data[CONF_PORT])
    await house.set_up()
    await house.add_station()
    yield house
    await house.close()


def knowing(ciphers: str, files: Files) -> ssl.SSLContext:
    """Return the context of a station that knows TLS 1.2 and some ciphers only."""
    context = files.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    return context


async def come_and_go(house: LivedInHouse, context: ssl.SSLContext) -> None:
    """Let the station connect, and go again."""
    station = await house.station(ssl=context)
    await station.stop()


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    """Begin to set Ladda up."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def fill_in(
    hass: HomeAssistant, flow: ConfigFlowResult, files: Files | None, **more: Any
) -> ConfigFlowResult:
    """Fill in the form of a flow: files, if any, and what else there is."""
    given = {**(named(files) if files else {}), **more}
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], given)
    await hass.async_block_till_done()
    return done


def complaint(hass: HomeAssistant, issue_id: str) -> dict[str, str] | None:
    """Return what an issue says; None: there is no such issue."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if issue is None:
        return None
    assert not issue.is_fixable
    assert issue.translation_key is not None
    return {"key": issue.translation_key, **(issue.translation_placeholders or {})}


# --- setting up ----------------------------------------------------------------------


async def test_a_certificate_makes_chargers_connect_with_wss(
    hass: HomeAssistant, files: Files, socket_enabled: None, unused_tcp_port: int
) -> None:
    hass.config.config_dir = str(files.certificate.parent)
    done = await fill_in(
        hass,
        await begin(hass),
        Files(Path(files.certificate.name), Path(files.key.name)),
        host=LOOPBACK,
        port=unused_tcp_port,
        old_chargers={CONF_LEGACY_CIPHERS: True},
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    url = f"wss://{LOOPBACK}:{unused_tcp_port}/"
    assert done["description_placeholders"] == {"url": url}
    entry = done["result"]
    assert entry.data[CONF_CERTIFICATE] == "fullchain.pem"
    assert entry.data[CONF_PRIVATE_KEY] == "privkey.pem"
    assert entry.data[CONF_LEGACY_CIPHERS] is True
    assert entry.state is ConfigEntryState.LOADED
    _, writer = await asyncio.open_connection(
        LOOPBACK, unused_tcp_port, ssl=files.trusting()
    )
    writer.close()
    await writer.wait_closed()
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("spoil", "field", "error"),
    [
        (lambda files: files.certificate.unlink(), CONF_CERTIFICATE, "file_not_found"),
        (lambda files: files.key.unlink(), CONF_PRIVATE_KEY, "file_not_found"),
        (
            lambda files: files.certificate.write_text("hello"),
            CONF_CERTIFICATE,
            "not_a_certificate",
        ),
        (
            lambda files: files.certificate.write_bytes(certificate(ecdsa_key())),
            CONF_PRIVATE_KEY,
            "key_does_not_fit",
        ),
        (
            lambda files: files.write(rsa_key(), password=b"secret"),
            CONF_PRIVATE_KEY,
            "key_has_password",
        ),
        (
            lambda files: files.write(rsa_key(), days=-1),
            CONF_CERTIFICATE,
            "certificate_expired",
        ),
    ],
)
@pytest.mark.usefixtures("socket_enabled")
async def test_a_certificate_that_cannot_be_used_is_refused_until_it_can(
    hass: HomeAssistant,
    files: Files,
    unused_tcp_port: int,
    spoil: Callable[[Files], None],
    field: str,
    error: str,
) -> None:
    spoil(files)
    flow = await fill_in(hass, await begin(hass), files, port=unused_tcp_port)
    assert flow["errors"] == {field: error}
    assert flow["description_placeholders"]["path"] == named(files)[field]
    files.write(rsa_key())
    done = await fill_in(hass, flow, files, host=LOOPBACK, port=unused_tcp_port)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.config_entries.async_unload(done["result"].entry_id)


@pytest.mark.parametrize("given", [CONF_CERTIFICATE, CONF_PRIVATE_KEY])
@pytest.mark.usefixtures("socket_enabled")
async def test_a_certificate_needs_its_key(
    hass: HomeAssistant, unused_tcp_port: int, given: str
) -> None:
    form = {given: "file.pem", CONF_PORT: unused_tcp_port}
    flow = await fill_in(hass, await begin(hass), None, **form)
    [missing] = {CONF_CERTIFICATE, CONF_PRIVATE_KEY} - {given}
    assert flow["errors"] == {missing: "both_needed"}


@pytest.mark.parametrize(
    ("spoil", "flawed", "error"),
    [
        (lambda files: files.key.unlink(), CONF_PRIVATE_KEY, "file_not_found"),
        (
            lambda files: files.certificate.write_text("hello"),
            CONF_CERTIFICATE,
            "not_a_certificate",
        ),
        (
            lambda files: files.write(ecdsa_key(), days=-1),
            CONF_CERTIFICATE,
            "certificate_expired",
        ),
        (lambda files: files.write(rsa_key(2)), CONF_CERTIFICATE, "same_kind_of_key"),
    ],
)
@pytest.mark.usefixtures("socket_enabled")
async def test_a_second_certificate_that_cannot_be_used_is_refused_until_it_can(
    hass: HomeAssistant,
    files: Files,
    second: Files,
    unused_tcp_port: int,
    spoil: Callable[[Files], None],
    flawed: str,
    error: str,
) -> None:
    spoil(second)
    form = {
        "host": LOOPBACK,
        "port": unused_tcp_port,
        CONF_SECOND_CERTIFICATE: named(second),
    }
    flow = await fill_in(hass, await begin(hass), files, **form)
    assert flow["errors"] == {CONF_SECOND_CERTIFICATE: error}
    assert flow["description_placeholders"]["path"] == named(second)[flawed]
    second.write(ecdsa_key())
    done = await fill_in(hass, flow, files, **form)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.config_entries.async_unload(done["result"].entry_id)


@pytest.mark.usefixtures("socket_enabled")
async def test_the_files_of_one_certificate_are_no_second_one(
    hass: HomeAssistant, files: Files, second: Files, unused_tcp_port: int
) -> None:
    form = {"port": unused_tcp_port, CONF_SECOND_CERTIFICATE: named(files)}
    flow = await fill_in(hass, await begin(hass), files, **form)
    assert flow["errors"] == {CONF_SECOND_CERTIFICATE: "same_kind_of_key"}
    mixed_up = Files(second.certificate, files.key)
    form = {"port": unused_tcp_port, CONF_SECOND_CERTIFICATE: named(mixed_up)}
    flow = await fill_in(hass, flow, files, **form)
    assert flow["errors"] == {CONF_SECOND_CERTIFICATE: "key_does_not_fit"}


@pytest.mark.parametrize("given", [CONF_CERTIFICATE, CONF_PRIVATE_KEY])
@pytest.mark.usefixtures("socket_enabled")
async def test_a_second_certificate_needs_its_key_and_a_first_one(
    hass: HomeAssistant, files: Files, second: Files, unused_tcp_port: int, given: str
) -> None:
    half = {given: named(second)[given]}
    form = {"port": unused_tcp_port, CONF_SECOND_CERTIFICATE: half}
    flow = await fill_in(hass, await begin(hass), files, **form)
    assert flow["errors"] == {CONF_SECOND_CERTIFICATE: "both_needed"}
    form = {"port": unused_tcp_port, CONF_SECOND_CERTIFICATE: named(second)}
    flow = await fill_in(hass, flow, None, **form)
    assert flow["errors"] == {CONF_CERTIFICATE: "first_needed"}


async def test_a_house_gets_a_second_certificate_and_loses_it_again(
    tls_house: LivedInHouse, files: Files, second: Files
) -> None:
    hass, entry = tls_house.hass, tls_house.entry
    address = {"host": LOOPBACK, "port": tls_house.port}
    flow = await entry.start_reconfigure_flow(hass)
    section = flow["data_schema"].schema[CONF_SECOND_CERTIFICATE]
    assert section.options == {"collapsed": True}
    assert all(field.description is None for field in section.schema.schema)
    both = {**address, CONF_SECOND_CERTIFICATE: named(second)}
    done = await fill_in(hass, flow, files, **both)
    assert done["reason"] == "reconfigure_successful"
    await come_and_go(tls_house, knowing("ECDHE+aRSA", files))
    await come_and_go(tls_house, knowing("ECDHE+aECDSA", second))

    flow = await entry.start_reconfigure_flow(hass)
    section = flow["data_schema"].schema[CONF_SECOND_CERTIFICATE]
    assert {
        str(field): field.description["suggested_value"]
        for field in section.schema.schema
    } == named(second)
    hub = tls_house.hub
    done = await fill_in(hass, flow, files, **address, second_certificate={})
    assert done["reason"] == "reconfigure_successful"
    assert tls_house.hub is not hub
    assert not any(entry.data[CONF_SECOND_CERTIFICATE].values())
    await come_and_go(tls_house, files.trusting())


async def test_a_house_gets_a_certificate_and_loses_it_again(
    house: LivedInHouse, files: Files
) -> None:
    await house.add_station()
    address = {"host": LOOPBACK, "port": house.port}
    flow = await house.entry.start_reconfigure_flow(house.hass)
    old = {"old_chargers": {CONF_LEGACY_CIPHERS: True}}
    done = await fill_in(house.hass, flow, files, **address, **old)
    assert done["reason"] == "reconfigure_successful"
    station = await house.station(ssl=files.trusting())
    await station.stop()

    flow = await house.entry.start_reconfigure_flow(house.hass)
    assert flow["description_placeholders"]["url"].startswith("wss:")
    shown = {
        str(key): (key.description or {}).get("suggested_value")
        for key in flow["data_schema"].schema
    }
    assert shown[CONF_CERTIFICATE] == str(files.certificate)
    assert shown[CONF_PRIVATE_KEY] == str(files.key)
    section = flow["data_schema"].schema["old_chargers"]
    [[field, _]] = section.schema.schema.items()
    assert field.description == {"suggested_value": True}
    assert section.options == {"collapsed": True}

    done = await fill_in(house.hass, flow, None, **address)
    assert done["reason"] == "reconfigure_successful"
    assert house.entry.data[CONF_CERTIFICATE] == ""
    assert house.url.startswith("ws:")
    await house.station()


async def test_a_house_whose_certificate_cannot_be_used_is_opened_when_it_can(
    hass: HomeAssistant, tls_entry: MockConfigEntry, files: Files
) -> None:
    hass.config.language = "sv"
    files.key.write_text("hello")
    assert not await hass.config_entries.async_setup(tls_entry.entry_id)
    assert tls_entry.state is ConfigEntryState.SETUP_RETRY
    assert tls_entry.error_reason_translation_key == "certificate_unusable"
    assert tls_entry.error_reason_translation_placeholders == {
        "error": f"{files.key} är inte en privat nyckel i PEM-format."
    }
    files.write(rsa_key())
    assert await hass.config_entries.async_reload(tls_entry.entry_id)
    assert tls_entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(tls_entry.entry_id)


@pytest.mark.parametrize("language", ["en", "sv"])
def test_every_flaw_has_its_words(language: str) -> None:
    texts = json.loads((TRANSLATIONS / f"{language}.json").read_text())
    assert {*Flaw, "both_needed", "first_needed"} <= texts["config"]["error"].keys()
    keys = {"certificate_unusable", "certificate_expires", "certificate_expired"}
    assert keys <= texts["issues"].keys()


async def test_diagnostics_do_not_tell_where_the_key_is(
    wide_house: LivedInHouse,
) -> None:
    told = await async_get_config_entry_diagnostics(wide_house.hass, wide_house.entry)
    setup = told["setup"]["data"]
    for pair in (setup, setup[CONF_SECOND_CERTIFICATE]):
        assert pair[CONF_PRIVATE_KEY] == "**REDACTED**"
        assert pair[CONF_CERTIFICATE] == "**REDACTED**"


# --- renewal -------------------------------------------------------------------------


async def test_a_session_goes_on_while_the_certificate_is_renewed(
    tls_house: LivedInHouse, files: Files
) -> None:
    hub = tls_house.hub
    station = await tls_house.station(ssl=files.trusting())
    session = await tls_house.start(station)
    connected = hub.desk.links[STATION]
    files.write(ecdsa_key())
    await tls_house.a_minute_later()
    await tls_house.stop(station, session, 3_000)
    assert hub.desk.links[STATION] is connected
    assert tls_house.hub is hub

    await station.stop()
    await tls_house.station(ssl=files.trusting())


async def test_a_bad_new_certificate_is_complained_of_and_the_old_one_stays(
    tls_house: LivedInHouse, files: Files
) -> None:
    hass = tls_house.hass
    old = files.trusting()
    files.certificate.write_bytes(certificate(rsa_key(2)))
    await tls_house.a_minute_later()
    said = complaint(hass, "certificate_unusable")
    assert said is not None
    assert said["error"].startswith(
        f"The key {files.key} does not belong to its certificate."
    )
    station = await tls_house.station(ssl=old)
    await station.stop()

    files.write(rsa_key(2))
    await tls_house.a_minute_later()
    assert complaint(hass, "certificate_unusable") is None
    await tls_house.station(ssl=files.trusting())


@pytest.mark.parametrize(
    ("days", "key"),
    [
        (15, None),
        (13, "certificate_expires"),
        (-1, "certificate_expired"),
    ],
)
async def test_a_certificate_that_expires_soon_is_complained_of_until_it_is_renewed(
    hass: HomeAssistant,
    tls_entry: MockConfigEntry,
    files: Files,
    days: int,
    key: str | None,
) -> None:
    await hass.config.async_set_time_zone("Europe/Stockholm")
    files.write(rsa_key(), days=days)
    house = LivedInHouse(hass, tls_entry, tls_entry.data[CONF_PORT])
    await house.set_up()
    said = complaint(hass, "certificate_expires")
    if key is None:
        assert said is None
    else:
        day = datetime.now(ZoneInfo("Europe/Stockholm")) + timedelta(days=days)
        assert said == {
            "key": key,
            "path": str(files.certificate),
            "date": day.date().isoformat(),
        }
    files.write(rsa_key(), days=90)
    await house.a_minute_later()
    assert complaint(hass, "certificate_expires") is None
    await house.close()


async def test_of_two_certificates_either_is_renewed(
    wide_house: LivedInHouse, files: Files, second: Files
) -> None:
    hub = wide_house.hub
    second.write(ecdsa_key(2))
    await wide_house.a_minute_later()
    await come_and_go(wide_house, knowing("ECDHE+aECDSA", second))
    files.write(rsa_key(2))
    await wide_house.a_minute_later()
    await come_and_go(wide_house, knowing("ECDHE+aRSA", files))
    await come_and_go(wide_house, knowing("ECDHE+aECDSA", second))
    assert wide_house.hub is hub


async def test_a_bad_one_of_two_new_certificates_is_named_and_both_old_ones_stay(
    wide_house: LivedInHouse, files: Files, second: Files
) -> None:
    hass = wide_house.hass
    old = knowing("ECDHE+aRSA", files), knowing("ECDHE+aECDSA", second)
    files.write(rsa_key(2))
    second.certificate.write_text("hello")
    await wide_house.a_minute_later()
    assert complaint(hass, "certificate_unusable") == {
        "key": "certificate_unusable",
        "error": f"{second.certificate} is not a certificate in the PEM format.",
    }
    for station in old:
        await come_and_go(wide_house, station)

    second.write(ecdsa_key(2))
    await wide_house.a_minute_later()
    assert complaint(hass, "certificate_unusable") is None
    await come_and_go(wide_house, knowing("ECDHE+aRSA", files))
    await come_and_go(wide_house, knowing("ECDHE+aECDSA", second))


async def test_of_two_certificates_the_first_to_expire_is_named(
    wide_house: LivedInHouse, files: Files, second: Files
) -> None:
    files.write(rsa_key(), days=12)
    second.write(ecdsa_key(), days=3)
    for soon, key in ((second, ecdsa_key()), (files, rsa_key())):
        await wide_house.a_minute_later()
        said = complaint(wide_house.hass, "certificate_expires")
        assert said is not None
        assert said["path"] == str(soon.certificate)
        soon.write(key, days=90)
    await wide_house.a_minute_later()
    assert complaint(wide_house.hass, "certificate_expires") is None


async def test_nobody_complains_of_a_certificate_that_nobody_sees(
    tls_house: LivedInHouse, files: Files
) -> None:
    files.write(rsa_key(), days=3)
    await tls_house.a_minute_later()
    files.key.unlink()
    await tls_house.a_minute_later()
    assert complaint(tls_house.hass, "certificate_expires") is not None
    assert complaint(tls_house.hass, "certificate_unusable") is not None
    await tls_house.unload()
    assert complaint(tls_house.hass, "certificate_expires") is None
    assert complaint(tls_house.hass, "certificate_unusable") is None
