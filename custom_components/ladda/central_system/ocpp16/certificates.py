"""The certificates that a 1.6 station trusts and has (whitepaper, A02 and M03-M05)."""

from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from ocpp.v16 import call, enums

from . import values
from .asking import Asker, status_of


class Trust(StrEnum):
    """What a root certificate vouches for: us, or the maker's firmware."""

    CENTRAL_SYSTEM = "central_system"
    MANUFACTURER = "manufacturer"


_USES: Final = {
    Trust.CENTRAL_SYSTEM: enums.CertificateUse.central_system_root_certificate,
    Trust.MANUFACTURER: enums.CertificateUse.manufacturer_root_certificate,
}


class CertificateId(NamedTuple):
    """What tells one certificate from all others; hashes and serial number in hex."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Read a CertificateHashData as a station sends it."""
        return cls(
            values.text(data.get("hashAlgorithm")),
            values.text(data.get("issuerNameHash")),
            values.text(data.get("issuerKeyHash")),
            values.text(data.get("serialNumber")),
        )


class Certificates(Asker):
    """The certificates of one connected station."""

    async def installed(self, trust: Trust) -> list[CertificateId]:
        """Read which root certificates there are (M03)."""
        answer = await self._agree(
            call.GetInstalledCertificateIds(certificate_type=_USES[trust]),
            "Accepted",
            "NotFound",
        )
        if status_of(answer) == "NotFound":
            return []
        return [
            CertificateId.of(item)
            for item in values.objects(answer.get("certificateHashData"))
        ]

    async def install(self, trust: Trust, certificate: str) -> None:
        """Let a station trust a root certificate, PEM (M05)."""
        await self._demand(
            call.InstallCertificate(
                certificate_type=_USES[trust], certificate=certificate
            )
        )

    async def delete(self, certificate: CertificateId) -> None:
        """Let a station trust a root certificate no more (M04)."""
        await self._demand(
            call.DeleteCertificate(certificate_hash_data=certificate._asdict())
        )

    async def give(self, chain: str) -> None:
        """Give a station its own certificate, PEM, signed by who may do so (A02)."""
        await self._demand(call.CertificateSigned(certificate_chain=chain))
