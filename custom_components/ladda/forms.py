"""What the forms of several flows share."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigEntry
from homeassistant.helpers import selector

type Fields = dict[vol.Marker, Any]


def choice_among(
    entry: ConfigEntry[Any],
    kind: str,
    key: str,
    marker: type[vol.Marker] = vol.Optional,
) -> Fields:
    """Return the field that chooses a user or a tariff; no field where there is none."""
    options = [
        selector.SelectOptionDict(value=subentry.subentry_id, label=subentry.title)
        for subentry in entry.get_subentries_of_type(kind)
    ]
    if not options:
        return {}
    config = selector.SelectSelectorConfig(
        options=options, mode=selector.SelectSelectorMode.DROPDOWN, sort=True
    )
    return {marker(key): selector.SelectSelector(config)}


def filled_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form shows of a subentry's data: what is not set stays empty."""
    return {key: value for key, value in data.items() if value is not None}
