"""Sessions as odd stations report them: the energy is right all the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from custom_components.ladda.charging.energy import Method
from custom_components.ladda.charging.session import Session
from tests.desk.counter import Counter
from tests.desk.wire import stamp, start, stop
from tests.station_simulator import SimulatedStation

REGISTER = "Energy.Active.Import.Register"
TEN_MINUTES = timedelta(minutes=10)


@dataclass
class Now:
    """What a message is made of: the session's id, and the time."""

    id: int
    at: str


type Message = Callable[[Now], tuple[str, dict[str, Any]]]
"""Makes an action and its payload."""


def sample(value: Any, measurand: str | None = REGISTER, **more: Any) -> dict[str, Any]:
    """Return a sampled value."""
    named = {} if measurand is None else {"measurand": measurand}
    return {"value": value, **named, **more}


def meter(*samples: dict[str, Any], **odd: Any) -> Message:
    """Return what makes MeterValues of one moment; `odd` fields override the usual."""

    def make(now: Now) -> tuple[str, dict[str, Any]]:
        value = {"timestamp": now.at, "sampledValue": list(samples)}
        usual = {"connectorId": 1, "transactionId": now.id, "meterValue": [value]}
        return "MeterValues", usual | odd

    return make


def status(connector: int, told: str, **more: Any) -> Message:
    """Return what makes a StatusNotification."""
    payload = {"connectorId": connector, "status": told, "errorCode": "NoError"}
    return lambda now: ("StatusNotification", payload | more)


@dataclass
class Deviation:
    """A session of 5 kWh over an hour, by a station with its ways.

    `start` and `stop` override fields of these messages; `between` comes ten minutes
    apart, `after` behind the stop. `so_far_wh` is known just before the stop, which
    could hide that something was misread.
    """

    start: dict[str, Any] = field(default_factory=dict)
    between: tuple[Message, ...] = ()
    stop: dict[str, Any] = field(default_factory=dict)
    after: tuple[Message, ...] = ()
    so_far_wh: int = 0
    energy_wh: int = 5000
    method: Method | None = None


