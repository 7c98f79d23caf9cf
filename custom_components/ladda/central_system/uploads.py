"""The receiver of files that stations upload, each at an address of its own.

A house has no FTP server, so Ladda takes diagnostics itself. An address is good
for one file and a quarter of an hour; nothing is served back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from pathlib import Path
import re
import secrets
from typing import IO, Final, NamedTuple
from urllib.parse import unquote

from aiohttp import BodyPartReader, ClientError, hdrs, web

from .errors import NotUploaded, UploadFailed

_LOGGER = logging.getLogger(__name__)

PATH: Final = "/upload/"
MAX_SIZE: Final = 64 << 20  # bytes
KEPT: Final = 10  # files
VALID: Final = timedelta(minutes=15)
PATIENCE: Final = 600.0  # s, for one file to come through
_MAX_NAME: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class StoredFile(NamedTuple):
    """A file that came; its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a station was asked for; `done` holds it, or why it does not come."""

    identity: str
    until: datetime
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    done: asyncio.Future[StoredFile | NotUploaded] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def location(self, base: str) -> str:
        """Return the folder to upload to, of a listener that is reached at `base`."""
        return f"{base}{PATH}{self.token}/"

    async def stored(self, seconds: float) -> StoredFile:
        """Wait for the file; raises NotUploaded where it does not come in time."""
        try:
            async with asyncio.timeout(seconds):
                outcome = await asyncio.shield(self.done)
        except TimeoutError:
            raise NotUploaded(f"no file within {seconds:g} s") from None
        if isinstance(outcome, NotUploaded):
            raise outcome
        return outcome

    def settle(self, outcome: StoredFile | NotUploaded) -> None:
        """Tell who waits; the first outcome counts."""
        if not self.done.done():
            self.done.set_result(outcome)


class _TooLarge(Exception):
    """A file is larger than is taken."""


class _NoFile(Exception):
    """A form comes without a file."""


class UploadReceiver:
    """Takes files into a folder; the oldest ones make room for new ones."""

    def __init__(
        self, folder: Path, clock: Callable[[], datetime], *, max_size: int = MAX_SIZE
    ) -> None:
        """Take where files are kept, the time, and how many bytes one may have."""
        self.folder = folder
        self._clock = clock
        self._max_size = max_size
        self._expected: dict[str, Upload] = {}
        self._coming: set[str] = set()

    def expect(self, identity: str) -> Upload:
        """Open an address for one file of a station."""
        self._forget_expired()
        upload = Upload(identity, self._clock() + VALID)
        self._expected[upload.token] = upload
        return upload

    def give_up(self, identity: str, why: str) -> None:
        """Tell who waits for a station's files that it failed to upload them."""
        for upload in self._expected.values():
            if upload.identity == identity:
                upload.settle(UploadFailed(why))

    def close(self) -> None:
        """Tell everybody who waits that nothing comes any more."""
        for upload in self._expected.values():
            upload.settle(NotUploaded("Ladda stops"))
        self._expected.clear()

    async def receive(self, request: web.BaseRequest) -> web.Response:
        """Take a file that is sent to `/upload/<token>/<name>` with PUT or POST."""
        self._forget_expired()
        token, _, name = request.rel_url.raw_path.removeprefix(PATH).partition("/")
        upload = self._expected.get(token)
        if upload is None:
            return web.Response(status=404)
        if token in self._coming:
            return web.Response(status=409)
        if (request.content_length or 0) > self._max_size:
            return web.Response(status=413)
        self._coming.add(token)
        try:
            return await self._take(request, upload, unquote(name))
        finally:
            self._coming.discard(token)

    async def _take(
        self, request: web.BaseRequest, upload: Upload, name: str
    ) -> web.Response:
        """Take a file; an attempt that failed leaves the address open for another."""
        if request.headers.get(hdrs.EXPECT, "").casefold() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        try:
            async with asyncio.timeout(PATIENCE):
                stored = await self._store(upload.identity, name, _content(request))
        except _TooLarge:
            return web.Response(status=413)
        except TimeoutError:
            return web.Response(status=408)
        except (ConnectionError, ClientError, ValueError, _NoFile) as err:
            _LOGGER.debug("An upload of %s broke off: %r", upload.identity, err)
            return web.Response(status=400)
        except OSError as err:
            _LOGGER.error("A file of %s cannot be kept: %s", upload.identity, err)
            return web.Response(status=507)
        self._expected.pop(upload.token, None)
        upload.settle(stored)
        _LOGGER.info("%s uploaded %s", upload.identity, stored.name)
        return web.Response(status=201)

    async def _store(
        self, identity: str, name: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        """Write a file as it comes; one that does not come whole is not kept."""
        path = self.folder / _file_name(identity, name, self._clock())
        file = await asyncio.to_thread(_create, path)
        size = 0
        try:
            async for chunk in _capped(content, self._max_size):
                size += len(chunk)
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(file.close)
        except BaseException:
            await asyncio.to_thread(_discard, file, path)
            raise
        await asyncio.to_thread(_make_room, self.folder)
        return StoredFile(path.name, size)

    def _forget_expired(self) -> None:
        """Close the addresses that have had their time."""
        now = self._clock()
        for token, upload in list(self._expected.items()):
            if upload.until <= now and token not in self._coming:
                del self._expected[token]
                upload.settle(NotUploaded("the address has expired"))


async def _capped(content: AsyncIterator[bytes], max_size: int) -> AsyncIterator[bytes]:
    """Yield what comes; raises _TooLarge where that is more than `max_size` bytes."""
    size = 0
    async for chunk in content:
        size += len(chunk)
        if size > max_size:
            raise _TooLarge
        yield chunk


async def _content(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """Yield the bytes of a file: the whole body, or the first part of a form."""
    source = request.content
    if not request.content_type.startswith("multipart/"):
        async for chunk in source.iter_any():
            yield chunk
        return
    part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader):
        raise _NoFile
    while chunk := await part.read_chunk():
        yield chunk


def _file_name(identity: str, name: str, at: datetime) -> str:
    """Make a name that is new, and harmless whatever the station calls its file."""
    said = _UNSAFE.sub("_", name.rpartition("/")[2]).strip("._")[-_MAX_NAME:]
    parts = (
        at.strftime("%Y%m%dT%H%M%SZ"),
        _UNSAFE.sub("_", identity).strip("._"),
        secrets.token_hex(3),
        said or "upload",
    )
    return "_".join(parts)


def _create(path: Path) -> IO[bytes]:
    """Open a file that is not there yet, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _discard(file: IO[bytes], path: Path) -> None:
    """Remove a file that did not come whole."""
    file.close()
    path.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Keep the newest files only; their names begin with the time."""
    for file in sorted(folder.iterdir())[:-KEPT]:
        file.unlink(missing_ok=True)
