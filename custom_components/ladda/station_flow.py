"""The flow that adds and changes chargers."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME, CONF_PASSWORD, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector
from homeassistant.helpers.typing import UNDEFINED, UndefinedType

from .central_system import Disconnected, Taken
from .central_system.credentials import as_key, hash_password, new_password
from .const import (
    CONF_AUTO_START,
    CONF_DEFAULT_USER,
    CONF_IDENTITY,
    CONF_KEEP_SETTINGS,
    CONF_MAX_CURRENT,
    CONF_NEW_PASSWORD_HASHES,
    CONF_OPEN_TO_ALL,
    CONF_PASSWORD_HASH,
    DEFAULT_MAX_CURRENT,
    DOMAIN,
    SUBENTRY_USER,
)
from .errors import station_errors
from .forms import Fields, choice_among, filled_in, name_in
from .house import still_there
from .passwords import Given, Passwords

CONF_GIVE_PASSWORD: Final = "give_password"
CONF_REMOVE_PASSWORD: Final = "remove_password"
NO_PASSWORD: Final[Mapping[str, Any]] = {
    CONF_PASSWORD_HASH: None,
    CONF_NEW_PASSWORD_HASHES: (),
}
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
    kept: Mapping[str, Any] = NO_PASSWORD,
) -> dict[str, Any]:
    """Return what a station's subentry keeps.

    Of a password that was given only the hash is kept, instead of the hashes so far.
    """
    if password := given.get(CONF_PASSWORD):
        password_hash = await hass.async_add_executor_job(hash_password, password)
        kept = {**NO_PASSWORD, CONF_PASSWORD_HASH: password_hash}
    return {
        CONF_IDENTITY: identity,
        **kept,
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
                    title=name_in(user_input) or identity,
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
        about = {CONF_IDENTITY: subentry.data[CONF_IDENTITY]}
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _mistakes(user_input)
            if not errors:
                try:
                    return await self._async_change(subentry, user_input)
                except HomeAssistantError as err:
                    errors = {"base": str(err.translation_key)}
                    about |= err.translation_placeholders or {}
        user = still_there(self._get_entry(), subentry.data.get(CONF_DEFAULT_USER))
        known = {CONF_NAME: subentry.title, **subentry.data, CONF_DEFAULT_USER: user}
        password: Fields = {
            vol.Required(CONF_GIVE_PASSWORD, default=False): selector.BooleanSelector()
        }
        if any(_hashes(subentry).values()):
            remove = vol.Required(CONF_REMOVE_PASSWORD, default=False)
            password[remove] = selector.BooleanSelector()
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(self._fields(password)), user_input or filled_in(known)
            ),
            errors=errors,
            description_placeholders=about,
        )

    async def _async_change(
        self, subentry: ConfigSubentry, given: Mapping[str, Any]
    ) -> SubentryFlowResult:
        """Change a charger, which gets its password first, if it is to get one.

        Raises HomeAssistantError where it does not take that: then nothing is changed.
        """
        identity = subentry.data[CONF_IDENTITY]
        reason: str | UndefinedType = UNDEFINED
        if given[CONF_GIVE_PASSWORD]:
            reason = _told(
                await self._async_give_password(subentry, given.get(CONF_PASSWORD))
            )
            given = {**given, CONF_PASSWORD: None}
        removed = given.get(CONF_REMOVE_PASSWORD)
        return self.async_update_and_abort(
            self._get_entry(),
            subentry,
            title=name_in(given) or identity,
            data=await async_station_data(
                self.hass,
                identity,
                given,
                NO_PASSWORD if removed else _hashes(subentry),
            ),
            reason=reason,
        )

    async def _async_give_password(
        self, subentry: ConfigSubentry, password: str | None
    ) -> Given:
        """Give a charger a password, a random one where none is given.

        Raises HomeAssistantError where the charger does not take it.
        """
        entry = self._get_entry()
        with station_errors(subentry.title):
            if entry.state is not ConfigEntryState.LOADED:
                raise Disconnected("no charger is connected, for Ladda does not run")
            passwords: Passwords = entry.runtime_data.passwords
            return await passwords.give(
                subentry.data[CONF_IDENTITY],
                as_key(password) if password else new_password(),
            )

    def _fields(self, password: Fields | None = None) -> Fields:
        """Return the fields of a station whose identity is clear.

        `password` are those that say more about the password.
        """
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
            **(password or {}),
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


def _hashes(subentry: ConfigSubentry) -> dict[str, Any]:
    """Return the hashes of the passwords that a station may show."""
    return {key: subentry.data.get(key, none) for key, none in NO_PASSWORD.items()}


def _mistakes(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a password that a charger is to be given, by field."""
    if not given[CONF_GIVE_PASSWORD]:
        return {}
    if given.get(CONF_REMOVE_PASSWORD):
        return {CONF_REMOVE_PASSWORD: "give_or_remove"}
    if password := given.get(CONF_PASSWORD):
        try:
            as_key(password)
        except ValueError:
            return {CONF_PASSWORD: "invalid_password"}
    return {}


def _told(given: Given) -> str:
    """Name what there is to say of a password that a charger was given."""
    match given:
        case Given(Taken.UNCLEAR):
            return "password_unclear"
        case Given(Taken.REBOOT_REQUIRED):
            return "password_after_restart"
        case Given(profile_status=Taken.REFUSED | Taken.UNCLEAR):
            return "password_not_shown"
    return "password_given"
