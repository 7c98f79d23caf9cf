"""How odd stations connect, and what they say when they come."""

import asyncio

from aiohttp import ClientSession
import pytest

from custom_components.ladda import alignment, strangers
from custom_components.ladda.central_system import listener
from custom_components.ladda.central_system.credentials import hash_password
from custom_components.ladda.central_system.listener import SILENCE
from custom_components.ladda.charging.events import Booted
from custom_components.ladda.charging.model import ConnectorStatus, StationInfo
from custom_components.ladda.desk import HEARTBEAT_S
from tests.bad_input.neighbours import connect
from tests.central_system.door import BOOT, ask, basic, say, the_end, until
from tests.desk.counter import Counter, house, with_options
from tests.desk.wire import start
from tests.station_simulator import SimulatedStation

STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


async def test_grizzl_e_offers_no_subprotocol(counter: Counter) -> None:
    """#442."""
    await counter.station("garage", subprotocols=())


async def test_grizzl_e_comes_by_a_path_of_its_own(counter: Counter) -> None:
    """#442; a slash behind its name, and more in front of it."""
    async with ClientSession() as client:
        for path in ("garage/", "ocpp/1.6/garage", "//garage"):
            ws = await connect(client, counter, path)
            assert (await ask(ws, [2, "1", "Heartbeat", {}]))[0] == 3
            assert list(counter.central.links) == ["garage"]
            await ws.close()


async def test_grizzl_e_dials_no_name_at_all(counter: Counter) -> None:
    """#442; and no subprotocol either. Its address is what it is known by."""
    station = counter.stranger("GRS-1", named=False, subprotocols=())
    await station.start()
    await station.wait_for(lambda: bool(counter.ear.strangers))
    [seen] = counter.ear.strangers
    assert (seen.identity, seen.info.vendor) == ("127.0.0.1", "Simulated")
    counter.desk.move_in(house("garage", "drive", "127.0.0.1"))
    await station.wait_registered()
    await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    [session] = await counter.sessions()
    assert (session.station, session.user) == ("127.0.0.1", "anna")


async def test_foxess_knocks_before_it_comes(counter: Counter) -> None:
    """PR 2012: a short-lived connection before the real one changes nothing."""
    async with ClientSession() as client:
        for protocols in (("ocpp2.0.1",), ("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6")):
            ws = await connect(client, counter, "garage", protocols=protocols)
            await ws.close()
    await until(lambda: not counter.central.links)
    await counter.station("garage")


async def test_a_new_connection_takes_the_place_of_the_old(counter: Counter) -> None:
    """ocpp-go#314, ts-ocpp#19; half-open ones are in central_system/test_liveness."""
    async with ClientSession() as client:
        old = await connect(client, counter, "garage")
        new = await connect(client, counter, "garage")
        assert (await ask(new, [2, "1", "Heartbeat", {}]))[0] == 3
        await the_end(old)
        await asyncio.sleep(0.05)
        assert counter.desk.is_online("garage")
        await old.close()
        await new.close()


async def test_an_idle_station_is_kept_awake(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timxon, #1679, Ocular, #2030: without a sign of life they hang up."""
    monkeypatch.setattr(listener, "LOOK_INTERVAL", 0.05)
    monkeypatch.setattr(listener, "PING_INTERVAL", 0.2)
    station = await counter.station("garage", patience=0.5)
    link = counter.desk.links["garage"]
    await asyncio.sleep(1.5)
    assert counter.desk.links["garage"] is link
    assert station.is_online


async def test_an_idle_station_that_goes_all_the_same_is_back_as_it_was(
    counter: Counter,
) -> None:
    """Timxon, #1679: it goes once an hour, and does not boot when it is back."""
    station = await counter.station("garage", patience=0.1)
    await station.send("StatusNotification", STATUS)
    boots = [action for action, _ in station.sent].count("BootNotification")
    first = counter.desk.links["garage"]
    await station.wait_for(
        lambda: counter.desk.links.get("garage") not in (first, None)
    )
    await station.wait_registered()
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.status is ConnectorStatus.AVAILABLE
    assert [action for action, _ in station.sent].count("BootNotification") == boots


async def test_wallbox_logs_in_with_an_empty_password(counter: Counter) -> None:
    """lbbrhzn, supported-devices.md: it can have no other, and nobody asks for one."""
    async with ClientSession() as client:
        nothing = basic("garage", b"")
        ws = await connect(client, counter, "garage", headers=nothing)
        assert (await ask(ws, [2, "1", "Heartbeat", {}]))[0] == 3
        await ws.close()


async def test_wallbox_does_not_say_that_it_booted(counter: Counter) -> None:
    """evcc: firmware 6 comes back without a BootNotification."""
    async with ClientSession() as client:
        ws = await connect(client, counter, "garage")
        told = start("04AA11", counter.clock(), 1000)
        heard = await ask(ws, [2, "1", "StartTransaction", told])
        assert heard[2]["idTagInfo"]["status"] == "Accepted"
        await ws.close()


# --- who does not say what it is ------------------------------------------------------


def asked_to_boot(station: SimulatedStation) -> int:
    """Return how often a station was asked to present itself."""
    asked = station.asked("TriggerMessage")
    return asked.count({"requestedMessage": "BootNotification"})


async def test_a_stranger_that_does_not_boot_is_shown_as_it_is(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "PATIENCE", 0.1)
    station = counter.stranger("carport", boots=False)
    await station.start()
    await station.wait_for(lambda: bool(counter.ear.strangers))
    [seen] = counter.ear.strangers
    assert (seen.identity, seen.remote) == ("carport", "127.0.0.1")
    assert seen.info == StationInfo()
    counter.desk.move_in(house("garage", "drive", "carport"))
    await station.wait_for(lambda: counter.desk.info_of("carport") != StationInfo())
    info = counter.desk.stations["carport"].info
    assert info is not None
    assert info.vendor == "Simulated"


async def test_a_stranger_that_boots_in_time_is_shown_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "PATIENCE", 0.4)
    station = counter.stranger("carport")
    await station.start()
    await station.wait_for(lambda: station.registration == "Pending")
    await asyncio.sleep(0.6)
    assert [seen.info.vendor for seen in counter.ear.strangers] == ["Simulated"]


