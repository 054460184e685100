"""Blobs as files in one folder.

A put writes a temporary file, flushes it, renames it and has the folder flushed; what several puts
ask for at the same time shares one flush of a folder. Small bodies cost one trip to a worker
thread. The first segment of a name is taken as the account whose key seals the bytes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pileus.adapters.blob_file import CHUNK_BYTES, BlobDraft, BlobHeader, BlobReader, read_header
from pileus.adapters.blob_paths import path_of, walk
from pileus.adapters.disk import FolderLock, flush_folder, make_folder, replace_file
from pileus.adapters.folder_flush import FolderFlusher
from pileus.adapters.sealer_identity import IdentitySealer
from pileus.ports.blobs import BlobExists, BlobInfo, BlobNotFound, BlobsUnavailable
from pileus.ports.clock import Clock
from pileus.ports.sealer import Sealer

T = TypeVar("T")

_WRITERS = 4
_READERS = 4
_NAME_LOCKS = 64
_KNOWN_FOLDERS_MAX = 16_384
_RENAME_ATTEMPTS = 16


class _Condition(msgspec.Struct, frozen=True):
    if_absent: bool
    if_match: str | None

    def check(self, name: str, path: str) -> None:
        if self.if_absent and os.path.exists(path):
            raise BlobExists(f"there is already a blob {name!r}")
        if self.if_match is not None:
            header = _header(path)
            if header is None or header.etag != self.if_match:
                raise BlobExists(f"the blob {name!r} is not at {self.if_match!r}")


class FileBlobs:
    """See ``ports/blobs.py``. One process at a time may have ``root`` open.

    Raises:
        FolderInUse: another process has it open.
    """

    def __init__(self, root: Path | str, clock: Clock, sealer: Sealer | None = None) -> None:
        root = Path(root)
        make_folder(root)
        self._lock = FolderLock(root)
        self._clock = clock
        self._sealer = sealer or IdentitySealer()
        self._drafts = root / "drafts"
        self._names = root / "names"
        make_folder(self._drafts)
        make_folder(self._names)
        self._opening = _count_opening(root / "opening")
        self._sequence = count(1)
        for orphan in os.scandir(self._drafts):
            os.unlink(orphan.path)
        self._folders = _KnownFolders(str(self._names))
        self._name_locks = tuple(threading.Lock() for _ in range(_NAME_LOCKS))
        self._writers = ThreadPoolExecutor(_WRITERS, "blobs-write")
        self._readers = ThreadPoolExecutor(_READERS, "blobs-read")
        self._flusher = FolderFlusher("blobs-flush")

    async def put(
        self,
        name: str,
        body: bytes | AsyncIterable[bytes],
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> BlobInfo:
        condition = _Condition(if_absent, if_match)
        path = f"{self._names}/{path_of(name)}"
        version = (self._opening, next(self._sequence))
        draft_path = f"{self._drafts}/{version[0]:x}-{version[1]:x}"
        draft = BlobDraft(draft_path, _account(name), version, self._sealer)
        try:
            chunk = b""
            async for following in _chunks(body):
                if chunk:
                    await self._on(self._writers, draft.write, chunk)
                chunk = following
            modified_ms = self._clock.now_ms()

            def finish() -> tuple[BlobInfo, str]:
                header = draft.finish(chunk, modified_ms)
                return _info(name, header), self._name(draft, name, path, condition)

            return await self._durably(finish)
        except BaseException:
            # On a worker, because a write that was cancelled here may still be under way there.
            self._writers.submit(draft.discard)
            raise

    async def get(self, name: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError(f"a range begins and ends at 0 or later, not {start}:{stop}")
        path = f"{self._names}/{path_of(name)}"

        def begin() -> tuple[BlobReader, bytes]:
            try:
                reader = BlobReader(path, _account(name), self._sealer)
            except FileNotFoundError:
                raise BlobNotFound(f"there is no blob {name!r}") from None
            try:
                reader.seek(start, stop)
                chunk = reader.read()
            except BaseException:
                reader.close()
                raise
            if reader.is_at_end:
                reader.close()
            return reader, chunk

        reader, chunk = await self._on(self._readers, begin)
        try:
            while chunk:
                yield chunk
                chunk = b"" if reader.is_at_end else await self._on(self._readers, reader.read)
        finally:
            reader.close()

    async def head(self, name: str) -> BlobInfo | None:
        path = f"{self._names}/{path_of(name)}"
        header = await self._on(self._readers, _header, path)
        return _info(name, header) if header else None

    async def delete(self, name: str) -> bool:
        path = f"{self._names}/{path_of(name)}"

        def remove() -> tuple[bool, str | None]:
            with self._name_lock(name):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    return False, None
            return True, self._folders.prune(os.path.dirname(path))

        return await self._durably(remove)

    async def list(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[BlobInfo]:
        def look() -> list[BlobInfo]:
            found = (
                _info(name, header)
                for name, path in walk(self._names, prefix, after)
                # None: deleted since the walk met it.
                if (header := _header(path)) is not None
            )
            return list(islice(found, limit))

        return await self._on(self._readers, look)

    async def close(self) -> None:
        """Finish what is under way and let another process in."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._flusher.close()
        self._lock.release()

    def _name(self, draft: BlobDraft, name: str, path: str, condition: _Condition) -> str:
        """Give the finished draft its name; the folder that is to be flushed."""
        folder = os.path.dirname(path)
        with self._name_lock(name):
            condition.check(name, path)
            for attempt in range(_RENAME_ATTEMPTS):
                self._folders.make(folder)
                try:
                    os.replace(draft.path, path)
                    break
                except FileNotFoundError:
                    # The folder was pruned in between.
                    if attempt == _RENAME_ATTEMPTS - 1:
                        raise
        # Once more: it may have been pruned and made again, and not be durable yet.
        self._folders.make(folder)
        return folder

    def _name_lock(self, name: str) -> threading.Lock:
        return self._name_locks[hash(name) % _NAME_LOCKS]

    async def _on(self, pool: ThreadPoolExecutor, fn: Callable[..., T], *args: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, fn, *args)
        except OSError as error:
            raise BlobsUnavailable(f"the blob store failed: {error}") from error

    async def _durably(self, job: Callable[[], tuple[T, str | None]]) -> T:
        """Run ``job`` on a writer, then have the folder that it names flushed.

        Between the threads the work is handed on directly; the loop is told once, at the end.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(result)  # type: ignore[arg-type]
            else:
                answer.set_exception(error)

        def hand_on(done: Future[tuple[T, str | None]]) -> None:
            error = done.exception()
            if error is not None:
                loop.call_soon_threadsafe(settle, None, error)
                return
            result, folder = done.result()
            if folder is None:
                loop.call_soon_threadsafe(settle, result, None)
            else:
                self._flusher.flush(folder, lambda error: tell(result, error))

        def tell(result: T, error: OSError | None) -> None:
            loop.call_soon_threadsafe(settle, result, error)

        self._writers.submit(job).add_done_callback(hand_on)
        try:
            return await answer
        except OSError as error:
            raise BlobsUnavailable(f"the blob store failed: {error}") from error


class _KnownFolders:
    """Folders that are there and whose names are durable. Thread-safe."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known = {root}
        self._lock = threading.Lock()

    def make(self, folder: str) -> None:
        """Return when the folder and all above it are durable."""
        if folder in self._known:
            return
        with self._lock:
            if len(self._known) > _KNOWN_FOLDERS_MAX:
                self._known = {self._root}
            missing = []
            while folder not in self._known:
                missing.append(folder)
                folder = os.path.dirname(folder)
            for folder in reversed(missing):
                try:
                    os.mkdir(folder, 0o700)
                except FileExistsError:
                    pass
                flush_folder(os.path.dirname(folder))
                self._known.add(folder)

    def prune(self, folder: str) -> str:
        """Remove the folder and those above it while they are empty; the first that stays."""
        with self._lock:
            while folder != self._root:
                was_known = folder in self._known
                # Before the removal, so that a put that finds it known will find it there.
                self._known.discard(folder)
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    if was_known:
                        self._known.add(folder)
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                    break
                folder = os.path.dirname(folder)
        return folder


