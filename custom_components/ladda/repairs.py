"""What an administrator can put right from the list of repairs."""

from types import MappingProxyType
from typing import Any

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import issue_registry as ir, selector

from .const import CONF_ACTIVE, CONF_TAGS, DOMAIN, SUBENTRY_USER
from .forms import choice_among, is_name, name_in
from .house import house_of
from .user_flow import tag_holder

CONF_USER = "user"


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow for the one thing that can be put right: an unknown tag."""
    assert data is not None
    return UnknownTagFlow(str(data["entry_id"]), str(data["tag"]))


class UnknownTagFlow(RepairsFlow):
    """Gives a tag that was held to a reader to a user."""

    def __init__(self, entry_id: str, tag: str) -> None:
        """Take the house and the tag."""
        self._entry_id = entry_id
        self._tag = tag

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask whose tag it is, where there are users at all."""
        if not any(self._entry().get_subentries_of_type(SUBENTRY_USER)):
            return await self.async_step_new_user()
        return self.async_show_menu(
            step_id="init",
            menu_options=["existing_user", "new_user"],
            description_placeholders=self._placeholders(),
        )

    async def async_step_existing_user(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Give the tag to a user that there is."""
        entry = self._entry()
        chosen = (user_input or {}).get(CONF_USER, "")
        if (subentry := entry.subentries.get(chosen)) is None:
            fields = choice_among(entry, SUBENTRY_USER, CONF_USER, vol.Required)
            return self.async_show_form(
                step_id="existing_user",
                data_schema=vol.Schema(fields),
                description_placeholders=self._placeholders(),
            )
        tags = [*subentry.data.get(CONF_TAGS, ()), self._tag]
        self.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, CONF_TAGS: tags}
        )
        return self.async_create_entry(data={})

    async def async_step_new_user(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Give the tag to a new user."""
        entry = self._entry()
        name = name_in(user_input or {})
        if not is_name(name):
            return self.async_show_form(
                step_id="new_user",
                data_schema=vol.Schema(
                    {vol.Required(CONF_NAME): selector.TextSelector()}
                ),
                errors={} if user_input is None else {CONF_NAME: "invalid_name"},
                description_placeholders=self._placeholders(),
            )
        self.hass.config_entries.async_add_subentry(
            entry,
            ConfigSubentry(
                data=MappingProxyType({CONF_TAGS: [self._tag], CONF_ACTIVE: True}),
                subentry_type=SUBENTRY_USER,
                title=name,
                unique_id=None,
            ),
        )
        return self.async_create_entry(data={})

    def _entry(self) -> ConfigEntry[Any]:
        """Return the house; raises AbortFlow where the tag has found its user."""
        entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
        directory = house_of(entry, self.hass.config.currency).directory
        if holder := tag_holder(directory, self._tag):
            raise AbortFlow("tag_taken", {"tag": self._tag, "user": holder})
        return entry

    def _placeholders(self) -> dict[str, str] | None:
        """Return what the issue says about the tag."""
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return issue.translation_placeholders if issue else None
