"""Actions about the certificates that a charger trusts and has."""

from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util.json import JsonObjectType

from .central_system import CertificateId, Trust
from .charger_actions import ACCEPTED
from .charging.journal import Kind
from .errors import station_errors
from .maintenance_actions import ATTR_CERTIFICATE
from .resolve import named_charger

ATTR_HASH_ALGORITHM: Final = "hash_algorithm"
ATTR_ISSUER_KEY_HASH: Final = "issuer_key_hash"
ATTR_ISSUER_NAME_HASH: Final = "issuer_name_hash"
ATTR_SERIAL_NUMBER: Final = "serial_number"
ATTR_TYPE: Final = "type"
OWN: Final = "charger"  # the charger's own certificate, which proves what it is
TYPES: Final = (*Trust, OWN)
HASH_ALGORITHMS: Final = ("SHA256", "SHA384", "SHA512")


async def list_certificates(call: ServiceCall) -> ServiceResponse:
    """Read whom a charger trusts, and what it last asked to have signed."""
    charger = named_charger(call.hass, call.data)
    with station_errors(charger.name):
        certificates = charger.hub.desk.link(charger.identity).certificates
        trusted: JsonObjectType = {
            trust.value: [one._asdict() for one in await certificates.installed(trust)]
            for trust in Trust
        }
        requests = await charger.hub.ledger.entries(
            kind=Kind.CERTIFICATE_REQUEST, station=charger.identity, limit=1
        )
    return {**trusted, "request": requests[0].data["csr"] if requests else None}


async def install_certificate(call: ServiceCall) -> ServiceResponse:
    """Let a charger trust a root certificate, or give it its own that was signed."""
    charger = named_charger(call.hass, call.data)
    kind, certificate = call.data[ATTR_TYPE], call.data[ATTR_CERTIFICATE]
    with station_errors(charger.name):
        certificates = charger.hub.desk.link(charger.identity).certificates
        if kind == OWN:
            await certificates.give(certificate)
        else:
            await certificates.install(Trust(kind), certificate)
    return {"status": ACCEPTED}


async def delete_certificate(call: ServiceCall) -> ServiceResponse:
    """Let a charger trust a root certificate no more, as `list_certificates` names it."""
    charger = named_charger(call.hass, call.data)
    certificate = CertificateId(
        call.data[ATTR_HASH_ALGORITHM],
        call.data[ATTR_ISSUER_NAME_HASH],
        call.data[ATTR_ISSUER_KEY_HASH],
        call.data[ATTR_SERIAL_NUMBER],
    )
    with station_errors(charger.name):
        await charger.hub.desk.link(charger.identity).certificates.delete(certificate)
    return {"status": ACCEPTED}
