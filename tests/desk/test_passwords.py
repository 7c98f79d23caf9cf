"""Stations are given new passwords, and none is ever shut out by that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocpp.exceptions import NotSupportedError
import pytest

from custom_components.ladda.central_system import (
    Disconnected,
    NotAccepted,
    Refused,
    Taken,
    credentials,
)
from custom_components.ladda.central_system.credentials import (
    hash_password,
    new_password,
    verify_password,
)
from custom_components.ladda.central_system.rpc import RpcSession
from custom_components.ladda.household import StationOptions
from custom_components.ladda.passwords import (
    MOST_UNSHOWN,
    Given,
    NotKept,
    Passwords,
    Unshown,
)
from tests.station_simulator import SimulatedStation

from .counter import Counter, at_the_desk, house, with_options

OLD = "the old password"
KEY = "0123456789abcdef0123456789abcdef01234567"
pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half a minute be a fifth of a second, and hashes be cheap."""
    monkeypatch.setitem(RpcSession.__init__.__kwdefaults__, "call_timeout", 0.2)
    monkeypatch.setattr(credentials, "_COST", 2)


@dataclass
class Scene:
    """A desk, and the passwords of the station `garage` as somebody keeps them."""

    counter: Counter
    passwords: Passwords
    disk_is_full: bool = False

    @property
    def options(self) -> StationOptions:
        """What the house knows of the station."""
        return self.counter.desk.house.stations["garage"]

    def keep(self, **options: object) -> None:
        """Keep it otherwise."""
        desk = self.counter.desk
        desk.move_in(with_options(desk.house, "garage", **options))

    async def expect(self, identity: str, password_hash: str) -> None:
        """Expect a password, too."""
        if self.disk_is_full:
            raise NotKept
        new = (*self.options.new_password_hashes, password_hash)
        self.keep(new_password_hashes=new)

    def forget(self, identity: str, password_hash: str) -> None:
        """Expect a password no more."""
        kept = [one for one in self.options.new_password_hashes if one != password_hash]
        self.keep(new_password_hashes=tuple(kept))

    def go_on_expecting(self, identity: str, password_hash: str) -> None:
        """Go on expecting a password."""
        assert password_hash in self.options.new_password_hashes

    def rely_on(self, identity: str, password_hash: str) -> None:
        """Expect no other new password."""
        self.keep(new_password_hashes=(password_hash,))

    async def give(self, key: str = KEY) -> Given:
        """Give the station a password."""
        return await self.passwords.give("garage", key)

    async def station(self, **fittings: Any) -> SimulatedStation:
        """Switch the station on, and wait until its settings are known."""
        station = await self.counter.station("garage", **fittings)
        known = self.counter.desk.stations["garage"]
        await station.wait_for(lambda: "known" in known.settings)
        return station

    def shown(self) -> list[str]:
        """Return the hashes of the new passwords that were shown."""
        return [told[1] for what, told in self.counter.ear.told if what == "password"]  # type: ignore[index]


@asynccontextmanager
async def scene(path: Path, old: str | None = OLD) -> AsyncIterator[Scene]:
    """Open a desk that knows a station with a password, or with none."""
    kept = hash_password(old) if old is not None else None
    place = with_options(house("garage"), "garage", password_hash=kept)
    async with at_the_desk(path / "ladda.db", place) as counter:
        opened = Scene(counter, None)  # type: ignore[arg-type]
        opened.passwords = Passwords(counter.desk, opened)
        yield opened


def takes_key(
    station: SimulatedStation,
    answer: dict[str, str] | None,
    *,
    and_then: Callable[[], object] = lambda: None,
) -> None:
    """Let a station take whatever password it is given, and say what a test wishes."""

    def change(payload: dict[str, str]) -> dict[str, str] | None:
        status = station.settings.change(payload["key"], payload["value"])
        if payload["key"] != "AuthorizationKey":
            return {"status": status}
        asyncio.get_running_loop().call_soon(and_then)
        return answer

    station.answers["ChangeConfiguration"] = change


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("old", [OLD, None])
async def test_a_station_comes_again_with_its_new_password(
    tmp_path: Path, old: str | None, as_text: bool
) -> None:
    async with scene(tmp_path, old) as it:
        station = await it.station(password=old, key_as_text=as_text)
        before = it.counter.desk.links["garage"]
        assert await it.give() == Given(Taken.ACCEPTED)
        await station.wait_for(lambda: bool(it.shown()))
        assert it.shown() == [*it.options.new_password_hashes]
        assert verify_password(KEY.encode(), it.shown()[0])
        await station.wait_registered()
        assert it.counter.desk.links["garage"] is not before


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_station_that_takes_none_keeps_its_old_one(
    tmp_path: Path, status: str
) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        station.refuse_settings(lambda key, _: key == "AuthorizationKey", status)
        with pytest.raises(NotAccepted):
            await it.give()
        station.answers["ChangeConfiguration"] = NotSupportedError("no such key")
        with pytest.raises(Refused):
            await it.give()
        assert it.options.new_password_hashes == ()


