"""What the recorder knows of a price helper, and what nobody can know."""

from datetime import datetime, timedelta

import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ladda.billing.prices import Origin
from custom_components.ladda.price_history import async_known_prices
from homeassistant.components.recorder import Recorder
from homeassistant.components.recorder.db_schema import RecorderRuns
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance, session_scope
from homeassistant.util import dt as dt_util

SENSOR = "sensor.price"


async def show(hass: HomeAssistant, price: str) -> datetime:
    """Let the sensor show something; return since when it does."""
    hass.states.async_set(SENSOR, price, {"unit_of_measurement": "SEK/kWh"})
    state = hass.states.get(SENSOR)
    assert state is not None
    await async_wait_recording_done(hass)
    return state.last_updated


async def crash(hass: HomeAssistant, ended: datetime) -> None:
    """Make the recorder's run one that was never closed, noticed at a time."""

    def change() -> None:
        with session_scope(hass=hass) as session:
            run = session.query(RecorderRuns).one()
            run.closed_incorrect = True
            run.end = ended

    await get_instance(hass).async_add_executor_job(change)


async def test_without_a_recorder_nothing_is_known(hass: HomeAssistant) -> None:
    now = dt_util.utcnow()
    assert await async_known_prices(hass, SENSOR, now - timedelta(1), now) == []


async def test_what_was_shown_is_known_but_not_what_was_not(
    hass: HomeAssistant, recorder_mock: Recorder
) -> None:
    first = await show(hass, "1.00")
    gone = await show(hass, STATE_UNAVAILABLE)
    back = await show(hass, "2.00")
    now = dt_util.utcnow()
    fills = await async_known_prices(hass, SENSOR, first - timedelta(1), now)
    assert [(fill.start, fill.end, fill.observation.state) for fill in fills] == [
        (first, gone, "1.00"),
        (back, now, "2.00"),
    ]
    assert {fill.observation.unit for fill in fills} == {"SEK/kWh"}
    assert {fill.observation.origin for fill in fills} == {Origin.HISTORY}


async def test_only_what_was_asked_for_is_told(
    hass: HomeAssistant, recorder_mock: Recorder
) -> None:
    first = await show(hass, "1.00")
    second = await show(hass, "2.00")
    since = first + (second - first) / 2
    until = second + timedelta(seconds=1)
    fills = await async_known_prices(hass, SENSOR, since, until)
    assert [(fill.start, fill.end) for fill in fills] == [
        (since, second),
        (second, until),
    ]


async def test_a_run_that_crashed_is_known_until_its_last_state_only(
    hass: HomeAssistant, recorder_mock: Recorder
) -> None:
    first = await show(hass, "1.00")
    hass.states.async_set("light.other", "on")
    last = hass.states.get("light.other")
    assert last is not None
    await async_wait_recording_done(hass)
    started_again = dt_util.utcnow() + timedelta(hours=1)
    await crash(hass, started_again)
    fills = await async_known_prices(hass, SENSOR, first, started_again)
    [fill] = fills
    assert fill.start == first
    assert fill.end.timestamp() == pytest.approx(
        last.last_updated.timestamp(), abs=1e-3
    )
