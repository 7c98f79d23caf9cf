"""Our issues under Repairs: what their ids begin with says of which kind they are."""

from collections.abc import Collection
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN


@callback
def async_issues(hass: HomeAssistant, prefix: str) -> list[ir.IssueEntry]:
    """Find our issues of a kind, also those of before the last restart."""
    return [
        issue
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue_id.startswith(prefix)
    ]


@callback
def async_complain(
    hass: HomeAssistant,
    issue_id: str,
    key: str,
    placeholders: dict[str, str],
    data: dict[str, Any] | None = None,
) -> None:
    """Show what only a person can put right, and not here."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders=placeholders,
        data=data,
    )


@callback
def async_take_back(
    hass: HomeAssistant, prefix: str, *, but: Collection[str] = ()
) -> None:
    """Take back our issues of a kind, but for some, by their ids."""
    for issue in async_issues(hass, prefix):
        if issue.issue_id not in but:
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)
