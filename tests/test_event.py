"""Events of tags and sessions."""

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ladda.const import CONF_ACTIVE, CONF_VALID_UNTIL
from homeassistant.const import STATE_UNKNOWN

from .house import STATION, TAG, LivedInHouse, hours_ago, stamp

TAGS = f"{STATION}_tag_presented"
SESSIONS = f"{STATION}/1_session"


async def test_events_of_a_house_at_noon(
    full_house: LivedInHouse, snapshot: SnapshotAssertion
) -> None:
    assert full_house.entities("event") == snapshot


@pytest.mark.parametrize(
    ("tag", "options", "answer", "user"),
    [
        (TAG, {}, "accepted", "Astrid"),
        (TAG, {CONF_ACTIVE: False}, "blocked", "Astrid"),
        (TAG, {CONF_VALID_UNTIL: "2024-01-01T00:00:00+00:00"}, "expired", "Astrid"),
        ("04STRANGE", {}, "invalid", None),
    ],
)
async def test_a_presented_tag_is_told_with_its_user_but_without_its_number(
    house: LivedInHouse,
    tag: str,
    options: dict[str, Any],
    answer: str,
    user: str | None,
) -> None:
    await house.add_user("Astrid", TAG, **options)
    await house.add_station()
    station = await house.station()
    assert house.state("event", TAGS).state == STATE_UNKNOWN
    await station.present_tag(1, tag)
    await house.until(lambda: house.state("event", TAGS).state != STATE_UNKNOWN)
    told = house.state("event", TAGS).attributes
    assert (told["event_type"], told["user"], told["station"]) == (
        answer,
        user,
        "Garage",
    )
    assert tag not in str(told)


async def test_a_tag_that_charges_elsewhere_is_concurrent(house: LivedInHouse) -> None:
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station(connectors=2)
    await house.start(station, TAG, connector=1)
    await house.start(station, TAG, connector=2)
    assert house.state("event", TAGS).attributes["event_type"] == "concurrent"


async def test_a_session_is_told_when_it_begins_and_ends(house: LivedInHouse) -> None:
    await house.add_tariff(price="2.50", default=True)
    await house.add_user("Astrid", TAG)
    await house.add_station()
    station = await house.station(connectors=2)
    session = await house.start(station, at=hours_ago(1))
    began = house.state("event", SESSIONS)
    assert began.attributes["event_type"] == "started"
    assert (began.attributes["session_id"], began.attributes["user"]) == (
        session,
        "Astrid",
    )
    await house.stop(station, session, 7_001)
    told = house.state("event", SESSIONS).attributes
    assert (told["event_type"], told["energy_kwh"], told["cost"], told["currency"]) == (
        "ended",
        7.001,
        17.5,
        "SEK",
    )
    assert TAG not in str(told)
    assert house.state("event", f"{STATION}/2_session").state == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("said", "event_type", "word"),
    [
        ("InvalidTLSVersion", "invalid_tls_version", "invalid_tls_version"),
        ("AcmeLidOpened", "other", "acme_lid_opened"),
    ],
)
async def test_what_a_charger_notices_about_its_security_is_told(
    full_house: LivedInHouse, said: str, event_type: str, word: str
) -> None:
    station = full_house.stations[STATION]
    security = f"{STATION}_security"
    assert full_house.state("event", security).state == STATE_UNKNOWN
    await station.send(
        "SecurityEventNotification",
        {"type": said, "timestamp": stamp(), "techInfo": "port 9000"},
    )
    await full_house.hass.async_block_till_done()
    told = full_house.state("event", security).attributes
    assert (told["event_type"], told["event"], told["info"]) == (
        event_type,
        word,
        "port 9000",
    )