async def test_a_stranger_that_hangs_up_at_once_is_not_shown(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "PATIENCE", 0.1)
    async with ClientSession() as client:
        for _ in range(3):
            ws = await connect(client, counter, "carport")
            await ws.close()
    await asyncio.sleep(0.2)
    assert counter.ear.strangers == []


@pytest.mark.usefixtures("little_time")
async def test_a_station_that_never_booted_is_asked_what_it_is(
    counter: Counter,
) -> None:
    """It was added by its name; until it tells, no profile of its make applies."""
    station = await counter.station("garage", boots=False)
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: known.info is not None)
    await station.wait_for(lambda: "known" in known.settings)
    assert asked_to_boot(station) == 1
    await station.go_offline()
    await station.go_online()
    await station.wait_registered()
    await asyncio.sleep(0.5)
    assert asked_to_boot(station) == 1


@pytest.mark.usefixtures("little_time")
@pytest.mark.parametrize("answer", [{"status": "Rejected"}, None], ids=repr)
async def test_a_station_that_does_not_tell_what_it_is_takes_part_all_the_same(
    counter: Counter, answer: dict[str, str] | None
) -> None:
    station = counter.stranger("garage", boots=False)
    station.answers["TriggerMessage"] = answer
    await station.start()
    await station.wait_registered()
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)
    assert known.info is None
    assert asked_to_boot(station) == 1


# --- who is adopted -------------------------------------------------------------------


async def test_an_adopted_station_takes_part_at_once(counter: Counter) -> None:
    """It may start before it has heard that it may, or anything at all."""
    async with ClientSession() as client:
        ws = await connect(client, counter, "carport")
        assert (await ask(ws, BOOT))[2]["status"] == "Pending"
        told = start("04AA11", counter.clock(), 1000)
        call = [2, "1", "StartTransaction", told]
        assert (await ask(ws, call))[2] == "SecurityError"
        counter.desk.move_in(house("garage", "drive", "carport"))
        assert counter.desk.is_online("carport")
        assert ("station", "carport") in counter.ear.told
        await say(ws, call)
        heard = [await ws.receive_json(timeout=5) for _ in range(2)]
        trigger, answer = sorted(heard, key=lambda frame: frame[0])
        assert trigger[2:] == [
            "TriggerMessage",
            {"requestedMessage": "BootNotification"},
        ]
        assert answer[2]["idTagInfo"]["status"] == "Accepted"
        await ws.close()


@pytest.mark.usefixtures("little_time")
@pytest.mark.parametrize("answer", [{"status": "Rejected"}, None], ids=repr)
async def test_an_adopted_station_that_refuses_to_boot_is_brought_in_line(
    counter: Counter, answer: dict[str, str] | None
) -> None:
    station = counter.stranger("carport", boots=False)
    station.answers["TriggerMessage"] = answer
    await station.start()
    await station.wait_registered()
    counter.desk.move_in(house("garage", "drive", "carport"))
    await station.send("StartTransaction", start("04AA11", counter.clock(), 0))
    known = counter.desk.stations["carport"]
    await station.wait_for(lambda: "known" in known.settings)
    [session] = await counter.sessions()
    assert session.station == "carport"


async def test_a_station_that_is_adopted_with_a_password_has_to_show_it_first(
    counter: Counter,
) -> None:
    async with ClientSession() as client:
        ws = await connect(client, counter, "carport")
        await ask(ws, BOOT)
        places = house("garage", "drive", "carport")
        counter.desk.move_in(
            with_options(places, "carport", password_hash=hash_password("geheim"))
        )
        assert not counter.desk.is_online("carport")
        assert (await ask(ws, BOOT))[2]["status"] == "Pending"
        told = start("04AA11", counter.clock(), 0)
        answer = await ask(ws, [2, "1", "StartTransaction", told])
        assert answer[2] == "SecurityError"
        await ws.close()
        right = basic("carport", b"geheim")
        ws = await connect(client, counter, "carport", headers=right)
        assert counter.desk.is_online("carport")
        await ws.close()


