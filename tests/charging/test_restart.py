"""A station is what its journal says: after a restart it is as it was."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st

from custom_components.ladda.charging.model import (
    ConnectorStatus,
    Context,
    Measurand,
    Phase,
)

from .garage import ANNA, BO, NOON, Garage, at, register, sample, state_of

type Report = Callable[[Garage], object]

connectors = st.integers(1, 2)
# Ids that we gave, that stand for none, and a station's own.
transactions = st.integers(-2, 6)
tokens = st.sampled_from([ANNA, ANNA.lower(), BO, ""])
meters = (
    st.integers(0, 60_000)
    | st.integers(5_000_000, 5_060_000)
    | st.sampled_from([0, 1000, 10**9])
)
# How old a message is: told at once, kept while offline, by a wrong clock.
ages = st.sampled_from([0, 0, 0, 0.02, 1, 30, 300, -60, 10**7])


@st.composite
def report(draw: st.DrawFn) -> Report:
    """Anything that a station may tell, or somebody may ask of it."""
    connector, meter, age = draw(connectors), draw(meters), draw(ages)
    token, number = draw(tokens), draw(transactions)
    context = draw(st.sampled_from(Context))

    def stamped(garage: Garage) -> dict[str, object]:
        return {"stamped": garage.now - timedelta(minutes=age)}

    samples = draw(
        st.sampled_from(
            [
                (register(meter, context=context),),
                (register(meter / 2, Phase.L1), register(meter / 2, Phase.L2)),
                (sample(Measurand.ENERGY_INTERVAL, meter % 1000, context=context),),
                (sample(Measurand.POWER, meter % 22_000, context=context),),
                (sample(Measurand.CURRENT, meter % 32, Phase.L1),),
            ]
        )
    )
    status = draw(st.sampled_from(ConnectorStatus))
    return draw(
        st.sampled_from(
            [
                lambda g: g.start(meter, token, connector, **stamped(g)),
                lambda g: g.start(None, token, connector, **stamped(g)),
                lambda g: g.start(meter, token, None, **stamped(g)),
                lambda g: g.stop(number, meter, **stamped(g)),
                lambda g: g.stop(
                    number, None, g.value(*samples, **stamped(g)), **stamped(g)
                ),
                lambda g: g.meters(
                    g.value(*samples, **stamped(g)),
                    transaction=number or None,
                    connector=connector,
                ),
                lambda g: g.meters(g.value(*samples), connector=connector),
                lambda g: g.tells(status, connector, **stamped(g)),
                lambda g: g.ask(token, connector),
                lambda g: g.reserve(token, connector),
                lambda g: g.limit("10", connector),
                lambda g: g.close_forgotten(),
                lambda g: g.wait(meter % 60),
                lambda g: g.wait(600),
            ]
        )
    )


def registers(garage: Garage) -> dict[int, object]:
    """What is known of connectors whose values were only shown is not kept."""
    return {
        number: connector
        for number, connector in state_of(garage.station)["connectors"].items()
        if any(part not in (None, "") for part in connector)
    }


@settings(max_examples=200)
@given(st.lists(report(), max_size=25))
def test_whatever_was_reported_a_restart_changes_nothing(reports: list[Report]) -> None:
    garage = Garage()
    for tell in reports:
        tell(garage)
        restarted = state_of(garage.restarted())
        live = state_of(garage.station) | {"connectors": registers(garage)}
        assert restarted == live


@settings(max_examples=100)
@given(st.lists(report(), max_size=25))
def test_whatever_was_reported_the_energy_of_sessions_can_be_explained(
    reports: list[Report],
) -> None:
    garage = Garage()
    for tell in reports:
        tell(garage)
    for session in garage.sessions.values():
        if session.is_open:
            continue
        curve = garage.curve_again(session)
        assert curve == garage.curves[session.id]
        assert curve.energy_wh == session.energy_wh
        assert curve.points[0] == (session.started_at, 0)
        assert curve.points[-1] == (session.ended_at, session.energy_wh)
        assert all(a.at <= b.at and a.wh <= b.wh for a, b in pairwise(curve.points))


@settings(max_examples=100)
@given(st.lists(report(), max_size=25))
def test_whatever_was_reported_no_register_ever_falls(reports: list[Report]) -> None:
    garage = Garage()
    for tell in reports:
        before = {
            number: connector.register_wh or 0
            for number, connector in garage.station.connectors.items()
        }
        tell(garage)
        for number, wh in before.items():
            assert (garage.station.connectors[number].register_wh or 0) >= wh


def test_a_restart_in_mid_session_goes_on_with_what_was_measured() -> None:
    """At 5.0 kWh; 6.0 are read before, and 7.0 by the stop, which comes first."""
    garage = Garage()
    number = garage.start(10_000)
    garage.wait(30)
    garage.reads(15_000, number)
    garage.station = garage.restarted()
    assert garage.station.open[number].energy.delivered_wh == 5000
    assert garage.station.connector(1).register_wh == 15_000
    garage.wait(5)
    garage.reads(16_000, number)
    assert garage.station.open[number].energy.delivered_wh == 6000
    garage.station = garage.restarted()
    garage.wait(5)
    session = garage.stop(number, 17_000)
    assert session is not None
    assert session.energy_wh == 7000
    garage.station = garage.restarted()
    assert garage.station.connector(1).register_wh == 17_000
    assert garage.station.connector(1).last_session == session


def test_late_readings_give_the_same_energy_before_and_after_a_restart() -> None:
    garage = Garage()
    number = garage.start(1000)
    for minutes in (10, 20):
        garage.wait(10)
        interval = sample(Measurand.ENERGY_INTERVAL, 500)
        garage.meters(garage.value(interval), transaction=number)
        late = garage.value(interval, stamped=at(minutes - 5))
        garage.meters(late, transaction=number)
    before = garage.station.open[number].energy.points
    assert garage.restarted().open[number].energy.points == before
    assert garage.station.open[number].session.started_at == NOON
