"""Meter values become samples in plain units; what cannot be used is left out."""

from datetime import UTC, datetime
from decimal import Decimal
import tracemalloc
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.central_system.ocpp16 import meter_values
from custom_components.ladda.charging.model import (
    Channel,
    Context,
    Measurand,
    MeterValue,
    Phase,
)

from ..test_frames import JSON

REGISTER = "Energy.Active.Import.Register"


def samples(*sampled: dict[str, Any]) -> dict[Channel, Decimal]:
    """Return what is read of sampled values."""
    [value] = meter_values.read([{"timestamp": "", "sampledValue": list(sampled)}])
    return dict(value.samples)


def test_a_bare_value_is_the_register_in_watt_hours() -> None:
    channel = Channel(Measurand.ENERGY_REGISTER, Phase.TOTAL, Context.PERIODIC)
    assert samples({"value": "1234.5"}) == {channel: Decimal("1234.5")}


@pytest.mark.parametrize(
    ("measurand", "unit", "value", "sample"),
    [
        (REGISTER, "kWh", "1.234567", (Measurand.ENERGY_REGISTER, "1234.567")),
        (
            "Energy.Active.Import.Interval",
            "Wh",
            "50",
            (Measurand.ENERGY_INTERVAL, "50"),
        ),
        ("Power.Active.Import", "kW", "11.04", (Measurand.POWER, "11040")),
        ("Power.Active.Import", "w", "0", (Measurand.POWER, "0")),
        ("Power.Offered", "W", "11000", (Measurand.POWER_OFFERED, "11000")),
        ("Current.Import", "A", "-0", (Measurand.CURRENT, "0")),
        ("Current.Import", "mA", "15500", (Measurand.CURRENT, "15.5")),
        ("Current.Offered", None, 16, (Measurand.CURRENT_OFFERED, "16")),
        ("Voltage", "V", "230.4", (Measurand.VOLTAGE, "230.4")),
        ("Frequency", "Hz", "50.01", (Measurand.FREQUENCY, "50.01")),
        ("Frequency", "Hertz", "50", (Measurand.FREQUENCY, "50")),
        ("Temperature", "Celcius", "-12.5", (Measurand.TEMPERATURE, "-12.5")),
        ("SoC", "Percent", "80", (Measurand.STATE_OF_CHARGE, "80")),
        (" voltage ", " v ", "230", (Measurand.VOLTAGE, "230")),
    ],
)
def test_measurands_come_in_plain_units(
    measurand: str, unit: str | None, value: object, sample: tuple[Measurand, str]
) -> None:
    read = samples({"measurand": measurand, "unit": unit, "value": value})
    assert read == {Channel(sample[0]): Decimal(sample[1])}


@pytest.mark.parametrize(
    ("phase", "read"),
    [
        (None, Phase.TOTAL),
        ("", Phase.TOTAL),
        ("L1", Phase.L1),
        ("L2-N", Phase.L2),
        ("L3-L1", Phase.L3),
        ("N", Phase.N),
    ],
)
def test_phases(phase: str | None, read: Phase) -> None:
    [channel] = samples({"measurand": "Current.Import", "value": "1", "phase": phase})
    assert channel.phase is read


def test_the_context_tells_readings_of_one_moment_apart() -> None:
    read = samples(
        {"value": "16000", "context": "Sample.Periodic"},
        {"value": "0", "context": "Transaction.Begin"},
        {"value": "16000", "context": "CurrentMax"},
    )
    assert [(channel.context, int(value)) for channel, value in read.items()] == [
        (Context.PERIODIC, 16000),
        (Context.BEGIN, 0),
        (Context.OTHER, 16000),
    ]


def test_of_two_samples_of_one_channel_the_last_counts() -> None:
    assert list(samples({"value": "1"}, {"value": "2"}).values()) == [2]


