"""Devices: one for each station, for each of several connectors, and each account.

The hub keeps them; entities only attach to them. A station's device is
`(DOMAIN, identity)`, a connector's `(DOMAIN, "{identity}/{number}")` where there
are two or more, a user's or a tariff's `(DOMAIN, "{type}_{subentry_id}")`.
"""

from collections.abc import Collection
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .charging.model import StationInfo
from .const import CONF_IDENTITY, DOMAIN


@callback
def async_describe_station(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    subentry: ConfigSubentry,
    info: StationInfo | None,
    connectors: Collection[int],
) -> None:
    """Keep a station's device as it describes itself, and its connectors' devices."""
    identity = subentry.data[CONF_IDENTITY]
    registry = dr.async_get(hass)
    device = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        config_subentry_id=subentry.subentry_id,
        identifiers={(DOMAIN, identity)},
        name=subentry.title,
        manufacturer=(info and info.vendor) or None,
        model=(info and info.model) or None,
        serial_number=(info and info.serial) or None,
        sw_version=(info and info.firmware) or None,
    )
    if len(connectors) < 2:
        return
    for number in connectors:
        registry.async_get_or_create_child(
            config_entry_id=entry.entry_id,
            config_subentry_id=subentry.subentry_id,
            identifiers={(DOMAIN, f"{identity}/{number}")},
            parent_device_id=device.id,
            translation_key="connector",
            translation_placeholders={"number": str(number)},
        )


@callback
def async_describe_account(
    hass: HomeAssistant, entry: ConfigEntry[Any], subentry: ConfigSubentry
) -> None:
    """Keep the service device of a user or a tariff."""
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        config_subentry_id=subentry.subentry_id,
        identifiers={(DOMAIN, f"{subentry.subentry_type}_{subentry.subentry_id}")},
        name=subentry.title,
        entry_type=dr.DeviceEntryType.SERVICE,
    )


@callback
def async_find_device(
    hass: HomeAssistant, entry: ConfigEntry[Any], *identifiers: str
) -> dr.DeviceEntry | dr.ChildDeviceEntry:
    """Return the first device that there is of these; LookupError if there is none."""
    registry = dr.async_get(hass)
    for name in identifiers:
        identifier = (DOMAIN, name)
        device = registry.async_get_child_device_by_identifier(
            identifier, entry.entry_id
        ) or registry.async_get_device_by_identifier(identifier, entry.entry_id)
        if device is not None:
            return device
    raise LookupError(f"No device of {identifiers}")
