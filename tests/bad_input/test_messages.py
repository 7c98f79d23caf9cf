"""Each kind of bad message at a real desk: what is answered, and that nobody is harmed.

The rows are those of OCPP-J 1.6 §4 and its errata, and what stations were seen to send.
"""

from datetime import timedelta
import json
from typing import Any

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType
import pytest

from custom_components.ladda.central_system.listener import MAX_FRAME
from custom_components.ladda.charging.journal import Kind
from custom_components.ladda.charging.model import ConnectorStatus
from custom_components.ladda.charging.session import Flag
from tests.central_system.door import ask, hear, say, the_end, until
from tests.desk.wire import stamp

from .neighbours import METER_START, Neighbours

SESSION = "the id of the session that goes on"
ECHO = [2, "echo", "Heartbeat", {}]
AT = "2026-11-23T04:00:00Z"  # stands for now


def call(action: str, **payload: Any) -> list[Any]:
    """Return a call."""
    return [2, "x", action, payload]


def meter(*values: Any, **more: Any) -> list[Any]:
    """Return a call with the samples of one moment."""
    return call(
        "MeterValues",
        **(
            {
                "connectorId": 1,
                "transactionId": SESSION,
                "meterValue": [{"timestamp": AT, "sampledValue": list(values)}],
            }
            | more
        ),
    )


def register(value: Any) -> dict[str, Any]:
    """Return a sample of the register."""
    return {"value": value, "measurand": "Energy.Active.Import.Register"}


NOT_A_CALL = {
    "not JSON": "hello",
    "bad UTF-8 is no JSON either": b"\xff\xfe[2,\xc3",
    "NaN alone": "NaN",
    "a word that JSON does not know": '[2,"x","Heartbeat",{"a":undefined}]',
    "nesting without end": '[2,"x","Heartbeat",' + "[" * 50_000,
    "not an array": {"action": "Heartbeat"},
    "an empty array": [],
    "no message type": ["x"],
    "a short array": [2],
    "a message type that nobody knows": [7, "x", "Heartbeat", {}],
    "a message type as text": ["2", "x", "Heartbeat", {}],
    "an error answer to an answer (OCPP 2.1)": [5, "x", "GenericError", "", {}],
    "a message without answer (OCPP 2.1)": [6, "x", "Heartbeat", {}],
    "an answer that nobody waits for": [3, "x", {}],
    "an answer without id": [3],
    "an error that nobody waits for": [4, "x", "InternalError", "", {}],
    "half a frame": '[2,"x","StopTransaction",{"transactionId":',
}


@pytest.mark.parametrize("frame", NOT_A_CALL.values(), ids=NOT_A_CALL)
async def test_what_is_no_call_is_dropped_and_counted(
    yard: Neighbours, frame: Any
) -> None:
    if isinstance(frame, bytes):
        await yard.garage.send_frame(frame, WSMsgType.TEXT)
    else:
        await say(yard.garage, frame)
    assert (await ask(yard.garage, ECHO))[:2] == [3, "echo"]
    assert sum(yard.odd.values()) == 1
    await yard.all_is_well()


