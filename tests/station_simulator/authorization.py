"""Who may charge as far as the station itself knows (OCPP 1.6 §3.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from .clock import read
from .settings import Settings


class Authorization(NamedTuple):
    """What is known of a tag: its status (§7.2) and its group."""

    status: str
    parent_tag: str | None = None

    @classmethod
    def of(cls, info: Mapping[str, Any], now: datetime) -> Authorization:
        """Return what an idTagInfo (camel case) says at `now`."""
        expiry = info.get("expiryDate")
        expired = expiry is not None and read(expiry) <= now
        status = "Expired" if expired else info["status"]
        return cls(status, info.get("parentIdTag"))


@dataclass
class LocalAuthorization:
    """The local list and the cache; tags know no case (§3.9)."""

    version: int = 0
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    cache: dict[str, dict[str, Any]] = field(default_factory=dict)

    def update(
        self,
        version: int,
        update_type: str,
        entries: list[dict[str, Any]],
        settings: Settings,
    ) -> str:
        """Take a list in camel case and return the status (§5.15).

        In a differential update an entry without info goes out (§7.1).
        """
        if not settings.flag("LocalAuthListEnabled"):
            return "NotSupported"
        if update_type == "Differential" and version <= self.version:
            return "VersionMismatch"
        updated = {} if update_type == "Full" else dict(self.entries)
        for entry in entries:
            tag = entry["idTag"].casefold()
            if info := entry.get("idTagInfo"):
                updated[tag] = info
            else:
                updated.pop(tag, None)
        if len(entries) > settings.count("SendLocalListMaxLength") or (
            len(updated) > settings.count("LocalAuthListMaxLength")
        ):
            return "Failed"
        self.version, self.entries = version, updated
        return "Accepted"

    def remember(self, id_tag: str, info: dict[str, Any], settings: Settings) -> None:
        """Keep what the central system said of a tag, if there is a cache."""
        if settings.flag("AuthorizationCacheEnabled"):
            self.cache[id_tag.casefold()] = info

    def known(
        self, id_tag: str, settings: Settings, now: datetime
    ) -> Authorization | None:
        """Return what the list, else the cache says of a tag."""
        tag = id_tag.casefold()
        sources = [
            self.entries if settings.flag("LocalAuthListEnabled") else {},
            self.cache if settings.flag("AuthorizationCacheEnabled") else {},
        ]
        found = (source[tag] for source in sources if tag in source)
        info = next(found, None)
        return Authorization.of(info, now) if info is not None else None

    def beforehand(
        self, id_tag: str, settings: Settings, now: datetime
    ) -> Authorization | None:
        """Return the leave that makes asking needless (LocalPreAuthorize)."""
        known = self.known(id_tag, settings, now)
        if settings.flag("LocalPreAuthorize") and known and known.status == "Accepted":
            return known
        return None

    def offline(self, id_tag: str, settings: Settings, now: datetime) -> Authorization:
        """Return what holds while nobody can be asked (§3.5.3)."""
        known = self.known(id_tag, settings, now)
        if known and settings.flag("LocalAuthorizeOffline"):
            return known
        unknown_may = settings.flag("AllowOfflineTxForUnknownId") and not known
        return Authorization("Accepted" if unknown_may else "Invalid")
