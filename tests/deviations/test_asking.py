"""What odd stations answer when they are asked, and how they come to do as they should."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ocpp.exceptions import (
    InternalError,
    NotImplementedError as NotImplementedHere,
    NotSupportedError,
)
import pytest

from custom_components.ladda.billing.users import User
from custom_components.ladda.central_system import (
    NotAccepted,
    Refused,
    StationProfile,
    profile_of,
)
from custom_components.ladda.central_system.ocpp16.profiles import PROFILES
from custom_components.ladda.charging.model import ConnectorStatus, StationInfo
from custom_components.ladda.refusals import TooSoon
from tests.desk.counter import Counter, house
from tests.desk.wire import start, stop
from tests.station_simulator import Car, SimulatedStation

pytestmark = pytest.mark.usefixtures("little_time")

ABB = {
    "vendor": "ABB",
    "model": "CDT_TACW22::NET_WIFI",
    "firmware": "TAC3Z9119006710273::V1.8.21",
}


async def ready(counter: Counter, station: SimulatedStation) -> dict[str, str]:
    """Switch a station on and return what is known of its settings."""
    await station.start()
    await station.wait_registered()
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)
    return dict(known.settings["known"])


# --- settings ---------------------------------------------------------------------------


async def test_grizzl_e_gives_half_an_answer(counter: Counter) -> None:
    """#442, #176."""
    station = counter.stranger("garage")
    station.answers["GetConfiguration"] = '[3,"{id}",{"configurationKey":['
    await ready(counter, station)
    assert await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    assert station.asked("ChangeConfiguration") == []  # nothing is written blindly


async def test_grizzl_e_tells_a_setting_that_nobody_asked_for(counter: Counter) -> None:
    """#442."""
    station = counter.stranger("garage")

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        extra = {"key": "WiFiSignalStrength", "readonly": True, "value": "-61"}
        told = station.settings.told(payload.get("key"))["configurationKey"]
        return {"configurationKey": [extra, *told]}

    station.answers["GetConfiguration"] = answer
    known = await ready(counter, station)
    assert known["NumberOfConnectors"] == "1"
    assert known["WiFiSignalStrength"] == "-61"


async def test_values_of_settings_of_any_type(counter: Counter) -> None:
    """#1499, evcc: cp_setup.go."""
    station = counter.stranger("garage")
    station.answers["GetConfiguration"] = {
        "configurationKey": [
            {"key": "MeterValueSampleInterval", "readonly": True, "value": 30},
            {"key": "NumberOfConnectors", "readonly": True, "value": "2 "},
            {"key": "LocalPreAuthorize", "readonly": True, "value": False},
            {
                "key": "ChargingScheduleAllowedChargingRateUnit",
                "readonly": True,
                "value": '"W"',
            },
            {
                "key": "SupportedFeatureProfiles",
                "readonly": True,
                "value": "Core, FirmwareManagement, SmartCharging",  # CTEK, #500
            },
            {
                "key": "MeterValuesSampledData",
                "readonly": True,
                "value": ["Energy.Active.Import.Register", "Voltage"],
            },
            {"key": "Odd", "value": None},
            {"value": "nothing"},
            None,
        ]
    }
    known = await ready(counter, station)
    assert known["MeterValuesSampledData"] == "Energy.Active.Import.Register,Voltage"
    assert known["LocalPreAuthorize"] == "false"
    able = counter.desk.capabilities("garage")
    assert able.connectors == 2
    assert able.rate_units == {"w"}
    assert able.profiles == {"core", "firmwaremanagement", "smartcharging"}


