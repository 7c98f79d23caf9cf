"""What the recorder has to keep of a session."""

from collections import Counter
from datetime import datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from homeassistant.components.recorder import Recorder, get_instance, history
from homeassistant.core import HomeAssistant, State

from .house import NOON, STATION, TAG, LivedInHouse

FIRST = f"{STATION}/1"
HALF_A_MINUTE = timedelta(seconds=30)
MESSAGES = 120  # of one hour


async def recorded(
    hass: HomeAssistant, since: datetime, entity_ids: list[str] | None = None
) -> dict[str, list[State]]:
    """Return what the recorder kept by entity, without what was there before."""
    await async_wait_recording_done(hass)
    kept = await get_instance(hass).async_add_executor_job(
        lambda: history.get_significant_states(
            hass,
            since,
            entity_ids=entity_ids or hass.states.async_entity_ids(),
            include_start_time_state=False,
            significant_changes_only=False,
        )
    )
    return {
        entity_id: [state for state in states if isinstance(state, State)]
        for entity_id, states in kept.items()
    }


async def charge_for_an_hour(
    house: LivedInHouse, clock: FrozenDateTimeFactory
) -> dict[str, list[State]]:
    """Let a car charge from noon to one, and return what was recorded of it."""
    await house.add_tariff(price="2.50", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station()
    session = await house.start(station, at=NOON)
    await house.report_status(station, "Charging")
    began = NOON + timedelta(seconds=1)
    for count in range(1, MESSAGES + 1):
        clock.move_to(NOON + count * HALF_A_MINUTE)
        await house.measure(
            station,
            session,
            Energy_Active_Import_Register=92 * count,
            Power_Active_Import=11_000 + count % 7,
            Current_Import__L1=f"{16 + count % 7 / 10}",
            Voltage__L1_N=230 + count % 3,
        )
    while_it_went_on = await recorded(house.hass, began)
    await house.stop(station, session, 92 * MESSAGES + 20)
    await house.hass.async_block_till_done()
    return while_it_went_on


async def test_a_message_costs_three_rows(
    recorder_mock: Recorder, noon: FrozenDateTimeFactory, house: LivedInHouse
) -> None:
    kept = await charge_for_an_hour(house, noon)
    rows = Counter({entity_id: len(states) for entity_id, states in kept.items()})
    assert rows.total() <= 3.2 * MESSAGES
    assert rows == {
        "sensor.garage_power": MESSAGES,
        "sensor.garage_session_energy": MESSAGES,
        "sensor.garage_session_cost": MESSAGES,
        "sensor.garage_energy_meter": 12,
    }
    for states in kept.values():
        attributes = {tuple(sorted(map(str, s.attributes.items()))) for s in states}
        assert len(attributes) == 1


async def test_the_meter_is_shown_once_in_five_minutes_and_at_the_end(
    recorder_mock: Recorder, noon: FrozenDateTimeFactory, house: LivedInHouse
) -> None:
    meter = "sensor.garage_energy_meter"
    kept = (await charge_for_an_hour(house, noon))[meter]
    assert [state.last_updated.minute for state in kept] == [
        4, 9, 14, 19, 24, 29, 34, 39, 44, 49, 54, 59,
    ]  # fmt: skip
    # What flowed in an hour of statistics is nearly all in it.
    assert kept[-1].state == f"{0.092 * 118:.3f}"
    assert house.state("sensor", f"{FIRST}_energy").state == f"{0.092 * 120 + 0.02:.3f}"


async def test_the_meter_is_shown_at_once_outside_of_sessions_and_offline(
    noon: FrozenDateTimeFactory, house: LivedInHouse
) -> None:
    await house.add_station()
    station = await house.station()
    meter = f"{FIRST}_energy"
    for wh in (1_000, 1_200):
        await house.measure(station, Energy_Active_Import_Register=wh)
        noon.tick(timedelta(minutes=16))
    assert house.state("sensor", meter).state == "1.200"
    session = await house.start(station, at=NOON + timedelta(minutes=32), meter_wh=1200)
    for wh in (1_300, 1_400):
        await house.measure(station, session, Energy_Active_Import_Register=wh)
        noon.tick(HALF_A_MINUTE)
    assert house.state("sensor", meter).state != "1.400"
    await station.go_offline()
    await house.until(lambda: house.state("sensor", meter).state == "1.400")