REFUSED = {
    "an empty id": ([2, "", "Heartbeat", {}], "", "FormationViolation"),
    "no id": ([2, None, "Heartbeat", {}], "-1", "FormationViolation"),
    "an id that is a list": ([2, ["x"], "Heartbeat", {}], "-1", "FormationViolation"),
    "an id that is too long": (
        [2, "x" * 99, "Heartbeat", {}],
        "x" * 36,
        "FormationViolation",
    ),
    "no action": ([2, "x"], "x", "FormationViolation"),
    "an action that nobody knows": (call("Fly"), "x", "NotImplemented"),
    "an action that is no text": ([2, "x", 17, {}], "x", "NotImplemented"),
    "an action in other letters": (call("heartbeat"), "x", "NotImplemented"),
    "an action of the other side": (call("Reset", type="Hard"), "x", "NotSupported"),
    "a payload that is a list": (
        [2, "x", "StopTransaction", [{"transactionId": 1}]],
        "x",
        "FormationViolation",
    ),
    "a payload that is a number": ([2, "x", "Heartbeat", 1], "x", "FormationViolation"),
    "a boot without its maker": (
        call("BootNotification", chargePointModel="M"),
        "x",
        "ProtocolError",
    ),
    "a boot with a maker of a wrong type": (
        call("BootNotification", chargePointVendor={}, chargePointModel="M"),
        "x",
        "TypeConstraintViolation",
    ),
    "a tag that is missing": (call("Authorize"), "x", "ProtocolError"),
    "a tag of a wrong type": (
        call("Authorize", idTag=["04AA11"]),
        "x",
        "TypeConstraintViolation",
    ),
    "a tag that is too long to be told from others": (
        call("Authorize", idTag="0" * 256),
        "x",
        "PropertyConstraintViolation",
    ),
    "a status that is missing": (
        call("StatusNotification", connectorId=1),
        "x",
        "ProtocolError",
    ),
    "a status that nobody knows": (
        call("StatusNotification", connectorId=1, status="Dancing"),
        "x",
        "PropertyConstraintViolation",
    ),
    "a status of a wrong type": (
        call("StatusNotification", connectorId=1, status=7),
        "x",
        "TypeConstraintViolation",
    ),
    "a status of no connector": (
        call("StatusNotification", status="Available"),
        "x",
        "ProtocolError",
    ),
    "a negative connector": (
        call("StatusNotification", connectorId=-1, status="Available"),
        "x",
        "PropertyConstraintViolation",
    ),
    "more connectors than any station has": (
        call("StatusNotification", connectorId=17, status="Available"),
        "x",
        "PropertyConstraintViolation",
    ),
    "meter values of nothing at all": (call("MeterValues"), "x", "ProtocolError"),
    "a start in which nothing can be used": (
        call("StartTransaction", connectorId=[], timestamp=0, meterStart="much"),
        "x",
        "ProtocolError",
    ),
    "a stop in which nothing can be used": (
        call("StopTransaction", reason="Local"),
        "x",
        "ProtocolError",
    ),
}


