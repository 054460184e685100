"""Images in an engine's own store: those of our registry, and this machine's own programs."""

from __future__ import annotations

import asyncio
import hashlib
import io
import sys
import tarfile
from pathlib import Path

from pileus.adapters.container_engine.client import EngineClient, EngineUnusable
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.ports.tasks import TaskRefused

HOST_REPOSITORY = "localhost/pileus-host"
_DIGITS = 16


class EngineShelf:
    """Implements ``ports.tasks.ImageShelf``."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    async def has(self, reference: str) -> bool:
        """See the port."""
        found = await self._client.run("image", "inspect", "--format", "{{.Id}}", reference)
        return not found.status

    async def load(self, archive: str) -> None:
        """See the port."""
        done = await self._client.run("load", "--quiet", "--input", archive, within_s=None)
        if done.status:
            raise TaskRefused(f"{self._client.engine} load: {done.error}")


class HostImage:
    """``pileus:host`` for an engine: the small tree of our own runner as an image, and the folders of
    this machine that are shown in it.

    Args:
        folder: where the tree is made.
    """

    def __init__(self, client: EngineClient, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._made: tuple[str, list[str]] | None = None
        self._making = asyncio.Lock()

    async def find(self) -> tuple[str, list[str]]:
        """The image's name, and the paths to be shown read-only. Raises TaskRefused."""
        async with self._making:
            if self._made is None:
                self._made = await self._make()
        return self._made

    async def _make(self) -> tuple[str, list[str]]:
        skeleton = Skeleton(self._folder, [own_interpreter().base_dir, sys.prefix])
        (skeleton.root_dir / "tmp").chmod(0o1777)
        archive = _archive(skeleton.root_dir)
        name = f"{HOST_REPOSITORY}:{hashlib.sha256(archive).hexdigest()[:_DIGITS]}"
        try:
            if not await EngineShelf(self._client).has(name):
                done = await self._client.run("import", "-", name, given=archive, within_s=None)
                if done.status:
                    raise TaskRefused(f"{self._client.engine} import: {done.error}")
        except EngineUnusable as error:
            raise TaskRefused(str(error)) from error
        return name, skeleton.shown


def _archive(root: Path) -> bytes:
    """The same bytes for the same tree."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.mtime = info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=plain)
    return held.getvalue()
