"""Sensors: what connectors do, what sessions take and cost, what users owe."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import (
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfPower,
    UnitOfRatio,
    UnitOfTemperature,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .balances import Account
from .billing.currency import rounded
from .charging.connector import Connector
from .charging.model import ConnectorStatus, FirmwareStatus, Job, Measurand, Phase
from .charging.open_session import OpenSession
from .charging.session import Session
from .charging.station import Station
from .const import CONF_IDENTITY, SUBENTRY_STATION, SUBENTRY_TARIFF, SUBENTRY_USER
from .entity import (
    ConnectorEntity,
    FollowingEntity,
    StationEntity,
    async_add_for_connectors,
    async_add_for_subentries,
)
from .hub import LaddaConfigEntry, LaddaHub

# Nothing is polled.
PARALLEL_UPDATES = 0

# A state of that name would mean that the sensor itself is not available.
OUT_OF_SERVICE: Final = "out_of_service"
NO_FAULT: Final = "no_fault"
UNSPECIFIED_FAULT: Final = "unspecified_fault"
_OTHER_ERROR: Final = "othererror"  # OCPP's word for what it has no word for
NOBODY: Final = "nobody"
_LONGEST_STATE: Final = 255
_LAST_MINUTE: Final = 60  # s
_FIVE_MINUTES: Final = 300  # s


class Shown(NamedTuple):
    """What a sensor shows."""

    value: Decimal | datetime | str | None = None
    last_reset: datetime | None = None
    attributes: dict[str, Any] = {}  # noqa: RUF012, nobody changes it


class LaddaSensor(FollowingEntity[Shown], SensorEntity):
    """A sensor that shows what it last read of the hub; money is in its currency."""

    def __init__(
        self, hub: LaddaHub, unique_id: str, *devices: str, topics: Iterable[object]
    ) -> None:
        """Follow the hub's `topics`."""
        super().__init__(hub, unique_id, *devices, topics=topics)
        if self.device_class is SensorDeviceClass.MONETARY:
            self._attr_native_unit_of_measurement = hub.currency

    @override
    def _take(self, shown: Shown) -> None:
        """Take the value, and what else there is to say."""
        super()._take(shown)
        self._attr_native_value = shown.value
        self._attr_last_reset = shown.last_reset
        self._attr_extra_state_attributes = shown.attributes


# --- connectors ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ConnectorSensorDescription(SensorEntityDescription):
    """A sensor of what is known of a connector.

    `metered`: it changes with the meter; `lasting`: it is known while the station is
    away, too.
    """

    read: Callable[[Connector], Shown]
    metered: bool = True
    lasting: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionSensorDescription(SensorEntityDescription):
    """A sensor of the session that goes on, or of the last one.

    `metered`: it changes with the meter.
    """

    metered: bool = False
    read: Callable[[LaddaHub, Session, OpenSession | None], Shown]


@dataclass(frozen=True, kw_only=True)
class StationSensorDescription(SensorEntityDescription):
    """A sensor of a station as a whole.

    `lasting`: it is known while the station is away, too.
    """

    read: Callable[[Station], Shown]
    lasting: bool = False


@dataclass(frozen=True, kw_only=True)
class AccountSensorDescription(SensorEntityDescription):
    """A sensor of a user's account."""

    read: Callable[[LaddaHub, Account], Shown]


def _status(connector: Connector) -> Shown:
    """Return the status."""
    if connector.status is ConnectorStatus.UNAVAILABLE:
        return Shown(OUT_OF_SERVICE)
    return Shown(connector.status)


def _fault(connector: Connector) -> Shown:
    """Return what is wrong; where OCPP has no word for it, the vendor's code says it.

    What comes with another status than Faulted is a warning (OCPP 1.6 §4.9).
    """
    if connector.status is None:
        return Shown()
    faulted = connector.status is ConnectorStatus.FAULTED
    code, vendor_error = connector.error, connector.vendor_error
    if vendor_error and code.casefold() in ("", _OTHER_ERROR):
        code = vendor_error
    elif faulted and not code:
        code = UNSPECIFIED_FAULT
    more = {
        "severity": code and ("fault" if faulted else "warning"),
        "info": connector.info,
        "vendor_error": vendor_error,
    }
    return Shown(
        code[:_LONGEST_STATE] or NO_FAULT,
        attributes={key: text for key, text in more.items() if text},
    )


