"""How Ladda is set up, and how chargers that present themselves are let in."""

import asyncio
from collections.abc import Mapping
import errno
import secrets
import socket
from types import MappingProxyType
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT
from homeassistant.core import DOMAIN as HOMEASSISTANT_DOMAIN, callback
from homeassistant.data_entry_flow import AbortFlow, section
from homeassistant.helpers import selector
from homeassistant.helpers.typing import DiscoveryInfoType

from .const import (
    CONF_CERTIFICATE,
    CONF_IDENTITY,
    CONF_LEGACY_CIPHERS,
    CONF_PRIVATE_KEY,
    CONF_SECOND_CERTIFICATE,
    CONF_SECRET,
    CONF_TURNED_AWAY,
    DEFAULT_PORT,
    DOMAIN,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from .forms import name_in
from .hub import LaddaConfigEntry
from .server_certificate import async_check_certificates
from .station_flow import (
    StationFlow,
    admission_fields,
    async_station_data,
    station_unique_id,
)
from .tariff_flow import TariffFlow
from .user_flow import UserFlow

SECTION_OLD_CHARGERS = "old_chargers"

PAIR_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_CERTIFICATE): selector.TextSelector(),
        vol.Optional(CONF_PRIVATE_KEY): selector.TextSelector(),
    }
)
ADDRESS_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_HOST): selector.TextSelector(),
        vol.Required(CONF_PORT, default=DEFAULT_PORT): selector.NumberSelector(
            selector.NumberSelectorConfig(
                min=1, max=65535, step=1, mode=selector.NumberSelectorMode.BOX
            )
        ),
        **PAIR_SCHEMA.schema,
        vol.Optional(CONF_SECOND_CERTIFICATE): section(
            PAIR_SCHEMA, {"collapsed": True}
        ),
        vol.Optional(SECTION_OLD_CHARGERS): section(
            vol.Schema(
                {
                    vol.Required(
                        CONF_LEGACY_CIPHERS, default=False
                    ): selector.BooleanSelector()
                }
            ),
            {"collapsed": True},
        ),
    }
)


class LaddaConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sets up the house, and adopts or turns away chargers that it discovers."""

    _stranger: DiscoveryInfoType

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to the house."""
        return {
            SUBENTRY_STATION: StationFlow,
            SUBENTRY_USER: UserFlow,
            SUBENTRY_TARIFF: TariffFlow,
        }

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the flow that lets chargers in again."""
        return LaddaOptionsFlow()

    # --- the house ---------------------------------------------------------------

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Open the house: where chargers connect."""
        # The manifest's single_config_entry would stop discovered chargers, too.
        if self._async_current_entries(include_ignore=False):
            return self.async_abort(
                reason="single_instance_allowed",
                translation_domain=HOMEASSISTANT_DOMAIN,
            )
        errors: dict[str, str] = {}
        about: dict[str, str] = {}
        if user_input is not None:
            address = _address(user_input)
            errors, about = await self._async_try(address, address[CONF_PORT])
            if not errors:
                return self.async_create_entry(
                    title="Ladda",
                    data={**address, CONF_SECRET: secrets.token_hex(16)},
                    description_placeholders=self._where(address),
                )
        return self._ask_for_address("user", user_input, errors, about)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Move the house: another address, port, or other certificates."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        about: dict[str, str] = {}
        if user_input is not None:
            address = _address(user_input)
            is_loaded = entry.state is ConfigEntryState.LOADED
            # The port that we hold ourselves is ours: only the address is tried.
            ours = is_loaded and address[CONF_PORT] == entry.data[CONF_PORT]
            port = 0 if ours else address[CONF_PORT]
            errors, about = await self._async_try(address, port)
            if not errors:
                result = self.async_update_and_abort(entry, data_updates=address)
                if not is_loaded:  # else the entry's update listener does it
                    self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return result
        shown = {**entry.data, SECTION_OLD_CHARGERS: entry.data}
        return self._ask_for_address("reconfigure", user_input or shown, errors, about)

    async def _async_try(
        self, address: dict[str, Any], port: int
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Try to listen at a port (0: any) as it is wanted.

        Returns the errors, and the placeholders of these.
        """
        errors, about = await async_check_certificates(self.hass, address)
        return {**await _async_try_port(address[CONF_HOST], port), **errors}, about

    def _ask_for_address(
        self,
        step_id: str,
        suggested: Mapping[str, Any] | None,
        errors: dict[str, str],
        about: dict[str, str],
    ) -> ConfigFlowResult:
        """Show the form of address, port and certificates, and what errors are about."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(ADDRESS_SCHEMA, suggested),
            errors=errors,
            description_placeholders={**self._where(suggested or {}), **about},
        )

    def _where(self, address: Mapping[str, Any]) -> dict[str, str]:
        """Return what is entered in a charger, up to the charger's own name."""
        api = self.hass.config.api
        host = address.get(CONF_HOST) or (api.local_ip if api else "homeassistant")
        port = int(address.get(CONF_PORT, DEFAULT_PORT))
        scheme = "wss" if address.get(CONF_CERTIFICATE) else "ws"
        return {"url": f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"}

    # --- chargers that present themselves ------------------------------------------

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Show a charger that asks to come in, unless somebody has decided on it."""
        self._stranger = discovery_info
        identity = discovery_info[CONF_IDENTITY]
        await self.async_set_unique_id(station_unique_id(identity))
        self._abort_if_unique_id_configured()  # the owner ignores it
        house = self._house().runtime_data.desk.house
        if identity in house.stations:
            return self.async_abort(reason="already_configured")
        if identity in house.turned_away:
            return self._turned_away()
        self.context["title_placeholders"] = {
            CONF_NAME: f"{self._model} ({identity})" if self._model else identity
        }
        return await self.async_step_station()

    async def async_step_station(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the charger belongs to the house."""
        return self.async_show_menu(
            step_id="station",
            menu_options=["adopt", "turn_away"],
            description_placeholders={
                key: self._stranger[key] or "–"
                for key in (CONF_IDENTITY, "vendor", "model", "serial", "address")
            },
        )

    async def async_step_adopt(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the charger in."""
        entry = self._house()
        identity = self._stranger[CONF_IDENTITY]
        if user_input is not None:
            name = name_in(user_input) or identity
            data = await async_station_data(self.hass, identity, user_input)
            self.hass.config_entries.async_add_subentry(
                entry,
                ConfigSubentry(
                    data=MappingProxyType(data),
                    subentry_type=SUBENTRY_STATION,
                    title=name,
                    unique_id=station_unique_id(identity),
                ),
            )
            return self.async_abort(
                reason="station_added", description_placeholders={CONF_NAME: name}
            )
        return self.async_show_form(
            step_id="adopt",
            data_schema=vol.Schema(
                {
                    vol.Required(
                        CONF_NAME, default=self._model or identity
                    ): selector.TextSelector(),
                    **admission_fields(entry),
                }
            ),
            description_placeholders={CONF_IDENTITY: identity},
        )

    async def async_step_turn_away(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the charger in no more."""
        self._house().runtime_data.turn_away(self._stranger[CONF_IDENTITY])
        return self._turned_away()

    def _turned_away(self) -> ConfigFlowResult:
        """End: the charger stays outside."""
        return self.async_abort(
            reason="station_turned_away",
            description_placeholders={CONF_IDENTITY: self._stranger[CONF_IDENTITY]},
        )

    @property
    def _model(self) -> str:
        """Return what the charger is, as far as it says."""
        return f"{self._stranger['vendor']} {self._stranger['model']}".strip()

    def _house(self) -> LaddaConfigEntry:
        """Return the house while it is open; raises AbortFlow."""
        for entry in self.hass.config_entries.async_loaded_entries(DOMAIN):
            return entry
        raise AbortFlow("not_loaded")


class LaddaOptionsFlow(OptionsFlow):
    """Lets chargers in again that were turned away."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which chargers are to stay outside."""
        turned_away = list(self.config_entry.options.get(CONF_TURNED_AWAY, ()))
        if not turned_away:
            return self.async_abort(reason="nobody_turned_away")
        if user_input is not None:
            return self.async_create_entry(
                data={**self.config_entry.options, **user_input}
            )
        field = vol.Required(CONF_TURNED_AWAY, default=turned_away)
        options = selector.SelectSelectorConfig(
            options=turned_away, multiple=True, mode=selector.SelectSelectorMode.LIST
        )
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema({field: selector.SelectSelector(options)}),
        )


def _address(user_input: dict[str, Any]) -> dict[str, Any]:
    """Return what the entry keeps: address (empty: all interfaces), port, certificates.

    Without a certificate (empty) there is no TLS.
    """
    old_chargers = user_input.get(SECTION_OLD_CHARGERS, {})
    return {
        CONF_HOST: user_input.get(CONF_HOST, "").strip(),
        CONF_PORT: int(user_input[CONF_PORT]),
        **_pair(user_input),
        CONF_SECOND_CERTIFICATE: _pair(user_input.get(CONF_SECOND_CERTIFICATE, {})),
        CONF_LEGACY_CIPHERS: old_chargers.get(CONF_LEGACY_CIPHERS, False),
    }


def _pair(named: dict[str, Any]) -> dict[str, str]:
    """Return the paths of a certificate and its key; empty: none."""
    return {
        key: named.get(key, "").strip() for key in (CONF_CERTIFICATE, CONF_PRIVATE_KEY)
    }


async def _async_try_port(host: str, port: int) -> dict[str, str]:
    """Try to listen, in the way the listener will (port 0: any); return the errors."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host or None, port)
    except socket.gaierror, ValueError:
        return {CONF_HOST: "invalid_host"}
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            return {CONF_PORT: "port_in_use"}
        # Of an address that this machine does not have, asyncio tells no number.
        if err.errno in (None, errno.EADDRNOTAVAIL):
            return {CONF_HOST: "invalid_host"}
        return {"base": "cannot_bind"}
    server.close()
    await server.wait_closed()
    return {}
