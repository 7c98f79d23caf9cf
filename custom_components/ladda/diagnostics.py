"""Diagnostics: what helps to find a fault, and nothing about people."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .central_system import STRANGERS, Link, standard_settings
from .charging.connector import Connector
from .charging.journal import Entry, Kind
from .charging.open_session import OpenSession
from .const import (
    CONF_CERTIFICATE,
    CONF_IDENTITY,
    CONF_PASSWORD_HASH,
    CONF_PERSON,
    CONF_PRIVATE_KEY,
    CONF_SECRET,
    CONF_TAGS,
    CONF_TURNED_AWAY,
)
from .hub import LaddaConfigEntry, LaddaHub, ledger_size

ENTRIES: Final = 50
COUNTED: Final = (Kind.CLOSE, Kind.LATE_STOP, Kind.ORPHAN_STOP, Kind.RATED)
COUNTED_UP_TO: Final = 1000
_PRIVATE: Final = frozenset(
    {
        CONF_CERTIFICATE,
        CONF_HOST,
        CONF_IDENTITY,
        CONF_PASSWORD_HASH,
        CONF_PERSON,
        CONF_PRIVATE_KEY,
        CONF_SECRET,
        CONF_TAGS,
        CONF_TURNED_AWAY,
        "csr",
        "iccid",
        "imsi",
        "meter_serial",
        "name",
        "serial",
        "start_key",  # holds identity and tag
        "station",
        "token",
        "user_name",
    }
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: LaddaConfigEntry
) -> dict[str, Any]:
    """Tell about the whole house; of one that is not running, how it is set up."""
    setup = _setup(entry, entry.subentries)
    if entry.state is not ConfigEntryState.LOADED:
        return {"setup": setup}
    hub = entry.runtime_data
    return {
        "setup": setup,
        "central_system": _central_system(hub),
        "stations": {
            alias: _station(hub, identity) for identity, alias in _aliases(hub).items()
        },
        "ledger": await _ledger(hass, hub),
        "journal": _journal(hub, await hub.ledger.entries(limit=ENTRIES)),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: LaddaConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Tell about a station; about a user or a tariff only how it is set up."""
    subentry_id = device.config_subentry_id
    setup = _setup(entry, entry.subentries.keys() & {subentry_id})
    if entry.state is not ConfigEntryState.LOADED:
        return {"setup": setup}
    hub = entry.runtime_data
    for identity in hub.desk.house.stations:
        if hub.subentry_id(identity) == subentry_id:
            newest = await hub.ledger.entries(station=identity, limit=ENTRIES)
            return {
                "setup": setup,
                "station": _station(hub, identity),
                "journal": _journal(hub, newest),
            }
    return {"setup": setup}


def _setup(entry: LaddaConfigEntry, subentries: Iterable[str]) -> dict[str, Any]:
    """Tell how the house, and these parts of it, are set up."""
    return _public(
        {
            "data": entry.data,
            "options": entry.options,
            "parts": {
                subentry_id: {
                    "type": entry.subentries[subentry_id].subentry_type,
                    "data": entry.subentries[subentry_id].data,
                }
                for subentry_id in subentries
            },
        }
    )


def _aliases(hub: LaddaHub) -> dict[str, str]:
    """Name the stations by numbers, for their identities are nobody's business."""
    return {
        identity: f"station {number}"
        for number, identity in enumerate(sorted(hub.desk.house.stations), start=1)
    }


def _central_system(hub: LaddaHub) -> dict[str, Any]:
    """Tell how many stations came in, and how many did not."""
    assert hub.central is not None  # a hub that is running listens
    return {
        "connections": len(hub.central.links),
        "strangers": len(hub.desk.strangers),
        "turned_away": hub.central.turned_away,
        "odd": hub.central.oddities.of(STRANGERS),
    }


def _station(hub: LaddaHub, identity: str) -> dict[str, Any]:
    """Tell what is known of a station."""
    assert hub.central is not None  # a hub that is running listens
    station = hub.station(identity)
    return _public(
        {
            "info": asdict(station.info) if station.info is not None else None,
            "booted_at": station.booted_at,
            "clock_offset_s": station.clock.offset.total_seconds(),
            "link": _link(hub.desk.links.get(identity)),
            "odd": hub.central.oddities.of(identity),
            "capabilities": asdict(hub.desk.capabilities(identity)),
            "jobs": station.jobs,
            "settings": _settings(station.settings),
            "tag_list": station.token_list,
            "connectors": {
                str(number): _connector(connector)
                for number, connector in sorted(station.connectors.items())
            },
            "open_sessions": [_session(opened) for opened in station.open.values()],
        }
    )


def _link(link: Link | None) -> dict[str, Any] | None:
    """Tell how a station is connected."""
    if link is None:
        return None
    return {
        "connected_at": link.connected_at,
        "registration": link.registration,
        "answers_pings": link.rpc.answers_pings,
        "refused_frames": link.rpc.refused,
    }


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Tell a station's settings; a vendor's own, which may be secret, by name only."""
    known: Mapping[str, str] = settings.get("known", {})
    shown = standard_settings(known)
    return {
        **settings,
        "known": {key: shown.get(key, REDACTED) for key in known},
    }


def _connector(connector: Connector) -> dict[str, Any]:
    """Tell what is known of a connector."""
    return {
        "status": connector.status,
        "error": connector.error,
        "info": connector.info,
        "vendor_error": connector.vendor_error,
        "status_at": connector.status_at,
        "live": {
            f"{measurand}.{phase.name}": value
            for measurand, values in connector.live.items()
            for phase, value in values.items()
        },
        "live_at": connector.live_at,
        "register_wh": connector.register_wh,
        "register_at": connector.register_at,
        "remote_start_at": connector.remote_start and connector.remote_start.at,
        "limit_a": connector.limit_a,
        "limit_way": connector.limit_way,
    }


def _session(opened: OpenSession) -> dict[str, Any]:
    """Tell about a session that goes on, and its energy so far."""
    return {
        **asdict(opened.session),
        "readings": len(opened.energy.readings),
        "energy_so_far_wh": opened.energy.delivered_wh,
    }


async def _ledger(hass: HomeAssistant, hub: LaddaHub) -> dict[str, Any]:
    """Tell how large the ledger is, and how often odd things happened."""
    counts = {
        kind.value: len(await hub.ledger.entries(kind=kind, limit=COUNTED_UP_TO))
        for kind in COUNTED
    }
    return {
        "bytes": await hass.async_add_executor_job(ledger_size, hass),
        "entries": counts,
    }


def _journal(hub: LaddaHub, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Tell what happened last, the newest first."""
    aliases = _aliases(hub)
    return [
        _public(entry._asdict() | {"data": _journal_data(entry)})
        | {"station": aliases.get(entry.station, REDACTED)}
        for entry in entries
    ]


def _journal_data(entry: Entry) -> dict[str, Any]:
    """Tell what an entry holds."""
    return _settings(entry.data) if entry.kind == Kind.SETTINGS else entry.data


def _public(data: Mapping[str, Any]) -> dict[str, Any]:
    """Make data ready for JSON, without what is private."""
    return async_redact_data(_plain(data), _PRIVATE)


def _plain(value: Any) -> Any:
    """Make JSON of a value: exact numbers and times as text, sets in order."""
    match value:
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case frozenset() | set():
            return sorted(value)
        case list() | tuple():
            return [_plain(one) for one in value]
    return value
