"""The flow that adds and changes users and their tags."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.helpers import selector
from homeassistant.util import dt as dt_util

from .billing.users import Directory, normalise_token
from .const import (
    CONF_ACTIVE,
    CONF_PERSON,
    CONF_TAGS,
    CONF_TARIFF,
    CONF_VALID_FROM,
    CONF_VALID_UNTIL,
    DOMAIN,
    SUBENTRY_TARIFF,
)
from .forms import choice_among, filled_in, is_name, name_in
from .house import house_of, still_there
from .hub import HubEvent, LaddaConfigEntry, LaddaHub, TagPresented

CONF_READ_TAG: Final = "read_tag"
TAG_PATIENCE: Final = 60.0  # s


def tag_holder(directory: Directory, tag: str, user: str | None = None) -> str | None:
    """Return the name of whoever has a tag already, other than `user` (an id)."""
    if directory.resolve_remote(tag) is not None:
        return "Home Assistant"
    owner = directory.owner(tag)
    return owner.name if owner is not None and owner.id != user else None


async def async_next_unknown_tag(hub: LaddaHub) -> str | None:
    """Wait until a tag that nobody has is held to a reader; None: that took too long."""
    found: asyncio.Future[str] = hub.hass.loop.create_future()

    @callback
    def on_event(event: HubEvent) -> None:
        if not isinstance(event, TagPresented) or found.done():
            return
        directory = hub.desk.house.directory
        if (
            directory.owner(event.token) is None
            and directory.resolve_remote(event.token) is None
        ):
            found.set_result(event.token)

    stop = hub.async_listen_events(on_event)
    try:
        async with asyncio.timeout(TAG_PATIENCE):
            return await found
    except TimeoutError:
        return None
    finally:
        stop()


class UserFlow(ConfigSubentryFlow):
    """Adds and changes a user and their tags."""

    def __init__(self) -> None:
        """Begin with an empty form."""
        self._draft: dict[str, Any] = {}
        self._errors: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._reading: asyncio.Task[str | None] | None = None

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Add a user."""
        return await self._async_ask(user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a user."""
        if not self._draft:
            subentry = self._get_reconfigure_subentry()
            tariff = still_there(self._get_entry(), subentry.data.get(CONF_TARIFF))
            known = {CONF_NAME: subentry.title, **subentry.data, CONF_TARIFF: tariff}
            self._draft = _user_form(known)
        return await self._async_ask(user_input)

    async def _async_ask(self, given: dict[str, Any] | None) -> SubentryFlowResult:
        """Show the form until everything in it is right."""
        if given is not None:
            self._draft = given | {
                CONF_NAME: name_in(given),
                CONF_TAGS: distinct_tags(given.get(CONF_TAGS, ())),
            }
            read_tag = self._draft.pop(CONF_READ_TAG)
            self._check(read_tag=read_tag)
            if not self._errors:
                return await self.async_step_read_tag() if read_tag else self._save()
        return self.async_show_form(
            step_id=self.init_step,
            data_schema=self.add_suggested_values_to_schema(
                self._schema(), self._draft
            ),
            errors=self._errors,
            description_placeholders=self._placeholders,
        )

    async def async_step_read_tag(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Wait for a tag, then show it in the form."""
        if self._reading is None:
            entry: LaddaConfigEntry = self._get_entry()
            self._reading = self.hass.async_create_background_task(
                async_next_unknown_tag(entry.runtime_data), f"{DOMAIN} reads a tag"
            )
        if not self._reading.done():
            return self.async_show_progress(
                step_id="read_tag",
                progress_action="read_tag",
                progress_task=self._reading,
            )
        tag = self._reading.result()
        self._reading = None
        if tag is None:
            self._errors = {CONF_READ_TAG: "no_tag"}
        else:
            self._draft[CONF_TAGS] = distinct_tags([*self._draft[CONF_TAGS], tag])
        return self.async_show_progress_done(next_step_id=self.init_step)

    def _schema(self) -> vol.Schema:
        """Return the form."""
        tags = selector.TextSelectorConfig(multiple=True)
        person = selector.EntitySelectorConfig(domain="person")
        return vol.Schema(
            {
                vol.Required(CONF_NAME): selector.TextSelector(),
                vol.Optional(CONF_TAGS): selector.TextSelector(tags),
                vol.Required(CONF_READ_TAG, default=False): selector.BooleanSelector(),
                vol.Optional(CONF_PERSON): selector.EntitySelector(person),
                **choice_among(self._get_entry(), SUBENTRY_TARIFF, CONF_TARIFF),
                vol.Required(CONF_ACTIVE, default=True): selector.BooleanSelector(),
                vol.Optional(CONF_VALID_FROM): selector.DateTimeSelector(),
                vol.Optional(CONF_VALID_UNTIL): selector.DateTimeSelector(),
            }
        )

    def _check(self, *, read_tag: bool) -> None:
        """Look for what is wrong in the form."""
        self._errors, self._placeholders = {}, {}
        if not is_name(self._draft[CONF_NAME]):
            self._errors[CONF_NAME] = "invalid_name"
        entry = self._get_entry()
        directory = house_of(entry, self.hass.config.currency).directory
        for tag in self._draft[CONF_TAGS]:
            if holder := tag_holder(directory, tag, self._user_id):
                self._errors[CONF_TAGS] = "tag_taken"
                self._placeholders = {"tag": tag, "user": holder}
        begin = _moment(self._draft.get(CONF_VALID_FROM))
        end = _moment(self._draft.get(CONF_VALID_UNTIL))
        if begin is not None and end is not None and end <= begin:
            self._errors[CONF_VALID_UNTIL] = "ends_before_it_begins"
        if read_tag and entry.state is not ConfigEntryState.LOADED:
            self._errors[CONF_READ_TAG] = "not_loaded"

    def _save(self) -> SubentryFlowResult:
        """Keep the user."""
        title, data = self._draft[CONF_NAME], _user_data(self._draft)
        if self.source == SOURCE_RECONFIGURE:
            subentry = self._get_reconfigure_subentry()
            return self.async_update_and_abort(
                self._get_entry(), subentry, title=title, data=data
            )
        return self.async_create_entry(title=title, data=data)

    @property
    def _user_id(self) -> str | None:
        """Return the user's id, None for one who is added."""
        if self.source == SOURCE_RECONFIGURE:
            return self._reconfigure_subentry_id
        return None


def distinct_tags(tags: Iterable[str]) -> list[str]:
    """Return every tag once, as it was first spelt, and no empty ones."""
    distinct: dict[str, str] = {}
    for tag in tags:
        if plain := normalise_token(tag):
            distinct.setdefault(plain, tag.strip())
    return list(distinct.values())


def _user_data(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a user's subentry keeps; times are ISO 8601 in UTC."""
    begin, end = (_moment(form.get(key)) for key in (CONF_VALID_FROM, CONF_VALID_UNTIL))
    return {
        CONF_TAGS: form[CONF_TAGS],
        CONF_PERSON: form.get(CONF_PERSON),
        CONF_TARIFF: form.get(CONF_TARIFF),
        CONF_ACTIVE: form[CONF_ACTIVE],
        CONF_VALID_FROM: begin.isoformat() if begin else None,
        CONF_VALID_UNTIL: end.isoformat() if end else None,
    }


def _user_form(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form that `_user_data` was made from; times are local."""
    form = filled_in(data)
    for key in (CONF_VALID_FROM, CONF_VALID_UNTIL):
        if (moment := _moment(form.get(key))) is not None:
            form[key] = dt_util.as_local(moment).strftime("%Y-%m-%d %H:%M:%S")
    return form


def _moment(text: str | None) -> datetime | None:
    """Return the time that a text tells, in UTC; without a zone it is local."""
    if text is None:
        return None
    return dt_util.as_utc(dt_util.parse_datetime(text, raise_on_error=True))
