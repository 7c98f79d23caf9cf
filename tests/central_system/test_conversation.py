"""What is said on an open connection: every call answered once, nothing kills it."""

import asyncio
import logging
from typing import Any

from aiohttp import WSCloseCode, WSMsgType
import pytest

from custom_components.ladda.central_system import (
    BadAnswer,
    Busy,
    Disconnected,
    NoAnswer,
    NotStored,
    Refused,
    patience,
    rpc as rpc_module,
)
from custom_components.ladda.central_system.listener import MAX_FRAME
from custom_components.ladda.charging.decisions import (
    Authorized,
    Decision,
    Noted,
    Started,
    VendorAnswer,
)
from custom_components.ladda.charging.events import (
    Heartbeat,
    MeterValuesReported,
    StationEvent,
    TransactionStarted,
    VendorMessage,
)
from custom_components.ladda.charging.model import Authorization

from .door import ALIVE, HEARTBEAT, Door, ask, hear, say, the_end, until

STOP = [
    2,
    "s",
    "StopTransaction",
    {"transactionId": 7, "meterStop": 1, "timestamp": ""},
]


# --- the station asks ----------------------------------------------------------------


async def test_calls_are_answered_one_by_one_in_their_order(door: Door) -> None:
    under_way = 0

    async def decide(event: StationEvent) -> Decision:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0.001)
        under_way -= 1
        return Noted()

    door.desk.decide = decide
    ws = await door.come()
    await say(ws, *([2, str(number), "Heartbeat", {}] for number in range(20)))
    assert [(await hear(ws))[1] for _ in range(20)] == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ([2, 17, "Heartbeat", {}], [3, 17]),
        ([2, "1", "Heartbeat", None], [3, "1"]),
        ([2, "1", "Heartbeat"], [3, "1"]),
        ([2, "1", "Heartbeat", {}, "more"], [3, "1"]),
        ([2, "1", "Heartbeat", []], [4, "1", "FormationViolation"]),
        ([2, "1"], [4, "1", "FormationViolation"]),
        ([2, "", "Heartbeat", {}], [4, "", "FormationViolation"]),
        ([2, "x" * 37, "Heartbeat", {}], [4, "x" * 36, "FormationViolation"]),
        ([2, None, "Heartbeat", {}], [4, "-1", "FormationViolation"]),
        ([2, "1", {}, {}], [4, "1", "NotImplemented"]),
        ([2, "1", "Fly", {}], [4, "1", "NotImplemented"]),
        ([2, "1", "Reset", {"type": "Hard"}], [4, "1", "NotSupported"]),
        ([2, "1", "SignCertificate", {}], [4, "1", "ProtocolError"]),
        ([2, "1", "Authorize", {}], [4, "1", "ProtocolError"]),
        (
            [2, "1", "StatusNotification", {"connectorId": 1, "status": "Dancing"}],
            [4, "1", "PropertyConstraintViolation"],
        ),
        ([2, "1", "SecurityEventNotification", {"type": "Tamper"}], [3, "1", {}]),
        ([2, "1", "LogStatusNotification", {"status": "Uploaded"}], [3, "1", {}]),
    ],
)
async def test_a_call_is_answered_whatever_it_is(
    door: Door, call: list[Any], answer: list[Any]
) -> None:
    ws = await door.come()
    heard = await ask(ws, call)
    assert heard[: len(answer)] == answer
    if heard[0] == 4:
        assert len(heard) == 5
        assert heard[4] == {}
        assert door.link().rpc.refused == 1
    assert await ask(ws, HEARTBEAT) == ALIVE


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "hello",
        "null",
        "{}",
        "[]",
        "[2]",
        '["2","1","Heartbeat",{}]',
        '[7,"1","Heartbeat",{}]',
        '[5,"1","Heartbeat",{}]',
        '[2,"1","Heartbeat",{"value":not-a-number}]',
        '[3,"nobody asked",{}]',
        "[3,null,{}]",
        '[4,"nobody asked","GenericError","",{}]',
        "[4]",
        "[" * 100_000,
    ],
)
async def test_what_is_no_call_is_counted_and_not_answered(
    door: Door, nonsense: str
) -> None:
    ws = await door.come()
    await say(ws, nonsense)
    assert await ask(ws, HEARTBEAT) == ALIVE
    assert door.link().rpc.refused == 1


