"""The certificates that chargers see: where they are, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import replace
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
from .const import (
    CONF_CERTIFICATE,
    CONF_LEGACY_CIPHERS,
    CONF_PRIVATE_KEY,
    CONF_SECOND_CERTIFICATE,
    DOMAIN,
)
from .issues import async_complain

EXPIRES_SOON: Final = timedelta(days=14)
UNUSABLE: Final = "certificate_unusable"
EXPIRES: Final = "certificate_expires"


def certificate_files(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> CertificateFiles | None:
    """Return the files that an entry names, from the configuration folder; None: no TLS."""
    pairs = tuple(
        CertificatePair(
            certificate=Path(hass.config.path(named[CONF_CERTIFICATE])),
            private_key=Path(hass.config.path(named[CONF_PRIVATE_KEY])),
        )
        for named in (data, data.get(CONF_SECOND_CERTIFICATE, {}))
        if named.get(CONF_CERTIFICATE)
    )
    if not pairs:
        return None
    return CertificateFiles(
        pairs=pairs, legacy_ciphers=data.get(CONF_LEGACY_CIPHERS, False)
    )


async def async_check_certificates(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Try the certificates that a flow was given.

    Returns the errors of its fields, and the placeholders of these.
    """
    errors = _missing_files(data)
    files = certificate_files(hass, data)
    if errors or files is None:
        return errors, {}
    # The first alone, then both: what is wrong only then is wrong with the second.
    for count in range(1, len(files.pairs) + 1):
        tried = replace(files, pairs=files.pairs[:count])
        try:
            certificates = await hass.async_add_executor_job(load_certificates, tried)
            certificates.first_to_expire.check_expiry(dt_util.utcnow())
        except CertificateUnusable as err:
            return {_field(err, tried): err.flaw}, {"path": str(err.path)}
    return {}, {}


def _missing_files(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the errors of a flow that lacks one of the files that belong together."""
    second = data[CONF_SECOND_CERTIFICATE]
    if _is_half(data):
        missing = CONF_PRIVATE_KEY if data[CONF_CERTIFICATE] else CONF_CERTIFICATE
        return {missing: "both_needed"}
    if _is_half(second):
        return {CONF_SECOND_CERTIFICATE: "both_needed"}
    if second[CONF_CERTIFICATE] and not data[CONF_CERTIFICATE]:
        return {CONF_CERTIFICATE: "first_needed"}
    return {}


def _is_half(pair: Mapping[str, Any]) -> bool:
    """Return whether of a certificate and its key only one is named."""
    return bool(pair[CONF_CERTIFICATE]) != bool(pair[CONF_PRIVATE_KEY])


def _field(err: CertificateUnusable, tried: CertificateFiles) -> str:
    """Return the field to show an error at.

    Of the second pair it is the whole section: the frontend shows no errors inside.
    """
    [first, *second] = tried.pairs
    if second:
        return CONF_SECOND_CERTIFICATE
    return CONF_PRIVATE_KEY if err.path == first.private_key else CONF_CERTIFICATE


async def async_load_tls(hass: HomeAssistant, files: CertificateFiles) -> ServerTls:
    """Load the certificates to listen with, if need be expired ones.

    Some chargers never look at the date. Raises ConfigEntryNotReady.
    """
    try:
        return ServerTls(await hass.async_add_executor_job(load_certificates, files))
    except CertificateUnusable as err:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="certificate_unusable",
            translation_placeholders={"error": await _async_words(hass, err)},
        ) from err


async def async_look_after(hass: HomeAssistant, tls: ServerTls) -> None:
    """Show renewed certificates to chargers; complain of one that needs somebody."""
    try:
        await tls.renew(dt_util.utcnow())
    except CertificateUnusable as err:
        async_complain(
            hass, UNUSABLE, UNUSABLE, {"error": await _async_words(hass, err)}
        )
    else:
        ir.async_delete_issue(hass, DOMAIN, UNUSABLE)
    first = tls.first_to_expire
    left = first.expires_at - dt_util.utcnow()
    if left < EXPIRES_SOON:
        key = EXPIRES if left > timedelta(0) else "certificate_expired"
        day = dt_util.as_local(first.expires_at).date().isoformat()
        path = str(first.pair.certificate)
        async_complain(hass, EXPIRES, key, {"path": path, "date": day})
    else:
        ir.async_delete_issue(hass, DOMAIN, EXPIRES)


@callback
def async_complain_no_more(hass: HomeAssistant) -> None:
    """Take back all complaints, for nobody listens any more."""
    for issue_id in (UNUSABLE, EXPIRES):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


async def _async_words(hass: HomeAssistant, err: CertificateUnusable) -> str:
    """Say which file is wrong, and what is, in the words of the config flow."""
    words = await async_get_translations(hass, hass.config.language, "config", {DOMAIN})
    return words[f"component.{DOMAIN}.config.error.{err.flaw}"].format(path=err.path)
