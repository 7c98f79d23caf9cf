"""Stations upload files to addresses of their own, and nobody else does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import ClientError, ClientSession, FormData
import pytest

from custom_components.ladda.central_system import (
    CentralSystem,
    NotUploaded,
    UploadReceiver,
)
from custom_components.ladda.central_system.uploads import KEPT

from .door import NOW, Desk, Door, until

pytestmark = pytest.mark.usefixtures("socket_enabled")
LARGEST = 100_000


@dataclass
class Counter:
    """A listener that takes files."""

    receiver: UploadReceiver
    central: CentralSystem
    url: str
    client: ClientSession
    times: list[datetime]  # the only one is now

    async def send(
        self, location: str, data: object, method: str = "PUT", **options: object
    ) -> int:
        """Upload something; return the status."""
        async with self.client.request(
            method,
            location,
            data=data,
            **options,  # type: ignore[arg-type]
        ) as answer:
            return answer.status

    def files(self) -> dict[str, bytes]:
        """Return what is kept."""
        folder = self.receiver.folder
        kept = folder.iterdir() if folder.exists() else ()
        return {path.name: path.read_bytes() for path in kept}


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """Open a counter."""
    async with open_counter(tmp_path / "uploads") as opened:
        yield opened


@asynccontextmanager
async def open_counter(folder: Path) -> AsyncIterator[Counter]:
    """Open a counter that keeps its files in a folder."""
    times = [NOW]
    receiver = UploadReceiver(folder, lambda: times[0], max_size=LARGEST)
    central = CentralSystem(Desk(), uploads=receiver)
    port = await central.start("127.0.0.1", 0)
    async with ClientSession() as client:
        yield Counter(receiver, central, f"http://127.0.0.1:{port}", client, times)
    await central.stop()


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_file_is_kept_under_a_new_name(counter: Counter, method: str) -> None:
    upload = counter.receiver.expect("garage")
    location = upload.location(counter.url)
    assert await counter.send(f"{location}diag.zip", b"all is well", method) == 201
    stored = await upload.stored(1)
    assert counter.files() == {stored.name: b"all is well"}
    assert stored.size == 11
    assert stored.name.startswith("20261123T040000Z_garage_")
    assert stored.name.endswith("_diag.zip")


async def test_a_form_with_a_file_is_taken(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    form = FormData()
    form.add_field("file", b"all is well", filename="diag.zip")
    assert await counter.send(upload.location(counter.url), form, "POST") == 201
    assert [*counter.files().values()] == [b"all is well"]


async def test_a_client_that_asks_first_is_told_to_go_on(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    location = upload.location(counter.url)
    assert await counter.send(location, b"x", expect100=True) == 201


async def test_an_address_is_good_for_one_file(counter: Counter) -> None:
    location = counter.receiver.expect("garage").location(counter.url)
    assert await counter.send(location, b"one") == 201
    assert await counter.send(location, b"two") == 404
    assert [*counter.files().values()] == [b"one"]


async def test_an_address_expires(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    counter.times[0] += timedelta(minutes=15)
    assert await counter.send(upload.location(counter.url), b"late") == 404
    with pytest.raises(NotUploaded, match="expired"):
        await upload.stored(1)


@pytest.mark.parametrize(
    "path", ["/upload/", "/upload/guess/x", "/upload", "/garage", "/"]
)
async def test_nobody_else_uploads_anything(counter: Counter, path: str) -> None:
    counter.receiver.expect("garage")
    assert await counter.send(counter.url + path, b"in here") == 404
    assert counter.files() == {}


async def test_nothing_is_served_back(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    location = f"{upload.location(counter.url)}d.zip"
    await counter.send(location, b"secret")
    assert await counter.send(location, None, "GET") in (404, 426)


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fladda.db", "a%2f..", "a%00b", "å" * 300, ".hidden", "a b;c"]
)
async def test_a_file_stays_in_its_folder_whatever_it_is_called(
    counter: Counter, name: str
) -> None:
    upload = counter.receiver.expect("../garage")
    assert await counter.send(f"{upload.location(counter.url)}{name}", b"x") == 201
    [kept] = counter.files()
    assert len(kept) < 200
    assert set(kept) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    )


@pytest.mark.parametrize("tell", [True, False])
async def test_a_file_that_is_too_large_is_not_kept(
    counter: Counter, tell: bool
) -> None:
    upload = counter.receiver.expect("garage")

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 1000 + 1):
            yield b"x" * 1000

    data = b"x" * (LARGEST + 1) if tell else flood()
    assert await counter.send(upload.location(counter.url), data) == 413
    assert counter.files() == {}


async def test_an_upload_that_broke_off_may_be_tried_again(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    location = upload.location(counter.url)

    async def break_off() -> AsyncIterator[bytes]:
        yield b"half"
        await until(counter.files)
        raise ConnectionResetError

    with pytest.raises((ClientError, ConnectionError)):
        await counter.send(location, break_off())
    await until(lambda: not counter.files())
    assert await counter.send(location, b"whole") == 201
    assert [*counter.files().values()] == [b"whole"]


async def test_one_upload_at_a_time_comes_to_an_address(counter: Counter) -> None:
    location = counter.receiver.expect("garage").location(counter.url)
    first_may_end = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await first_may_end.wait()

    first = asyncio.create_task(counter.send(location, slow()))
    await until(counter.files)
    assert await counter.send(location, b"second") == 409
    first_may_end.set()
    assert await first == 201
    assert [*counter.files().values()] == [b"first"]


async def test_only_the_newest_files_are_kept(counter: Counter) -> None:
    for number in range(KEPT + 2):
        counter.times[0] += timedelta(seconds=1)
        upload = counter.receiver.expect("garage")
        await counter.send(upload.location(counter.url), str(number).encode())
    kept = {int(content) for content in counter.files().values()}
    assert kept == set(range(2, KEPT + 2))


async def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with open_counter(tmp_path / "file" / "uploads") as counter:
        upload = counter.receiver.expect("garage")
        assert await counter.send(upload.location(counter.url), b"x") == 507


async def test_who_waits_is_told_that_nothing_comes(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    with pytest.raises(NotUploaded, match="no file within"):
        await upload.stored(0.01)
    counter.receiver.give_up("garage", "upload_failed")
    with pytest.raises(NotUploaded, match="upload_failed"):
        await upload.stored(1)
    # the station may come to its senses
    assert await counter.send(upload.location(counter.url), b"x") == 201


async def test_who_waits_is_told_that_ladda_stops(counter: Counter) -> None:
    upload = counter.receiver.expect("garage")
    counter.receiver.close()
    with pytest.raises(NotUploaded, match="stops"):
        await upload.stored(1)
    assert await counter.send(upload.location(counter.url), b"x") == 404


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [
        ("ladda.local:9000", "http://ladda.local:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("not a host/", None),
        ("", None),
    ],
)
async def test_a_station_uploads_to_where_it_dialled(
    door: Door, host: str, reached_at: str | None
) -> None:
    await door.come(headers={"Host": host})
    await until(lambda: door.central.links)
    own = f"http://127.0.0.1:{door.port}"
    assert door.link().reached_at == (reached_at or own)


async def test_a_listener_without_a_receiver_takes_nothing(tmp_path: Path) -> None:
    central = CentralSystem(Desk())
    port = await central.start("127.0.0.1", 0)
    async with (
        ClientSession() as client,
        client.put(f"http://127.0.0.1:{port}/upload/x/y") as answer,
    ):
        assert answer.status == 404
    await central.stop()
