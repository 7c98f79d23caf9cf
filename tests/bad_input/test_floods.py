"""Who sends too much is slowed down, then shut out; who was only offline is not."""

import asyncio
from datetime import UTC, datetime, timedelta
import logging

from aiohttp import WSCloseCode, WSServerHandshakeError
from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.central_system import listener, patience
from custom_components.ladda.central_system.oddities import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Oddities,
)
from custom_components.ladda.central_system.patience import (
    BURST,
    EXHAUSTED_AFTER,
    RATE,
    Patience,
)
from custom_components.ladda.charging.journal import Kind
from tests.central_system.door import ask, hear, say, the_end, until
from tests.desk.wire import meter_values

from .neighbours import METER_START, Neighbours

TOO_MUCH = "more messages than anybody needs"
FIRST_READING = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten seconds be a tenth of one."""
    monkeypatch.setattr(patience, "BURST", 50)
    monkeypatch.setattr(patience, "RATE", 500)
    monkeypatch.setattr(patience, "EXHAUSTED_AFTER", 0.3)
    monkeypatch.setattr(listener, "COOL_DOWN", 0.5)


async def flood(yard: Neighbours, frame: object) -> None:
    """Send without end, until the connection is closed."""
    try:
        while True:
            await say(yard.garage, *[frame] * 20)
            await asyncio.sleep(0)
    except ConnectionError:
        pass


def readings(yard: Neighbours, count: int) -> list[list[object]]:
    """Return readings of the session, as many as are wanted."""
    return [
        [
            2,
            str(number),
            "MeterValues",
            meter_values(
                yard.begun + timedelta(seconds=number),
                METER_START + number,
                transaction=yard.session,
            ),
        ]
        for number in range(count)
    ]


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize(
    "frame",
    [
        "garbage",
        [2, "x", "Fly", {}],
        [3, "nobody asked", {}],
        [2, "x", "Heartbeat", {}],
        [2, "x", "StatusNotification", {"connectorId": 1, "status": "Charging"}],
        [2, "x", "StopTransaction", {}],
        [2, "x", "MeterValues", {"connectorId": 1, "meterValue": []}],
        [2, "x", "MeterValues", {"connectorId": 1, "meterValue": [{}]}],
        [2, "x", "MeterValues", meter_values(FIRST_READING, "none")],
        [2, "x", "MeterValues", meter_values(FIRST_READING, METER_START)],
    ],
)
async def test_a_flood_ends_the_connection_and_nothing_else(
    yard: Neighbours, frame: object
) -> None:
    flooding = asyncio.create_task(flood(yard, frame))
    await until(lambda: TOO_MUCH in yard.odd)
    async with asyncio.timeout(0.2):  # the neighbour does not wait for it
        assert await ask(yard.drive, [2, "1", "Heartbeat", {}])
    await the_end(yard.garage)
    assert yard.garage.close_code == WSCloseCode.POLICY_VIOLATION
    await flooding

    with pytest.raises(WSServerHandshakeError) as turned_away:
        await yard.come("garage")
    assert turned_away.value.status == 503
    assert turned_away.value.headers is not None
    assert "Retry-After" in turned_away.value.headers
    await yard.come("drive")  # only who flooded cools down
    await asyncio.sleep(0.6)
    yard.garage = await yard.come("garage")
    yard.drive = yard.connections[0]
    await yard.all_is_well()


@pytest.mark.usefixtures("short_patience")
async def test_what_was_kept_while_offline_is_taken_as_fast_as_it_comes(
    yard: Neighbours,
) -> None:
    calls = readings(yard, 1000)
    saying = asyncio.create_task(say(yard.garage, *calls))
    for number in range(len(calls)):
        assert await hear(yard.garage) == [3, str(number), {}]
    await saying
    assert yard.odd == {}
    await yard.all_is_well()


async def test_who_reports_more_than_any_charger_keeps_is_slowed_down_and_stays(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An absurd number of readings, each of them good."""
    monkeypatch.setattr(patience, "REPLAY", 100)
    monkeypatch.setattr(patience, "RATE", 100)
    monkeypatch.setattr(patience, "EXHAUSTED_AFTER", 0.1)
    yard.garage = await yard.come("garage")
    loop = asyncio.get_running_loop()
    began = loop.time()
    calls = readings(yard, 250)
    saying = asyncio.create_task(say(yard.garage, *calls))
    for number in range(len(calls)):
        assert await hear(yard.garage) == [3, str(number), {}]
    await saying
    assert loop.time() - began > 150 / 100
    assert list(yard.odd) == ["more transaction messages than any charger keeps"]
    await yard.all_is_well()


def test_a_month_of_readings_is_taken_at_once() -> None:
    guard = Patience(patience.REPLAY, 0)
    for _ in range(30 * 24 * 120 * 2):
        assert guard.spend(1500, 0) == 0


