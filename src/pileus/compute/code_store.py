"""From packages in Blobs to folders on this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from pileus.compute.packages import Packages
from pileus.ports.blobs import Blobs


class CodeStore:
    """Archives fetched once, folders unpacked once; both below ``root_dir``, named by content."""

    def __init__(self, blobs: Blobs, root_dir: Path, boot_id: str) -> None:
        self._blobs = blobs
        self._archives = root_dir / "archives"
        self._packages = Packages(root_dir / "packages", boot_id)
        self._folders: dict[tuple[str, ...], Path] = {}
        self._fetching: dict[str, asyncio.Task[Path]] = {}

    async def folder(self, blobs: Sequence[str]) -> Path:
        """The folder with the contents of the zip archives named, later ones over earlier ones.

        Raises:
            BlobNotFound: an archive is gone.
            PackageError: an archive cannot be used.
        """
        key = tuple(blobs)
        folder = self._folders.get(key)
        if folder is None or not folder.exists():
            archives = [await self.archive(name) for name in blobs]
            folder = self._folders[key] = await self._packages.unpack(archives)
        return folder

    async def archive(self, blob: str) -> Path:
        """The archive as a file."""
        path = self._archives / blob.replace("/", "-")
        if path.exists():
            return path
        task = self._fetching.get(blob)
        if task is None:
            task = self._fetching[blob] = asyncio.create_task(self._fetch(blob, path))
            task.add_done_callback(lambda _: self._fetching.pop(blob, None))
        return await asyncio.shield(task)

    async def _fetch(self, blob: str, path: Path) -> Path:
        self._archives.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.partial")
        with draft.open("wb") as file:
            async for chunk in self._blobs.get(blob):
                file.write(chunk)
        draft.rename(path)
        return path
