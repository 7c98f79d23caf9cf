"""Calling actions in tests as people and automations do."""

from typing import Any

from pytest_homeassistant_custom_component.common import MockUser

from custom_components.ladda.const import DOMAIN
from homeassistant.core import Context, HomeAssistant, SupportsResponse
from homeassistant.helpers import device_registry as dr

from .house import STATION, LivedInHouse


async def act(
    hass: HomeAssistant, action: str, /, *, by: MockUser | None = None, **data: Any
) -> dict[str, Any]:
    """Call an action, as an automation unless somebody does; return its response."""
    assert hass.services.supports_response(DOMAIN, action) is not SupportsResponse.NONE
    response = await hass.services.async_call(
        DOMAIN,
        action,
        data,
        blocking=True,
        return_response=True,
        context=Context(user_id=by.id if by is not None else None),
    )
    assert response is not None
    return dict(response)


def device_id(house: LivedInHouse, identifier: str = STATION) -> str:
    """Return the device of a station, a connector, a user or a tariff."""
    registry = dr.async_get(house.hass)
    key, entry_id = (DOMAIN, identifier), house.entry.entry_id
    device = registry.async_get_child_device_by_identifier(
        key, entry_id
    ) or registry.async_get_device_by_identifier(key, entry_id)
    assert device is not None, f"no device {identifier}"
    return device.id