def _register(connector: Connector) -> Shown:
    """Return the meter's register."""
    wh = connector.register_wh
    return Shown(None if wh is None else _kwh(wh))


def _measured(
    measurand: Measurand, phase: Phase = Phase.TOTAL
) -> Callable[[Connector], Shown]:
    """Read what is measured now."""
    return lambda connector: Shown(connector.measured(measurand, phase))


STATUSES: Final = [
    OUT_OF_SERVICE if status is ConnectorStatus.UNAVAILABLE else status
    for status in ConnectorStatus
]
ENERGY_METER: Final = ConnectorSensorDescription(
    key="energy",
    translation_key="energy",
    device_class=SensorDeviceClass.ENERGY,
    state_class=SensorStateClass.TOTAL_INCREASING,
    native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
    suggested_display_precision=2,
    read=_register,
    lasting=True,
)
CONNECTOR_SENSORS: Final = (
    ConnectorSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=STATUSES,
        read=_status,
        metered=False,
    ),
    ConnectorSensorDescription(
        key="power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        read=lambda connector: Shown(connector.power_w),
    ),
    ConnectorSensorDescription(
        key="current",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=1,
        # It says what power says, and would cost the recorder as much.
        entity_registry_enabled_default=False,
        read=lambda connector: Shown(connector.current_a),
    ),
    ConnectorSensorDescription(
        key="fault",
        translation_key="fault",
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_fault,
        metered=False,
    ),
    ConnectorSensorDescription(
        key="unassigned_energy",
        translation_key="unassigned_energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read=lambda connector: Shown(_kwh(connector.unassigned_wh)),
        metered=False,
        lasting=True,
    ),
    ConnectorSensorDescription(
        key="current_offered",
        translation_key="current_offered",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=1,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read=_measured(Measurand.CURRENT_OFFERED),
    ),
    ConnectorSensorDescription(
        key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read=_measured(Measurand.TEMPERATURE),
    ),
    ConnectorSensorDescription(
        key="state_of_charge",
        translation_key="state_of_charge",
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read=_measured(Measurand.STATE_OF_CHARGE),
    ),
    *(
        ConnectorSensorDescription(
            key=f"current_{phase.name.lower()}",
            translation_key="phase_current",
            translation_placeholders={"phase": phase.name},
            device_class=SensorDeviceClass.CURRENT,
            state_class=SensorStateClass.MEASUREMENT,
            native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            suggested_display_precision=1,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            read=_measured(Measurand.CURRENT, phase),
        )
        for phase in (Phase.L1, Phase.L2, Phase.L3)
    ),
    *(
        ConnectorSensorDescription(
            key=f"voltage_{phase.name.lower()}",
            translation_key="phase_voltage",
            translation_placeholders={"phase": phase.name},
            device_class=SensorDeviceClass.VOLTAGE,
            state_class=SensorStateClass.MEASUREMENT,
            native_unit_of_measurement=UnitOfElectricPotential.VOLT,
            suggested_display_precision=0,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            read=_measured(Measurand.VOLTAGE, phase),
        )
        for phase in (Phase.L1, Phase.L2, Phase.L3)
    ),
)


class ConnectorSensor(ConnectorEntity[Shown], LaddaSensor):
    """A sensor of what is known of a connector."""

    entity_description: ConnectorSensorDescription

    def __init__(
        self,
        hub: LaddaHub,
        identity: str,
        number: int,
        description: ConnectorSensorDescription,
    ) -> None:
        """Show what `description` says of a connector."""
        self.entity_description = description
        self._lasting = description.lasting
        self._metered = description.metered
        super().__init__(hub, identity, number, description.key)

    @override
    def _read(self) -> Shown:
        """Read the connector."""
        return self.entity_description.read(self.connector)


