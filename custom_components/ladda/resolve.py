"""What an action names, resolved: chargers, their connectors, users and tariffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, service

from .billing.tariffs import Tariff
from .billing.users import User
from .const import DOMAIN
from .hub import LaddaConfigEntry, LaddaHub

ATTR_CONNECTOR: Final = "connector"


@dataclass(frozen=True, slots=True)
class Charger:
    """A charger that an action names; `connector` None: no connector is named."""

    hub: LaddaHub
    identity: str
    connector: int | None

    @property
    def name(self) -> str:
        """Return the charger's name, as the person knows it."""
        return station_name(self.hub, self.identity)

    def one_connector(self) -> int:
        """Return the connector that is named, or the only one that there is.

        Raises ServiceValidationError where that leaves a choice.
        """
        if self.connector is not None:
            return self.connector
        match self.hub.connectors(self.identity):
            case [only]:
                return only
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="connector_needed",
            translation_placeholders={"station": self.name},
        )


@callback
def the_hub(hass: HomeAssistant) -> LaddaHub:
    """Return the hub; raises ServiceValidationError where none is running."""
    entry: LaddaConfigEntry = service.async_get_config_entry(hass, DOMAIN, None)
    return entry.runtime_data


@callback
def named_charger(hass: HomeAssistant, data: Mapping[str, Any]) -> Charger:
    """Return the charger of a `device_id` and a `connector`, as far as named.

    The device is a charger's or that of one of its connectors. Raises
    ServiceValidationError where it is neither, or has no such connector.
    """
    entry: LaddaConfigEntry
    device, entry = service.async_get_device_and_config_entry(
        hass, DOMAIN, data[ATTR_DEVICE_ID]
    )
    hub = entry.runtime_data
    identity = next(name for domain, name in device.identifiers if domain == DOMAIN)
    connector = data.get(ATTR_CONNECTOR)
    only = None
    if isinstance(device, dr.ChildDeviceEntry):
        identity, _, number = identity.rpartition("/")
        only = int(number)
    if identity not in hub.desk.house.stations:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_a_charger"
        )
    known = [only] if only is not None else hub.connectors(identity)
    if known and connector not in (None, *known):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_connector",
            translation_placeholders={
                "station": station_name(hub, identity),
                "connector": str(connector),
            },
        )
    connector = only if connector is None else connector
    return Charger(hub, identity, connector)


def station_name(hub: LaddaHub, identity: str) -> str:
    """Return a station's name; that of one that is gone is its identity."""
    options = hub.desk.house.stations.get(identity)
    return (options.name if options is not None else "") or identity


def named_user(hub: LaddaHub, name: str) -> User:
    """Return the user of an id, a person or a name, whatever its case.

    Raises ServiceValidationError where there is none, or more than one.
    """
    users = hub.desk.house.directory.users
    found = [user for user in users if name in (user.id, user.person)]
    found = found or [user for user in users if _same(user.name, name)]
    if not found:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_user",
            translation_placeholders={"name": name},
        )
    return _only(found, name)


def named_tariff(hub: LaddaHub, name: str) -> Tariff:
    """Return the tariff of an id or a name, whatever its case.

    Raises ServiceValidationError where there is none, or more than one.
    """
    tariffs = hub.desk.house.tariffs
    if name in tariffs:
        return tariffs[name]
    found = [tariff for tariff in tariffs.values() if _same(tariff.name, name)]
    if not found:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_tariff",
            translation_placeholders={"name": name},
        )
    return _only(found, name)


def _same(one: str, other: str) -> bool:
    """Tell whether two names are the same to a person."""
    return one.strip().casefold() == other.strip().casefold()


def _only[Named](found: Sequence[Named], name: str) -> Named:
    """Return the only one; raises ServiceValidationError where there are more."""
    if len(found) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="ambiguous_name",
            translation_placeholders={"name": name},
        )
    return found[0]
