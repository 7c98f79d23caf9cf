"""Diagnostics: what helps to find a fault, and nothing about people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
import re
from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .central_system import STRANGERS, Link, standard_settings
from .charging.connector import Connector, RemoteStart
from .charging.journal import Entry, Kind
from .charging.open_session import OpenSession
from .const import (
    CONF_CERTIFICATE,
    CONF_IDENTITY,
    CONF_NEW_PASSWORD_HASHES,
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
_PRIVATE: Final = frozenset(
    {
        CONF_CERTIFICATE,
        CONF_HOST,
        CONF_IDENTITY,
        CONF_NEW_PASSWORD_HASHES,
        CONF_PASSWORD_HASH,
        CONF_PERSON,
        CONF_PRIVATE_KEY,
        CONF_SECRET,
        CONF_TAGS,
        CONF_TURNED_AWAY,
        "csr",
        "digest",  # of the list of tags, which can be guessed from it
        "iccid",
        "imsi",
        "meter_serial",
        "name",
        "remote",
        "salvaged",  # what a station said, tag and all
        "serial",
        "signed",  # by the meter, often with the tag
        "start_key",  # holds identity and tag
        "token",
        "user_name",
    }
)
# What a station says in its own words, which may hold what is private.
_OWN_WORDS: Final = frozenset(
    {
        "diagnostics",
        "error",
        "event",
        "firmware",
        "info",
        "log",
        "model",
        "reason",
        "status",
        "stop_reason",
        "vendor",
        "vendor_error",
    }
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: LaddaConfigEntry
) -> dict[str, Any]:
    """Tell about the whole house; of one that is not running, how it is set up."""
    told: dict[str, Any] = {"setup": _setup(entry, entry.subentries)}
    if entry.state is ConfigEntryState.LOADED:
        hub = entry.runtime_data
        aliases = _aliases(hub)
        told |= {
            "central_system": _central_system(hub),
            "stations": {
                alias: _station(hub, identity) for identity, alias in aliases.items()
            },
            "ledger": await _ledger(hass, hub),
            "journal": _journal(hub, await hub.ledger.entries(limit=ENTRIES)),
        }
    return _public(entry, told)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: LaddaConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Tell about a station; about a user or a tariff only how it is set up."""
    subentry_id = device.config_subentry_id
    told: dict[str, Any] = {
        "setup": _setup(entry, entry.subentries.keys() & {subentry_id})
    }
    if entry.state is ConfigEntryState.LOADED:
        hub = entry.runtime_data
        for identity in hub.desk.house.stations:
            if hub.subentry_id(identity) == subentry_id:
                newest = await hub.ledger.entries(station=identity, limit=ENTRIES)
                told |= {
                    "station": _station(hub, identity),
                    "journal": _journal(hub, newest),
                }
    return _public(entry, told)


def _setup(entry: LaddaConfigEntry, subentries: Iterable[str]) -> dict[str, Any]:
    """Tell how the house, and these parts of it, are set up."""
    return {
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


def _aliases(hub: LaddaHub) -> dict[str, str]:
    """Name the stations by numbers, for their identities are nobody's business."""
    return {
        identity: f"station {number}"
        for number, identity in enumerate(sorted(hub.desk.house.stations), start=1)
    }


def _central_system(hub: LaddaHub) -> dict[str, Any]:
    """Tell how many stations came in, and how many did not."""
    return {
        "connections": len(hub.central.links),
        "strangers": len(hub.desk.strangers),
        "turned_away": hub.central.turned_away,
        "odd": hub.central.oddities.of(STRANGERS),
    }


def _station(hub: LaddaHub, identity: str) -> dict[str, Any]:
    """Tell what is known of a station."""
    station, options = hub.station(identity), hub.desk.house.stations[identity]
    return {
        "info": asdict(station.info) if station.info is not None else None,
        "booted_at": station.booted_at,
        "clock_offset_s": station.clock.offset.total_seconds(),
        "link": _link(hub.desk.links.get(identity)),
        "needs_password": options.password_hash is not None,
        "new_passwords_not_shown_yet": len(options.new_password_hashes),
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


def _link(link: Link | None) -> dict[str, Any] | None:
    """Tell how a station is connected."""
    if link is None:
        return None
    return {
        "connected_at": link.connected_at,
        "remote": link.remote,
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
    """Tell about a session of a station that goes on, and its energy so far."""
    session = asdict(opened.session)
    del session["station"]
    return session | {
        "readings": len(opened.energy.readings),
        "energy_so_far_wh": opened.energy.delivered_wh,
    }


async def _ledger(hass: HomeAssistant, hub: LaddaHub) -> dict[str, Any]:
    """Tell how large the ledger is, and how often odd things happened."""
    return {
        "bytes": await hass.async_add_executor_job(ledger_size, hass),
        "entries": await hub.ledger.counts(COUNTED),
    }


def _journal(hub: LaddaHub, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Tell what happened last, the newest first."""
    aliases = _aliases(hub)
    return [
        entry._asdict()
        | {
            "data": _journal_data(entry),
            "station": aliases.get(entry.station, REDACTED),
        }
        for entry in entries
    ]


def _journal_data(entry: Entry) -> dict[str, Any]:
    """Tell what an entry holds."""
    match entry.kind:
        case Kind.SETTINGS:
            return _settings(entry.data)
        case Kind.START if (pending := entry.data["pending"]) is not None:
            return entry.data | {"pending": RemoteStart.from_data(pending).as_data()}
    return entry.data


def _public(entry: LaddaConfigEntry, told: Mapping[str, Any]) -> dict[str, Any]:
    """Make data ready for JSON, without what is private, in whatever words."""
    plain = _plain(told)
    private = {
        *(subentry.title for subentry in entry.subentries.values()),
        *_private(_plain(_setup(entry, entry.subentries))),
        *_private(plain),
    }
    words = "|".join(map(re.escape, private))
    pattern = re.compile(rf"(?<!\w)({words})(?!\w)", re.IGNORECASE)
    public: dict[str, Any] = _without(pattern, async_redact_data(plain, _PRIVATE))
    return public


def _private(value: Any, *, named: bool = False) -> Iterator[str]:
    """Find the texts that are private by their names."""
    match value:
        case dict():
            for key, one in value.items():
                yield from _private(one, named=named or key in _PRIVATE)
        case list():
            for one in value:
                yield from _private(one, named=named)
        case str() if named and value:
            yield value


def _without(pattern: re.Pattern[str], value: Any, name: str = "") -> Any:
    """Take out of stations' own words what is private."""
    match value:
        case dict():
            return {key: _without(pattern, one, key) for key, one in value.items()}
        case list():
            return [_without(pattern, one, name) for one in value]
        case str() if name in _OWN_WORDS:
            return pattern.sub(REDACTED, value)
    return value


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
