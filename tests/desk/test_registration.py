"""Stations come, are adopted, prove themselves, and are brought in line."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from custom_components.ladda.central_system import NotAccepted, Overtaken
from custom_components.ladda.central_system.credentials import hash_password
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.refusals import MayNotCharge
from tests.station_simulator import CallRefused, Car

from .counter import ANNA, BO, at_the_desk, house, with_options
from .wire import start

_BOOT = {
    "chargePointVendor": "Simulated",
    "chargePointModel": "Type 2",
    "firmwareVersion": "1.0",
}
pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_stranger_waits_until_it_is_adopted(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        garage = await counter.station("garage")
        stranger = counter.stranger("drive", vendor="Acme", model="Box", serial="S-1")
        await stranger.start()
        await stranger.wait_for(lambda: stranger.registration == "Pending")
        [seen] = counter.ear.strangers
        assert (seen.identity, seen.info.vendor, seen.info.serial) == (
            "drive",
            "Acme",
            "S-1",
        )
        assert seen.remote == "127.0.0.1"
        boots = len(
            [action for action, _ in garage.sent if action == "BootNotification"]
        )

        counter.desk.move_in(house("garage", "drive"))
        await stranger.wait_registered()
        assert await stranger.send(
            "StartTransaction", start("04AA11", counter.clock(), 0)
        )
        assert boots == len(
            [action for action, _ in garage.sent if action == "BootNotification"]
        )


async def test_a_stranger_gets_nothing_before(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house()) as counter:
        stranger = counter.stranger("drive")
        await stranger.start()
        await stranger.wait_for(lambda: stranger.registration == "Pending")
        with pytest.raises(Exception, match="SecurityError"):
            await stranger.send("StartTransaction", start("04AA11", counter.clock(), 0))
        assert await counter.sessions() == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StatusNotification", {"connectorId": 1, "status": "Available"}),
        ("Authorize", {"idTag": "04AA11"}),
    ],
)
async def test_a_station_may_be_removed_while_it_waits_for_its_turn(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    action: str,
    payload: dict[str, object],
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.mute("garage")
        async with counter.desk.lock("garage"):
            asked = asyncio.create_task(station.send(action, payload))
            await asyncio.sleep(0.1)
            counter.desk.move_in(house())
        with pytest.raises(CallRefused):
            await asked
    assert "went wrong" not in caplog.text


async def test_who_was_turned_away_does_not_come_in(tmp_path: Path) -> None:
    place = replace(house(), turned_away=frozenset({"drive"}))
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        stranger = counter.stranger("drive")
        await stranger.start()
        await stranger.wait_for(lambda: stranger.refused_with == 404)
        assert not counter.ear.strangers


async def test_a_station_proves_itself_with_its_password(tmp_path: Path) -> None:
    place = with_options(
        house("garage"), "garage", password_hash=hash_password("geheim")
    )
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        impostor = counter.stranger("garage", password="wrong")
        await impostor.start()
        await impostor.wait_for(lambda: impostor.refused_with == 401)
        await impostor.stop()
        await counter.station("garage", password="geheim")


async def test_settings_are_brought_in_line_once(tmp_path: Path) -> None:
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage")) as counter:
        station = await counter.station(
            "garage", settings={"MeterValueSampleInterval": "0"}
        )
        known = counter.desk.stations["garage"]
        await station.wait_for(lambda: "known" in known.settings)
        assert station.settings["MeterValueSampleInterval"] == "30"
        assert station.settings["ClockAlignedDataInterval"] == "900"
        assert station.settings["LocalPreAuthorize"] == "false"
        assert counter.desk.capabilities("garage").connectors == 1
        entries = await counter.desk.ledger.entries(kind=Kind.SETTINGS)
        assert len(entries) == 1
        station.received.clear()
        await station.send("BootNotification", _BOOT)
        await station.wait_for(
            lambda: "GetConfiguration" in [action for action, _ in station.received]
        )
        await asyncio.sleep(0.1)
        assert "ChangeConfiguration" not in [action for action, _ in station.received]


async def test_what_a_station_refuses_is_not_asked_again(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = counter.stranger("garage")
        station.answers["ChangeConfiguration"] = {"status": "Rejected"}
        await station.start()
        await station.wait_registered()
        known = counter.desk.stations["garage"]
        await station.wait_for(lambda: "known" in known.settings)
        assert "MeterValuesSampledData" in known.settings["refused"]
        station.received.clear()
        await station.send("BootNotification", _BOOT)
        await station.wait_for(
            lambda: "GetConfiguration" in [action for action, _ in station.received]
        )
        await asyncio.sleep(0.1)
        assert "ChangeConfiguration" not in [action for action, _ in station.received]


async def test_settings_that_the_owner_wants_left_alone_are(tmp_path: Path) -> None:
    place = with_options(house("garage"), "garage", keep_settings=True)
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station(
            "garage", settings={"MeterValueSampleInterval": "7"}
        )
        known = counter.desk.stations["garage"]
        await station.wait_for(lambda: "known" in known.settings)
        assert station.settings["MeterValueSampleInterval"] == "7"
        actions = {action for action, _ in station.received}
        assert not actions & {"ChangeConfiguration", "SendLocalList"}


async def test_the_tag_list_keeps_step_with_the_users(tmp_path: Path) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        known = counter.desk.stations["garage"]
        await station.wait_for(lambda: known.token_list.get("version") == 1)

        def listed() -> list[str]:
            sent = [p for a, p in station.received if a == "SendLocalList"]
            return [line["idTag"] for line in sent[-1]["localAuthorizationList"]]

        assert listed() == ["04AA11", "04BB22"]
        without_bo = house("garage", users=(ANNA,))
        counter.desk.move_in(without_bo)
        await station.wait_for(lambda: known.token_list.get("version") == 2)
        assert listed() == ["04AA11"]


async def test_a_session_from_home_assistant_is_for_whom_it_names(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage", connectors=2)
        await station.plug_in(1, Car())
        await station.plug_in(2, Car())
        await counter.desk.remote.start("garage", 1, "bo")
        await counter.desk.remote.start("garage", 2, None)
        await station.wait_transaction(1)
        await station.wait_transaction(2)
        first, second = sorted(
            await counter.sessions(), key=lambda session: session.connector
        )
        assert first.user == "bo"
        assert second.user is None  # nobody, visibly
        assert await counter.desk.remote.stop("garage", 1)
        await station.wait_for(lambda: station.connectors[1].transaction is None)
        await station.wait_queue_empty()
        assert not await counter.desk.remote.stop("garage", 1)


async def test_a_session_for_nobody_goes_to_the_stations_default_user(
    tmp_path: Path,
) -> None:
    place = with_options(house("garage"), "garage", default_user="anna")
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        await station.plug_in(1, Car())
        await counter.desk.remote.start("garage", 1, None)
        await station.wait_transaction(1)
        [session] = await counter.sessions()
        assert session.user == "anna"


async def test_who_is_switched_off_gets_no_power_from_afar_either(
    tmp_path: Path,
) -> None:
    place = with_options(house("garage"), "garage", default_user="cecilia")
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        await station.plug_in(1, Car())
        for user in ("cecilia", None):
            with pytest.raises(MayNotCharge, match="Cecilia"):
                await counter.desk.remote.start("garage", 1, user)
        assert "RemoteStartTransaction" not in dict(station.received)


async def test_an_open_station_takes_any_tag_for_its_default_user(
    tmp_path: Path,
) -> None:
    place = with_options(
        house("garage"), "garage", default_user="anna", open_to_all=True
    )
    async with at_the_desk(tmp_path / "ladda.db", place) as counter:
        station = await counter.station("garage")
        answer = await station.send("StartTransaction", start("", counter.clock(), 0))
        assert answer["idTagInfo"]["status"] == "Accepted"
        [session] = await counter.sessions()
        assert session.user == "anna"


async def test_a_limit_is_obeyed_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage")) as counter:
        station = await counter.station("garage")
        await station.plug_in(1, Car(max_current_a=16))
        await station.present_tag(1, "04AA11")
        await station.wait_transaction(1)
        await station.wait_for(lambda: station.connectors[1].power_w > 11_000)
        await counter.desk.limits.set("garage", 1, Decimal(8))
        await station.wait_for(lambda: 5400 < station.connectors[1].power_w < 5600)
        await counter.desk.limits.set("garage", 1, None)
        await station.wait_for(lambda: station.connectors[1].power_w > 11_000)
        await counter.desk.limits.set("garage", 1, Decimal(10))
    async with at_the_desk(path, house("garage")) as counter:
        assert counter.desk.stations["garage"].connector(1).limit_a == 10


async def test_a_station_that_refuses_one_way_of_limiting_is_asked_another(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        tried: list[str] = []

        def answer(payload: dict) -> dict:
            profile = payload["csChargingProfiles"]
            tried.append(profile["chargingProfilePurpose"])
            good = profile["chargingProfilePurpose"] == "ChargePointMaxProfile"
            return {"status": "Accepted" if good else "Rejected"}

        station.answers["SetChargingProfile"] = answer
        await counter.desk.limits.set("garage", 1, Decimal(8))
        assert tried[-1] == "ChargePointMaxProfile"
        tried.clear()
        await counter.desk.limits.set("garage", 1, Decimal(9))
        assert tried == ["ChargePointMaxProfile"]  # remembered
        station.answers["SetChargingProfile"] = {"status": "Rejected"}
        with pytest.raises(NotAccepted):
            await counter.desk.limits.set("garage", 1, Decimal(10))
        assert counter.desk.stations["garage"].connector(1).limit_a == 9


async def test_the_newest_limit_takes_the_place_of_those_that_wait(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage", connectors=2)
        known = counter.desk.stations["garage"]
        await station.wait_for(lambda: "known" in known.settings)
        asked: list[tuple[int, float]] = []

        def answer(payload: dict) -> dict | None:
            schedule = payload["csChargingProfiles"]["chargingSchedule"]
            limit = schedule["chargingSchedulePeriod"][0]["limit"]
            asked.append((payload["connectorId"], limit))
            return {"status": "Accepted"} if limit != 16 else None

        def limit(amperes: int, connector: int = 1) -> asyncio.Task[None]:
            return asyncio.create_task(
                counter.desk.limits.set("garage", connector, Decimal(amperes))
            )

        station.answers["SetChargingProfile"] = answer
        hanging = limit(16)
        await station.wait_for(lambda: bool(asked))
        waiting = [limit(amperes) for amperes in range(15, 6, -1)]
        other, newest = limit(12, connector=2), limit(6)
        hanging.cancel()  # as if it was answered at last
        await asyncio.gather(other, newest)
        replaced = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in replaced} == {Overtaken}
        assert sorted(asked) == [(1, 6), (1, 16), (2, 12)]
        assert known.connector(1).limit_a == 6
        assert known.connector(2).limit_a == 12


async def test_users_of_another_tariff_pay_by_it(tmp_path: Path) -> None:
    assert BO.tariff == "spot"
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        await counter.desk.prices.observe(
            "sensor.spot", counter.clock(), "1.25", "SEK/kWh"
        )
        station = await counter.station("garage")
        await station.send("StartTransaction", start("04BB22", counter.clock(), 0))
        [session] = await counter.sessions()
        assert session.tariff is not None
        assert session.tariff["name"] == "Spot"
