"""A station's settings are brought in line, as far as the station goes along."""

from collections.abc import Iterable

import pytest

from custom_components.ladda.central_system import (
    BadAnswer,
    Disconnected,
    NoAnswer,
    NotAccepted,
    Refused,
    StationError,
    capabilities,
    standard_settings,
)
from custom_components.ladda.central_system.ocpp16.commands import Setting
from custom_components.ladda.central_system.ocpp16.settings import (
    ABOUT,
    SAMPLED_MEASURANDS,
    WANTED,
    LearnedSettings,
    SettingsReport,
    bring_in_line,
)
from custom_components.ladda.charging.model import Capabilities

LOST = NoAnswer("GetConfiguration", 30)
NO = NotAccepted("ChangeConfiguration", "Rejected")


class Station:
    """Keeps settings, and has its ways of refusing."""

    def __init__(self, **settings: str) -> None:
        """Have every setting that is wanted set as it should be, but for these."""
        every = dict.fromkeys(ABOUT, "1") | WANTED | settings
        self.settings = {key: Setting(value) for key, value in every.items()}
        self.refuses: dict[str, StationError] = {}  # by key or "key=value"
        self.tells_at_once = 1000
        self.cuts_off_after = 1000
        self.silence: StationError = LOST
        self.reboots_for: set[str] = set()
        self.keeps: set[str] = set()  # whatever it says
        self.always_tells: dict[str, Setting] = {}
        self.questions: list[list[str]] = []
        self.written: list[tuple[str, str]] = []

    async def get_configuration(
        self, keys: Iterable[str] = ()
    ) -> tuple[dict[str, Setting], list[str]]:
        """Tell settings, but no more than `tells_at_once`."""
        wanted = list(keys) or list(self.settings)
        self.questions.append(list(keys))
        if len(wanted) > self.tells_at_once:
            raise self.silence
        known = {
            key: found
            for key in wanted[: self.cuts_off_after]
            if (found := self.settings.get(key))
        }
        unknown = [key for key in wanted if key not in self.settings]
        return known | self.always_tells, unknown

    async def set_configuration(self, key: str, value: str) -> str:
        """Change a setting."""
        self.written.append((key, value))
        for refusal in (key, f"{key}={value}"):
            if refusal in self.refuses:
                raise self.refuses[refusal]
        if key not in self.keeps:
            self.settings[key] = Setting(value)
        return "RebootRequired" if key in self.reboots_for else "Accepted"

    async def bring_in_line(
        self,
        learned: LearnedSettings | None = None,
        *,
        write: bool = True,
        unread: tuple[str, ...] = (),
    ) -> SettingsReport:
        """Be brought in line."""
        learned = learned or LearnedSettings()
        return await bring_in_line(self, learned, write=write, unread=unread)  # type: ignore[arg-type]

    def knows(self) -> dict[str, str]:
        """Return the values of all settings."""
        return {key: setting.value for key, setting in self.settings.items()}


async def test_what_is_as_wanted_is_not_written() -> None:
    station = Station(
        LocalPreAuthorize="False",
        MeterValuesAlignedData=" energy.active.import.register ",
        MeterValuesSampledData=", ".join(reversed(SAMPLED_MEASURANDS)),
    )
    report = await station.bring_in_line()
    assert station.written == []
    assert (report.changed, report.refused) == ({}, {})
    assert station.questions == [[]]


async def test_only_what_differs_is_written() -> None:
    station = Station(HeartbeatInterval="900", StopTxnSampledData="Voltage")
    report = await station.bring_in_line()
    assert station.written == [("StopTxnSampledData", ""), ("HeartbeatInterval", "300")]
    assert report.changed == dict(station.written)
    assert report.known["HeartbeatInterval"] == Setting("900")
    assert not report.reboot_required
    assert WANTED.items() <= station.knows().items()


async def test_a_station_is_only_read_where_its_owner_wants_so() -> None:
    """And only of what has to be known."""
    station = Station(NumberOfConnectors="2")
    learned = LearnedSettings(refused={"A": "b"})
    report = await station.bring_in_line(learned, write=False)
    assert station.written == []
    assert station.questions == [list(ABOUT)]
    assert report.known["NumberOfConnectors"].value == "2"
    assert report.refused == {"A": "b"}


async def test_what_a_station_does_not_have_or_lets_nobody_change_is_left() -> None:
    station = Station()
    del station.settings["ClockAlignedDataInterval"]
    station.settings["HeartbeatInterval"] = Setting("900", read_only=True)
    report = await station.bring_in_line()
    assert station.written == []
    assert report.refused == {}


@pytest.mark.parametrize("no", [NO, Refused("ChangeConfiguration", "NotSupported")])
async def test_a_refusal_is_remembered_and_the_rest_goes_on(no: StationError) -> None:
    station = Station(ClockAlignedDataInterval="0", HeartbeatInterval="900")
    station.refuses["ClockAlignedDataInterval"] = no
    report = await station.bring_in_line()
    assert report.refused == {"ClockAlignedDataInterval": "900"}
    assert report.changed == {"HeartbeatInterval": "300"}
    station.written.clear()
    assert (await station.bring_in_line(report)).refused == report.refused
    assert station.written == []