def _count_opening(path: Path) -> int:
    """How often the store has been opened, this time included."""
    opening = int(path.read_text()) + 1 if path.exists() else 1
    replace_file(path, str(opening).encode())
    return opening


def _account(name: str) -> str:
    return name.partition("/")[0]


def _info(name: str, header: BlobHeader) -> BlobInfo:
    return BlobInfo(name, header.size_bytes, header.etag, header.modified_ms)


def _header(path: str) -> BlobHeader | None:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return read_header(fd, path)
    finally:
        os.close(fd)


async def _chunks(body: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The body in chunks of exactly CHUNK_BYTES, but for the last."""
    if isinstance(body, bytes):
        if len(body) <= CHUNK_BYTES:
            yield body
            return
        for at in range(0, len(body), CHUNK_BYTES):
            yield body[at : at + CHUNK_BYTES]
        return
    pieces: list[bytes | memoryview] = []
    held_bytes = 0
    async for piece in body:
        rest = memoryview(piece)
        while held_bytes + len(rest) >= CHUNK_BYTES:
            cut = CHUNK_BYTES - held_bytes
            pieces.append(rest[:cut])
            yield b"".join(pieces)
            pieces, held_bytes, rest = [], 0, rest[cut:]
        if len(rest):
            pieces.append(rest)
            held_bytes += len(rest)
    if pieces:
        yield b"".join(pieces)
