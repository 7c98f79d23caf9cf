"""Limits that chargers do not keep to: under Repairs until they do."""

from decimal import Decimal
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .issues import async_complain, async_issues, async_take_back

_PREFIX: Final = "limit_ignored_"


@callback
def async_complain_of_limit(
    hass: HomeAssistant, subentry: str, station: str, connector: int, limit_a: Decimal
) -> None:
    """Say that a connector of the station of a subentry draws more than it may. A."""
    async_complain(
        hass,
        _issue_id(subentry, connector),
        "limit_ignored",
        {
            "station": station,
            "connector": str(connector),
            "limit": f"{limit_a.normalize():f}",
        },
        {"subentry": subentry},
    )


@callback
def async_complain_no_more_of_limit(
    hass: HomeAssistant, subentry: str, connector: int
) -> None:
    """Take a complaint back."""
    ir.async_delete_issue(hass, DOMAIN, _issue_id(subentry, connector))


@callback
def async_forget_gone(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Complain no more of stations that the owner has removed."""
    kept = [
        issue.issue_id
        for issue in async_issues(hass, _PREFIX)
        if issue.data is not None and issue.data["subentry"] in entry.subentries
    ]
    async_take_back(hass, _PREFIX, but=kept)


@callback
def async_forget_complaints(hass: HomeAssistant) -> None:
    """Take all complaints back, for nobody watches any more."""
    async_take_back(hass, _PREFIX)


def _issue_id(subentry: str, connector: int) -> str:
    """Return the id of the issue of a connector."""
    return f"{_PREFIX}{subentry}_{connector}"