async def test_a_control_character_in_a_text_loses_no_message(door: Door) -> None:
    ws = await door.come()
    await say(ws, '[2,"1","DataTransfer",\n{"vendorId":"V","data":"one\ntwo\x10"}]')
    assert (await hear(ws))[:2] == [3, "1"]
    assert door.desk.events == [VendorMessage("V", "", "one two")]


UNREADABLE = "a frame that is too big, or none of WebSocket's"
START = (
    b'[2,"s","StartTransaction",{"connectorId":1,"idTag":"04AA11","meterStart":%s,'
    b'"timestamp":"2026-11-23T04:00:00Z"}]'
)


@pytest.mark.parametrize(
    "number", [b"NaN", b"nan", b"-nan", b"Infinity", b"-Infinity", b"inf", b"1e999"]
)
async def test_a_number_that_is_none_is_all_that_is_lost_of_a_message(
    door: Door, number: bytes
) -> None:
    async def decide(event: StationEvent) -> Decision:
        return Started(7, Authorization.ACCEPTED)

    door.desk.decide = decide
    ws = await door.come()
    await ws.send_frame(START % number, WSMsgType.TEXT)
    assert (await hear(ws))[2]["transactionId"] == 7
    [event] = door.desk.events
    assert isinstance(event, TransactionStarted)
    assert (event.connector, event.token, event.meter_start_wh) == (1, "04AA11", None)
    assert event.at is not None
    assert door.link().rpc.refused == 0


async def test_a_reading_beside_one_that_is_no_number_counts(door: Door) -> None:
    ws = await door.come()
    await say(
        ws,
        '[2,"m","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":['
        '{"value":NaN,"measurand":"Power.Active.Import"},{"value":"1500"}]}]}]',
    )
    assert await hear(ws) == [3, "m", {}]
    [event] = door.desk.events
    assert isinstance(event, MeterValuesReported)
    assert [*event.values[0].samples.values()] == [1500]


async def test_broken_characters_in_a_text_lose_no_message(door: Door) -> None:
    """Bytes that are no UTF-8, in a text frame: another server would hang up."""
    ws = await door.come()
    raw = b'[2,"1","DataTransfer",{"vendorId":"V","data":"Stra\xdfe \xff\xc3"}]'
    await ws.send_frame(raw, WSMsgType.TEXT)
    assert (await hear(ws))[:2] == [3, "1"]
    assert door.desk.events == [VendorMessage("V", "", "Stra\ufffde \ufffd\ufffd")]


async def test_what_could_not_be_stored_is_refused_so_that_it_comes_again(
    door: Door,
) -> None:
    full = True

    async def decide(event: StationEvent) -> Decision:
        if full:
            raise NotStored
        return Noted()

    door.desk.decide = decide
    ws = await door.come()
    assert await ask(ws, STOP) == [4, "s", "InternalError", "", {}]
    full = False
    assert await ask(ws, STOP) == [3, "s", {}]


