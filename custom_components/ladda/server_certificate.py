"""The certificate that chargers see: where it is, and what is wrong with it."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .central_system import (
    CertificateFiles,
    CertificatePair,
    CertificateUnusable,
    ServerTls,
    load_certificates,
)
from .const import CONF_CERTIFICATE, CONF_LEGACY_CIPHERS, CONF_PRIVATE_KEY, DOMAIN

EXPIRES_SOON: Final = timedelta(days=14)
UNUSABLE: Final = "certificate_unusable"
EXPIRES: Final = "certificate_expires"


def certificate_files(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> CertificateFiles | None:
    """Return the files that an entry names, from the configuration folder; None: no TLS."""
    if not data.get(CONF_CERTIFICATE):
        return None
    pair = CertificatePair(
        certificate=Path(hass.config.path(data[CONF_CERTIFICATE])),
        private_key=Path(hass.config.path(data[CONF_PRIVATE_KEY])),
    )
    return CertificateFiles(
        pairs=(pair,), legacy_ciphers=data.get(CONF_LEGACY_CIPHERS, False)
    )


async def async_check_certificate(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> dict[str, str]:
    """Try the certificate that a flow was given; return the errors of its fields."""
    if bool(data[CONF_CERTIFICATE]) != bool(data[CONF_PRIVATE_KEY]):
        missing = CONF_PRIVATE_KEY if data[CONF_CERTIFICATE] else CONF_CERTIFICATE
        return {missing: "both_needed"}
    if (files := certificate_files(hass, data)) is None:
        return {}
    try:
        certificates = await hass.async_add_executor_job(load_certificates, files)
        certificates.first_to_expire.check_expiry(dt_util.utcnow())
    except CertificateUnusable as err:
        is_key = err.path == files.pairs[0].private_key
        return {CONF_PRIVATE_KEY if is_key else CONF_CERTIFICATE: err.flaw}
    return {}


async def async_load_tls(hass: HomeAssistant, files: CertificateFiles) -> ServerTls:
    """Load the certificate to listen with, if need be an expired one.

    Some chargers never look at the date. Raises ConfigEntryNotReady.
    """
    try:
        return ServerTls(await hass.async_add_executor_job(load_certificates, files))
    except CertificateUnusable as err:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="certificate_unusable",
            translation_placeholders=await _async_placeholders(hass, err),
        ) from err


async def async_look_after(hass: HomeAssistant, tls: ServerTls) -> None:
    """Show a renewed certificate to chargers; complain of one that needs somebody."""
    try:
        await tls.renew(dt_util.utcnow())
    except CertificateUnusable as err:
        _complain(hass, UNUSABLE, UNUSABLE, await _async_placeholders(hass, err))
    else:
        ir.async_delete_issue(hass, DOMAIN, UNUSABLE)
    expires_at = tls.first_to_expire.expires_at
    left = expires_at - dt_util.utcnow()
    if left < EXPIRES_SOON:
        key = EXPIRES if left > timedelta(0) else "certificate_expired"
        day = dt_util.as_local(expires_at).date().isoformat()
        _complain(hass, EXPIRES, key, {"date": day})
    else:
        ir.async_delete_issue(hass, DOMAIN, EXPIRES)


@callback
def async_complain_no_more(hass: HomeAssistant) -> None:
    """Take back all complaints, for nobody listens any more."""
    for issue_id in (UNUSABLE, EXPIRES):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _complain(
    hass: HomeAssistant, issue_id: str, key: str, placeholders: dict[str, str]
) -> None:
    """Show what only a person can put right."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders=placeholders,
    )


async def _async_placeholders(
    hass: HomeAssistant, err: CertificateUnusable
) -> dict[str, str]:
    """Name the file, and what is wrong with it in the words of the config flow."""
    words = await async_get_translations(hass, hass.config.language, "config", {DOMAIN})
    return {
        "path": str(err.path),
        "error": words[f"component.{DOMAIN}.config.error.{err.flaw}"],
    }
