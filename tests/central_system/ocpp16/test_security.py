"""A station is given its password, and what it says to that holds no secret."""

import traceback

import pytest

from custom_components.ladda.central_system import (
    BadAnswer,
    Busy,
    Disconnected,
    NoAnswer,
    NotAccepted,
    Refused,
    StationError,
    Taken,
    holds_password,
)
from custom_components.ladda.central_system.ocpp16.security import Security

from .test_commands import Answer, Station

KEY = "0123456789abcdef0123456789abcdef01234567"
CHANGE = "ChangeConfiguration"
UNCLEAR = [
    {},
    {"status": "Whatever"},
    NoAnswer(CHANGE, 30),
    BadAnswer(CHANGE),
    Disconnected("gone"),
    Refused(CHANGE, "InternalError"),
    Refused(CHANGE, "GenericError"),
]


def security(*answers: Answer) -> tuple[Station, Security]:
    """Return a station with these answers, and how it is given its password."""
    station = Station(*answers)
    return station, Security(station.send)


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"status": "Accepted"}, Taken.ACCEPTED),
        ({"status": "RebootRequired"}, Taken.REBOOT_REQUIRED),
        *((answer, Taken.UNCLEAR) for answer in UNCLEAR),
    ],
)
async def test_a_password_is_a_setting_of_the_station(
    answer: Answer, taken: Taken
) -> None:
    station, it = security(answer, answer)
    assert await it.set_password(KEY) is taken
    assert await it.raise_profile(2) is taken
    assert station.asked == [
        (CHANGE, {"key": "AuthorizationKey", "value": KEY}),
        (CHANGE, {"key": "SecurityProfile", "value": "2"}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Rejected"},
        {"status": "NotSupported"},
        Refused(CHANGE, "NotSupported"),
        Refused(CHANGE, "PropertyConstraintViolation"),
        Busy(CHANGE),
    ],
)
async def test_a_station_may_refuse_its_password(answer: Answer) -> None:
    expected = type(answer) if isinstance(answer, StationError) else NotAccepted
    with pytest.raises(expected):
        await security(answer)[1].set_password(KEY)
    refused = Taken.UNCLEAR if expected is Busy else Taken.REFUSED
    assert await security(answer)[1].raise_profile(1) is refused


async def test_what_a_station_says_to_its_password_is_told_without_it() -> None:
    answer = Refused(CHANGE, f"Bad{KEY}", f"not '{KEY.upper()}', for it is too long")
    with pytest.raises(Refused) as caught:
        await security(answer)[1].set_password(KEY)
    assert str(caught.value) == f"{CHANGE}: Bad… not '…', for it is too long"
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told.lower()


async def test_a_password_that_a_station_tells_is_not_read() -> None:
    told = [
        {"key": key, "readonly": False, "value": KEY}
        for key in ("AuthorizationKey", "authorizationkey ")
    ]
    station = Station({"configurationKey": told})
    known, _ = await station.commands.get_configuration()
    assert {setting.value for setting in known.values()} == {""}


def test_which_setting_is_the_password() -> None:
    assert holds_password("AuthorizationKey")
    assert holds_password(" authorizationKEY")
    assert not holds_password("AuthorizationCacheEnabled")
