"""Unpacked layers on this machine's disk: each once, by content, complete or not there.

``<root>/<16 hex digits of the diff id>/root`` is a layer, ``complete`` beside it its marker. Names
are short because the kernel takes the names of all lower folders of a mount in one page. Blocks;
one process at a time.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path

import msgspec

from pileus.compute.images.decompression import HashingRead, Read, decompressed
from pileus.compute.images.errors import DigestMismatch, ImageRefused, NoRoom
from pileus.compute.images.layer_unpacking import UnpackLimits, unpack_layer
from pileus.compute.images.model import Layer
from pileus.runtime.removal import remove_tree

ROOT = "root"
_MARKER = "complete"
_PARTIAL = "partial"
_NAME_DIGITS = 16
_SLACK = 1.25
"""A tar archive is longer than its files: headers and padding."""
_SLACK_BYTES = 16 * 1024 * 1024


class _Marker(msgspec.Struct):
    diff_id: str
    size_bytes: int


class LayerFolders:
    """The folders below ``root_dir``. Thread-safe, but one call at a time for one layer.

    Args:
        quota_bytes: what all layers may take together.
        flush: puts everything written below a folder on the disk.
    """

    def __init__(
        self,
        root_dir: Path,
        quota_bytes: int,
        limits: UnpackLimits | None = None,
        flush: Callable[[str], None] | None = None,
    ) -> None:
        self._root = str(root_dir.resolve())
        self._partial = f"{self._root}/{_PARTIAL}"
        self.quota_bytes = quota_bytes
        self._limits = limits or UnpackLimits()
        self._flush = flush or flush_file_system
        self._sizes: OrderedDict[str, int] = OrderedDict()
        """diff id → bytes, least recently used first."""
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._is_open = False

    def open(self) -> None:
        """Learn what an earlier process left; nothing happens the second time."""
        with self._lock:
            if not self._is_open:
                self._is_open = True
                self._scan()

    def find(self, diff_id: str) -> str | None:
        """The folder of a layer, which counts as used now; None when it is not unpacked."""
        with self._lock:
            if diff_id not in self._sizes:
                return None
            self._sizes.move_to_end(diff_id)
        place = self._place(diff_id)
        os.utime(f"{place}/{_MARKER}")
        return f"{place}/{ROOT}"

    def make(self, layer: Layer, read: Read) -> str:
        """Unpack a layer from its bytes as they are kept; its folder, durable.

        Raises:
            DigestMismatch: the archive inside is not ``layer.diff_id``.
            ImageRefused: see :func:`~pileus.compute.images.layer_unpacking.unpack_layer`.
            OSError: the disk is full or fails.
        """
        draft = f"{self._partial}/{next(self._numbers)}"
        os.mkdir(draft, 0o700)
        try:
            size = self._fill(layer, read, draft)
            place = self._place(layer.diff_id)
            remove_tree(place)
            os.rename(draft, place)
            _flush_folder(self._root)
        except BaseException:
            remove_tree(draft)
            raise
        with self._lock:
            self._sizes[layer.diff_id] = size
        return f"{place}/{ROOT}"

    def make_room(self, kept: Collection[str]) -> None:
        """Delete the least recently used layers until the quota holds.

        Args:
            kept: diff ids in use.

        Raises:
            NoRoom: those in use take more than the quota.
        """
        with self._lock:
            over = sum(self._sizes.values()) - self.quota_bytes
            gone = []
            for diff_id, size in self._sizes.items():
                if over <= 0:
                    break
                if diff_id not in kept:
                    gone.append(diff_id)
                    over -= size
            for diff_id in gone:
                del self._sizes[diff_id]
        for diff_id in gone:
            self._remove(diff_id)
        if over > 0:
            raise NoRoom(
                f"unpacked layers in use take {over} bytes more than the {self.quota_bytes} they "
                "may (setting image_cache_bytes)"
            )

    def drop(self, diff_id: str) -> None:
        """Delete a layer; nothing happens when it is not there."""
        with self._lock:
            if self._sizes.pop(diff_id, None) is None:
                return
        self._remove(diff_id)

    def forget(self, kept: Collection[str]) -> int:
        """Delete every layer not in ``kept``; the bytes that are free now."""
        with self._lock:
            gone = {d: size for d, size in self._sizes.items() if d not in kept}
            for diff_id in gone:
                del self._sizes[diff_id]
        for diff_id in gone:
            self._remove(diff_id)
        return sum(gone.values())

    @property
    def size_bytes(self) -> int:
        """What all layers take."""
        return sum(self._sizes.values())

    def _fill(self, layer: Layer, read: Read, draft: str) -> int:
        folder = f"{draft}/{ROOT}"
        os.mkdir(folder, 0o755)
        limits = self._limits
        bytes_max = min(limits.layer_bytes, self.quota_bytes)
        limits = UnpackLimits(bytes_max, limits.entries)
        try:
            with decompressed(read, layer.compression) as inside:
                hashed = HashingRead(inside, int(bytes_max * _SLACK) + _SLACK_BYTES)
                size = unpack_layer(hashed, folder, limits)
        except ImageRefused as error:
            raise ImageRefused(f"layer {layer.digest}: {error}") from error
        if hashed.digest != layer.diff_id:
            raise DigestMismatch(
                f"layer {layer.digest} holds {hashed.digest}, not {layer.diff_id} as its image says"
            )
        marker = msgspec.json.encode(_Marker(layer.diff_id, size.size_bytes))
        # A name of its own first: the marker must not be durable before what it stands for.
        self._flush(draft)
        with open(f"{draft}/{_MARKER}", "wb") as file:
            file.write(marker)
            file.flush()
            os.fsync(file.fileno())
        _flush_folder(draft)
        return size.size_bytes

    def _place(self, diff_id: str) -> str:
        return f"{self._root}/{diff_id.partition(':')[2][:_NAME_DIGITS]}"

    def _remove(self, diff_id: str) -> None:
        gone = f"{self._partial}/{next(self._numbers)}"
        os.rename(self._place(diff_id), gone)
        remove_tree(gone)

    def _scan(self) -> None:
        os.makedirs(self._partial, mode=0o700, exist_ok=True)
        for leftover in os.scandir(self._partial):
            remove_tree(leftover.path)
        found = []
        for place in os.scandir(self._root):
            if place.name == _PARTIAL:
                continue
            try:
                path = f"{place.path}/{_MARKER}"
                with open(path, "rb") as file:
                    marker = msgspec.json.decode(file.read(), type=_Marker)
                found.append((os.stat(path).st_mtime, marker))
            except (OSError, msgspec.MsgspecError):
                remove_tree(place.path)
        for _, marker in sorted(found, key=lambda pair: pair[0]):
            self._sizes[marker.diff_id] = marker.size_bytes


def flush_file_system(folder: str) -> None:
    """Put the file system of a folder on the disk: one call for a layer's thousands of files."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(fd)


def _flush_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