class EnergyMeter(ConnectorSensor):
    """A connector's energy meter, for the Energy dashboard.

    That counts by five minutes of the clock, with what is shown when they end. So
    while a session goes on, the first reading in the last minute of them is enough.
    """

    _last_look: tuple[int, int] | None = None

    @callback
    @override
    def _async_look(self) -> None:
        """Look once in five minutes of a session that is followed, else at once."""
        look, opened = None, self.opened
        if opened is not None and self.hub.desk.is_online(self.identity):
            now = int(dt_util.utcnow().timestamp())
            look = opened.session.id, (now + _LAST_MINUTE) // _FIVE_MINUTES
        if look is None or look != self._last_look:
            self._last_look = look
            super()._async_look()


# --- sessions ------------------------------------------------------------------------


def _session_energy(_: LaddaHub, session: Session, opened: OpenSession | None) -> Shown:
    """Return what the session has taken."""
    wh = opened.energy.delivered_wh if opened else session.energy_wh
    return Shown(None if wh is None else _kwh(wh), session.started_at)


def _session_cost(hub: LaddaHub, session: Session, opened: OpenSession | None) -> Shown:
    """Return what the session costs so far, where it is in the house's currency.

    `provisional` tells that there is energy whose price is not known yet.
    """
    cost, provisional = session.cost, session.provisional
    if opened is not None:
        running = hub.running_cost(opened)
        cost = running.total if running else None
        provisional = running is not None and running.provisional
    return Shown(
        _money(cost, hub) if session.currency == hub.currency else None,
        session.started_at,
        {"provisional": provisional},
    )


def _session_user(hub: LaddaHub, session: Session, opened: OpenSession | None) -> Shown:
    """Return who charges now; NOBODY stands for a session on nobody's account."""
    if opened is None:
        return Shown()
    return Shown(_user_name(hub, session) or NOBODY)


SESSION_SENSORS: Final = (
    SessionSensorDescription(
        key="session_energy",
        translation_key="session_energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        metered=True,
        read=_session_energy,
    ),
    SessionSensorDescription(
        key="session_cost",
        translation_key="session_cost",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        metered=True,
        read=_session_cost,
    ),
    SessionSensorDescription(
        key="session_user", translation_key="session_user", read=_session_user
    ),
    SessionSensorDescription(
        key="session_start",
        translation_key="session_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        read=lambda _hub, session, _opened: Shown(session.started_at),
    ),
)


class SessionSensor(ConnectorEntity[Shown], LaddaSensor):
    """A sensor of a connector's session: the one that goes on, else the last one."""

    entity_description: SessionSensorDescription
    _lasting = True

    def __init__(
        self,
        hub: LaddaHub,
        identity: str,
        number: int,
        description: SessionSensorDescription,
    ) -> None:
        """Show what `description` says of a session."""
        self.entity_description = description
        self._metered = description.metered
        super().__init__(hub, identity, number, description.key)

    @override
    def _read(self) -> Shown:
        """Read the session."""
        opened = self.opened
        session = opened.session if opened else self.connector.last_session
        if session is None:
            return Shown()
        return self.entity_description.read(self.hub, session, opened)


class ReservationSensor(ConnectorEntity[Shown], LaddaSensor):
    """Until when a connector is kept free, and for whom; unknown: it is not.

    At first it is enabled where the station says that it can be reserved.
    """

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_translation_key = "reserved_until"
    _lasting = True

    def __init__(self, hub: LaddaHub, identity: str, number: int) -> None:
        """Show the reservation of the connector `number` of the station `identity`."""
        super().__init__(hub, identity, number, "reserved_until")
        self._attr_entity_registry_enabled_default = (
            "reservation" in hub.desk.capabilities(identity).profiles
        )

    @override
    def _read(self) -> Shown:
        """Read the reservation."""
        reservation = self.connector.reservation
        if reservation is None:
            return Shown()
        directory = self.hub.desk.house.directory
        user = directory.user(reservation.user)
        return Shown(reservation.until, None, {"user": user.name if user else NOBODY})