async def test_an_error_of_ours_is_told_once_and_the_station_sends_again(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    async def decide(event: StationEvent) -> Decision:
        if type(event) is Heartbeat:
            return Noted()
        raise RuntimeError("nobody thought of this")

    door.desk.decide = decide
    for _ in range(3):  # each connection anew
        ws = await door.come()
        for _ in range(3):
            assert await ask(ws, STOP) == [4, "s", "InternalError", "", {}]
        assert await ask(ws, HEARTBEAT) == ALIVE
        await ws.close()
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.levelno == logging.ERROR
    assert record.message == "garage: a StopTransaction went wrong here"
    assert record.exc_info is not None
    assert door.central.oddities.of("garage")["a StopTransaction went wrong here"] == 9


async def test_an_answer_that_cannot_be_written_is_an_error_of_ours(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    async def decide(event: StationEvent) -> Decision:
        return VendorAnswer(known=True, data=object())  # type: ignore[arg-type]

    door.desk.decide = decide
    ws = await door.come()
    call = [2, "1", "DataTransfer", {"vendorId": "V"}]
    assert (await ask(ws, call))[2] == "InternalError"
    assert "went wrong here" in caplog.text


async def test_an_authorisation_is_answered(door: Door) -> None:
    async def decide(event: StationEvent) -> Decision:
        return Authorized(Authorization.BLOCKED)

    door.desk.decide = decide
    ws = await door.come()
    call = [2, "1", "Authorize", {"idTag": "04AA"}]
    assert await ask(ws, call) == [3, "1", {"idTagInfo": {"status": "Blocked"}}]


async def test_a_station_that_hangs_up_during_its_call_harms_nobody(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def decide(event: StationEvent) -> Decision:
        asked.set()
        await go_on.wait()
        return Noted()

    door.desk.decide = decide
    ws = await door.come()
    await say(ws, HEARTBEAT)
    await asked.wait()
    assert ws._response.connection is not None  # noqa: SLF001
    ws._response.connection.transport.abort()  # type: ignore[union-attr] # noqa: SLF001
    await asyncio.sleep(0.05)
    go_on.set()
    await until(lambda: not door.central.links)
    assert [what for what, _ in door.desk.comings] == ["came", "went"]
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_binary_message_ends_the_connection(door: Door) -> None:
    ws = await door.come()
    await ws.send_bytes(b'[2,"1","Heartbeat",{}]')
    await the_end(ws)
    assert ws.close_code == WSCloseCode.UNSUPPORTED_DATA
    await until(lambda: not door.central.links)


async def test_a_message_that_is_too_big_ends_the_connection(door: Door) -> None:
    ws = await door.come()
    await ws.send_str("x" * (MAX_FRAME + 1))
    await the_end(ws)
    assert ws.close_code == WSCloseCode.MESSAGE_TOO_BIG
    await until(lambda: not door.central.links)
    assert door.central.oddities.of("garage") == {UNREADABLE: 1}


@pytest.mark.parametrize(
    "head",
    [
        b"\xc1\x96",  # RSV1: compressed, which nobody agreed on (ocpp-go#358)
        b"\xa1\x96",  # RSV2
        b"\x83\x96",  # an opcode that there is not
        b"\x80\x96",  # a continuation of nothing
        b"\x09\x96",  # a ping in pieces
    ],
)
async def test_a_frame_that_is_none_ends_the_connection_and_no_other(
    door: Door, head: bytes
) -> None:
    other = await door.come("/stranger")
    ws = await door.come()
    assert ws._writer is not None  # noqa: SLF001
    frame = head + bytes(4) + b'[2,"1","Heartbeat",{}]'
    ws._writer.transport.write(frame)  # type: ignore[union-attr] # noqa: SLF001
    await the_end(ws)
    assert ws.close_code == WSCloseCode.PROTOCOL_ERROR
    await until(lambda: "garage" not in door.central.links)
    assert door.central.oddities.of("garage") == {UNREADABLE: 1}
    assert (await ask(other, HEARTBEAT))[2] == "SecurityError"
    assert await ask(await door.come(), HEARTBEAT) == ALIVE


async def test_a_big_message_is_read(door: Door) -> None:
    ws = await door.come()
    data = "x" * (MAX_FRAME - 100)
    call = [2, "1", "DataTransfer", {"vendorId": "V", "data": data}]
    assert (await ask(ws, call))[:2] == [3, "1"]


# --- we ask --------------------------------------------------------------------------


async def test_a_call_of_ours_returns_the_answer(door: Door) -> None:
    ws = await door.come()
    call = asyncio.create_task(door.link().rpc.call("ClearCache", {}))
    kind, id_, action, payload = await hear(ws)
    assert (kind, action, payload) == (2, "ClearCache", {})
    assert len(id_) == 36
    await say(ws, [3, id_, {"status": "Accepted"}])
    assert await call == {"status": "Accepted"}


@pytest.mark.parametrize("answer", [[3, "id"], [3, "id", None], [3, "id", {}, "more"]])
async def test_an_empty_answer_is_an_answer(door: Door, answer: list[Any]) -> None:
    ws = await door.come()
    call = asyncio.create_task(door.link().rpc.call("GetConfiguration", {}))
    answer[1] = (await hear(ws))[1]
    await say(ws, answer)
    assert await call == {}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            [4, "id", "NotSupported", "no such thing", {}],
            Refused,
            "NotSupported no such",
        ),
        ([4, "id", "Whatever"], Refused, "Reset: Whatever"),
        ([4, "id", 17, {}], Refused, "Reset: GenericError"),
        ([4, "id"], Refused, "Reset: GenericError"),
        ([3, "id", []], BadAnswer, "no object"),
        ([3, "id", "yes"], BadAnswer, "no object"),
    ],
)
async def test_an_answer_that_says_no_is_an_error(
    door: Door, answer: list[Any], error: type[Exception], words: str
) -> None:
    ws = await door.come()
    call = asyncio.create_task(door.link().rpc.call("Reset", {"type": "Soft"}))
    answer[1] = (await hear(ws))[1]
    await say(ws, answer)
    with pytest.raises(error, match=words):
        await call