async def test_where_the_answer_is_lost_the_station_may_have_either(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        takes_key(
            station,
            None,
            and_then=lambda: asyncio.ensure_future(station.link.hang_up()),
        )
        assert await it.give() == Given(Taken.UNCLEAR)
        await station.wait_for(lambda: it.shown() == [*it.options.new_password_hashes])

        # The next one does not even get there: the station goes on with what it has.
        station.answers["ChangeConfiguration"] = None
        await station.wait_registered()
        assert await it.give(new_password()) == Given(Taken.UNCLEAR)
        assert len(it.options.new_password_hashes) == 2
        await station.go_offline()
        await station.go_online()
        await station.wait_registered()


async def test_a_station_that_has_to_restart_first_comes_with_the_old_one_until_then(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        station.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
        assert await it.give() == Given(Taken.REBOOT_REQUIRED)
        await station.go_offline()
        await station.go_online()
        await station.wait_registered()
        assert it.shown() == []
        await station.power_cut()
        station.settings.change("AuthorizationKey", KEY)
        await station.power_on()
        await station.wait_for(lambda: it.shown() == [*it.options.new_password_hashes])


async def test_several_may_wait_until_the_station_is_sure_to_have_one(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        station.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
        for _ in range(MOST_UNSHOWN):
            await it.give(new_password())
        waiting = it.options.new_password_hashes
        assert len(waiting) == MOST_UNSHOWN
        with pytest.raises(Unshown):
            await it.give()
        assert it.options.new_password_hashes == waiting
        assert len(station.asked("ChangeConfiguration")) >= MOST_UNSHOWN

        it.forget("garage", waiting[0])
        del station.answers["ChangeConfiguration"]
        assert await it.give() == Given(Taken.ACCEPTED)
        [only] = it.options.new_password_hashes
        assert verify_password(KEY.encode(), only)
        await station.wait_for(lambda: it.shown() == [only])


async def test_only_a_station_that_is_there_is_given_a_password(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        with pytest.raises(Disconnected):
            await it.give()
        assert it.options.new_password_hashes == ()
        station = await it.station(password=OLD)
        it.disk_is_full = True
        with pytest.raises(NotKept):
            await it.give()
        keys = [asked["key"] for asked in station.asked("ChangeConfiguration")]
        assert "AuthorizationKey" not in keys


async def test_a_password_that_did_not_go_out_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        expect = it.expect

        async def slowly(identity: str, password_hash: str) -> None:
            await expect(identity, password_hash)
            await station.go_offline()
            await asyncio.sleep(0.1)

        monkeypatch.setattr(it, "expect", slowly)
        with pytest.raises(Disconnected):
            await it.give()
        assert it.options.new_password_hashes == ()


async def test_one_after_the_other_is_given(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        station = await it.station(password=OLD)
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        other = new_password()
        await asyncio.gather(it.give(), it.give(other))
        [only] = it.options.new_password_hashes
        assert verify_password(other.encode(), only)
        assert station.asked("ChangeConfiguration")[-1]["value"] == other


# --- security profiles -----------------------------------------------------------------


async def test_a_station_that_would_show_none_is_raised_to_a_profile_that_does(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, old=None) as it:
        station = await it.station(settings={"SecurityProfile": "0"})
        assert await it.give() == Given(Taken.ACCEPTED, 1, Taken.ACCEPTED)
        assert station.settings["SecurityProfile"] == "1"
        await station.wait_for(lambda: it.shown() == [*it.options.new_password_hashes])


async def test_over_tls_it_is_raised_to_the_profile_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, old=None) as it:
        await it.station(settings={"SecurityProfile": "0"})
        link = it.counter.desk.link("garage")
        assert not link.is_over_tls
        monkeypatch.setattr(link, "reached_at", "https://ladda.example:9000")
        assert await it.give() == Given(Taken.ACCEPTED, 2, Taken.ACCEPTED)


async def test_a_station_that_stays_at_profile_0_is_let_in_as_before(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, old=None) as it:
        station = await it.station(settings={"SecurityProfile": "0"})
        station.refuse_settings(lambda key, _: key == "SecurityProfile")
        assert await it.give() == Given(Taken.ACCEPTED, 1, Taken.REFUSED)
        for _ in range(2):
            await station.power_cut()
            await station.power_on()
            await station.wait_registered()
        assert it.shown() == []
        # Somebody raises it in the charger itself, long after.
        station.settings.change("AuthorizationKey", KEY)
        station.settings.change("SecurityProfile", "1")
        await station.power_cut()
        await station.power_on()
        await station.wait_for(lambda: it.shown() == [*it.options.new_password_hashes])


@pytest.mark.parametrize("profile", ["1", "2", "3"])
async def test_no_profile_is_lowered(tmp_path: Path, profile: str) -> None:
    async with scene(tmp_path, old=None) as it:
        station = await it.station(settings={"SecurityProfile": profile})
        assert await it.give() == Given(Taken.ACCEPTED)
        assert station.settings["SecurityProfile"] == profile


async def test_the_profile_of_a_station_whose_settings_are_left_alone_is_too(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, old=None) as it:
        it.keep(keep_settings=True)
        station = await it.station(settings={"SecurityProfile": "0"})
        assert await it.give() == Given(Taken.ACCEPTED)
        assert station.settings["SecurityProfile"] == "0"


async def test_where_it_is_unclear_whether_there_is_a_password_no_profile_is_raised(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, old=None) as it:
        station = await it.station(settings={"SecurityProfile": "0"})
        takes_key(station, None)
        assert await it.give() == Given(Taken.UNCLEAR)
        assert station.settings["SecurityProfile"] == "0"
