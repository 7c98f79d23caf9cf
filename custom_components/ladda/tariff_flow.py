"""The flow that adds and changes tariffs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import State, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers import selector

from .billing.exact import number
from .billing.units import UnknownUnit, WrongCurrency, price_factor
from .const import (
    CONF_DEFAULT,
    CONF_ENERGY_TAX,
    CONF_ENTITY,
    CONF_GRID_FEE,
    CONF_KIND,
    CONF_MARKUP,
    CONF_PRICE,
    CONF_PRICES,
    CONF_SESSION_FEE,
    CONF_VAT_INCLUDED,
    CONF_VAT_PERCENT,
    KIND_FIXED,
    KIND_HELPER,
    KIND_STATES,
    SUBENTRY_TARIFF,
)
from .forms import Fields, is_name, name_in

SECTION_MARKUPS: Final = "markups"

_PER_KWH: Final = (CONF_ENERGY_TAX, CONF_GRID_FEE, CONF_MARKUP)


class TariffFlow(ConfigSubentryFlow):
    """Adds and changes a tariff: its terms first, then where the price comes from."""

    _known: Mapping[str, Any] = MappingProxyType({})
    _name: str
    _terms: dict[str, Any]
    _entity: str
    _states: list[str]

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Add a tariff; the first one is for everybody."""
        others = self._get_entry().get_subentries_of_type(SUBENTRY_TARIFF)
        return await self._async_ask_for_terms(
            user_input, {CONF_DEFAULT: not any(others)}
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a tariff; sessions that have begun keep it as it was."""
        subentry = self._get_reconfigure_subentry()
        self._known = subentry.data
        form = {CONF_NAME: subentry.title, SECTION_MARKUPS: subentry.data}
        return await self._async_ask_for_terms(user_input, {**subentry.data, **form})

    # --- the terms -----------------------------------------------------------------

    async def _async_ask_for_terms(
        self, given: dict[str, Any] | None, suggested: Mapping[str, Any]
    ) -> SubentryFlowResult:
        """Ask for what all kinds of tariffs have."""
        errors = {}
        if given is not None:
            self._name = name_in(given)
            if not is_name(self._name):
                errors[CONF_NAME] = "invalid_name"
            try:
                self._terms = _terms(given)
            except ValueError:
                errors[SECTION_MARKUPS] = "not_a_markup"
            if not errors:
                return await self._async_ask_for_price()
        return self.async_show_form(
            step_id=self.init_step,
            data_schema=self.add_suggested_values_to_schema(
                self._terms_schema(), given or suggested
            ),
            errors=errors,
        )

    def _terms_schema(self) -> vol.Schema:
        """Return the form of the terms."""
        kinds = selector.SelectSelectorConfig(
            options=[KIND_FIXED, KIND_HELPER, KIND_STATES],
            mode=selector.SelectSelectorMode.LIST,
            translation_key="tariff_kind",
        )
        return vol.Schema(
            {
                vol.Required(CONF_NAME): selector.TextSelector(),
                vol.Required(CONF_KIND, default=KIND_FIXED): selector.SelectSelector(
                    kinds
                ),
                vol.Required(CONF_DEFAULT, default=False): selector.BooleanSelector(),
                vol.Required(SECTION_MARKUPS): section(
                    vol.Schema(self._markup_fields()), {"collapsed": True}
                ),
            }
        )

    def _markup_fields(self) -> Fields:
        """Return the fields of what comes on top of the price of energy."""
        currency = self.hass.config.currency
        fields: Fields = {
            vol.Optional(key, default="0"): _amount_field(f"{currency}/kWh")
            for key in _PER_KWH
        }
        fields[vol.Optional(CONF_SESSION_FEE, default="0")] = _amount_field(currency)
        fields[vol.Optional(CONF_VAT_PERCENT, default="0")] = _amount_field("%")
        included = vol.Required(CONF_VAT_INCLUDED, default=True)
        return fields | {included: selector.BooleanSelector()}

    # --- where the price comes from --------------------------------------------------

    async def _async_ask_for_price(self) -> SubentryFlowResult:
        """Ask for what this kind of tariff has."""
        if self._terms[CONF_KIND] == KIND_FIXED:
            return await self.async_step_fixed()
        if self._terms[CONF_KIND] == KIND_HELPER:
            return await self.async_step_helper()
        return await self.async_step_states()

    async def async_step_fixed(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the one price, per kWh."""
        errors = {}
        if user_input is not None:
            try:
                return self._save({CONF_PRICE: amount(user_input[CONF_PRICE])})
            except ValueError:
                errors[CONF_PRICE] = "not_a_number"
        schema = vol.Schema({vol.Required(CONF_PRICE): self._price_field()})
        return self.async_show_form(
            step_id="fixed",
            data_schema=self.add_suggested_values_to_schema(
                schema, user_input or self._known
            ),
            errors=errors,
            last_step=True,
        )

    async def async_step_helper(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the entity that shows the price."""
        errors = {}
        unit = ""
        if user_input is not None:
            state = self.hass.states.get(user_input[CONF_ENTITY])
            unit = state.attributes.get("unit_of_measurement", "") if state else ""
            if (error := self._problem_of_helper(state)) is None:
                return self._save({CONF_ENTITY: user_input[CONF_ENTITY]})
            errors[CONF_ENTITY] = error
        return self._ask_for_entity(
            "helper", ["input_number", "number", "sensor"], user_input, errors, unit
        )

    async def async_step_states(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the entity whose states have prices."""
        errors = {}
        if user_input is not None:
            self._entity = user_input[CONF_ENTITY]
            self._states = _states_of(self.hass.states.get(self._entity))
            if self._states:
                return await self.async_step_prices()
            errors[CONF_ENTITY] = "no_states"
        return self._ask_for_entity(
            "states", ["input_select", "schedule", "select"], user_input, errors
        )

    async def async_step_prices(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the price of every state."""
        errors = {}
        if user_input is not None:
            prices = {}
            for state, text in user_input.items():
                try:
                    prices[state] = amount(text)
                except ValueError:
                    errors[state] = "not_a_number"
            if not errors:
                return self._save({CONF_ENTITY: self._entity, CONF_PRICES: prices})
        schema = vol.Schema(
            {vol.Required(state): self._price_field() for state in self._states}
        )
        return self.async_show_form(
            step_id="prices",
            data_schema=self.add_suggested_values_to_schema(
                schema, user_input or self._known.get(CONF_PRICES)
            ),
            errors=errors,
            description_placeholders={"entity": self._entity},
            last_step=True,
        )

    def _ask_for_entity(
        self,
        step_id: str,
        domains: list[str],
        user_input: dict[str, Any] | None,
        errors: dict[str, str],
        unit: str = "",
    ) -> SubentryFlowResult:
        """Show the form of an entity; `unit` is what the last one chosen has."""
        config = selector.EntitySelectorConfig(domain=domains)
        schema = vol.Schema(
            {vol.Required(CONF_ENTITY): selector.EntitySelector(config)}
        )
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                schema, user_input or self._known
            ),
            errors=errors,
            description_placeholders={
                "unit": unit,
                "currency": self.hass.config.currency,
            },
        )

    def _problem_of_helper(self, state: State | None) -> str | None:
        """Return why a helper shows no price in our currency, None where it does."""
        if state is None:
            return "no_entity"
        unit = state.attributes.get("unit_of_measurement")
        if unit is None:
            return "no_unit"
        try:
            price_factor(unit, self.hass.config.currency)
        except WrongCurrency:
            return "wrong_currency"
        except UnknownUnit:
            return "unknown_unit"
        return None

    def _price_field(self) -> selector.TextSelector:
        """Return the field of a price of energy."""
        return _amount_field(f"{self.hass.config.currency}/kWh")

    # --- the end -----------------------------------------------------------------

    def _save(self, price: Mapping[str, Any]) -> SubentryFlowResult:
        """Keep the tariff."""
        data = {**self._terms, **price}
        if data[CONF_DEFAULT]:
            self._unmark_others()
        if self.source == SOURCE_RECONFIGURE:
            return self.async_update_and_abort(
                self._get_entry(),
                self._get_reconfigure_subentry(),
                title=self._name,
                data=data,
            )
        return self.async_create_entry(title=self._name, data=data)

    @callback
    def _unmark_others(self) -> None:
        """Let no other tariff be that of users without one."""
        entry = self._get_entry()
        for subentry in entry.get_subentries_of_type(SUBENTRY_TARIFF):
            self.hass.config_entries.async_update_subentry(
                entry, subentry, data={**subentry.data, CONF_DEFAULT: False}
            )


def amount(text: str) -> str:
    """Return the decimal that somebody typed, with a point or a comma.

    Raises ValueError where it is none.
    """
    return f"{number(''.join(text.split()).replace(',', '.')):f}"


def _amount_field(unit: str) -> selector.TextSelector:
    """Return the field of an amount: text, for a number would be a binary float."""
    return selector.TextSelector(selector.TextSelectorConfig(suffix=unit))


def _terms(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tariff's subentry keeps, but for the price of energy.

    Raises ValueError where something is no number, or no percentage.
    """
    markups = form[SECTION_MARKUPS]
    vat_percent = amount(markups[CONF_VAT_PERCENT])
    if not 0 <= number(vat_percent) <= 100:
        raise ValueError(f"Not a VAT rate: {vat_percent}")
    return {
        CONF_KIND: form[CONF_KIND],
        CONF_DEFAULT: form[CONF_DEFAULT],
        CONF_VAT_PERCENT: vat_percent,
        CONF_VAT_INCLUDED: markups[CONF_VAT_INCLUDED],
        **{key: amount(markups[key]) for key in (*_PER_KWH, CONF_SESSION_FEE)},
    }


def _states_of(state: State | None) -> list[str]:
    """Return the states that an entity can have, none while that is not known."""
    if state is None:
        return []
    if state.domain == "schedule":
        return ["on", "off"]
    return list(state.attributes.get("options", ()))