async def test_what_was_refused_with_another_value_is_tried() -> None:
    station = Station(HeartbeatInterval="900")
    report = await station.bring_in_line(
        LearnedSettings(refused={"HeartbeatInterval": "60"})
    )
    assert report.changed == {"HeartbeatInterval": "300"}


@pytest.mark.parametrize("lost", [LOST, BadAnswer("no object")])
async def test_a_lost_answer_is_no_refusal(lost: StationError) -> None:
    station = Station(
        MeterValuesSampledData="", ClockAlignedDataInterval="0", HeartbeatInterval="900"
    )
    station.refuses = dict.fromkeys(
        ("MeterValuesSampledData", "ClockAlignedDataInterval"), lost
    )
    report = await station.bring_in_line()
    assert report.refused == {}
    assert report.changed == {"HeartbeatInterval": "300"}
    assert len(station.written) == 3


async def test_a_setting_that_makes_a_station_fall_off_the_line_is_not_tried_again() -> (
    None
):
    station = Station(ClockAlignedDataInterval="0", HeartbeatInterval="900")
    station.refuses["ClockAlignedDataInterval"] = Disconnected("it reboots")
    report = await station.bring_in_line()
    assert report.refused == {"ClockAlignedDataInterval": "900"}
    assert station.written == [("ClockAlignedDataInterval", "900")]
    report = await station.bring_in_line(report)
    assert report.changed == {"HeartbeatInterval": "300"}


async def test_a_list_of_measurands_is_shortened_until_it_is_taken() -> None:
    station = Station(MeterValuesSampledData="Energy.Active.Import.Register")
    whole = WANTED["MeterValuesSampledData"]
    taken = ",".join(SAMPLED_MEASURANDS[:3])
    for length in (4, 5, 6):
        lot = ",".join(SAMPLED_MEASURANDS[:length])
        station.refuses[f"MeterValuesSampledData={lot}"] = NO
    report = await station.bring_in_line()
    assert len(station.written) == 4
    assert report.changed == {"MeterValuesSampledData": taken}
    assert report.refused == {"MeterValuesSampledData": whole}
    station.written.clear()
    await station.bring_in_line(report)
    assert station.written == []


async def test_a_station_that_takes_no_list_of_measurands_is_left_alone() -> None:
    station = Station(MeterValuesSampledData="Voltage")
    station.refuses["MeterValuesSampledData"] = NO
    report = await station.bring_in_line()
    assert len(station.written) == len(SAMPLED_MEASURANDS)
    assert report.refused == {
        "MeterValuesSampledData": WANTED["MeterValuesSampledData"]
    }
    assert report.changed == {}


async def test_a_station_that_samples_no_more_than_once_a_minute_does_that() -> None:
    station = Station(MeterValueSampleInterval="0")
    station.refuses["MeterValueSampleInterval=30"] = NO
    report = await station.bring_in_line()
    assert report.changed == {"MeterValueSampleInterval": "60"}


async def test_a_station_may_want_to_reboot() -> None:
    station = Station(HeartbeatInterval="900", ConnectionTimeOut="60")
    station.reboots_for = {"HeartbeatInterval"}
    assert (await station.bring_in_line()).reboot_required


@pytest.mark.parametrize(
    "silence", [LOST, Refused("GetConfiguration", "InternalError")]
)
async def test_settings_are_read_in_lots_where_all_are_too_many(
    silence: StationError,
) -> None:
    station = Station(HeartbeatInterval="900", NumberOfConnectors="2")
    station.tells_at_once = 10
    station.silence = silence
    report = await station.bring_in_line()
    assert report.changed == {"HeartbeatInterval": "300"}
    assert report.known["NumberOfConnectors"].value == "2"
    assert max(map(len, station.questions)) == 10


async def test_settings_are_read_one_by_one_where_a_lot_is_too_much() -> None:
    station = Station(HeartbeatInterval="900")
    station.tells_at_once = 1
    report = await station.bring_in_line()
    assert report.changed == {"HeartbeatInterval": "300"}


async def test_a_station_that_tells_nothing_is_not_written_to_blindly() -> None:
    station = Station(HeartbeatInterval="900")
    station.tells_at_once = 0
    report = await station.bring_in_line()
    assert report == SettingsReport()
    assert len(station.questions) < 5  # each may take half a minute


async def test_an_answer_with_the_stations_own_settings_only_is_not_all() -> None:
    """Some tell `WiFiSignalStrength` whatever they are asked for."""
    station = Station(HeartbeatInterval="900")
    station.always_tells = {"WiFiSignalStrength": Setting("-60", read_only=True)}
    kept, station.settings = station.settings, {}
    told = station.get_configuration

    async def get_configuration(
        keys: Iterable[str] = (),
    ) -> tuple[dict[str, Setting], list[str]]:
        answer = await told(keys)
        station.settings = kept
        return answer

    station.get_configuration = get_configuration  # type: ignore[method-assign]
    report = await station.bring_in_line()
    assert report.changed == {"HeartbeatInterval": "300"}
    assert "WiFiSignalStrength" in report.known


