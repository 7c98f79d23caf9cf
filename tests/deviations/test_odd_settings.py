"""Stations that do not survive their settings being asked for, or keep others than they say."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from ocpp.exceptions import InternalError
import pytest

from custom_components.ladda import alignment
from custom_components.ladda.central_system import StationProfile, profile_of
from custom_components.ladda.charging.model import StationInfo
from tests.desk.counter import Counter, house
from tests.desk.wire import meter_values, start, stop
from tests.station_simulator import Car, SimulatedStation

from .test_asking import ABB, ready

pytestmark = pytest.mark.usefixtures("little_time")


def fix(station: SimulatedStation, keys: Collection[str]) -> None:
    """Let a station say of some settings that they cannot be changed."""

    def answer(payload: dict[str, Any]) -> Any:
        known = station.settings.told(payload.get("key"))
        for each in known["configurationKey"]:
            each["readonly"] |= each["key"] in keys
        return known

    station.answers["GetConfiguration"] = answer


class Reboots:
    """A station that boots anew when it is asked what it does not bear."""

    def __init__(self, station: SimulatedStation) -> None:
        """Take the station."""
        self.station = station
        self.times = 0
        self._cuts: set[asyncio.Future[None]] = set()

    def now(self) -> None:
        """Fall off the line; the answer never comes."""
        self.times += 1
        self._cuts.add(asyncio.ensure_future(self.station.link.hang_up()))


def settling_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twenty seconds of peace after a boot be a third of one."""

    def sooner(info: StationInfo | None) -> StationProfile:
        profile = profile_of(info)
        return replace(profile, settle_s=profile.settle_s / 60)

    monkeypatch.setattr(alignment, "profile_of", sooner)


async def test_abb_reboots_when_its_measurands_are_read(counter: Counter) -> None:
    """#1275: it comes up once, and all its other settings are brought in line."""
    station = counter.stranger("garage", settings={"ConnectionTimeOut": "7"}, **ABB)
    reboots = Reboots(station)

    def answer(payload: dict[str, Any]) -> Any:
        keys = payload.get("key") or station.settings.keys()
        if "MeterValuesSampledData" in keys:
            return reboots.now()
        return station.settings.told(keys)

    station.answers["GetConfiguration"] = answer
    known = await ready(counter, station)
    await station.link.hang_up()
    await asyncio.sleep(0.6)
    assert reboots.times == 0
    assert known["ConnectionTimeOut"] == "180"
    assert "MeterValuesSampledData" not in known
    assert counter.desk.capabilities("garage").connectors == 1


async def test_abb_keeps_its_settings_where_its_owner_wants_so(
    counter: Counter,
) -> None:
    options = counter.desk.house.stations["garage"]
    kept = replace(options, keep_settings=True)
    counter.desk.move_in(replace(counter.desk.house, stations={"garage": kept}))
    station = counter.stranger("garage", **ABB)
    await ready(counter, station)
    keys = [key for each in station.asked("GetConfiguration") for key in each["key"]]
    assert "NumberOfConnectors" in keys
    assert not {"MeterValuesSampledData", "StopTxnSampledData"} & set(keys)
    assert station.asked("ChangeConfiguration") == []


