"""The house as its owner set it up: config entry and subentries, in our words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.util import dt as dt_util

from .billing.tariffs import (
    EnergyPrice,
    FixedPrice,
    HelperPrice,
    Markup,
    StatePrices,
    Tariff,
)
from .billing.users import Directory, User
from .const import (
    CONF_ACTIVE,
    CONF_AUTO_START,
    CONF_DEFAULT,
    CONF_DEFAULT_USER,
    CONF_ENERGY_TAX,
    CONF_ENTITY,
    CONF_GRID_FEE,
    CONF_IDENTITY,
    CONF_KEEP_SETTINGS,
    CONF_KIND,
    CONF_MARKUP,
    CONF_NEW_PASSWORD_HASHES,
    CONF_OPEN_TO_ALL,
    CONF_PASSWORD_HASH,
    CONF_PERSON,
    CONF_PRICE,
    CONF_PRICES,
    CONF_SECRET,
    CONF_SESSION_FEE,
    CONF_TAGS,
    CONF_TARIFF,
    CONF_TURNED_AWAY,
    CONF_VALID_FROM,
    CONF_VALID_UNTIL,
    CONF_VAT_INCLUDED,
    CONF_VAT_PERCENT,
    KIND_FIXED,
    KIND_HELPER,
    SUBENTRY_STATION,
    SUBENTRY_TARIFF,
    SUBENTRY_USER,
)
from .household import House, StationOptions


def house_of(entry: ConfigEntry[Any], currency: str) -> House:
    """Read who and what belongs to the house. `currency` is ISO 4217."""
    tariffs = {
        subentry.subentry_id: _tariff(subentry, currency)
        for subentry in entry.get_subentries_of_type(SUBENTRY_TARIFF)
    }
    return House(
        directory=Directory(
            [
                _user(entry, subentry)
                for subentry in entry.get_subentries_of_type(SUBENTRY_USER)
            ],
            entry.data[CONF_SECRET],
        ),
        stations={
            subentry.data[CONF_IDENTITY]: _station(entry, subentry)
            for subentry in entry.get_subentries_of_type(SUBENTRY_STATION)
        },
        turned_away=frozenset(entry.options.get(CONF_TURNED_AWAY, ())),
        tariffs=tariffs,
        default_tariff=_default_tariff(entry, tariffs),
    )


def still_there(entry: ConfigEntry[Any], subentry_id: str | None) -> str | None:
    """Return what a subentry refers to, None where the owner has removed that."""
    return subentry_id if subentry_id in entry.subentries else None


def _station(entry: ConfigEntry[Any], subentry: ConfigSubentry) -> StationOptions:
    """Read a station's options."""
    data = subentry.data
    return StationOptions(
        identity=data[CONF_IDENTITY],
        name=subentry.title,
        password_hash=data.get(CONF_PASSWORD_HASH),
        new_password_hashes=tuple(data.get(CONF_NEW_PASSWORD_HASHES, ())),
        default_user=still_there(entry, data.get(CONF_DEFAULT_USER)),
        open_to_all=data.get(CONF_OPEN_TO_ALL, False),
        auto_start=data.get(CONF_AUTO_START, False),
        keep_settings=data.get(CONF_KEEP_SETTINGS, False),
    )


def _user(entry: ConfigEntry[Any], subentry: ConfigSubentry) -> User:
    """Read a user."""
    data = subentry.data

    def moment(key: str) -> Any:
        text = data.get(key)
        return (
            dt_util.as_utc(dt_util.parse_datetime(text, raise_on_error=True))
            if text
            else None
        )

    return User(
        id=subentry.subentry_id,
        name=subentry.title,
        tokens=tuple(data.get(CONF_TAGS, ())),
        tariff=still_there(entry, data.get(CONF_TARIFF)),
        active=data.get(CONF_ACTIVE, True),
        valid_from=moment(CONF_VALID_FROM),
        valid_until=moment(CONF_VALID_UNTIL),
        person=data.get(CONF_PERSON),
    )


def _tariff(subentry: ConfigSubentry, currency: str) -> Tariff:
    """Read a tariff."""
    return tariff_of(subentry.subentry_id, subentry.title, subentry.data, currency)


def tariff_of(
    tariff_id: str, name: str, data: Mapping[str, Any], currency: str
) -> Tariff:
    """Make a tariff of a subentry's data; raises KeyError or ValueError if it is none."""
    markups = (
        Markup(key, Decimal(data[key]))
        for key in (CONF_ENERGY_TAX, CONF_GRID_FEE, CONF_MARKUP)
        if data.get(key)
    )
    return Tariff(
        id=tariff_id,
        name=name,
        currency=currency,
        energy=_energy_price(data),
        markups=tuple(markup for markup in markups if markup.price),
        vat_percent=Decimal(data.get(CONF_VAT_PERCENT, "0")),
        vat_included=data.get(CONF_VAT_INCLUDED, True),
        session_fee=Decimal(data.get(CONF_SESSION_FEE, "0")),
    )


def _energy_price(data: Mapping[str, Any]) -> EnergyPrice:
    """Read where a tariff's price comes from."""
    if data[CONF_KIND] == KIND_FIXED:
        return FixedPrice(Decimal(data[CONF_PRICE]))
    if data[CONF_KIND] == KIND_HELPER:
        return HelperPrice(data[CONF_ENTITY])
    prices = {state: Decimal(price) for state, price in data[CONF_PRICES].items()}
    return StatePrices(data[CONF_ENTITY], prices)


def _default_tariff(
    entry: ConfigEntry[Any], tariffs: Mapping[str, Tariff]
) -> str | None:
    """Return the tariff of users who have none: the one so marked, or the first."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_TARIFF):
        if subentry.data.get(CONF_DEFAULT):
            return subentry.subentry_id
    return next(iter(tariffs), None)
