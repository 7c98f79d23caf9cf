"""Tags that nobody has: under Repairs until they are given to somebody.

Anybody may hold anything to a reader, so that only a few wait at a time. Home
Assistant keeps the ids of issues and tells them in diagnostics, so that an id does
not say which tag it stands for.
"""

from hmac import digest
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .billing.users import Directory, normalise_token
from .const import CONF_SECRET, DOMAIN
from .issues import async_issues

WAITING: Final = 10
_PREFIX: Final = "unknown_tag_"


@callback
def async_ask_whose(
    hass: HomeAssistant, entry: ConfigEntry[Any], tag: str, station: str
) -> None:
    """Ask whose tag it is that was refused at a station, unless enough others wait."""
    issue_id = _issue_id(entry, tag)
    waiting = [issue.issue_id for issue in _waiting(hass) if issue.active]
    if issue_id not in waiting and len(waiting) >= WAITING:
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key="unknown_tag",
        translation_placeholders={"tag": tag, "station": station},
        data={"tag": tag, "entry_id": entry.entry_id},
    )


@callback
def async_forget_known(hass: HomeAssistant, directory: Directory) -> None:
    """Ask no more about tags that have been given to a user."""
    for issue in async_issues(hass, _PREFIX):
        if issue.data and directory.owner(str(issue.data["tag"])):
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


@callback
def async_forget_waiting(hass: HomeAssistant) -> None:
    """Ask no more about any tag, but remember which the owner wants to ignore."""
    for issue in _waiting(hass):
        ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


def _issue_id(entry: ConfigEntry[Any], tag: str) -> str:
    """Return the id of a tag's issue, however the tag is spelled."""
    secret, token = entry.data[CONF_SECRET], normalise_token(tag)
    return _PREFIX + digest(secret.encode(), token.encode(), "sha256")[:8].hex()


def _waiting(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Find the issues about tags that nobody has decided on."""
    known = async_issues(hass, _PREFIX)
    return [issue for issue in known if issue.dismissed_version is None]
