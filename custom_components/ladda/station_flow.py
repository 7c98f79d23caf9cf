"""The flow that adds and changes chargers."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME, CONF_PASSWORD, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import selector

from .central_system.credentials import hash_password
from .const import (
    CONF_AUTO_START,
    CONF_DEFAULT_USER,
    CONF_IDENTITY,
    CONF_KEEP_SETTINGS,
    CONF_MAX_CURRENT,
    CONF_OPEN_TO_ALL,
    CONF_PASSWORD_HASH,
    DEFAULT_MAX_CURRENT,
    DOMAIN,
    SUBENTRY_USER,
)
from .forms import Fields, choice_among, filled_in
from .house import still_there

CONF_REMOVE_PASSWORD: Final = "remove_password"
LONGEST_IDENTITY: Final = 48  # characters, as the listener takes them


def station_unique_id(identity: str) -> str:
    """Return the unique id of a station's subentry, and of its discovery."""
    return f"station_{identity}"


def is_identity(identity: str) -> bool:
    """Tell whether a station may be called so: it is a segment of a URL's path.

    A colon would end the name in HTTP's basic authentication (OCPP-J 1.6 §6.2).
    """
    return (
        1 <= len(identity) <= LONGEST_IDENTITY
        and identity.isprintable()
        and not {" ", "/", ":"} & set(identity)
    )


def admission_fields(entry: ConfigEntry[Any]) -> Fields:
    """Return the fields that say who charges at a station, and how it proves itself."""
    password = selector.TextSelectorConfig(
        type=selector.TextSelectorType.PASSWORD, autocomplete="new-password"
    )
    return {
        **choice_among(entry, SUBENTRY_USER, CONF_DEFAULT_USER),
        vol.Required(CONF_OPEN_TO_ALL, default=False): selector.BooleanSelector(),
        vol.Optional(CONF_PASSWORD): selector.TextSelector(password),
    }


async def async_station_data(
    hass: HomeAssistant,
    identity: str,
    given: Mapping[str, Any],
    password_hash: str | None = None,
) -> dict[str, Any]:
    """Return what a station's subentry keeps.

    Of a password that was given only the hash is kept, instead of the one so far.
    """
    if password := given.get(CONF_PASSWORD):
        password_hash = await hass.async_add_executor_job(hash_password, password)
    return {
        CONF_IDENTITY: identity,
        CONF_PASSWORD_HASH: password_hash,
        CONF_DEFAULT_USER: given.get(CONF_DEFAULT_USER),
        CONF_OPEN_TO_ALL: given[CONF_OPEN_TO_ALL],
        CONF_AUTO_START: given.get(CONF_AUTO_START, False),
        CONF_KEEP_SETTINGS: given.get(CONF_KEEP_SETTINGS, False),
        CONF_MAX_CURRENT: int(given.get(CONF_MAX_CURRENT, DEFAULT_MAX_CURRENT)),
    }


class StationFlow(ConfigSubentryFlow):
    """Adds and changes a charger; it need not have connected before."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Add a charger by the name that it will connect with."""
        errors = {}
        if user_input is not None:
            identity = user_input[CONF_IDENTITY].strip()
            if is_identity(identity):
                self._end_discovery(identity)
                return self.async_create_entry(
                    title=user_input.get(CONF_NAME) or identity,
                    data=await async_station_data(self.hass, identity, user_input),
                    unique_id=station_unique_id(identity),
                )
            errors[CONF_IDENTITY] = "invalid_identity"
        schema = vol.Schema(
            {vol.Required(CONF_IDENTITY): selector.TextSelector(), **self._fields()}
        )
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a charger; its identity stays, for everything hangs on it."""
        subentry = self._get_reconfigure_subentry()
        identity = subentry.data[CONF_IDENTITY]
        kept = subentry.data.get(CONF_PASSWORD_HASH)
        if user_input is not None:
            if user_input.get(CONF_REMOVE_PASSWORD):
                kept = None
            return self.async_update_and_abort(
                self._get_entry(),
                subentry,
                title=user_input.get(CONF_NAME) or identity,
                data=await async_station_data(self.hass, identity, user_input, kept),
            )
        user = still_there(self._get_entry(), subentry.data.get(CONF_DEFAULT_USER))
        known = {CONF_NAME: subentry.title, **subentry.data, CONF_DEFAULT_USER: user}
        fields = self._fields()
        if kept is not None:
            remove = vol.Required(CONF_REMOVE_PASSWORD, default=False)
            fields[remove] = selector.BooleanSelector()
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(fields), filled_in(known)
            ),
            description_placeholders={CONF_IDENTITY: identity},
        )

    def _fields(self) -> Fields:
        """Return the fields of a station whose identity is clear."""
        current = selector.NumberSelectorConfig(
            min=6,
            max=80,
            step=1,
            unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            mode=selector.NumberSelectorMode.BOX,
        )
        return {
            vol.Optional(CONF_NAME): selector.TextSelector(),
            **admission_fields(self._get_entry()),
            vol.Required(CONF_AUTO_START, default=False): selector.BooleanSelector(),
            vol.Required(
                CONF_MAX_CURRENT, default=DEFAULT_MAX_CURRENT
            ): selector.NumberSelector(current),
            vol.Required(CONF_KEEP_SETTINGS, default=False): selector.BooleanSelector(),
        }

    @callback
    def _end_discovery(self, identity: str) -> None:
        """Ask no more about a charger that waits to be let in."""
        flows = self.hass.config_entries.flow
        waiting = {"unique_id": station_unique_id(identity)}
        for flow in flows.async_progress_by_handler(DOMAIN, match_context=waiting):
            flows.async_abort(flow["flow_id"])