# --- who boots again and again --------------------------------------------------------


async def test_a_station_that_boots_over_and_over_is_left_alone_for_longer(
    counter: Counter,
) -> None:
    """Wallbox, #1503, ABB, #1275: being asked things is what makes them boot."""
    station = await counter.station("garage")
    known = counter.desk.stations["garage"]
    await station.wait_for(lambda: "known" in known.settings)

    def asked() -> int:
        return list(station.received).count(("GetConfiguration", {}))

    for _ in range(6):
        await station.send("BootNotification", BOOT[3])
    station.received.clear()
    await asyncio.sleep(0.3)  # 0.01 s is doubled with each of seven boots
    assert asked() == 0
    await station.wait_for(lambda: asked() > 0)
    await asyncio.sleep(0.1)
    assert asked() == 1

    counter.clock.travel(minutes=11)
    station.received.clear()
    await station.send("BootNotification", BOOT[3])
    async with asyncio.timeout(0.3):
        await station.wait_for(lambda: asked() > 0)


def test_a_station_that_boots_for_ever_is_asked_every_ten_minutes() -> None:
    assert alignment.LONGEST_DELAY == 600


async def test_boots_without_number_are_all_answered(counter: Counter) -> None:
    """Two in a second, for ten minutes: what doubles with each knows no bounds."""
    station = await counter.station("garage")
    link, boot = counter.desk.link("garage"), Booted(StationInfo(vendor="Wallbox"))
    for _ in range(1200):
        await counter.desk.handle(link, boot)
    assert await station.send("BootNotification", BOOT[3])


# --- what they say --------------------------------------------------------------------


async def test_wallbox_breaks_lines_inside_of_texts(counter: Counter) -> None:
    station = await counter.station("garage")
    async with ClientSession() as client:
        await station.stop()
        ws = await connect(client, counter, "garage")
        await say(
            ws,
            '[2,"1","StatusNotification",\n{"connectorId":1,"status":'
            '"Avail\nable","errorCode":"NoError"}]',
        )
        await say(ws, '[2,"2","DataTransfer",{"vendorId":"com\n.wallbox"}]')
        assert (await ws.receive_json(timeout=5))[1] == "1"
        assert (await ws.receive_json(timeout=5))[:2] == [3, "2"]
        await ws.close()


async def test_schneider_has_a_serial_that_is_too_long(counter: Counter) -> None:
    """#213."""
    station = await counter.station("garage")
    boot = {
        "chargePointVendor": "Schneider Electric",
        "chargePointModel": "MONOBLOCK_AND_SOME_MORE_THAN_20",
        "chargeBoxSerialNumber": "EVH2S7P0CK1234567890123456789012X",
    }
    assert (await station.send("BootNotification", boot))["status"] == "Accepted"
    info = counter.desk.stations["garage"].info
    assert info is not None
    assert len(info.serial) == 33


async def test_huawei_does_not_say_who_made_it(counter: Counter) -> None:
    """evcc#32170."""
    station = await counter.station("garage", vendor="", model="ACChargePoint")
    assert station.registration == "Accepted"


async def test_abb_tells_no_time_and_no_fault_at_length(counter: Counter) -> None:
    """#919."""
    station = await counter.station("garage")
    told = STATUS | {"info": "null", "vendorErrorCode": "0x0000"}
    assert await station.send("StatusNotification", told) == {}
    connector = counter.desk.stations["garage"].connector(1)
    assert connector.status is ConnectorStatus.AVAILABLE
    assert (connector.error, connector.info, connector.vendor_error) == ("", "", "")


async def test_grizzl_e_tells_its_availability_for_the_whole_station_only(
    counter: Counter,
) -> None:
    """#1623."""
    station = await counter.station("garage")
    await station.send("StatusNotification", STATUS)
    told = STATUS | {"connectorId": 0, "status": "Unavailable"}
    await station.send("StatusNotification", told)
    known = counter.desk.stations["garage"]
    assert known.connector(0).status is ConnectorStatus.UNAVAILABLE
    assert known.connector(1).status is ConnectorStatus.AVAILABLE


async def test_epenguin_never_tells_of_the_whole_station(counter: Counter) -> None:
    """#1992."""
    async with ClientSession() as client:
        ws = await connect(client, counter, "garage")
        assert await ask(ws, [2, "1", "StatusNotification", STATUS]) == [3, "1", {}]
        assert counter.desk.is_online("garage")
        assert list(counter.desk.stations["garage"].connectors) == [1]
        await ws.close()


def test_mennekes_may_be_silent_for_longer_than_its_heartbeat() -> None:
    """evcc#33099."""
    assert SILENCE >= 3 * HEARTBEAT_S


@pytest.mark.parametrize("told", ["Occupied", "SUSPENDEDEVSE", " Charging "])
async def test_statuses_in_other_words_are_understood(
    counter: Counter, told: str
) -> None:
    station = await counter.station("garage")
    assert await station.send("StatusNotification", STATUS | {"status": told}) == {}