DEVIATIONS = {
    "ABB Terra: the register counts from zero in every session (#919)": Deviation(
        start={"meterStart": 0},
        between=(meter(sample("1000")), meter(sample("2500"))),
        so_far_wh=2500,
        stop={"meterStop": 5000},
        after=(meter(sample("812345"), transactionId=None),),
    ),
    "ABB Terra: security events that come again and again (#1778)": Deviation(
        between=(
            lambda now: (
                "SecurityEventNotification",
                {"type": "SettingSystemTime", "timestamp": now.at},
            ),
        )
        * 5,
    ),
    "Alfen: a context that nobody knows (#361)": Deviation(
        between=(
            meter(sample("2000"), sample("16", "Current.Import", context="CurrentMax")),
        ),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "Alfen: amps that do not say what they are of, under no id of ours (#361)": Deviation(
        between=(
            meter(
                sample("15.630", None, context="Sample.Periodic", unit="A"),
                sample("16.000", None, context="CurrentMax", unit="A"),
                transactionId=2**63 - 1,
            ),
            meter(sample("2000"), transactionId=2**63 - 1),
        ),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "Alfen: the phase in the measurand's name (#19)": Deviation(
        between=(meter(sample("2000"), sample("230", "Voltage.L1-N")),),
        so_far_wh=1000,
    ),
    "Alfen: total and phases in one message (#609)": Deviation(
        between=(
            meter(
                sample("3000"),
                sample("1000", phase="L1"),
                sample("1000", phase="L2"),
                sample("1000", phase="L3"),
            ),
        ),
        so_far_wh=2000,
        method=Method.REGISTER,
    ),
    "Wallbox: nonsense in the register (#1756)": Deviation(
        between=(
            meter(sample("2000")),
            meter(sample("0")),
            meter(sample("4294967295")),
            meter(sample("3000")),
        ),
        so_far_wh=2000,
    ),
    "Grizzl-E: exported current that is imported (#176)": Deviation(
        between=(meter(sample("2000"), sample("16", "Current.Export", unit="A")),),
        so_far_wh=1000,
    ),
    "Huawei: one meter value that is no list (#1144)": Deviation(
        between=(
            lambda now: (
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": now.id,
                    "meterValue": {
                        "timestamp": now.at,
                        "sampledValue": sample("2000"),
                    },
                },
            ),
        ),
        so_far_wh=1000,
        stop={"transactionData": {"sampledValue": sample("6000")}},
        method=Method.REGISTER,
    ),
    "Charge Amps: hertz as Hz (#1576)": Deviation(
        between=(
            meter(sample("2000"), sample("50.01", "Frequency", unit="Hz")),
            meter(sample("3000"), sample("50.01", "Frequency", unit="Hertz")),
        ),
        so_far_wh=2000,
        stop={
            "transactionData": [
                {"sampledValue": [sample("50", "Frequency", unit="Hertz")]}
            ]
        },
        method=Method.REGISTER,
    ),
    "OpenEVSE: numbers that are numbers (#210)": Deviation(
        between=(meter(sample(2000), sample(230.5, "Voltage")),),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "Etrel: an id of its own while it charges (#1000)": Deviation(
        between=(meter(sample("2000"), transactionId=-16),),
        so_far_wh=1000,
        stop={"transactionId": -16},
        method=Method.REGISTER,
    ),
    "EVerest: no id after an offline start (libocpp#495)": Deviation(
        stop={"transactionId": -1},
    ),
    "Ocular: a tag with something behind it (#2030)": Deviation(
        between=(meter(sample("2000")),),
        so_far_wh=1000,
        stop={"idTag": "04AA1122334455667788\x10\x0e"},
    ),
    "Ocular: a tag with a stroke behind it (#1803)": Deviation(
        stop={"idTag": "04AA11-"},
    ),
    "Ocular: meter values after the stop (#2075)": Deviation(
        between=(meter(sample("2000")),),
        so_far_wh=1000,
        after=(meter(sample("6000")), status(1, "Available")),
    ),
    "Growatt: two registers of one moment, the begin last (#1709, evcc#33256)": Deviation(
        start={"meterStart": 0},
        between=(
            meter(
                sample("2000", context="Sample.Periodic"),
                sample("0", context="Transaction.Begin"),
            ),
            meter(
                sample("3000", context="Sample.Periodic"),
                sample("0", context="Transaction.Begin"),
            ),
        ),
        so_far_wh=3000,
        stop={"meterStop": 5000},
        method=Method.REGISTER,
    ),
    "Growatt: the register of the begin, beside the power of now": Deviation(
        between=(
            meter(
                sample("6000", "Power.Active.Import", context="Sample.Periodic"),
                sample("1000", context="Transaction.Begin"),
            ),
        )
        * 3,
        so_far_wh=3000,
        method=Method.POWER,
    ),
    "BG SyncEV: no samples at all": Deviation(method=Method.START_AND_STOP),
    "BG SyncEV: measurands of its own (#1900)": Deviation(
        between=(meter(sample("7", "Vendor.Temperature"), sample("2000")),),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "Injet: current on the neutral only (#1311)": Deviation(
        between=(meter(sample("16", "Current.Import", unit="A", phase="N")),) * 3,
        so_far_wh=16 * 230 // 2,
        method=Method.CURRENT,
    ),
    "LINCHR: voltage on L1 rather than L1-N (#1705)": Deviation(
        between=(
            meter(
                sample("16", "Current.Import", phase="L1"),
                sample("240", "Voltage", phase="L1"),
            ),
        )
        * 3,
        so_far_wh=16 * 240 // 2,
        method=Method.CURRENT,
    ),
    "zappi: the register on the neutral (evcc#27206)": Deviation(
        between=(meter(sample("2000", phase="N")),),
        so_far_wh=1000,
        method=Method.ONE_PHASE_REGISTER,
    ),
    "registers by phase only (#1920)": Deviation(
        between=(
            meter(*(sample(str(wh), phase=f"L{n}") for n, wh in ((1, 900), (2, 700)))),
            meter(*(sample(str(wh), phase=f"L{n}") for n, wh in ((1, 990), (2, 900)))),
        ),
        so_far_wh=990 + 900 - 1000,
        method=Method.PHASE_REGISTERS,
    ),
    "the register of one phase only (lbbrhzn 840d141)": Deviation(
        between=(meter(sample("2000", phase="L1")),),
        so_far_wh=1000,
        method=Method.ONE_PHASE_REGISTER,
    ),
    "values that are empty, or nothing but blanks (#1336)": Deviation(
        between=(meter(sample("")), meter(sample(" 2000 ")), meter(sample("  "))),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "units in other letters, or misspelt (#1576)": Deviation(
        between=(
            meter(
                sample("2.0", unit="KWH"), sample("20", "Temperature", unit="Celcius")
            ),
        ),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "everything is measured at the body (ev-server#3823)": Deviation(
        between=(
            meter(
                sample("2000", location="Body"),
                sample("16", "Current.Import", phase="L1-N", location="Body"),
                sample("0", "Temperature", location="Body"),
            ),
        ),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "the grid's register beside the outlet's (#830)": Deviation(
        between=(
            meter(
                sample("9000000", location="Inlet"),
                sample("2000", location="Outlet"),
                sample("9000000", location="Inlet"),
            ),
        ),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "a unit that nobody knows": Deviation(
        between=(
            meter(sample("2000", unit="BTU"), sample("4000", "Power.Active.Import")),
        ),
        so_far_wh=667,
        method=Method.POWER,
    ),
    "no measurand, no unit (§7.43)": Deviation(
        between=(meter(sample("2000", None)),),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "no id in meter values during a session": Deviation(
        between=(meter(sample("2000"), transactionId=None),),
        so_far_wh=1000,
        method=Method.REGISTER,
    ),
    "Wallbox: empty transaction data, unknown fields (#1069)": Deviation(
        start={"vendor": {"x": 1}},
        stop={"transactionData": [], "extra": None},
    ),
    "a connector that is free while it charges (Autel, FoxESS)": Deviation(
        between=(status(1, "Available"), meter(sample("2000")), status(1, "Available")),
        so_far_wh=1000,
    ),
    "a connector that is never told of (EPenguin, #1992)": Deviation(
        between=(status(1, "Charging"), status(1, "SuspendedEV")),
    ),
    "Alfen: a fault of the whole station that is none (#337)": Deviation(
        between=(
            status(0, "Faulted", errorCode="OtherError", info="safe mode max 14.0A"),
        ),
    ),
    "a register of kilowatt-hours, between start and stop in watt-hours": Deviation(
        between=(meter(sample("2.5", unit="kWh")),),
        so_far_wh=1500,
        method=Method.REGISTER,
    ),
    "a reading that is stamped in 1970, or far ahead (§5 row 20)": Deviation(
        between=tuple(
            meter(
                meterValue=[{"timestamp": at, "sampledValue": [sample(wh)]}],
            )
            for at, wh in (
                ("1970-01-01T00:00:09Z", "2000"),
                ("2999-01-01T00:00:00Z", "3000"),
                ("soon", "4000"),
            )
        ),
        so_far_wh=3000,
        method=Method.REGISTER,
    ),
    "a reason that nobody knows": Deviation(stop={"reason": "EVDisconnect"}),
}


@dataclass
class Story:
    """A station that lives through a session its own way."""

    counter: Counter
    station: SimulatedStation

    async def tell(self, deviation: Deviation) -> Session:
        """Tell a session with its deviations, and return what is kept of it."""
        clock = self.counter.clock
        begun = clock()
        begin = start("04AA11", begun, 1000) | deviation.start
        answer = await self.station.send("StartTransaction", begin)
        id_ = answer["transactionId"]
        for message in deviation.between:
            clock.travel(minutes=10)
            await self._say(id_, message)
        so_far = self.counter.desk.stations["garage"].open[id_].energy.delivered_wh
        assert abs(so_far - deviation.so_far_wh) < 1  # estimates go on with the clock
        clock.travel(minutes=60 - 10 * len(deviation.between))
        end = stop(id_, clock(), 6000) | deviation.stop
        assert await self.station.send("StopTransaction", end) == {}
        for message in deviation.after:
            clock.travel(minutes=1)
            await self._say(id_, message)
        session = await self.counter.desk.ledger.session(id_)
        assert session is not None
        return session

    async def _say(self, id_: int, message: Message) -> None:
        """Say one thing, which is taken."""
        action, payload = message(Now(id_, stamp(self.counter.clock())))
        given = {key: value for key, value in payload.items() if value is not None}
        assert await self.station.send(action, given) == {}


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=DEVIATIONS)
async def test_the_energy_is_right_though(
    counter: Counter, deviation: Deviation
) -> None:
    station = await counter.mute("garage")
    session = await Story(counter, station).tell(deviation)
    assert session.energy_wh == deviation.energy_wh
    assert session.cost == Decimal("12.50")
    assert session.user == "anna"
    assert session.closing == "reported"
    assert deviation.method in (None, session.energy_method)


@pytest.mark.parametrize(
    "offset_hours", [0, 1, 8, -7], ids=lambda hours: f"UTC{hours:+}"
)
async def test_growatt_tells_local_time_with_its_offset(
    counter: Counter, offset_hours: int
) -> None:
    """#1709."""
    station = await counter.mute("garage")
    zone = timezone(timedelta(hours=offset_hours))
    begun = counter.clock().replace(microsecond=0)
    counter.clock.travel(hours=1)
    begin = start("04AA11", begun, 0)
    begin["timestamp"] = begun.astimezone(zone).isoformat()
    answer = await station.send("StartTransaction", begin)
    ended = begun + timedelta(minutes=30)
    end = stop(answer["transactionId"], ended, 500)
    end["timestamp"] = ended.astimezone(zone).isoformat()
    await station.send("StopTransaction", end)
    [session] = await counter.sessions()
    assert (session.started_at, session.ended_at) == (begun, ended)


async def test_growatt_tells_local_time_as_if_it_were_utc(counter: Counter) -> None:
    """evcc#10399."""
    station = await counter.mute("garage")
    begun = counter.clock()
    local = timedelta(hours=2)
    answer = await station.send("StartTransaction", start("04AA11", begun + local, 0))
    counter.clock.travel(minutes=30)
    ended = counter.clock()
    end = stop(answer["transactionId"], ended + local, 500)
    await station.send("StopTransaction", end)
    [session] = await counter.sessions()
    assert session.ended_at is not None
    assert abs(session.started_at - begun) < timedelta(seconds=5)
    assert abs(session.ended_at - ended) < timedelta(seconds=5)
    assert "clock_corrected" in session.flags


async def test_simpson_and_partners_starts_again_with_the_same_words(
    counter: Counter,
) -> None:
    """#1749."""
    station = await counter.mute("garage")
    begin = start("04AA11", counter.clock(), 1000)
    first = await station.send("StartTransaction", begin)
    counter.clock.travel(minutes=2)
    assert await station.send("StartTransaction", begin) == first
    assert len(await counter.sessions()) == 1


async def test_zaptec_never_says_that_a_session_ended(counter: Counter) -> None:
    """evcc, connector_test.go."""
    station = await counter.mute("garage")
    told = start("04AA11", counter.clock(), 1000)
    first = (await station.send("StartTransaction", told))["transactionId"]
    counter.clock.travel(minutes=30)
    _, payload = meter(sample("6000"))(Now(first, stamp(counter.clock())))
    await station.send("MeterValues", payload)
    counter.clock.travel(hours=5)
    await station.send("StartTransaction", start("04BB22", counter.clock(), 6000))
    anna, bo = await counter.sessions()
    assert anna.closing == "estimated"
    assert anna.energy_wh == 5000
    assert bo.is_open


async def test_zaptec_goes_on_to_tell_its_meter_when_a_session_has_ended(
    counter: Counter,
) -> None:
    """evcc, connector_test.go: on the quarter hours, and as often as it is asked."""
    station = await counter.mute("garage")
    station.answers["TriggerMessage"] = {"status": "Accepted"}
    id_ = (
        await station.send("StartTransaction", start("04AA11", counter.clock(), 1000))
    )["transactionId"]
    counter.clock.travel(minutes=30)
    last = meter(sample("6000"))(Now(id_, stamp(counter.clock())))
    await station.send(*last)
    free = status(1, "Available")(Now(id_, stamp(counter.clock())))
    await station.send(*free)
    for _ in range(12):
        counter.clock.travel(minutes=0.5)
        await counter.desk.ask_the_silent()
        at = stamp(counter.clock())
        _, idle = meter(sample("6000", context="Trigger"))(Now(0, at))
        await station.send("MeterValues", idle)
        await counter.desk.close_forgotten()
    [session] = await counter.sessions()
    assert (session.closing, session.energy_wh) == ("estimated", 5000)


async def test_the_gap_between_two_sessions_is_nobodys_negative_energy(
    counter: Counter,
) -> None:
    """Wallbox, #1069: the next session starts below where the last one stopped."""
    station = await counter.mute("garage")
    story = Story(counter, station)
    first = await story.tell(Deviation())
    counter.clock.travel(hours=1)
    second = await story.tell(
        Deviation(start={"meterStart": 5990}, stop={"meterStop": 7990})
    )
    assert (first.energy_wh, second.energy_wh) == (5000, 2000)