async def test_a_station_repeats_for_ever_what_was_refused(
    yard: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    """Metron, OCPP.Core#31: the same again after each error, before anything else."""
    useless = [2, "x", "StopTransaction", {}]
    for _ in range(200):
        heard = await ask(yard.garage, useless)
        assert heard[:3] == [4, "x", "ProtocolError"]
    [(kind, times)] = yard.odd.items()
    assert times == 200
    assert told(caplog) == [f"garage sent something odd: {kind}"]
    await yard.all_is_well()


async def test_a_station_repeats_for_ever_what_was_answered(yard: Neighbours) -> None:
    """It gets the same answer each time, and nothing is kept twice."""
    [reading] = readings(yard, 1)
    for _ in range(200):
        assert await ask(yard.garage, reading) == [3, "0", {}]
        assert (await ask(yard.garage, [2, "h", "Heartbeat", {}]))[:2] == [3, "h"]
    entries = await yard.counter.desk.ledger.entries(kind=Kind.METER)
    assert len(entries) == 1
    await yard.all_is_well()


# --- how much is listened to ----------------------------------------------------------


@given(st.integers(0, 2000))
def test_who_keeps_to_the_rate_never_waits(messages: int) -> None:
    guard = Patience(BURST, 0)
    for number in range(messages):
        assert guard.spend(0, number / RATE) == 0


def test_who_sends_more_is_heard_at_the_rate() -> None:
    guard, now, heard = Patience(BURST, 0), 0.0, 0
    while now < 20:
        now += guard.spend(0, now)
        heard += 1
    assert heard == pytest.approx(BURST + 20 * RATE, rel=0.01)
    assert not guard.is_exhausted(now)


def test_patience_ends_for_who_never_leaves_off() -> None:
    guard, now = Patience(BURST, 0), 0.0
    while not guard.is_exhausted(now):
        now += guard.spend(0, now)
    assert now == pytest.approx(EXHAUSTED_AFTER, abs=1)


def test_who_leaves_off_for_a_while_is_heard_again() -> None:
    guard, now = Patience(BURST, 0), 0.0
    for _ in range(10):
        while now % 60 < 30:
            now += guard.spend(0, now)
            assert not guard.is_exhausted(now)
        now += 30


def test_a_big_message_counts_for_many() -> None:
    assert Patience(BURST, 0).spend(1 << 20, 0) == 0
    guard = Patience(BURST, 0)
    assert sum(guard.spend(1 << 20, 0) for _ in range(4)) > 5


# --- what is told of it ---------------------------------------------------------------


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines about odd messages."""
    return [each.message for each in caplog.records if "odd" in each.message]


def test_the_same_is_told_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    oddities = Oddities(lambda: now)
    for _ in range(100):
        oddities.note("garage", "not JSON")
    assert told(caplog) == ["garage sent something odd: not JSON"]
    now = FIRST_PAUSE
    for _ in range(100):
        oddities.note("garage", "not JSON")
    assert told(caplog)[1:] == [
        "garage sent something odd: not JSON (99 times more since)"
    ]
    now = 2 * FIRST_PAUSE
    oddities.note("garage", "not JSON")
    assert len(told(caplog)) == 2
    assert oddities.of("garage") == {"not JSON": 201}


def test_a_station_that_is_odd_all_year_hardly_fills_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    oddities = Oddities(lambda: now)
    for _ in range(365 * 24 * 4):
        now += 900
        oddities.note("garage", "not JSON")
    assert len(told(caplog)) < 365 + 12
    assert LONGEST_PAUSE == 24 * 3600


def test_each_station_and_each_oddity_is_told_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    oddities = Oddities(lambda: 0.0)
    oddities.note("garage", "not JSON")
    oddities.note("drive", "not JSON")
    oddities.note("garage", "unknown message type")
    assert len(told(caplog)) == 3
    assert oddities.of("drive") == {"not JSON": 1}
    assert oddities.of("nobody") == {}


async def test_nothing_that_a_station_sent_is_in_the_log(
    yard: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "04DEADBEEF"
    for frame in (
        secret,
        [2, secret, secret, {secret: secret}],
        [2, "x", "Authorize", {"idTag": [secret]}],
        [2, "x", "StopTransaction", {"transactionId": 99, "idTag": secret}],
        [secret, "x", secret],
        [3, secret, {"key": secret}],
    ):
        await say(yard.garage, frame)
    answers = [await hear(yard.garage) for _ in range(3)]
    assert [kind for kind, *_ in answers] == [4, 4, 3]
    await yard.all_is_well()
    ours = [
        each for each in caplog.records if each.name.startswith("custom_components")
    ]
    assert len([each for each in ours if "odd" in each.message]) >= 5
    assert not [each.message for each in ours if secret in each.message]


async def test_a_station_that_comes_and_goes_all_day_is_told_of_now_and_then(
    yard: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(10):
        ws = await yard.come("drive")
        await ws.close()
        await until(lambda: "drive" not in yard.counter.central.links)
    lines = [each.message for each in caplog.records if "connected" in each.message]
    assert lines == ["drive disconnected"]  # it connected before the test began
    assert yard.counter.central.oddities.of("drive") == {}


def test_who_comes_again_after_a_while_is_told_of_with_how_often_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    oddities = Oddities(lambda: now)
    for _ in range(4):
        oddities.mention("garage", "connected", " from 192.168.1.20")
    now = FIRST_PAUSE
    oddities.mention("garage", "connected", " from 192.168.1.21")
    assert caplog.messages == [
        "garage connected from 192.168.1.20",
        "garage connected from 192.168.1.21 (3 times more since)",
    ]