@pytest.mark.parametrize(
    "refusal",
    [
        NotSupportedError({}),  # ABB, old firmware, #169
        NotImplementedHere({}),  # Fronius Wattpilot, #1036
        InternalError({}),
        {},
        {"status": "Sulking"},
        "[3]",
        None,  # it hangs, #1300
    ],
    ids=repr,
)
async def test_a_station_that_refuses_whatever_it_is_asked_charges_all_the_same(
    counter: Counter, refusal: Any
) -> None:
    station = counter.stranger("garage")
    for action in (
        "GetConfiguration",
        "ChangeConfiguration",
        "TriggerMessage",
        "GetLocalListVersion",
        "SendLocalList",
    ):
        station.answers[action] = refusal
    await ready(counter, station)
    answer = await station.send(
        "StartTransaction", start("04AA11", counter.clock(), 1000)
    )
    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_timxon_restarts_over_a_setting(counter: Counter) -> None:
    """#1664: it is asked once, and not again after it is back."""
    station = counter.stranger("garage")

    def answer(payload: dict[str, Any]) -> Any:
        if payload["key"] != "ClockAlignedDataInterval":
            return {"status": "Accepted"}
        cuts.append(asyncio.ensure_future(station.link.hang_up()))
        return None

    cuts: list[asyncio.Future[None]] = []
    station.answers["ChangeConfiguration"] = answer
    await ready(counter, station)
    await station.wait_for(lambda: bool(cuts))
    await station.wait_registered()
    await asyncio.sleep(0.6)
    tried = [each["key"] for each in station.asked("ChangeConfiguration")]
    assert tried.count("ClockAlignedDataInterval") == 1
    await asyncio.gather(*cuts)


async def test_no_station_is_asked_to_change_its_availability_when_it_comes(
    counter: Counter,
) -> None:
    """EN+, OpenEVSE: some do not survive it."""
    station = counter.stranger("garage")
    station.answers["ChangeAvailability"] = NotImplementedHere({})
    await ready(counter, station)
    assert station.asked("ChangeAvailability") == []
    with pytest.raises(Refused, match="NotImplemented"):
        await counter.desk.link("garage").commands.set_availability(1, operative=True)


# --- stations with a profile ------------------------------------------------------------


async def test_abb_is_never_given_measurands(counter: Counter) -> None:
    """#1275: it takes any, and reboots whenever they are read back."""
    station = counter.stranger(
        "garage",
        settings={"MeterValuesSampledData": "Voltage", "ConnectionTimeOut": "7"},
        **ABB,
    )
    await ready(counter, station)
    written = [each["key"] for each in station.asked("ChangeConfiguration")]
    assert "MeterValuesSampledData" not in written
    assert "ConnectionTimeOut" in written


@pytest.mark.parametrize(
    ("firmware", "known"),
    [
        ("V1.8.21", True),
        ("V1.4.2", True),
        ("1.8.21", True),
        ("V1.8.32", False),
        ("1.8.32", False),
        ("V11.4.2", False),
        ("V2.0.1", False),
    ],
)
def test_a_profile_ends_with_the_firmware_that_needs_it(
    firmware: str, known: bool
) -> None:
    for told in (firmware, f"TAC1Z911::{firmware}"):
        info = StationInfo(vendor="ABB", model="CDT_TACW7::NET_WIFI", firmware=told)
        assert bool(profile_of(info).unread) is known


def test_each_profile_says_where_it_was_seen() -> None:
    for profile in PROFILES:
        assert profile.source.startswith("https://github.com/")
        assert replace(profile, vendor=".*", model=".*", firmware=".*") != replace(
            profile_of(None), source=profile.source
        )


def test_other_stations_need_nothing() -> None:
    for info in (None, StationInfo(), StationInfo(vendor="Easee", model="ABB")):
        assert profile_of(info) == StationProfile(vendor=".*", source="OCPP 1.6")


# --- limits -----------------------------------------------------------------------------


