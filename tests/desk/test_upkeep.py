"""What stations tell of their firmware, their files and their security."""

from pathlib import Path

import pytest

from custom_components.ladda.charging.journal import Kind

from .counter import Counter, TravellingClock, at_the_desk, house
from .wire import stamp

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def said(counter: Counter, kind: Kind) -> list[dict[str, object]]:
    """Return what the journal keeps of a kind, the oldest first."""
    return [entry.data for entry in await counter.desk.ledger.entries(kind=kind)][::-1]


async def test_how_far_a_job_has_come_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ladda.db"
    async with at_the_desk(path, house("garage")) as counter:
        station = await counter.station("garage")
        for status in ("Downloading", "Downloading", "Installed"):
            await station.send("FirmwareStatusNotification", {"status": status})
        await station.send("DiagnosticsStatusNotification", {"status": "UploadFailed"})
        await station.send(
            "LogStatusNotification", {"status": "Uploaded", "requestId": 1}
        )
    async with at_the_desk(path, house("garage")) as counter:
        assert counter.desk.stations["garage"].jobs == {
            "firmware": "installed",
            "diagnostics": "upload_failed",
            "log": "uploaded",
        }
        assert await said(counter, Kind.FIRMWARE) == [
            {"status": "downloading"},
            {"status": "installed"},
        ]


async def test_a_security_event_said_again_and_again_is_kept_once_in_an_hour(
    tmp_path: Path,
) -> None:
    clock = TravellingClock()
    async with at_the_desk(
        tmp_path / "ladda.db", house("garage"), clock=clock
    ) as counter:
        station = await counter.station("garage")

        async def notice(kind: str, info: str = "") -> None:
            await station.send(
                "SecurityEventNotification",
                {"type": kind, "timestamp": stamp(clock()), "techInfo": info},
            )

        await notice("SettingSystemTime", "by 3 s")
        await notice("MemoryExhaustion")
        await notice("SettingSystemTime", "by 3 s")
        await notice("MemoryExhaustion")
        await notice("SettingSystemTime", "by 4 s")
        clock.travel(hours=1)
        await notice("SettingSystemTime", "by 5 s")
        told = [what for name, what in counter.ear.told if name == "security"]
        await counter.desk.ledger.commit()
        assert await said(counter, Kind.SECURITY) == [
            {"event": "setting_system_time", "info": "by 3 s"},
            {"event": "memory_exhaustion", "info": ""},
            {"event": "setting_system_time", "info": "by 5 s"},
        ]
        assert len(told) == 3


async def test_a_charger_that_invents_security_events_is_not_listened_to_for_ever(
    tmp_path: Path,
) -> None:
    clock = TravellingClock()
    async with at_the_desk(
        tmp_path / "ladda.db", house("garage"), clock=clock
    ) as counter:
        station = await counter.station("garage")

        async def invent(first: int) -> None:
            for number in range(first, first + 60):
                await station.send(
                    "SecurityEventNotification",
                    {"type": f"Event{number}", "timestamp": stamp(clock())},
                )

        await invent(0)
        await counter.desk.ledger.commit()
        kept = len(await said(counter, Kind.SECURITY))
        assert 18 <= kept < 60  # as many as the whitepaper knows, at least
        clock.travel(hours=1)
        await invent(60)
        assert len(counter.desk.stations["garage"].security_events) == kept
        await counter.desk.ledger.commit()
        assert len(await said(counter, Kind.SECURITY)) == 2 * kept


async def test_a_request_to_sign_a_certificate_is_declined_and_kept_once(
    tmp_path: Path,
) -> None:
    async with at_the_desk(tmp_path / "ladda.db", house("garage")) as counter:
        station = await counter.station("garage")
        for csr in ("one", "one", "two"):
            answer = await station.send("SignCertificate", {"csr": csr})
            assert answer == {"status": "Rejected"}
        await counter.desk.ledger.commit()
        assert await said(counter, Kind.CERTIFICATE_REQUEST) == [
            {"csr": "one"},
            {"csr": "two"},
        ]
