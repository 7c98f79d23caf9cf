"""Limits that chargers do not keep to: under Repairs until they do."""

from decimal import Decimal
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .issues import async_issues

_PREFIX: Final = "limit_ignored_"


@callback
def async_complain_of_limit(
    hass: HomeAssistant, subentry: str, station: str, connector: int, limit_a: Decimal
) -> None:
    """Say that a connector of the station of a subentry draws more than it may. A."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(subentry, connector),
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="limit_ignored",
        translation_placeholders={
            "station": station,
            "connector": str(connector),
            "limit": f"{limit_a.normalize():f}",
        },
        data={"subentry": subentry},
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
    _forget(hass, kept=frozenset(entry.subentries))


@callback
def async_forget_complaints(hass: HomeAssistant) -> None:
    """Take all complaints back, for nobody watches any more."""
    _forget(hass, kept=frozenset())


def _forget(hass: HomeAssistant, kept: frozenset[str]) -> None:
    """Take back the complaints of stations that are not of the `kept` subentries."""
    for issue in async_issues(hass, _PREFIX):
        if issue.data is None or issue.data["subentry"] not in kept:
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


def _issue_id(subentry: str, connector: int) -> str:
    """Return the id of the issue of a connector."""
    return f"{_PREFIX}{subentry}_{connector}"