def profile_in(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the charging profile of a call."""
    found: dict[str, Any] = payload["csChargingProfiles"]
    return found


def only_level_0(payload: dict[str, Any]) -> Any:
    """ABB, #1737: stack level 0, whatever the maximum says."""
    good = profile_in(payload)["stackLevel"] == 0
    return {"status": "Accepted" if good else "Rejected"}


def no_station_limit(payload: dict[str, Any]) -> Any:
    """EVBox, #221, #1703: no ChargePointMaxProfile."""
    good = profile_in(payload)["chargingProfilePurpose"] == "TxDefaultProfile"
    return {"status": "Accepted" if good else "Rejected"}


def relative_only(payload: dict[str, Any]) -> Any:
    """Timxon, #2158: Absolute goes unanswered, and two purposes are not supported."""
    profile = profile_in(payload)
    if profile["chargingProfilePurpose"] != "TxDefaultProfile":
        return NotSupportedError({})
    return (
        {"status": "Accepted"} if profile["chargingProfileKind"] == "Relative" else None
    )


def absolute_station_limit_only(payload: dict[str, Any]) -> Any:
    """Autel, #1565, #2154: the whole station, Absolute with its begin."""
    profile = profile_in(payload)
    good = (
        payload["connectorId"] == 0
        and profile["chargingProfileKind"] == "Absolute"
        and "startSchedule" in profile["chargingSchedule"]
    )
    return {"status": "Accepted" if good else "Rejected"}


@pytest.mark.parametrize(
    "ways", [only_level_0, no_station_limit, relative_only, absolute_station_limit_only]
)
async def test_a_limit_is_set_in_the_way_that_the_station_takes(
    counter: Counter, ways: Any
) -> None:
    station = await counter.station("garage")
    station.answers["SetChargingProfile"] = ways
    await counter.desk.limits.set("garage", 1, Decimal(10))
    assert counter.desk.stations["garage"].connector(1).limit_a == 10


async def test_huawei_takes_watts_only(counter: Counter) -> None:
    """#2084; and it tells an empty name for its maker (evcc#32170)."""
    station = counter.stranger(
        "garage",
        settings={"ChargingScheduleAllowedChargingRateUnit": "Power"},
        vendor="",
    )
    await ready(counter, station)
    await counter.desk.limits.set("garage", 1, Decimal(10))
    [payload] = station.asked("SetChargingProfile")
    schedule = profile_in(payload)["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 6900.0, "numberPhases": 3}
    ]


async def test_grizzl_e_takes_a_limit_of_the_station_and_ignores_it(
    counter: Counter,
) -> None:
    """Firmware 03.09: it obeys one for the connector, which it is asked for first."""
    station = await counter.station("garage")

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        purpose = profile_in(payload)["chargingProfilePurpose"]
        if purpose != "ChargePointMaxProfile":
            obeyed.append(purpose)
        return {"status": "Accepted"}

    obeyed: list[str] = []
    station.answers["SetChargingProfile"] = answer
    await counter.desk.limits.set("garage", 1, Decimal(10))
    assert obeyed == ["TxDefaultProfile"]


async def test_schneider_is_paused_by_a_limit_and_not_by_a_stop(
    counter: Counter,
) -> None:
    """#918: after a stop it starts no more until the car is unplugged."""
    station = await counter.station("garage")
    await station.plug_in(1, Car())
    await counter.desk.remote.start("garage", 1, "anna")
    await station.wait_status(1, "Charging")
    station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    await counter.desk.limits.set("garage", 1, Decimal(0))
    await station.wait_status(1, "SuspendedEVSE")
    await counter.desk.limits.set("garage", 1, Decimal(16))
    await station.wait_status(1, "Charging")
    assert station.asked("RemoteStopTransaction") == []
    assert len(await counter.sessions()) == 1


async def test_smart_charging_that_is_not_advertised_is_tried(counter: Counter) -> None:
    """BG SyncEV."""
    station = counter.stranger("garage")
    station.answers["SetChargingProfile"] = {"status": "Accepted"}
    station.settings.change("SupportedFeatureProfiles", "Core")
    await ready(counter, station)
    await counter.desk.limits.set("garage", 1, Decimal(10))
    assert counter.desk.stations["garage"].connector(1).limit_a == 10


@pytest.mark.parametrize(
    "no",
    [{"status": "NotSupported"}, {"status": "Load balancer is disabled"}, None],
    ids=repr,
)
async def test_a_limit_that_no_way_sets_is_not_shown_as_set(
    counter: Counter, no: Any
) -> None:
    """Schneider, #877."""
    station = await counter.station("garage")
    station.answers["SetChargingProfile"] = no
    with pytest.raises(Exception, match="SetChargingProfile"):
        await counter.desk.limits.set("garage", 1, Decimal(10))
    assert counter.desk.stations["garage"].connector(1).limit_a is None


# --- starts and stops -------------------------------------------------------------------


async def test_evbox_starts_without_asking_for_the_tag(counter: Counter) -> None:
    """#1871: the tag of the start counts."""
    station = await counter.station("garage")
    await station.send("StartTransaction", start("04BB22", counter.clock(), 0))
    [session] = await counter.sessions()
    assert session.user == "bo"
    assert "Authorize" not in [action for action, _ in station.sent]


async def test_schneider_refuses_to_start_again(counter: Counter) -> None:
    """#918: the refusal is told, and nothing is thought to have begun."""
    station = await counter.station("garage")
    station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    with pytest.raises(NotAccepted):
        await counter.desk.remote.start("garage", 1, "anna")
    assert await counter.sessions() == []


async def test_a_tag_from_afar_is_what_every_station_can_read(counter: Counter) -> None:
    """Alfen, #514: hexadecimal only; Ocular, #1803: longer ones are spoilt."""
    station = await counter.station("garage")
    await station.plug_in(1, Car())
    await counter.desk.remote.start("garage", 1, None)
    [payload] = station.asked("RemoteStartTransaction")
    assert len(payload["idTag"]) <= 16
    assert int(payload["idTag"], 16)


@pytest.mark.parametrize("behind", ["-", "\x10\x0e", ""])
async def test_ocular_puts_something_behind_the_tag_of_a_start_from_afar(
    counter: Counter, behind: str
) -> None:
    """#1803: the start is the one that was asked for all the same."""
    twenty = User(id="anna", name="Anna", tokens=("04AA11BB22CC33DD44EE",))
    counter.desk.move_in(house("garage", users=(twenty,)))
    station = await counter.station("garage")
    station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
    await counter.desk.remote.start("garage", 1, "anna")
    [payload] = station.asked("RemoteStartTransaction")
    spoilt = start(payload["idTag"] + behind, counter.clock(), 0)
    answer = await station.send("StartTransaction", spoilt)
    assert answer["idTagInfo"]["status"] == "Accepted"
    [session] = await counter.sessions()
    assert session.user == "anna"


async def test_foxess_is_not_asked_to_start_within_minutes_of_a_stop(
    counter: Counter,
) -> None:
    """It would go off the line."""
    station = await counter.station("garage", vendor="FOXESS")
    answer = await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    counter.clock.travel(hours=1)
    ended = stop(answer["transactionId"], counter.clock(), 5000)
    await station.send("StopTransaction", ended)
    counter.clock.travel(minutes=1)
    with pytest.raises(TooSoon) as caught:
        await counter.desk.remote.start("garage", 1, "anna")
    assert timedelta(minutes=1) < caught.value.wait <= timedelta(minutes=2)
    assert station.asked("RemoteStartTransaction") == []
    counter.clock.travel(minutes=2)
    station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
    await counter.desk.remote.start("garage", 1, "anna")


async def test_en_plus_ends_a_session_when_it_is_paused(counter: Counter) -> None:
    """evcc#15552, #33020: it goes to Finishing, from where it is started again."""
    station = await counter.station("garage")
    await station.plug_in(1, Car())
    await counter.desk.remote.start("garage", 1, "anna")
    await station.wait_transaction(1)

    def end_below_minimum(payload: dict[str, Any]) -> dict[str, Any]:
        [period] = profile_in(payload)["chargingSchedule"]["chargingSchedulePeriod"]
        if period["limit"] < 6:
            station.controller.stop(1, "Other")
        return {"status": "Accepted"}

    station.answers["SetChargingProfile"] = end_below_minimum
    await counter.desk.limits.set("garage", 1, Decimal(0))
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: not known.open)
    await station.wait_for(
        lambda: known.connector(1).status is ConnectorStatus.FINISHING
    )
    await counter.desk.limits.set("garage", 1, Decimal(16))
    await counter.desk.remote.start("garage", 1, "anna")
    await station.wait_transaction(1)
    first, second = await counter.sessions()
    assert (first.closing, first.user) == ("reported", "anna")
    assert (second.is_open, second.user) == (True, "anna")


async def test_a_start_is_asked_for_from_finishing_too(counter: Counter) -> None:
    """EN+, evcc#15552; Autel stays there until it is reset."""
    station = await counter.station("garage")
    await station.plug_in(1, Car())
    finishing = {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"}
    await station.send("StatusNotification", finishing)
    await counter.desk.remote.start("garage", 1, "anna")
    await station.wait_transaction(1)
