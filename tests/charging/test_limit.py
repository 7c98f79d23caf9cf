"""On how many phases a limit in watts is counted."""

from decimal import Decimal

import pytest

from custom_components.ladda.charging.limit import is_beyond, phases_for
from custom_components.ladda.charging.model import Measurand, Phase

from .garage import Garage, Sample, sample

LINES = (Phase.L1, Phase.L2, Phase.L3)


def amps(*values: float) -> list[Sample]:
    """What flows on L1, L2 and L3."""
    told = zip(LINES, values, strict=False)
    return [sample(Measurand.CURRENT, value, phase) for phase, value in told]


def volts(*values: float) -> list[Sample]:
    """The voltages of L1, L2 and L3."""
    told = zip(LINES, values, strict=False)
    return [sample(Measurand.VOLTAGE, value, phase) for phase, value in told]


def phases(garage: Garage) -> int:
    """On how many phases a limit is counted now."""
    station = garage.station
    return phases_for(station.connector(1), station.session_at(1))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (amps(16, 16, 16), 3),
        (amps(16, 0, 0), 1),
        (amps(0, 0.3, 10), 1),  # the electronics
        (amps(10, 10, 0.2), 2),
        (amps(3, 2.8, 2.9), 3),  # nearly full
        (amps(16), 1),
        ([*amps(16, 0, 0), *volts(230, 0, 0)], 1),
        ([sample(Measurand.CURRENT, 16)], 3),  # of one, or in all?
        (amps(0, 0, 0), 3),
        ([*amps(0, 0, 0), *volts(230, 0, 0)], 1),
        (amps(0), 1),
        ([], 3),
    ],
    ids=repr,
)
def test_the_phases_that_carry_current_count(
    samples: list[Sample], expected: int
) -> None:
    garage = Garage()
    garage.start()
    garage.meters(garage.value(*samples))
    assert phases(garage) == expected


def test_of_a_car_that_is_gone_nothing_is_assumed() -> None:
    garage = Garage()
    session = garage.start()
    garage.meters(garage.value(*amps(16, 0, 0)))
    assert phases(garage) == 1
    garage.wait(1)
    garage.stop(session, 2000)
    assert phases(garage) == 3
    garage.wait(1)
    garage.start(2000)
    assert phases(garage) == 3


@pytest.mark.parametrize(
    ("drawn", "limit", "beyond"),
    [
        ("7.0", "6", False),
        ("7.1", "6", True),
        ("17.6", "16", False),
        ("17.7", "16", True),
        ("1", "0", False),
        ("1.1", "0", True),
    ],
)
def test_a_limit_is_exceeded_by_an_ampere_and_a_tenth(
    drawn: str, limit: str, beyond: bool
) -> None:
    assert is_beyond(Decimal(drawn), Decimal(limit)) is beyond