# --- stations ------------------------------------------------------------------------


def _firmware_status(station: Station) -> Shown:
    """Return how far new firmware has come; a word that OCPP does not have says nothing."""
    status = station.jobs.get(Job.FIRMWARE)
    return Shown(status if status in FirmwareStatus else None)


STATION_SENSORS: Final = (
    StationSensorDescription(
        key="status",
        translation_key="station_status",
        device_class=SensorDeviceClass.ENUM,
        options=STATUSES,
        entity_category=EntityCategory.DIAGNOSTIC,
        # Its connectors' statuses tell more, and people look for one.
        entity_registry_enabled_default=False,
        read=lambda station: _status(station.itself),
    ),
    StationSensorDescription(
        key="fault",
        translation_key="station_fault",
        entity_category=EntityCategory.DIAGNOSTIC,
        read=lambda station: _fault(station.itself),
    ),
    StationSensorDescription(
        key="firmware_status",
        translation_key="firmware_status",
        device_class=SensorDeviceClass.ENUM,
        options=[*FirmwareStatus],
        entity_category=EntityCategory.DIAGNOSTIC,
        lasting=True,
        read=_firmware_status,
    ),
    StationSensorDescription(
        key="last_boot",
        translation_key="last_boot",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        lasting=True,
        read=lambda station: Shown(station.booted_at),
    ),
)


class StationSensor(StationEntity[Shown], LaddaSensor):
    """A sensor of a station as a whole."""

    entity_description: StationSensorDescription

    def __init__(
        self, hub: LaddaHub, identity: str, description: StationSensorDescription
    ) -> None:
        """Show what `description` says of a station."""
        self.entity_description = description
        super().__init__(hub, identity, description.key)

    @override
    def _is_available(self) -> bool:
        """Tell whether the station is connected, where that matters."""
        return self.entity_description.lasting or super()._is_available()

    @override
    def _read(self) -> Shown:
        """Read the station."""
        return self.entity_description.read(self.station)


# --- users ---------------------------------------------------------------------------


def _last_session(hub: LaddaHub, account: Account) -> Shown:
    """Return when the last session ended."""
    session = account.last_session
    if session is None:
        return Shown()
    station = hub.desk.house.stations.get(session.station)
    wh, cost = session.energy_wh, session.cost
    return Shown(
        session.ended_at,
        attributes={
            "station": station.name if station else session.station,
            "energy_kwh": None if wh is None else float(_kwh(wh)),
            "cost": None if cost is None else float(cost),
            "currency": session.currency,
        },
    )


ACCOUNT_SENSORS: Final = (
    AccountSensorDescription(
        key="energy_month",
        translation_key="energy_month",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        read=lambda hub, account: Shown(
            _kwh(account.month_energy_wh), hub.balances.month_start
        ),
    ),
    AccountSensorDescription(
        key="cost_month",
        translation_key="cost_month",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        read=lambda hub, account: Shown(
            _account_cost(account.month_cost, account.month_energy_wh, hub),
            hub.balances.month_start,
            {"provisional": account.month_provisional > 0},
        ),
    ),
    AccountSensorDescription(
        key="energy_total",
        translation_key="energy_total",
        device_class=SensorDeviceClass.ENERGY,
        # A session may be given to another user.
        state_class=SensorStateClass.TOTAL,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        read=lambda _hub, account: Shown(_kwh(account.total_energy_wh)),
    ),
    AccountSensorDescription(
        key="cost_total",
        translation_key="cost_total",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        read=lambda hub, account: Shown(
            _account_cost(account.total_cost, account.total_energy_wh, hub),
            attributes={"provisional": account.provisional > 0},
        ),
    ),
    AccountSensorDescription(
        key="last_session",
        translation_key="last_session",
        device_class=SensorDeviceClass.TIMESTAMP,
        read=_last_session,
    ),
)


