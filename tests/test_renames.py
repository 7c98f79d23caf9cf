"""Entities are renamed, and Ladda goes on with them."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ladda.const import (
    CONF_DEFAULT,
    CONF_ENTITY,
    CONF_KIND,
    CONF_PERSON,
    KIND_HELPER,
)
from custom_components.ladda.ledger import LedgerError
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .house import TAG, LivedInHouse

OLD, NEW = "input_number.spot", "input_number.electricity"


async def show(hass: HomeAssistant, entity: str, price: float) -> None:
    """Let the helper show a price."""
    await hass.services.async_call(
        "input_number", "set_value", {"entity_id": entity, "value": price}
    )
    await hass.async_block_till_done()


async def rename(hass: HomeAssistant, old: str, new: str) -> None:
    """Give an entity another id, as its settings do."""
    er.async_get(hass).async_update_entity(old, new_entity_id=new)
    await hass.async_block_till_done()


@pytest.fixture
async def spot(hass: HomeAssistant, house: LivedInHouse) -> LivedInHouse:
    """Return a house whose price, 1 a kWh, comes from a helper, and that has a charger."""
    helper = {"min": 0, "max": 9, "initial": 1, "unit_of_measurement": "SEK/kWh"}
    assert await async_setup_component(
        hass, "input_number", {"input_number": {"spot": helper}}
    )
    await house.add_tariff(
        **{CONF_KIND: KIND_HELPER, CONF_ENTITY: OLD, CONF_DEFAULT: True}
    )
    await house.add_user("Astrid", TAG)
    await house.add_station()
    return house


async def test_a_helper_that_is_renamed_in_mid_session_leaves_no_gap(
    hass: HomeAssistant, noon: FrozenDateTimeFactory, spot: LivedInHouse
) -> None:
    async def charge(wh: int) -> None:
        noon.tick(timedelta(minutes=20))
        await spot.measure(station, number, Energy_Active_Import_Register=wh)

    station = await spot.station()
    number = await spot.start(station)
    await charge(1000)
    await rename(hass, OLD, NEW)
    assert hass.states.get(OLD) is None
    await charge(2000)
    await show(hass, NEW, 3)
    await charge(4000)
    await spot.unload()
    await spot.set_up()
    await station.wait_registered()
    await spot.stop(station, number, 4000)
    session = await spot.hub.ledger.session(number)
    assert session is not None
    assert (str(session.cost), session.provisional) == ("8.00", False)
    rating = await spot.hub.desk.pricing.rating(session)
    assert rating is not None
    assert [part.unit_price for part in rating.slices] == [1, 3]

    await spot.a_minute_later()
    assert not ir.async_get(hass).issues
    assert spot.hub.desk.prices.watched == {NEW}


async def test_what_is_told_later_is_priced_by_what_the_helper_showed_before(
    hass: HomeAssistant, noon: FrozenDateTimeFactory, spot: LivedInHouse
) -> None:
    """A charger was offline when its price helper was renamed."""
    await show(hass, OLD, 2)
    begun = dt_util.utcnow()
    noon.tick(timedelta(hours=1))
    ended = dt_util.utcnow()
    await rename(hass, OLD, NEW)
    await show(hass, NEW, 5)
    noon.tick(timedelta(hours=1))
    station = await spot.station()
    number = await spot.start(station, at=begun)
    await spot.stop(station, number, 4000, at=ended)
    session = await spot.hub.ledger.session(number)
    assert session is not None
    assert (str(session.cost), session.provisional) == ("8.00", False)


async def test_a_helper_is_followed_where_the_ledger_takes_nothing(
    hass: HomeAssistant,
    spot: LivedInHouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(**_: object) -> None:
        raise LedgerError("disk full")

    with monkeypatch.context() as full:
        full.setattr(spot.hub.ledger, "commit", refuse)
        await rename(hass, OLD, NEW)
    assert f"What {OLD} showed is not known of {NEW}: disk full" in caplog.text
    [tariff] = spot.hub.subentries("tariff")
    assert tariff.data[CONF_ENTITY] == NEW


async def test_a_person_keeps_what_is_theirs(
    hass: HomeAssistant, house: LivedInHouse
) -> None:
    person = {"id": "1", "name": "Astrid"}
    assert await async_setup_component(hass, "person", {"person": [person]})
    await house.add_user("Astrid", TAG, **{CONF_PERSON: "person.astrid"})
    await rename(hass, "person.astrid", "person.mother")
    [user] = house.hub.desk.house.directory.users
    assert user.person == "person.mother"
