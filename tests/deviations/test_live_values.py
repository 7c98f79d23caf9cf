"""What flows now, in the words of odd stations: what is shown of it is right."""

from decimal import Decimal
from typing import Any

import pytest

from custom_components.ladda.charging.model import Measurand, Phase
from tests.desk.counter import Counter
from tests.desk.wire import start

from .test_sessions import Now, meter, sample, stamp

AMPS = "Current.Import"


async def tell(counter: Counter, *samples: dict[str, Any]) -> None:
    """Let a station in mid-session tell what it measures."""
    station = await counter.mute("garage")
    told = start("04AA11", counter.clock(), 0)
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    action, payload = meter(*samples)(Now(id_, stamp(counter.clock())))
    assert await station.send(action, payload) == {}


@pytest.mark.parametrize("phase", [None, "", "N", "L1", "L1-N", "L1-L2", " l1 "])
async def test_the_current_of_one_phase_by_any_name(
    counter: Counter, phase: str | None
) -> None:
    """evcc, connector.go; Injet, #1311: on the neutral only; no phase at all."""
    named = {} if phase is None else {"phase": phase}
    await tell(counter, sample("16", AMPS, unit="A", **named))
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.current_a == 16
    assert connector.power_w == 16 * 230


async def test_the_neutral_counts_for_nothing_beside_the_phases(
    counter: Counter,
) -> None:
    await tell(
        counter,
        *(sample("16", AMPS, phase=phase) for phase in ("L1", "L2", "L3")),
        sample("3", AMPS, phase="N"),
    )
    connector = counter.desk.stations["garage"].connector(1)
    assert (connector.current_a, connector.power_w) == (16, 3 * 16 * 230)


@pytest.mark.parametrize(
    ("phase", "volts", "to_neutral"),
    [
        ("L1", "240", 240),  # LINCHR, #1705
        ("L1-N", "240", 240),
        ("L1-L2", "416", 240),
        ("", "240", 240),
    ],
)
async def test_a_voltage_between_whatever_it_is(
    counter: Counter, phase: str, volts: str, to_neutral: int
) -> None:
    """evcc, connector.go."""
    await tell(
        counter,
        sample("16", AMPS, phase="L1"),
        sample(volts, "Voltage", unit="V", phase=phase),
    )
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.power_w is not None
    assert abs(connector.power_w - 16 * to_neutral) < 5


async def test_alfen_offers_a_current_in_a_context_that_nobody_knows(
    counter: Counter,
) -> None:
    """#361: it is kept, and does not hide the one that flows."""
    await tell(
        counter,
        sample("16.000", "Current.Offered", context="CurrentMax", unit="A"),
        sample("15.630", AMPS, context="Sample.Periodic", unit="A"),
        sample("16.000", AMPS, context="CurrentMax", unit="A"),
    )
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.measured(Measurand.CURRENT_OFFERED) == 16
    assert connector.current_a == Decimal("15.63")


async def test_alfen_tells_the_power_in_total_and_by_phase(counter: Counter) -> None:
    """#609."""
    await tell(
        counter,
        sample("3600", "Power.Active.Import"),
        *(sample("1200", "Power.Active.Import", phase=f"L{n}") for n in (1, 2, 3)),
    )
    assert counter.desk.stations["garage"].connector(1).power_w == 3600


async def test_charge_amps_tells_hertz_beside_what_flows(counter: Counter) -> None:
    """#1576: others lose the whole message."""
    await tell(
        counter,
        sample("50.01", "Frequency", unit="Hz"),
        sample("16", AMPS, unit="A"),
    )
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.measured(Measurand.FREQUENCY) == Decimal("50.01")
    assert connector.current_a == 16


@pytest.mark.parametrize(
    ("said", "measurand", "shown"),
    [
        (sample("20", "Temperature", unit="Celcius"), Measurand.TEMPERATURE, 20),
        (sample("20", "Temperature", unit="celsius"), Measurand.TEMPERATURE, 20),
        (sample("3.6", "Power.Active.Import", unit="kW"), Measurand.POWER, 3600),
        (sample("3.6", "Power.Active.Import", unit="KW"), Measurand.POWER, 3600),
        (sample("3600", "Power.Active.Import"), Measurand.POWER, 3600),
        (sample("16", AMPS, unit="a"), Measurand.CURRENT, 16),
        (sample(16, AMPS), Measurand.CURRENT, 16),
        (sample(" 16 ", AMPS), Measurand.CURRENT, 16),
        (sample("", AMPS), Measurand.CURRENT, None),
        (sample("-16", AMPS), Measurand.CURRENT, None),
        (sample("-3600", "Power.Active.Import"), Measurand.POWER, None),
        (sample("-5", "Temperature"), Measurand.TEMPERATURE, -5),
        (sample("16", AMPS, unit="furlong"), Measurand.CURRENT, None),
        (sample("16", "Current.Import.Fancy"), Measurand.CURRENT, None),
        (sample("16", "Current.Export"), Measurand.CURRENT, 16),  # Grizzl-E, #176
    ],
    ids=repr,
)
async def test_a_value_in_its_own_units_or_none_at_all(
    counter: Counter, said: dict[str, Any], measurand: Measurand, shown: int | None
) -> None:
    """#210, #1336, #1576: what nobody understands is not shown, and is no zero."""
    await tell(counter, said)
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.measured(measurand, Phase.TOTAL) == shown


async def test_an_exported_current_counts_for_nothing_beside_an_imported_one(
    counter: Counter,
) -> None:
    await tell(counter, sample("0", AMPS), sample("16", "Current.Export"))
    assert counter.desk.stations["garage"].connector(1).current_a == 0


async def test_measurands_that_were_agreed_and_never_come_are_not_shown(
    counter: Counter,
) -> None:
    """ABB, EN+, #1573: what a station can do is what arrives."""
    station = counter.stranger("garage")
    station.answers["ChangeConfiguration"] = {"status": "Accepted"}
    await station.start()
    await station.wait_registered()
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)
    assert "Power.Active.Import" in known.settings["known"]["MeterValuesSampledData"]
    told = start("04AA11", counter.clock(), 1500)
    id_ = (await station.send("StartTransaction", told))["transactionId"]
    charging = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    await station.send("StatusNotification", charging)
    _, payload = meter(sample("1501"))(Now(id_, stamp(counter.clock())))
    await station.send("MeterValues", payload)
    connector = known.connector(1)
    assert connector.register_wh == 1501
    assert (connector.power_w, connector.current_a) == (None, None)


@pytest.mark.parametrize(("minutes", "shown"), [(4, 16), (6, None)])
async def test_what_was_measured_before_a_long_absence_is_not_measured_now(
    counter: Counter, minutes: float, shown: int | None
) -> None:
    await tell(counter, sample("16", AMPS))
    known = counter.desk.stations["garage"].connector(1)
    assert known.current_a == 16
    [station] = counter.stations
    await station.go_offline()
    await station.wait_for(lambda: not counter.desk.is_online("garage"))
    counter.clock.travel(minutes=minutes)
    await station.go_online()
    await station.wait_for(lambda: counter.desk.is_online("garage"))
    assert known.measured(Measurand.CURRENT, Phase.TOTAL) == shown