class AccountSensor(LaddaSensor):
    """A sensor of a user's account: of the sessions that have ended."""

    entity_description: AccountSensorDescription

    def __init__(
        self, hub: LaddaHub, user: str, description: AccountSensorDescription
    ) -> None:
        """Show what `description` says of the account of the user of that id."""
        self.entity_description = description
        self.user = user
        device = f"{SUBENTRY_USER}_{user}"
        super().__init__(
            hub, f"{device}_{description.key}", device, topics=[("user", user)]
        )

    @override
    def _read(self) -> Shown:
        """Read the account."""
        return self.entity_description.read(self.hub, self.hub.balances.of(self.user))


# --- tariffs -------------------------------------------------------------------------


class PriceSensor(LaddaSensor):
    """What a kilowatt-hour costs now under a tariff, VAT included.

    It is unknown while the tariff's helper shows no price.
    """

    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_suggested_display_precision = 4
    _attr_translation_key = "price"

    def __init__(self, hub: LaddaHub, tariff: str) -> None:
        """Show the price of the tariff of that id."""
        self.tariff = tariff
        device = f"{SUBENTRY_TARIFF}_{tariff}"
        super().__init__(
            hub, f"{device}_price", device, topics=[("house",), ("prices",)]
        )
        per_energy = f"{hub.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"
        self._attr_native_unit_of_measurement = per_energy

    @override
    def _read(self) -> Shown:
        """Read the price that is in force."""
        tariff = self.hub.desk.house.tariffs.get(self.tariff)
        if tariff is None:
            return Shown()
        now = dt_util.utcnow()
        timeline = self.hub.desk.prices.timeline(tariff.entity)
        shown = timeline.observations_between(now, now)[0] if timeline else None
        return Shown(tariff.unit_price(shown))


def _kwh(wh: Decimal) -> Decimal:
    """Write Wh as kWh, to the last digit."""
    return wh.scaleb(-3)


def _money(cost: Decimal | None, hub: LaddaHub) -> Decimal | None:
    """Round a cost as it would be billed."""
    return None if cost is None else rounded(cost, hub.currency)


def _account_cost(
    cost: Decimal | None, energy_wh: Decimal, hub: LaddaHub
) -> Decimal | None:
    """Return an account's cost: nothing where nothing was charged, else what is known."""
    if cost is None and not energy_wh:
        return _money(Decimal(0), hub)
    return _money(cost, hub)


def _user_name(hub: LaddaHub, session: Session) -> str | None:
    """Return the name of a session's user, as it is now if they still live here."""
    user = hub.desk.house.directory.user(session.user)
    return user.name if user else session.user_name


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LaddaConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of connectors, stations, users and tariffs."""

    def of_connector(
        hub: LaddaHub, identity: str, number: int
    ) -> Iterable[LaddaSensor]:
        yield EnergyMeter(hub, identity, number, ENERGY_METER)
        for described in CONNECTOR_SENSORS:
            yield ConnectorSensor(hub, identity, number, described)
        for session_described in SESSION_SENSORS:
            yield SessionSensor(hub, identity, number, session_described)
        yield ReservationSensor(hub, identity, number)

    def of_user(hub: LaddaHub, user: ConfigSubentry) -> Iterable[LaddaSensor]:
        for described in ACCOUNT_SENSORS:
            yield AccountSensor(hub, user.subentry_id, described)

    def of_tariff(hub: LaddaHub, tariff: ConfigSubentry) -> Iterable[LaddaSensor]:
        yield PriceSensor(hub, tariff.subentry_id)

    def of_station(hub: LaddaHub, station: ConfigSubentry) -> Iterable[LaddaSensor]:
        for described in STATION_SENSORS:
            yield StationSensor(hub, station.data[CONF_IDENTITY], described)

    async_add_for_connectors(entry, async_add_entities, of_connector)
    async_add_for_subentries(entry, async_add_entities, SUBENTRY_STATION, of_station)
    async_add_for_subentries(entry, async_add_entities, SUBENTRY_USER, of_user)
    async_add_for_subentries(entry, async_add_entities, SUBENTRY_TARIFF, of_tariff)
