"""What a meter value says about energy: the best that it holds."""

from decimal import Decimal

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.ladda.charging.model import (
    Channel,
    Context,
    Measurand,
    MeterValue,
    Phase,
)
from custom_components.ladda.charging.reading import (
    Method,
    Reading,
    estimated_power,
    reading_of,
)

from .garage import NOON, Sample, number, register, sample

L1, L2, L3, N = Phase.L1, Phase.L2, Phase.L3, Phase.N
POWER, CURRENT, VOLTAGE = Measurand.POWER, Measurand.CURRENT, Measurand.VOLTAGE
INTERVAL = Measurand.ENERGY_INTERVAL


def read(*samples: Sample, signed: tuple[str, ...] = ()) -> Reading | None:
    """What samples of one moment say."""
    return reading_of(MeterValue(NOON, dict(samples), signed), NOON)


def said(*samples: Sample) -> tuple[Method, Decimal | None]:
    """The method of a reading, and its one amount."""
    reading = read(*samples)
    assert reading is not None
    amounts = (reading.register_wh, reading.interval_wh, reading.power_w)
    return reading.method, next(a for a in amounts if a is not None)


@pytest.mark.parametrize(
    ("samples", "method", "amount"),
    [
        ([register(5000)], Method.REGISTER, 5000),
        ([register(5000), register(1000, L1)], Method.REGISTER, 5000),
        ([register(0), register(1000, L1)], Method.REGISTER, 0),
        (
            [register(1000, L1), register(2000, L2), register(3000, L3)],
            Method.PHASE_REGISTERS,
            6000,
        ),
        ([register(1000, L1), register(2000, L3)], Method.PHASE_REGISTERS, 3000),
        ([register(1000, L1)], Method.ONE_PHASE_REGISTER, 1000),
        ([register(1000, N)], Method.ONE_PHASE_REGISTER, 1000),
        ([register(7, N), register(1000, L2)], Method.ONE_PHASE_REGISTER, 1000),
        ([sample(INTERVAL, 90)], Method.INTERVALS, 90),
        ([sample(INTERVAL, 30, L1), sample(INTERVAL, 60, L2)], Method.INTERVALS, 90),
        ([sample(POWER, 7000)], Method.POWER, 7000),
        ([sample(POWER, 7000), sample(POWER, 2300, L1)], Method.POWER, 7000),
        ([sample(POWER, 2300, L1), sample(POWER, 2300, L2)], Method.POWER, 4600),
        ([sample(POWER, 2300, N)], Method.POWER, 2300),
        ([sample(CURRENT, 16)], Method.CURRENT, 3680),
        ([sample(CURRENT, 10, N)], Method.CURRENT, 2300),
        (
            [sample(CURRENT, 10, L1), sample(CURRENT, 10, L2), sample(CURRENT, 1, N)],
            Method.CURRENT,
            4600,
        ),
        (
            [sample(CURRENT, 10, L1), sample(VOLTAGE, 240, L1)],
            Method.CURRENT,
            2400,
        ),
        ([sample(POWER, 7000), sample(INTERVAL, 90)], Method.INTERVALS, 90),
        ([sample(INTERVAL, 90), register(5000)], Method.REGISTER, 5000),
        ([sample(CURRENT, 16), sample(POWER, 3500)], Method.POWER, 3500),
    ],
)
def test_the_best_of_what_is_sent_counts(
    samples: list[Sample], method: Method, amount: int
) -> None:
    assert said(*samples) == (method, amount)
    assert said(*reversed(samples)) == (method, amount)


def test_what_says_nothing_about_energy_is_no_reading() -> None:
    assert read() is None
    assert read(sample(VOLTAGE, 230), sample(Measurand.STATE_OF_CHARGE, 50)) is None


def test_signed_values_are_kept_whatever_else_there_is() -> None:
    signed = ("OCMF|{}", "OCMF|{...}")
    alone = read(signed=signed)
    assert alone is not None
    assert (alone.method, alone.signed) == (Method.START_AND_STOP, signed)
    beside = read(register(1), signed=signed)
    assert beside is not None
    assert beside.signed == signed


def test_the_register_of_the_begin_does_not_hide_the_one_of_now() -> None:
    """The Growatt THOR sends both under one time, the begin's last."""
    now, begin = register(5000), register(0, context=Context.BEGIN)
    for samples in ((now, begin), (begin, now)):
        reading = read(*samples)
        assert reading is not None
        assert (reading.context, reading.register_wh) == (Context.PERIODIC, 5000)


def test_a_reading_of_the_begin_alone_is_marked_as_such() -> None:
    reading = read(register(1000, context=Context.BEGIN))
    assert reading is not None
    assert reading.context is Context.BEGIN


def test_periodic_and_aligned_intervals_of_one_moment_are_not_mixed() -> None:
    periodic = sample(INTERVAL, 60)
    aligned = sample(INTERVAL, 900, context=Context.CLOCK)
    for samples in ((periodic, aligned), (aligned, periodic)):
        reading = read(*samples)
        assert reading is not None
        assert (reading.context, reading.interval_wh) == (Context.PERIODIC, 60)


def test_phases_of_different_contexts_are_not_added_up() -> None:
    reading = read(
        register(1000, L1),
        register(2000, L2),
        register(900, L1, Context.CLOCK),
        register(1900, L3, Context.CLOCK),
    )
    assert reading is not None
    assert (reading.context, reading.register_wh) == (Context.PERIODIC, 3000)


def test_more_power_than_any_station_has_is_no_power() -> None:
    assert read(sample(POWER, 10**12)) is None
    assert said(sample(POWER, 10**12), sample(CURRENT, 16)) == (Method.CURRENT, 3680)
    assert read(sample(CURRENT, 10**12), sample(VOLTAGE, 10**12)) is None
    reading = read(register(5000), sample(POWER, 10**12))
    assert reading is not None
    assert reading.power_w is None


def test_the_voltage_of_another_phase_will_do() -> None:
    assert estimated_power({L2: number(10)}, {L1: number(240)}) == 2400
    assert estimated_power({L2: number(10)}, {L1: number(0)}) == 2300


def test_the_voltage_between_lines_is_not_that_to_neutral() -> None:
    watts = estimated_power({L1: number(10)}, {L1: number(400)})
    assert round(watts) == 2309


channels = st.builds(
    Channel,
    st.sampled_from(Measurand),
    st.sampled_from(Phase),
    st.sampled_from(Context),
)
sampled = st.tuples(channels, st.decimals(0, 10**15, places=2))


@given(st.lists(sampled, max_size=12), st.lists(st.text(max_size=5), max_size=2))
def test_whatever_is_sampled_a_reading_survives_the_journal(
    samples: list[Sample], signed: list[str]
) -> None:
    reading = read(*samples, signed=tuple(signed))
    if reading is not None:
        data = orjson.loads(orjson.dumps(reading.as_data()))
        assert Reading.from_data(NOON, data) == reading
        amounts = (reading.register_wh, reading.interval_wh, reading.power_w)
        assert (reading.method is Method.START_AND_STOP) == (amounts == (None,) * 3)
