"""The current that a connector may draw."""

from decimal import Decimal
from typing import Final, NamedTuple, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity
from homeassistant.const import UnitOfElectricCurrent
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_MAX_CURRENT, DEFAULT_MAX_CURRENT, DOMAIN
from .entity import ConnectorEntity, async_add_for_connectors
from .errors import station_errors
from .hub import LaddaConfigEntry, LaddaHub
from .resolve import station_name

# A station's connection sends it one command at a time; stations do not wait for
# each other.
PARALLEL_UPDATES = 0

# The least that a car can be offered (IEC 61851-1). A.
LEAST_CURRENT: Final = 6


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a limit for each connector."""
    async_add_for_connectors(
        entry,
        async_add_entities,
        lambda hub, identity, number: [CurrentLimit(hub, identity, number)],
    )


class Limit(NamedTuple):
    """A limit, None while there is none, and the most that it may be. A."""

    limit_a: Decimal | None
    most_a: float


class CurrentLimit(ConnectorEntity[Limit], NumberEntity):
    """The current per phase that a person allows; 0 pauses.

    While nobody has set a limit it shows the most that the station may draw.
    """

    _attr_device_class = NumberDeviceClass.CURRENT
    _attr_native_min_value = 0
    _attr_native_step = 1
    _attr_native_unit_of_measurement = UnitOfElectricCurrent.AMPERE
    _attr_translation_key = "current_limit"

    def __init__(self, hub: LaddaHub, identity: str, number: int) -> None:
        """Limit the connector `number` of the station `identity`."""
        super().__init__(hub, identity, number, "current_limit")
        self._topics += (("house",),)

    @override
    def _read(self) -> Limit:
        """Read the limit."""
        limit_a = self.hub.desk.limits.in_force(self.identity, self.number)
        return Limit(limit_a, self.native_max_value)

    @property
    @override
    def native_max_value(self) -> float:
        """Return the most that the station may draw, as its owner set it."""
        subentry = self.hub.subentry(self.identity)
        options = subentry.data if subentry else {}
        return float(options.get(CONF_MAX_CURRENT, DEFAULT_MAX_CURRENT))

    @property
    @override
    def native_value(self) -> float:
        """Return the limit in A."""
        limit_a, most_a = self._shown
        return most_a if limit_a is None else float(limit_a)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Limit the current to `value` A."""
        # Home Assistant lets NaN through, which compares with nothing.
        if value and not value >= LEAST_CURRENT:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="limit_too_low",
                translation_placeholders={"min": str(LEAST_CURRENT)},
            )
        with station_errors(station_name(self.hub, self.identity)):
            await self.hub.desk.limits.set(
                self.identity, self.number, Decimal(str(value))
            )
