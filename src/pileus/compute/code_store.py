"""From packages in Blobs to folders on this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pileus.compute.errors import PackageError
from pileus.compute.packages import Packages, check_archive
from pileus.ports.blobs import Blobs
from pileus.runtime.removal import remove_tree

_GONE = ".gone"


class Kept(NamedTuple):
    """What an archive is: SHA-256 in Base64, as AWS spells it, and its size."""

    sha256: str
    size_bytes: int


class CodeStore:
    """Archives fetched once, folders unpacked once; a cache below ``root_dir``, kept for one boot.

    Nothing here is flushed to disk, so what an earlier boot wrote may be torn and is fetched again.
    Called from the event loop only.
    """

    def __init__(self, blobs: Blobs, root_dir: Path, boot_id: str) -> None:
        self._blobs = blobs
        self._archives = root_dir / "archives" / boot_id
        self._packages = Packages(root_dir / "packages", boot_id)
        self._folders: dict[tuple[str, ...], Path] = {}
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        self._unpacking: dict[tuple[str, ...], asyncio.Task[Path]] = {}
        self._under_way = 0

    @property
    def is_working(self) -> bool:
        """Whether something is being fetched, unpacked or deleted now, perhaps on another thread."""
        return self._under_way > 0

    async def folder(self, blobs: Sequence[str]) -> Path:
        """The folder with the contents of the zip archives named, later ones over earlier ones.

        Concurrent calls share the work: eight functions with one layer read it once.

        Raises:
            BlobNotFound: an archive is gone.
            PackageError: an archive cannot be used.
        """
        key = tuple(blobs)
        folder = self._folders.get(key)
        while folder is None or not folder.exists():
            task = self._unpacking.get(key)
            if task is None:
                task = self._unpacking[key] = asyncio.create_task(self._unpack(key))
                task.add_done_callback(lambda _: self._unpacking.pop(key, None))
            folder = await asyncio.shield(task)
        return folder

    async def _unpack(self, key: tuple[str, ...]) -> Path:
        self._under_way += 1
        try:
            archives = [await self.archive(name) for name in key]
            folder = self._folders[key] = await self._packages.unpack(archives)
            return folder
        finally:
            self._under_way -= 1

    async def archive(self, blob: str) -> Path:
        """The archive as a file. Raises BlobNotFound."""
        path = self._archive_path(blob)
        if path.exists():
            return path
        task = self._fetching.get(blob)
        if task is None:
            task = self._fetching[blob] = asyncio.create_task(self._fetch(blob, path))
            task.add_done_callback(lambda _: self._fetching.pop(blob, None))
        self._under_way += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._under_way -= 1

    async def keep(self, blob: str, body: AsyncIterable[bytes]) -> Kept:
        """Put an archive into Blobs under a new name; one that cannot be used is deleted again.

        Raises PackageError, BlobsUnavailable.
        """
        digest, size_bytes = hashlib.sha256(), 0

        async def hashed() -> AsyncIterator[bytes]:
            nonlocal size_bytes
            async for piece in body:
                digest.update(piece)
                size_bytes += len(piece)
                yield piece

        await self._blobs.put(blob, hashed())
        try:
            if not size_bytes:
                raise PackageError("Uploaded file must be a non-empty zip")
            await self.check(blob)
        except PackageError:
            await self._blobs.delete(blob)
            await self.forget(blob)
            raise
        return Kept(base64.b64encode(digest.digest()).decode(), size_bytes)

    async def check(self, blob: str) -> None:
        """Read the archive's list. Raises PackageError when it cannot be used, BlobNotFound."""
        path = await self.archive(blob)
        self._under_way += 1
        try:
            await asyncio.to_thread(check_archive, path)
        finally:
            self._under_way -= 1

    async def forget(self, blob: str) -> None:
        """Delete the archive and the folders that only it was unpacked to.

        No instance may run on them any more; asked again, they are made again.
        """
        self._archive_path(blob).unlink(missing_ok=True)
        for key in [key for key in self._folders if blob in key]:
            folder = self._folders.pop(key)
            if folder in self._folders.values() or not folder.exists():
                # Packages of equal content share a folder.
                continue
            gone = folder.with_name(folder.name + _GONE)
            folder.rename(gone)
            self._under_way += 1
            try:
                await asyncio.to_thread(remove_tree, gone)
            finally:
                self._under_way -= 1

    def _archive_path(self, blob: str) -> Path:
        return self._archives / blob.replace("/", "-")

    async def _fetch(self, blob: str, path: Path) -> Path:
        if not self._archives.exists():
            self._begin()
        draft = path.with_suffix(f".{os.getpid()}.partial")
        try:
            with draft.open("wb") as file:
                async for chunk in self._blobs.get(blob):
                    file.write(chunk)
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def _begin(self) -> None:
        """Make the folder of this boot, and drop those of earlier ones."""
        root_dir = self._archives.parent
        remove_tree(root_dir)
        self._archives.mkdir(parents=True, exist_ok=True)
