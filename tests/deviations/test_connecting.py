"""How odd stations connect, and what they say when they come."""

import asyncio

from aiohttp import ClientSession
import pytest

from custom_components.ladda.central_system.listener import SILENCE
from custom_components.ladda.charging.model import ConnectorStatus
from custom_components.ladda.desk import HEARTBEAT_S
from tests.bad_input.neighbours import connect
from tests.central_system.door import ask, say, the_end, until
from tests.desk.counter import Counter
from tests.desk.wire import start

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


async def test_foxess_knocks_before_it_comes(counter: Counter) -> None:
    """PR 2012: a short-lived connection before the real one changes nothing."""
    async with ClientSession() as client:
        for protocols in (("ocpp2.0.1",), ("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6")):
            ws = await connect(client, counter, "garage", protocols=protocols)
            await ws.close()
    await until(lambda: not counter.central.links)
    await counter.station("garage")


async def test_a_half_open_connection_gives_way(counter: Counter) -> None:
    """ocpp-go#314, ts-ocpp#19."""
    async with ClientSession() as client:
        old = await connect(client, counter, "garage")
        new = await connect(client, counter, "garage")
        assert (await ask(new, [2, "1", "Heartbeat", {}]))[0] == 3
        await the_end(old)
        await asyncio.sleep(0.05)
        assert counter.desk.is_online("garage")
        await old.close()
        await new.close()


async def test_wallbox_does_not_say_that_it_booted(counter: Counter) -> None:
    """evcc: firmware 6 comes back without a BootNotification."""
    async with ClientSession() as client:
        ws = await connect(client, counter, "garage")
        told = start("04AA11", counter.clock(), 1000)
        heard = await ask(ws, [2, "1", "StartTransaction", told])
        assert heard[2]["idTagInfo"]["status"] == "Accepted"
        await ws.close()


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