@pytest.mark.parametrize(
    "useless",
    [
        {"value": ""},
        {"value": "abc"},
        {"value": None},
        {},
        {"value": "-1"},
        {"value": "NaN"},
        {"value": "1e300"},
        {"value": "1", "measurand": "Energy.Active.Export.Register"},
        {"value": "1", "measurand": "Vendor.Thing"},
        {"value": "1", "measurand": "x" * 1000},
        {"value": "1", "measurand": 7},
        {"value": "1", "measurand": ["Voltage"]},
        {"value": "1", "unit": "kvarh"},
        {"value": "1", "measurand": "Power.Active.Import", "unit": "Wh"},
        {"value": "1", "phase": "L4"},
        {"value": "1", "location": "Inlet"},
        {"value": "1", "location": "EV"},
        {"value": "1", "measurand": "Current.Import", "location": "Body"},
    ],
)
def test_what_cannot_be_used_is_left_out_and_the_rest_is_kept(
    useless: dict[str, Any],
) -> None:
    assert samples(useless, {"value": "5"}) == {Channel(Measurand.ENERGY_REGISTER): 5}


@pytest.mark.parametrize(
    ("measurand", "place"),
    [("SoC", "EV"), ("Temperature", "Body"), (REGISTER, "Outlet")],
)
def test_some_things_are_measured_elsewhere(measurand: str, place: str) -> None:
    assert samples({"measurand": measurand, "value": "5", "location": place})


@pytest.mark.parametrize("place", ["Body", "Cable"])
def test_a_station_may_say_of_all_that_it_is_measured_nearby(place: str) -> None:
    """Where nothing is told of the outlet, that is what it means."""
    temperature = {"measurand": "Temperature", "value": "30", "location": "Body"}
    current = {"measurand": "Current.Import", "value": "16", "location": place}
    exported = {"measurand": "Current.Export", "value": "0", "location": place}
    register = {"value": "5000", "location": place}
    told = samples(temperature, current, exported, register)
    assert told == {
        Channel(Measurand.TEMPERATURE): 30,
        Channel(Measurand.CURRENT): 16,
        Channel(Measurand.ENERGY_REGISTER): 5000,
    }


@pytest.mark.parametrize("form", ["SignedData", "signeddata"])
def test_signed_readings_are_kept_as_they_came_and_are_no_numbers(form: str) -> None:
    sampled = [
        {"format": form, "value": "12345"},
        {"format": form},
        {"format": "raw", "value": "7"},
    ]
    assert meter_values.read(
        [{"timestamp": "2026-11-23T04:00:00Z", "sampledValue": sampled}]
    ) == (
        MeterValue(
            datetime(2026, 11, 23, 4, tzinfo=UTC),
            {Channel(Measurand.ENERGY_REGISTER): Decimal(7)},
            ("12345",),
        ),
    )


def test_a_lone_meter_value_needs_no_list() -> None:
    [value] = meter_values.read({"sampledValue": {"value": "5"}})
    assert value == MeterValue(None, {Channel(Measurand.ENERGY_REGISTER): Decimal(5)})


@pytest.mark.parametrize("nothing", [None, [], "x", 7, [None]])
def test_no_meter_values_are_none(nothing: object) -> None:
    assert meter_values.read(nothing) == ()


def test_long_words_are_not_remembered() -> None:
    """Else a station could fill the memory with them."""
    tracemalloc.start()
    for number in range(50):
        samples({"value": "1", "context": f"{number}" + "x" * 100_000})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


@given(
    JSON
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "timestamp": JSON,
                "sampledValue": st.lists(
                    st.fixed_dictionaries(
                        {"value": JSON | st.decimals().map(str)},
                        optional={
                            key: JSON
                            | st.sampled_from(["", "Voltage", "V", "L1", "SignedData"])
                            for key in (
                                "measurand",
                                "unit",
                                "phase",
                                "context",
                                "location",
                                "format",
                            )
                        },
                    )
                ),
            },
        )
    )
)
def test_no_meter_value_is_an_error(raw: Any) -> None:
    for value in meter_values.read(raw):
        for channel, amount in value.samples.items():
            assert amount.is_finite()
            assert amount >= 0 or channel.measurand is Measurand.TEMPERATURE