async def test_only_one_call_of_ours_is_under_way(door: Door) -> None:
    ws = await door.come()
    rpc = door.link().rpc
    calls = [asyncio.create_task(rpc.call("Reset", {"number": n})) for n in range(3)]
    for number in range(3):
        _, id_, _, payload = await hear(ws)
        assert payload == {"number": number}
        # What the station asks in between is answered: only answers come now.
        assert await ask(ws, HEARTBEAT) == ALIVE
        await say(ws, [3, id_, {"number": number}])
    assert await asyncio.gather(*calls) == [{"number": n} for n in range(3)]


async def test_a_late_answer_is_not_taken_for_the_next(door: Door) -> None:
    ws = await door.come()
    rpc = door.link().rpc
    first = asyncio.create_task(rpc.call("Reset", {}, timeout=0.05))
    _, late, *_ = await hear(ws)
    with pytest.raises(NoAnswer, match=r"no answer to Reset within 0\.05 s"):
        await first
    second = asyncio.create_task(rpc.call("ClearCache", {}))
    _, id_, *_ = await hear(ws)
    await say(ws, [3, late, {"status": "late"}], [3, id_, {"status": "Accepted"}])
    assert await second == {"status": "Accepted"}
    assert rpc.refused == 1


async def test_an_answer_given_twice_counts_once(door: Door) -> None:
    ws = await door.come()
    rpc = door.link().rpc
    call = asyncio.create_task(rpc.call("Reset", {}))
    _, id_, *_ = await hear(ws)
    await say(ws, [3, id_, {"status": "one"}], [3, id_, {"status": "two"}])
    assert await call == {"status": "one"}
    await until(lambda: rpc.refused == 1)


async def test_answers_that_nobody_asked_for_are_dropped(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BURST", 5000)
    ws = await door.come()
    rpc = door.link().rpc
    await say(ws, *([3, str(number), {}] for number in range(3000)))
    assert await ask(ws, HEARTBEAT) == ALIVE
    assert rpc.refused == 3000
    call = asyncio.create_task(rpc.call("Reset", {}))
    _, id_, *_ = await hear(ws)
    await say(ws, [3, id_, {"status": "Accepted"}])
    assert await call == {"status": "Accepted"}


async def test_calls_fail_at_once_when_the_station_goes(door: Door) -> None:
    ws = await door.come()
    rpc = door.link().rpc
    calls = [asyncio.create_task(rpc.call("Reset", {})) for _ in range(3)]
    await hear(ws)
    await ws.close()
    async with asyncio.timeout(1):
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [Disconnected] * 3
    assert rpc.closed
    with pytest.raises(Disconnected):
        await rpc.call("Reset", {})
    with pytest.raises(Disconnected):
        await rpc.ping()


async def test_calls_fail_at_once_when_a_new_connection_replaces_the_old(
    door: Door,
) -> None:
    old = await door.come()
    call = asyncio.create_task(door.link().rpc.call("Reset", {}))
    await hear(old)
    await door.come()
    async with asyncio.timeout(1):
        with pytest.raises(Disconnected):
            await call


async def test_while_too_many_calls_wait_no_more_is_asked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "MAX_CALLS", 3)
    ws = await door.come()
    rpc = door.link().rpc
    calls = [asyncio.create_task(rpc.call("Reset", {"number": n})) for n in range(3)]
    _, id_, *_ = await hear(ws)
    with pytest.raises(Busy, match="Reset: the station still owes answers"):
        await rpc.call("Reset", {"number": 3})
    await say(ws, [3, id_, {}])
    await calls[0]
    calls.append(asyncio.create_task(rpc.call("Reset", {"number": 4})))
    for number in (1, 2, 4):
        _, id_, _, payload = await hear(ws)
        assert payload == {"number": number}
        await say(ws, [3, id_, {}])
    assert await asyncio.gather(*calls) == [{}] * 4


async def test_a_call_that_is_given_up_leaves_the_turn_to_the_next(door: Door) -> None:
    ws = await door.come()
    rpc = door.link().rpc
    given_up = asyncio.create_task(rpc.call("Reset", {}))
    await hear(ws)
    given_up.cancel()
    call = asyncio.create_task(rpc.call("ClearCache", {}))
    _, id_, action, _ = await hear(ws)
    assert action == "ClearCache"
    await say(ws, [3, id_, {}])
    assert await call == {}
