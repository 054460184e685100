"""Layers from the registry to folders on this machine, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from pileus.compute.images.errors import ImageError, NoRoom
from pileus.compute.images.layer_folders import LayerFolders
from pileus.compute.images.model import Image, Layer

T = TypeVar("T")
_UNPACKERS = 2


class LayerSource(Protocol):
    """Where layers' bytes come from (:class:`~pileus.compute.images.image_store.ImageStore`)."""

    def layer_bytes(self, image: Image, layer: Layer) -> AsyncIterator[bytes]:
        """A layer as it is kept. Raises ImageNotFound when it is gone."""
        ...


class LayerStore:
    """Each layer unpacked once, deleted when room is needed and nobody holds it.

    Called from the event loop only; the work goes on in threads.
    """

    def __init__(self, source: LayerSource, folders: LayerFolders) -> None:
        self._source = source
        self._folders = folders
        self._making: dict[str, asyncio.Task[str]] = {}
        self._held: dict[str, set[str]] = {}
        """Holder → diff ids."""
        self._threads = ThreadPoolExecutor(_UNPACKERS, "layers")
        self._is_open = False
        self._is_closed = False
        self._under_way = 0

    @property
    def is_working(self) -> bool:
        """Whether something is being unpacked or deleted now, on another thread."""
        return self._under_way > 0

    async def unpacked(self, image: Image, holder: str) -> tuple[str, ...]:
        """The folders of an image's layers, top first, as overlayfs takes its lower folders.

        They stay until :meth:`release`: the same holder may ask again, for the same image or
        another. Concurrent calls share the work. Folders are read-only for everyone.

        Args:
            holder: who uses them, by a name of its own (a task's ARN). After a restart whoever
                still uses an image asks again.

        Raises:
            ImageRefused, DigestMismatch: a layer that cannot be used, by name.
            ImageNotFound: a layer is gone.
            NoRoom: layers in use take the whole quota.
        """
        if not self._is_open:
            await self._beside(self._folders.open)
            self._is_open = True
        wanted = {layer.diff_id for layer in image.layers}
        held = self._held.setdefault(holder, set())
        added = wanted - held
        held |= added
        try:
            folders = []
            for layer in image.layers:
                folders.append(self._folders.find(layer.diff_id) or await self._made(image, layer))
        except BaseException:
            held -= added
            if not held:
                self._held.pop(holder, None)
            raise
        folders.reverse()
        return tuple(folders)

    def release(self, holder: str) -> None:
        """The holder uses nothing any more; again does nothing."""
        self._held.pop(holder, None)

    async def prune(self) -> int:
        """Delete every layer that nobody holds; the bytes that are free now."""
        if not self._is_open:
            await self._beside(self._folders.open)
            self._is_open = True
        return await self._beside(lambda: self._folders.forget(self._in_use()))

    @property
    def size_bytes(self) -> int:
        """What unpacked layers take on disk."""
        return self._folders.size_bytes

    async def close(self) -> None:
        """Give up what is under way."""
        self._is_closed = True
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)

    async def _made(self, image: Image, layer: Layer) -> str:
        task = self._making.get(layer.diff_id)
        if task is None:
            task = asyncio.create_task(self._make(image, layer))
            self._making[layer.diff_id] = task
            task.add_done_callback(lambda _: self._making.pop(layer.diff_id, None))
        return await asyncio.shield(task)

    async def _make(self, image: Image, layer: Layer) -> str:
        loop = asyncio.get_running_loop()
        chunks = self._source.layer_bytes(image, layer)

        async def following() -> bytes:
            return await anext(chunks, b"")

        def read(_: int) -> bytes:
            if self._is_closed:
                raise ImageError("the platform is closing")
            return asyncio.run_coroutine_threadsafe(following(), loop).result()

        folder = await self._beside(lambda: self._folders.make(layer, read))
        kept = self._in_use() | {layer.diff_id}
        try:
            await self._beside(lambda: self._folders.make_room(kept))
        except NoRoom:
            await self._beside(lambda: self._folders.drop(layer.diff_id))
            raise
        return folder

    def _in_use(self) -> set[str]:
        return set().union(*self._held.values(), self._making)

    async def _beside(self, work: Callable[[], T]) -> T:
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1