@pytest.mark.parametrize(("frame", "id_", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_used_is_refused_with_a_word_why(
    yard: Neighbours, frame: list[Any], id_: str, code: str
) -> None:
    heard = await ask(yard.garage, frame)
    assert heard[:3] == [4, id_, code]
    assert len(heard[3]) <= 255
    assert heard[4] == {}
    [(kind, times)] = yard.odd.items()
    assert kind.startswith(code)
    assert times == 1
    await yard.all_is_well()


TAKEN = {
    "a payload that is null": [2, "x", "Heartbeat", None],
    "no payload": [2, "x", "Heartbeat"],
    "more than there should be": [2, "x", "Heartbeat", {}, {"more": 1}],
    "unknown fields": call("Heartbeat", more={"vendor": [1]}),
    "a number for an id": [2, 7, "Heartbeat", {}],
    "numbers as text": call("StatusNotification", connectorId="1", status="Charging"),
    "numbers with a point": call(
        "StatusNotification", connectorId=1.0, status="Charging"
    ),
    "a status with an error that nobody knows": call(
        "StatusNotification", connectorId=1, status="Faulted", errorCode="Smoke"
    ),
    "a status in other letters": call(
        "StatusNotification", connectorId=1, status="SUSPENDEDEV", errorCode=None
    ),
    "a connector that nobody heard of": call(
        "StatusNotification", connectorId=9, status="Available"
    ),
    "a text that is too long": call(
        "BootNotification", chargePointVendor="V" * 500, chargePointModel="M"
    ),
    "a text that is code somewhere else": call(
        "BootNotification",
        chargePointVendor="<script>alert(1)</script>",
        chargePointModel="{{ states('lock.door') }}'; drop table session; --",
        chargePointSerialNumber="../../etc\x00\x1b[31m\u202e",
    ),
    "a number for a text": call("Authorize", idTag=4711.5),
    "a tag that is code somewhere else": call(
        "Authorize", idTag="{{ 7 * 7 }}<b>\x00' or 1=1"
    ),
    "an unknown maker's message": call("DataTransfer", vendorId="V", data={"a": [1]}),
    "no register at the start": call(
        "StartTransaction", connectorId=2, idTag="04BB22", timestamp=AT
    ),
    "a start with a tag that is no text": call(
        "StartTransaction", connectorId=2, idTag={}, meterStart="5", timestamp=AT
    ),
    "a start at a connector that cannot be": call(
        "StartTransaction", connectorId=99, idTag="04BB22", meterStart=1, timestamp=AT
    ),
    "a stop of nothing that we know": call(
        "StopTransaction", transactionId=4711, meterStop=9999, timestamp=AT
    ),
    "a stop with an id that cannot be": call(
        "StopTransaction", transactionId=2**63 - 1, meterStop=9999, timestamp=AT
    ),
    "a stop with an id beyond all databases": call(
        "StopTransaction", transactionId=2**64 - 1, meterStop=9999, timestamp=AT
    ),
    "an id of meter values beyond all databases": meter(
        register("1500"), transactionId=2**64 - 1
    ),
    "no tag, no time and no register at the start": call(
        "StartTransaction", connectorId=2
    ),
    "no time and no register at the stop": call("StopTransaction", transactionId=4711),
    "a start in text and stroke": call(
        "StartTransaction",
        connectorId="2",
        idTag="04BB22",
        meterStart="7.5",
        timestamp="soon",
    ),
    "a reason that nobody knows": call(
        "StopTransaction", transactionId=4711, reason="EVDisconnect", timestamp=AT
    ),
    "a bad time": meter(
        register("1500"), meterValue=[{"timestamp": "soon", "sampledValue": []}]
    ),
    "a time long ago": meter(
        meterValue=[
            {"timestamp": "1970-01-01T00:00:00Z", "sampledValue": [register("1500")]}
        ]
    ),
    "a time far ahead": meter(
        meterValue=[
            {"timestamp": "2999-01-01T00:00:00Z", "sampledValue": [register("1500")]}
        ]
    ),
    "a value that is no number": meter(register("abc")),
    "a value that is empty": meter(register("")),
    "a negative value": meter(register("-5")),
    "a value beyond all measure": meter(register("1e300"), register("NaN")),
    "a register that jumps": meter(register("99999999")),
    "a unit that nobody knows": meter(register("1500") | {"unit": "furlong"}),
    "a measurand that nobody knows": meter({"value": "1", "measurand": "Mood"}),
    "words that are lists": meter({"value": "1", "measurand": [], "unit": {}}),
    "samples that are none": meter(None, 7, "x", []),
    "meter values that are none": meter(meterValue="none"),
    "one meter value that is no list": meter(
        meterValue={"timestamp": AT, "sampledValue": register("1500")}
    ),
    "an id that is text": meter(register("1500"), transactionId="none"),
    "an id of somebody else": meter(register("1500"), transactionId=4711),
    "an id that cannot be": meter(register("1500"), transactionId=2**63 - 1),
}


@pytest.mark.parametrize("frame", TAKEN.values(), ids=TAKEN)
async def test_what_is_merely_odd_is_taken(yard: Neighbours, frame: list[Any]) -> None:
    now = stamp(yard.counter.clock())
    kind, id_, action, *rest = json.loads(json.dumps(frame).replace(AT, now))
    if rest and rest[0] and rest[0].get("transactionId") == SESSION:
        rest = [rest[0] | {"transactionId": yard.session}]
    heard = await ask(yard.garage, [kind, id_, action, *rest])
    assert heard[:2] == [3, id_]
    assert yard.odd == {} or action == "StopTransaction"
    await yard.all_is_well()


async def test_a_call_sent_again_is_answered_again_and_kept_once(
    yard: Neighbours,
) -> None:
    told = meter(register("1500"), transactionId=yard.session)
    first = await ask(yard.garage, told)
    assert await ask(yard.garage, told) == first
    assert len(await yard.counter.desk.ledger.entries(kind=Kind.METER)) == 1
    await yard.all_is_well()


async def test_ids_that_come_again_with_other_calls_are_other_calls(
    yard: Neighbours,
) -> None:
    for wh in (1500, 1600, 1700):
        told = meter(register(wh), transactionId=yard.session)
        assert await ask(yard.garage, told) == [3, "x", {}]
    assert len(await yard.counter.desk.ledger.entries(kind=Kind.METER)) == 3
    await yard.all_is_well()


async def test_calls_that_come_at_once_are_answered_in_their_order(
    yard: Neighbours,
) -> None:
    calls = [[2, str(number), "Heartbeat", {}] for number in range(100)]
    await say(yard.garage, *calls)
    heard = [(await hear(yard.garage))[1] for _ in calls]
    assert heard == [str(number) for number in range(100)]
    await yard.all_is_well()


async def test_a_stop_of_somebody_elses_session_does_not_end_it(
    yard: Neighbours,
) -> None:
    told = {"transactionId": yard.session, "meterStop": METER_START, "timestamp": AT}
    assert await ask(yard.drive, [2, "x", "StopTransaction", told]) == [3, "x", {}]
    told = meter(register("999999"), transactionId=yard.session)
    assert await ask(yard.drive, told) == [3, "x", {}]
    assert "a stop of an unknown transaction" in yard.counter.central.oddities.of(
        "drive"
    )
    await yard.all_is_well()


async def test_a_tag_in_other_letters_is_the_same_tag(yard: Neighbours) -> None:
    for tag in ("04bb22", " 04BB22\u0010\u000e", "04Bb22\n"):
        heard = await ask(yard.drive, call("Authorize", idTag=tag))
        assert heard[2]["idTagInfo"]["status"] == "Accepted"


async def test_who_is_not_accepted_gets_nothing_but_a_boot(yard: Neighbours) -> None:
    stranger = await yard.come("stranger")
    for action in ("StartTransaction", "MeterValues", "Authorize", "DataTransfer"):
        assert (await ask(stranger, call(action, connectorId=1)))[2] == "SecurityError"
    boot = call("BootNotification", chargePointVendor="V", chargePointModel="M")
    assert (await ask(stranger, boot))[2]["status"] == "Pending"
    refused = yard.counter.central.oddities.of("strangers")
    assert refused == {"SecurityError: the station is not accepted": 4}
    await yard.all_is_well()


# --- what is kept of it ---------------------------------------------------------------


async def test_a_text_that_is_too_long_is_kept_cut_off(yard: Neighbours) -> None:
    """Where it is code somewhere else it is kept as the text that it is."""
    code = "{{ states('lock.door') }}'; drop table session; --"
    told = call("BootNotification", chargePointVendor="V" * 500, chargePointModel=code)
    await ask(yard.garage, told)
    info = yard.counter.desk.stations["garage"].info
    assert info is not None
    assert (info.vendor, info.model) == ("V" * 255, code)
    await yard.all_is_well()


async def test_a_connector_that_nobody_heard_of_is_there_from_then_on(
    yard: Neighbours,
) -> None:
    told = call("StatusNotification", connectorId=9, status="Charging")
    await ask(yard.garage, told)
    connectors = yard.counter.desk.stations["garage"].connectors
    assert connectors[9].status is ConnectorStatus.CHARGING
    for number in (-1, 17):
        told = call("StatusNotification", connectorId=number, status="Charging")
        assert (await ask(yard.garage, told))[2] == "PropertyConstraintViolation"
        assert number not in connectors
    await yard.all_is_well()


SALVAGED: dict[str, dict[str, Any]] = {
    "a bad time": {"timestamp": "soon"},
    "a register that is no number": {"meterStart": "much", "meterStop": "more"},
    "a register beyond all measure": {"meterStart": "1e300", "meterStop": "1e300"},
    "a connector, and an id, that cannot be": {
        "connectorId": 99,
        "transactionId": "mine",
    },
}


@pytest.mark.parametrize("odd", SALVAGED.values(), ids=SALVAGED)
async def test_a_start_and_a_stop_are_salvaged_and_kept_as_they_came(
    yard: Neighbours, odd: dict[str, Any]
) -> None:
    """An error answer would cost the session; a person can see what it was."""
    now = stamp(yard.counter.clock())
    good = {"connectorId": 1, "idTag": "04BB22", "meterStart": 500, "timestamp": now}
    told = good | {key: odd[key] for key in good.keys() & odd.keys()}
    ws = yard.drive
    heard = await ask(ws, call("StartTransaction", **told))
    assert heard[2]["idTagInfo"]["status"] == "Accepted"
    assert heard[2]["transactionId"] > 0
    id_ = heard[2]["transactionId"]
    good = {"transactionId": id_, "meterStop": 500, "timestamp": now}
    told_at_end = good | {key: odd[key] for key in good.keys() & odd.keys()}
    assert await ask(ws, call("StopTransaction", **told_at_end)) == [3, "x", {}]
    kept = {}
    for kind in (Kind.START, Kind.STOP, Kind.ORPHAN_STOP):
        for entry in await yard.counter.desk.ledger.entries(kind=kind, station="drive"):
            kept[kind] = json.loads(entry.data["salvaged"])
    assert kept[Kind.START] == told
    assert kept.get(Kind.STOP, kept.get(Kind.ORPHAN_STOP)) == told_at_end
    await yard.all_is_well()


async def test_a_bad_time_is_that_of_its_arrival(yard: Neighbours) -> None:
    for bad in ("soon", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        now = yard.counter.clock()
        told = {"connectorId": 1, "idTag": "04BB22", "meterStart": 5, "timestamp": bad}
        heard = await ask(yard.drive, call("StartTransaction", **told))
        session = await yard.counter.desk.ledger.session(heard[2]["transactionId"])
        assert session is not None
        assert abs(session.started_at - now) < timedelta(seconds=5)
        assert Flag.CLOCK_CORRECTED in session.flags
        yard.counter.clock.travel(minutes=1)
        told = {"transactionId": session.id, "meterStop": 5}
        await ask(yard.drive, call("StopTransaction", **told))
    await yard.all_is_well()


@pytest.mark.parametrize(
    "value",
    ["", " ", "abc", "-5", "1e300", "NaN", "Infinity", "99999999", None, [], True, 0],
    ids=repr,
)
async def test_a_value_that_cannot_be_moves_no_register(
    yard: Neighbours, value: Any
) -> None:
    """A wrong zero, or a jump, would be money."""
    told = meter(register("1500"), transactionId=yard.session)
    now = stamp(yard.counter.clock())
    await ask(yard.garage, json.loads(json.dumps(told).replace(AT, now)))
    station = yard.counter.desk.stations["garage"]
    energy = station.open[yard.session].energy
    assert energy.delivered_wh == 500
    yard.counter.clock.travel(minutes=1)
    now = stamp(yard.counter.clock())
    told = meter(register(value), transactionId=yard.session)
    heard = await ask(yard.garage, json.loads(json.dumps(told).replace(AT, now)))
    assert heard == [3, "x", {}]
    assert energy.delivered_wh == 500
    assert station.connector(1).register_wh == 1500
    await yard.all_is_well()


# --- what ends a connection -----------------------------------------------------------


async def too_big(ws: ClientWebSocketResponse) -> None:
    """Send more than a frame may hold."""
    await ws.send_str("x" * (MAX_FRAME + 1))


async def binary(ws: ClientWebSocketResponse) -> None:
    """Send bytes."""
    await ws.send_bytes(b'[2,"x","Heartbeat",{}]')


@pytest.mark.parametrize(
    ("sin", "code"),
    [
        (too_big, WSCloseCode.MESSAGE_TOO_BIG),
        (binary, WSCloseCode.UNSUPPORTED_DATA),
    ],
)
async def test_what_ends_a_connection_ends_no_session(
    yard: Neighbours, sin: Any, code: WSCloseCode
) -> None:
    await sin(yard.garage)
    await the_end(yard.garage)
    assert yard.garage.close_code == code
    await until(lambda: "garage" not in yard.counter.central.links)
    assert sum(yard.odd.values()) == 1
    [session] = await yard.counter.sessions()
    assert session.is_open
    await yard.all_is_well()
