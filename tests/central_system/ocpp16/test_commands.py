"""Commands are what OCPP 1.6 asks for: every message holds against its own schemas."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, strategies as st
from ocpp.messages import Call, validate_payload
import pytest

from custom_components.ladda.central_system import (
    Disconnected,
    NoAnswer,
    NotAccepted,
    Refused,
    StationError,
    ends_with_session,
)
from custom_components.ladda.central_system.ocpp16.commands import Commands, Setting
from custom_components.ladda.charging.model import Authorization

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
ACCEPTED = {"status": "Accepted"}

type Answer = dict[str, Any] | StationError


class Station:
    """Answers as it is told to, and refuses whatever breaks the schemas."""

    def __init__(self, *answers: Answer) -> None:
        """Give these answers, then accept everything."""
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.commands = Commands(self.send, lambda: NOW)

    async def send(
        self, action: str, payload: dict[str, Any], timeout: float | None = None
    ) -> dict[str, Any]:
        """Take a call."""
        payload = json.loads(json.dumps(payload))
        await validate_payload(Call("1", action, payload), "1.6")
        self.asked.append((action, payload))
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        if isinstance(answer, StationError):
            raise answer
        return answer

    @property
    def profiles(self) -> list[dict[str, Any]]:
        """Return the charging profiles that came."""
        return [payload["csChargingProfiles"] for _, payload in self.asked]


type Order = Callable[[Commands], Coroutine[Any, Any, object]]


@pytest.mark.parametrize(
    ("order", "action", "payload", "answer"),
    [
        (
            lambda it: it.start(2, "04AA11"),
            "RemoteStartTransaction",
            {"idTag": "04AA11", "connectorId": 2},
            "Accepted",
        ),
        (
            lambda it: it.start(1, "04AA11", Decimal("10.06")),
            "RemoteStartTransaction",
            {
                "idTag": "04AA11",
                "connectorId": 1,
                "chargingProfile": {
                    "chargingProfileId": 7501,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
                    },
                },
            },
            "Accepted",
        ),
        (
            lambda it: it.stop(7),
            "RemoteStopTransaction",
            {"transactionId": 7},
            "Accepted",
        ),
        (lambda it: it.unlock(1), "UnlockConnector", {"connectorId": 1}, "Unlocked"),
        (lambda it: it.reset(hard=True), "Reset", {"type": "Hard"}, "Accepted"),
        (lambda it: it.reset(hard=False), "Reset", {"type": "Soft"}, "Accepted"),
        (
            lambda it: it.set_availability(0, operative=False),
            "ChangeAvailability",
            {"connectorId": 0, "type": "Inoperative"},
            "Scheduled",
        ),
        (
            lambda it: it.set_availability(1, operative=True),
            "ChangeAvailability",
            {"connectorId": 1, "type": "Operative"},
            "Accepted",
        ),
        (
            lambda it: it.trigger("StatusNotification"),
            "TriggerMessage",
            {"requestedMessage": "StatusNotification"},
            "Accepted",
        ),
        (
            lambda it: it.trigger("MeterValues", 1),
            "TriggerMessage",
            {"requestedMessage": "MeterValues", "connectorId": 1},
            "Accepted",
        ),
        (
            lambda it: it.set_configuration("HeartbeatInterval", "300"),
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": "300"},
            "RebootRequired",
        ),
        (
            lambda it: it.clear_limit(1),
            "ClearChargingProfile",
            {"id": 7401},
            "Unknown",
        ),
        (
            lambda it: it.data_transfer("V", "m", None),
            "DataTransfer",
            {"vendorId": "V", "messageId": "m"},
            "UnknownVendorId",
        ),
        (lambda it: it.raw("ClearCache", {}), "ClearCache", {}, "Rejected"),
    ],
)
async def test_what_a_station_is_asked(
    order: Order, action: str, payload: dict[str, Any], answer: str
) -> None:
    station = Station({"status": answer})
    await order(station.commands)
    assert station.asked == [(action, payload)]


@pytest.mark.parametrize(
    "order",
    [
        lambda it: it.start(1, "04AA11"),
        lambda it: it.stop(7),
        lambda it: it.unlock(1),
        lambda it: it.reset(hard=False),
        lambda it: it.set_availability(1, operative=True),
        lambda it: it.trigger("MeterValues"),
        lambda it: it.set_configuration("A", "b"),
        lambda it: it.send_token_list([], 1, 10),
    ],
)
@pytest.mark.parametrize(
    ("answer", "said"), [({"status": "Rejected"}, "Rejected"), ({}, "no status")]
)
async def test_a_station_may_say_no(
    order: Order, answer: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotAccepted) as error:
        await order(Station(answer).commands)
    assert error.value.status == said


async def test_the_status_of_what_was_done_is_told() -> None:
    commands = Station({"status": "Scheduled"}, {"status": "RebootRequired"}).commands
    assert await commands.set_availability(1, operative=False) == "Scheduled"
    assert await commands.set_configuration("A", "b") == "RebootRequired"


# --- settings --------------------------------------------------------------------------


async def test_settings_are_read_as_stations_write_them() -> None:
    station = Station(
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": 300},
                {"key": "LocalPreAuthorize", "readonly": True, "value": True},
                {"key": "AuthorizationCacheEnabled", "value": False},
                {"key": "SupportedFeatureProfiles", "value": "'Core, SmartCharging'"},
                {"key": "Listed", "readonly": "x", "value": ["A", "B"]},
                {"key": "Empty", "readonly": False},
                {"value": "nobody's"},
                "nonsense",
            ],
            "unknownKey": ["Wallpaper"],
        }
    )
    assert await station.commands.get_configuration() == (
        {
            "HeartbeatInterval": Setting("300"),
            "LocalPreAuthorize": Setting("true", read_only=True),
            "AuthorizationCacheEnabled": Setting("false"),
            "SupportedFeatureProfiles": Setting("Core, SmartCharging"),
            "Listed": Setting("A,B"),
            "Empty": Setting(""),
        },
        ["Wallpaper"],
    )
    assert station.asked == [("GetConfiguration", {})]


async def test_single_settings_can_be_read() -> None:
    station = Station({"unknownKey": None})
    assert await station.commands.get_configuration(["A", "B"]) == ({}, [])
    assert station.asked == [("GetConfiguration", {"key": ["A", "B"]})]


# --- the list of tags ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "version"),
    [({"listVersion": 3}, 3), ({"listVersion": -1}, -1), ({}, -1)],
)
async def test_the_version_of_the_list(answer: dict[str, Any], version: int) -> None:
    assert await Station(answer).commands.token_list_version() == version


async def test_a_list_is_sent_whole_in_lots_that_each_make_a_version() -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    tokens = [
        ("A", Authorization.ACCEPTED, None, None),
        ("B", Authorization.ACCEPTED, until, None),
        ("C", Authorization.BLOCKED, None, None),
        ("D", Authorization.ACCEPTED, None, "0A1B2C3D4E5F60"),
        ("E" * 20, Authorization.ACCEPTED, None, None),
        ("F" * 21, Authorization.ACCEPTED, None, None),  # fits no 1.6 message
    ]
    station = Station()
    assert await station.commands.send_token_list(tokens, 5, 2) == 7
    sent = [payload for _, payload in station.asked]
    assert [(lot["listVersion"], lot["updateType"]) for lot in sent] == [
        (5, "Full"),
        (6, "Differential"),
        (7, "Differential"),
    ]
    assert [line for lot in sent for line in lot["localAuthorizationList"]] == [
        {"idTag": "A", "idTagInfo": {"status": "Accepted"}},
        {
            "idTag": "B",
            "idTagInfo": {
                "status": "Accepted",
                "expiryDate": "2026-12-01T00:00:00.000Z",
            },
        },
        {"idTag": "C", "idTagInfo": {"status": "Blocked"}},
        {
            "idTag": "D",
            "idTagInfo": {"status": "Accepted", "parentIdTag": "0A1B2C3D4E5F60"},
        },
        {"idTag": "E" * 20, "idTagInfo": {"status": "Accepted"}},
    ]


async def test_an_empty_list_clears_the_stations() -> None:
    station = Station()
    assert await station.commands.send_token_list([], 5, 2) == 5
    [(action, payload)] = station.asked
    assert action == "SendLocalList"
    assert payload.get("localAuthorizationList", []) == []
    assert (payload["listVersion"], payload["updateType"]) == (5, "Full")


# --- limits ------------------------------------------------------------------------------


async def limit(
    station: Station,
    *,
    amps: str = "10",
    phases: int | None = None,
    transaction: int | None = 7,
    alone: bool = True,
    first_try: str | None = None,
) -> str:
    """Limit connector 1."""
    return await station.commands.set_limit(
        1,
        Decimal(amps),
        phases=phases,
        transaction=transaction,
        alone=alone,
        first_try=first_try,
    )


async def test_a_limit_is_a_profile_that_stands_from_a_minute_ago() -> None:
    station = Station()
    assert await limit(station, amps="16") == "TxDefaultProfile/Absolute"
    assert station.asked == [
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 7401,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "startSchedule": "2026-11-23T03:59:00.000Z",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
                    },
                },
            },
        )
    ]


@pytest.mark.parametrize(("phases", "watts"), [(1, 1380.0), (3, 4140.0)])
async def test_a_limit_in_watts_is_for_so_many_phases(
    phases: int, watts: float
) -> None:
    station = Station()
    await limit(station, amps="6", phases=phases)
    [profile] = station.profiles
    assert profile["chargingSchedule"]["chargingRateUnit"] == "W"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": watts, "numberPhases": phases}
    ]


@given(st.decimals(0, 80, allow_nan=False, places=3), st.sampled_from([None, 1, 2, 3]))
async def test_no_limit_is_ever_rounded_up(amps: Decimal, phases: int | None) -> None:
    station = Station()
    await limit(station, amps=str(amps), phases=phases)
    [profile] = station.profiles
    sent = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    meant = float(amps) * (230 * phases if phases else 1)
    assert meant - 0.1 - 1e-9 < sent <= meant + 1e-9
    assert sent == round(sent, 1)


async def test_a_pause_is_a_limit_of_zero() -> None:
    station = Station()
    await limit(station, amps="0")
    period = station.profiles[0]["chargingSchedule"]["chargingSchedulePeriod"][0]
    assert period["limit"] == 0


REJECTED = {"status": "Rejected"}
ALL_WAYS = [
    ("TxDefaultProfile", "Absolute", 1, None),
    ("TxDefaultProfile", "Relative", 1, None),
    ("TxDefaultProfile", "Absolute", 0, None),
    ("TxProfile", "Relative", 1, 7),
    ("ChargePointMaxProfile", "Absolute", 0, None),
]


def ways(station: Station) -> list[tuple[str, str, int, int | None]]:
    """Return the ways that were tried."""
    return [
        (
            payload["csChargingProfiles"]["chargingProfilePurpose"],
            payload["csChargingProfiles"]["chargingProfileKind"],
            payload["connectorId"],
            payload["csChargingProfiles"].get("transactionId"),
        )
        for _, payload in station.asked
    ]


@pytest.mark.parametrize(
    "no",
    [
        REJECTED,
        {"status": "NotSupported"},
        NoAnswer("SetChargingProfile", 30),
        Refused("SetChargingProfile", "PropertyConstraintViolation"),
    ],
)
async def test_a_station_that_takes_a_limit_only_one_way_is_asked_each_way(
    no: Answer,
) -> None:
    station = Station(no, no, no, no)
    assert await limit(station) == "ChargePointMaxProfile/Absolute"
    assert ways(station) == ALL_WAYS


async def test_the_way_that_worked_before_is_tried_first() -> None:
    station = Station(REJECTED)
    assert await limit(station, first_try="TxProfile/Relative") == (
        "TxDefaultProfile/Absolute"
    )
    assert ways(station) == [ALL_WAYS[3], ALL_WAYS[0]]


async def test_without_a_transaction_and_with_other_connectors_two_ways_are_left() -> (
    None
):
    station = Station(REJECTED, REJECTED)
    with pytest.raises(NotAccepted):
        await limit(
            station,
            transaction=None,
            alone=False,
            first_try="TxDefaultProfile/Relative",
        )
    assert ways(station) == [ALL_WAYS[1], ALL_WAYS[0]]


NOT_SUPPORTED = {"status": "NotSupported"}


@pytest.mark.parametrize(
    ("known", "answers", "waits"),
    [
        (None, [REJECTED, REJECTED], True),
        (None, [NOT_SUPPORTED, REJECTED], True),
        (None, [NOT_SUPPORTED, NOT_SUPPORTED], False),
        (None, [REJECTED, NoAnswer("SetChargingProfile", 30)], False),
        ("TxProfile/Relative", [NOT_SUPPORTED, NOT_SUPPORTED], True),
        ("TxDefaultProfile/Absolute", [REJECTED, REJECTED], False),
    ],
)
async def test_a_limit_for_transactions_waits_for_one(
    known: str | None, answers: list[Answer], waits: bool
) -> None:
    station = Station(*answers)
    if waits:
        way = await limit(station, transaction=None, alone=False, first_try=known)
        assert ends_with_session(way)
    else:
        with pytest.raises(StationError):
            await limit(station, transaction=None, alone=False, first_try=known)


async def test_the_limit_of_a_session_is_a_profile_of_its_own() -> None:
    station = Station()
    await station.commands.limit_session(1, Decimal(8), phases=1, transaction=7)
    await station.commands.clear_session_limit(1)
    assert station.asked == [
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 7501,
                    "transactionId": 7,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": {
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 1840.0, "numberPhases": 1}
                        ],
                    },
                },
            },
        ),
        ("ClearChargingProfile", {"id": 7501}),
    ]


async def test_where_no_way_works_the_first_answer_is_told() -> None:
    station = Station(Refused("SetChargingProfile", "NotSupported"), *[REJECTED] * 4)
    with pytest.raises(Refused, match="NotSupported"):
        await limit(station)


async def test_a_station_that_is_gone_is_asked_no_more() -> None:
    station = Station(REJECTED, Disconnected("gone"))
    with pytest.raises(Disconnected):
        await limit(station)
    assert len(station.asked) == 2
