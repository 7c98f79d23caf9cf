"""What the forms of several flows share."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME, MAX_LENGTH_STATE_STATE
from homeassistant.helpers import selector

type Fields = dict[vol.Marker, Any]


def name_in(form: Mapping[str, Any]) -> str:
    """Return the name in a form without the spaces around it; empty: there is none."""
    return str(form.get(CONF_NAME, "")).strip()


def is_name(name: str) -> bool:
    """Tell whether somebody or something can be called so: a sensor can show it."""
    return 1 <= len(name) <= MAX_LENGTH_STATE_STATE


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