async def test_an_answer_that_is_cut_off_is_completed() -> None:
    """§5.11 of the field: at most so many settings, and no word of the rest."""
    station = Station(MinimumStatusDuration="9")
    station.cuts_off_after = 7
    report = await station.bring_in_line()
    assert report.changed == {"MinimumStatusDuration": "1"}
    assert report.known.keys() >= WANTED.keys()
    assert report.absent == set()


async def test_no_more_settings_are_asked_for_than_a_station_tells_at_once() -> None:
    station = Station(GetConfigurationMaxKeys="3")
    station.cuts_off_after = 3
    station.settings = {
        "GetConfigurationMaxKeys": station.settings.pop("GetConfigurationMaxKeys"),
        **station.settings,
    }
    report = await station.bring_in_line()
    assert report.known.keys() >= WANTED.keys()
    assert max(map(len, station.questions)) == 3


async def test_what_a_station_does_not_have_is_asked_for_once() -> None:
    station = Station()
    del station.settings["StopTxnAlignedData"]
    report = await station.bring_in_line()
    assert station.questions == [[], ["StopTxnAlignedData"]]
    station.questions.clear()
    assert (await station.bring_in_line(report)).absent == {"StopTxnAlignedData"}
    assert station.questions == [[]]


async def test_a_value_that_was_taken_and_is_told_otherwise_is_not_written_again() -> (
    None
):
    """Ocular tells long values cut off; others take a value and keep the old one."""
    station = Station(HeartbeatInterval="900")
    station.keeps = {"HeartbeatInterval"}
    report = await station.bring_in_line()
    assert report.accepted == {"HeartbeatInterval": "300"}
    report = await station.bring_in_line(report)
    assert len(station.written) == 1


async def test_what_a_station_took_and_somebody_changed_is_written_again() -> None:
    station = Station(HeartbeatInterval="900")
    report = await station.bring_in_line(await station.bring_in_line())
    assert report.accepted == {}
    station.settings["HeartbeatInterval"] = Setting("1200")
    assert (await station.bring_in_line(report)).changed == {"HeartbeatInterval": "300"}


async def test_what_must_not_be_read_is_neither_read_nor_written() -> None:
    station = Station(MeterValuesSampledData="Voltage", HeartbeatInterval="900")
    report = await station.bring_in_line(unread=("MeterValuesSampledData",))
    asked = [key for keys in station.questions for key in keys]
    assert set(asked) == {*WANTED, *ABOUT} - {"MeterValuesSampledData"}
    assert all(station.questions)  # all at once would tell it, too
    assert report.changed == {"HeartbeatInterval": "300"}


@pytest.mark.parametrize("at_once", [1000, 10, 1])
async def test_a_station_that_goes_while_it_is_read_is_gone(at_once: int) -> None:
    station = Station()
    station.tells_at_once = 0
    calls = 0

    async def get_configuration(
        keys: Iterable[str] = (),
    ) -> tuple[dict[str, Setting], list[str]]:
        nonlocal calls
        calls += 1
        if len(list(keys) or range(1000)) <= at_once:
            raise Disconnected("gone")
        raise LOST

    station.get_configuration = get_configuration  # type: ignore[method-assign]
    with pytest.raises(Disconnected):
        await station.bring_in_line()
    assert station.written == []


# --- what a station can do ---------------------------------------------------------------


def test_capabilities_are_read_as_stations_write_them() -> None:
    assert capabilities(
        {
            "NumberOfConnectors": "2",
            "SupportedFeatureProfiles": "Core, SmartCharging ,",
            "ChargingScheduleAllowedChargingRateUnit": "Current,W",
            "ChargeProfileMaxStackLevel": "0",
            "ConnectorSwitch3to1PhaseSupported": "True",
            "LocalAuthListMaxLength": "100",
            "SendLocalListMaxLength": "20",
            "MeterValueSampleInterval": "30",
            "SecurityProfile": "1",
        }
    ) == Capabilities(
        connectors=2,
        profiles=frozenset({"core", "smartcharging"}),
        rate_units=frozenset({"current", "w"}),
        max_stack_level=0,
        phase_switching=True,
        local_list_length=100,
        local_list_chunk=20,
        sample_interval_s=30,
        security_profile=1,
    )


def test_of_a_silent_station_nothing_is_known() -> None:
    assert capabilities({}) == Capabilities()
    assert capabilities(
        {"NumberOfConnectors": "-1", "SendLocalListMaxLength": "x"}
    ) == (Capabilities())


def test_no_station_has_connectors_without_number() -> None:
    assert capabilities({"NumberOfConnectors": "999999999"}).connectors == 16


def test_secrets_and_a_vendors_own_settings_are_not_shown() -> None:
    known = {
        "HeartbeatInterval": "300",
        "AuthorizationKey": "geheim",
        "WiFiPassword": "x",
    }
    assert standard_settings(known) == {"HeartbeatInterval": "300"}