@pytest.mark.parametrize("vendor", ["Wall Box Chargers", "Wallbox", "EN+"])
async def test_a_station_that_is_asked_too_early_boots_again_for_ever(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    """#1503, evcc#30113: it is left in peace at first, and asked at last."""
    settling_sooner(monkeypatch)
    station = counter.stranger("garage", vendor=vendor)
    reboots = Reboots(station)
    loop = asyncio.get_running_loop()
    bears_questions_at = loop.time() + 0.3

    def unless_early(answer: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
        def early_or_answer(payload: dict[str, Any]) -> Any:
            early = loop.time() < bears_questions_at
            return reboots.now() if early else answer(payload)

        return early_or_answer

    station.answers["GetConfiguration"] = unless_early(
        lambda payload: station.settings.told(payload.get("key"))
    )
    station.answers["TriggerMessage"] = unless_early(lambda _: {"status": "Rejected"})
    known = await ready(counter, station)
    assert reboots.times == 0
    assert known["HeartbeatInterval"] == "300"


@pytest.mark.parametrize("vendor", ["MG", "StarCharge", "Star Charge"])
async def test_a_connection_that_dies_of_a_question_for_a_boot(
    counter: Counter, vendor: str
) -> None:
    """#1096: it is adopted, asked for its statuses, and stays."""
    counter.desk.move_in(house("drive"))
    station = counter.stranger("garage", vendor=vendor)
    reboots = Reboots(station)

    def answer(payload: dict[str, Any]) -> Any:
        if payload["requestedMessage"] == "BootNotification":
            return reboots.now()
        return {"status": "Accepted"}

    station.answers["TriggerMessage"] = answer
    await station.start()
    await station.wait_for(lambda: station.registration == "Pending")
    counter.desk.move_in(house("garage", "drive"))
    await station.wait_for(
        lambda: (
            {"requestedMessage": "StatusNotification"}
            in station.asked("TriggerMessage")
        )
    )
    assert reboots.times == 0


async def test_all_measurands_are_taken_and_few_are_delivered(counter: Counter) -> None:
    """The energy is right, whatever else does not come."""
    station = await counter.station("garage")
    answer = await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    id_ = answer["transactionId"]
    counter.clock.travel(minutes=30)
    await station.send(
        "MeterValues", meter_values(counter.clock(), 2500, transaction=id_)
    )
    counter.clock.travel(minutes=30)
    await station.send("StopTransaction", stop(id_, counter.clock(), 5000))
    [session] = await counter.sessions()
    assert (session.energy_wh, session.flags) == (5000, ())


async def test_a_station_that_samples_once_a_minute_at_most(counter: Counter) -> None:
    station = counter.stranger("garage", settings={"MeterValueSampleInterval": "900"})
    station.refuse_settings(
        lambda key, value: key == "MeterValueSampleInterval" and int(value) < 60
    )
    await ready(counter, station)
    assert station.settings["MeterValueSampleInterval"] == "60"
    assert counter.desk.capabilities("garage").sample_interval_s == 60


@pytest.mark.parametrize("no", ["NotSupported", "Rejected"])
async def test_a_station_that_does_not_read_its_meter_by_the_clock(
    counter: Counter, no: str
) -> None:
    """It is asked once with each firmware, not each time it comes."""
    station = counter.stranger("garage")
    station.refuse_settings(lambda key, _: "Aligned" in key, no)
    station.settings.written["MeterValuesAlignedData"] = ""
    await ready(counter, station)
    asked_before = len(station.asked("GetConfiguration"))
    station.link.boot_again()
    await station.wait_for(
        lambda: len(station.asked("GetConfiguration")) > asked_before
    )
    await asyncio.sleep(0.2)
    tried = [each["key"] for each in station.asked("ChangeConfiguration")]
    assert tried.count("MeterValuesAlignedData") == 1
    assert tried.count("ClockAlignedDataInterval") == 1


@pytest.mark.parametrize("refuses_more", [True, False])
@pytest.mark.parametrize("most", [4, 1])
async def test_few_settings_are_told_at_a_time_and_never_all(
    counter: Counter, most: int, refuses_more: bool
) -> None:
    """#1300, §5 row 11: what is more than it can tell is refused, or cut off."""
    station = counter.stranger("garage", settings={"ConnectionTimeOut": "7"})

    def answer(payload: dict[str, Any]) -> Any:
        keys = payload.get("key") or []
        if not keys or (refuses_more and len(keys) > most):
            return InternalError({})
        return station.settings.told(keys[:most])

    station.answers["GetConfiguration"] = answer
    known = await ready(counter, station)
    assert known["ConnectionTimeOut"] == "180"
    assert known["NumberOfConnectors"] == "1"


async def test_abb_says_that_it_knows_no_setting_at_all(counter: Counter) -> None:
    """#169: an old firmware, which takes none either. It is asked once."""
    station = counter.stranger("garage")
    station.answers["GetConfiguration"] = lambda payload: {
        "configurationKey": [],
        "unknownKey": payload.get("key", []),
    }
    station.answers["ChangeConfiguration"] = {"status": "NotSupported"}
    assert await ready(counter, station) == {}
    assert station.asked("ChangeConfiguration") == []
    by_name = [each for each in station.asked("GetConfiguration") if "key" in each]
    station.link.boot_again()
    await asyncio.sleep(0.3)
    again = [each for each in station.asked("GetConfiguration") if "key" in each]
    assert again == by_name
    answer = await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_ocular_tells_half_of_a_long_setting(counter: Counter) -> None:
    """#1803: it took all of it, and is not given it again each time it boots."""
    station = counter.stranger("garage")

    def answer(payload: dict[str, Any]) -> Any:
        known = station.settings.told(payload.get("key"))
        for each in known["configurationKey"]:
            each["value"] = each.get("value", "")[:20]
        return known

    station.answers["GetConfiguration"] = answer
    await ready(counter, station)
    assert station.settings["MeterValuesSampledData"].endswith(",SoC")
    for _ in range(2):
        before = len(station.asked("GetConfiguration"))
        station.link.boot_again()
        await station.wait_for(
            lambda before=before: len(station.asked("GetConfiguration")) > before
        )
        await asyncio.sleep(0.2)
    written = [each["key"] for each in station.asked("ChangeConfiguration")]
    assert written.count("MeterValuesSampledData") == 1


async def test_grizzl_e_lets_nobody_choose_what_it_measures(counter: Counter) -> None:
    """#899, §5 row 8; Timxon lets nobody set ClockAlignedDataInterval."""
    fixed = {"MeterValuesSampledData", "ClockAlignedDataInterval"}
    station = counter.stranger("garage")

    fix(station, fixed)
    await ready(counter, station)
    written = {each["key"] for each in station.asked("ChangeConfiguration")}
    assert "ConnectionTimeOut" in written
    assert not written & fixed


async def test_alfen_takes_so_many_measurands_and_no_more(counter: Counter) -> None:
    """#19: a list that is too long is refused as a whole."""
    station = counter.stranger("garage")
    station.refuse_settings(
        lambda key, value: key.endswith("Data") and value.count(",") >= 4
    )
    await ready(counter, station)
    assert station.settings["MeterValuesSampledData"] == (
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
    )


async def test_schneider_asks_for_the_tag_of_a_start_from_afar(
    counter: Counter,
) -> None:
    """#918: AuthorizeRemoteTxRequests is true and cannot be changed."""
    fitted = {"AuthorizeRemoteTxRequests": "true"}
    station = counter.stranger("garage", settings=fitted)
    fix(station, fitted)
    await ready(counter, station)
    assert "AuthorizeRemoteTxRequests" not in [
        each["key"] for each in station.asked("ChangeConfiguration")
    ]
    await station.plug_in(1, Car())
    await counter.desk.remote.start("garage", 1, "bo")
    await station.wait_transaction(1)
    assert "Authorize" in [action for action, _ in station.sent]
    [session] = await counter.sessions()
    assert session.user == "bo"
