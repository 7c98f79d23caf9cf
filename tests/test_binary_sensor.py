"""What is shown of a station's connection."""

from syrupy.assertion import SnapshotAssertion

from .house import STATION, LivedInHouse

CONNECTED = f"{STATION}_connected"


async def test_binary_sensors_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("binary_sensor") == snapshot


async def test_a_station_comes_and_goes(house: LivedInHouse) -> None:
    await house.add_station()
    assert house.state("binary_sensor", CONNECTED).state == "off"
    station = await house.station()
    assert house.state("binary_sensor", CONNECTED).state == "on"
    await station.power_cut()
    await house.until(lambda: house.state("binary_sensor", CONNECTED).state == "off")
