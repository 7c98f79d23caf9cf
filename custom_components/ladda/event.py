"""What happens once: tags presented, sessions begun and ended, security events.

A tag's number is never told: an event's attributes are recorded.
"""

from abc import abstractmethod
from typing import Any, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .charging.model import Authorization
from .charging.session import Session
from .const import CONF_IDENTITY, SUBENTRY_STATION
from .entity import LaddaEntity, async_add_for_connectors, async_add_for_subentries
from .hub import (
    HubEvent,
    LaddaConfigEntry,
    LaddaHub,
    SecurityNoticed,
    SessionEvent,
    TagPresented,
)
from .resolve import station_name

# Nothing is polled.
PARALLEL_UPDATES = 0

TAG_PRESENTED: Final = EventEntityDescription(
    key="tag_presented", translation_key="tag_presented", event_types=[*Authorization]
)
# What the whitepaper knows (appendix A); vendors add their own.
SECURITY_EVENTS: Final = (
    "firmware_updated",
    "failed_to_authenticate_at_central_system",
    "central_system_failed_to_authenticate",
    "setting_system_time",
    "startup_of_the_device",
    "reset_or_reboot",
    "security_log_was_cleared",
    "reconfiguration_of_security_parameters",
    "memory_exhaustion",
    "invalid_messages",
    "attempted_replay_attacks",
    "tamper_detection_activated",
    "invalid_firmware_signature",
    "invalid_firmware_signing_certificate",
    "invalid_central_system_certificate",
    "invalid_charge_point_certificate",
    "invalid_tls_version",
    "invalid_tls_cipher_suite",
)
OTHER: Final = "other"
SECURITY: Final = EventEntityDescription(
    key="security",
    translation_key="security",
    event_types=[*SECURITY_EVENTS, OTHER],
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)
SESSION: Final = EventEntityDescription(
    key="session", translation_key="session", event_types=["started", "ended"]
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of stations and connectors."""
    async_add_for_subentries(
        entry,
        async_add_entities,
        SUBENTRY_STATION,
        lambda hub, station: [
            TagPresentedEvent(hub, station.data[CONF_IDENTITY]),
            SecurityEventNoticed(hub, station.data[CONF_IDENTITY]),
        ],
    )
    async_add_for_connectors(
        entry,
        async_add_entities,
        lambda hub, identity, number: [SessionHappened(hub, identity, number)],
    )


class LaddaEvent(LaddaEntity, EventEntity):
    """An entity that waits for what the hub tells once.

    It is always available: what happened has happened, and sessions may end, or be
    told of, while the station is away.
    """

    @callback
    @override
    def _async_follow(self) -> None:
        """Begin to wait."""
        self.async_on_remove(self.hub.async_listen_events(self._async_hear))

    @callback
    @abstractmethod
    def _async_hear(self, event: HubEvent) -> None:
        """Tell of an event, if it is one of ours."""

    @callback
    def _async_tell(self, kind: str, attributes: dict[str, Any]) -> None:
        """Write down that something happened."""
        self._trigger_event(kind, attributes)
        self.async_write_ha_state()

    def _user_name(self, user: str | None) -> str | None:
        """Return the name of a user who lives here."""
        found = self.hub.desk.house.directory.user(user)
        return found.name if found else None


class TagPresentedEvent(LaddaEvent):
    """A tag was held to a station's reader; the event is how that was answered."""

    entity_description = TAG_PRESENTED

    def __init__(self, hub: LaddaHub, identity: str) -> None:
        """Wait for tags at the station `identity`."""
        super().__init__(hub, f"{identity}_tag_presented", identity)
        self.identity = identity

    @callback
    @override
    def _async_hear(self, event: HubEvent) -> None:
        """Tell of a tag at this station."""
        match event:
            case TagPresented() if event.identity == self.identity:
                self._async_tell(
                    event.authorization,
                    {
                        "user": self._user_name(event.user),
                        "station": station_name(self.hub, self.identity),
                    },
                )


class SecurityEventNoticed(LaddaEvent):
    """A station noticed something about its own security (1.6 whitepaper, A04)."""

    entity_description = SECURITY

    def __init__(self, hub: LaddaHub, identity: str) -> None:
        """Wait for what the station `identity` notices."""
        super().__init__(hub, f"{identity}_security", identity)
        self.identity = identity

    @callback
    @override
    def _async_hear(self, event: HubEvent) -> None:
        """Tell of what this station noticed."""
        match event:
            case SecurityNoticed(identity, noticed) if identity == self.identity:
                kind = noticed.kind if noticed.kind in SECURITY_EVENTS else OTHER
                self._async_tell(kind, {"event": noticed.kind, "info": noticed.info})


class SessionHappened(LaddaEvent):
    """A session began or ended at a connector."""

    entity_description = SESSION

    def __init__(self, hub: LaddaHub, identity: str, number: int) -> None:
        """Wait for sessions at the connector `number` of the station `identity`."""
        connector = f"{identity}/{number}"
        super().__init__(hub, f"{connector}_session", connector, identity)
        self.identity = identity
        self.number = number

    @callback
    @override
    def _async_hear(self, event: HubEvent) -> None:
        """Tell of a session at this connector."""
        match event:
            case SessionEvent(kind, session) if (self.identity, self.number) == (
                session.station,
                session.connector,
            ):
                self._async_tell(kind, self._attributes(session))

    def _attributes(self, session: Session) -> dict[str, Any]:
        """Describe a session: energy in kWh, cost in the session's currency."""
        wh, cost = session.energy_wh, session.cost
        return {
            "session_id": session.id,
            "user": self._user_name(session.user) or session.user_name,
            "energy_kwh": None if wh is None else float(wh.scaleb(-3)),
            "cost": None if cost is None else float(cost),
            "currency": session.currency,
        }
