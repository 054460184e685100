"""Segments on their way to the bucket, kept on disk until the bucket has them.

A segment is on disk before it is offered for sending and leaves the disk only once it is
acknowledged, so neither the platform's nor the player's death loses one; what a dead player left is
sent by the next one with the same folder.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from pileus.values.errors import PileusError

_PARTIAL = ".partial"


class SpoolBusy(PileusError):
    """Another player uses the folder."""


class SpoolFull(PileusError):
    """The spool has reached its limit and nothing was acknowledged meanwhile."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A segment that is still to be sent."""

    key: str
    path: Path
    size_bytes: int


class Spool:
    """A first-in, first-out queue of segments in a folder; one writer, one sender.

    Args:
        folder: made when absent; belongs to one player at a time.
        bytes_max: no more than this waits on disk; :meth:`put` waits for room.

    Raises:
        SpoolBusy: another player uses the folder.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = (folder / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolBusy(f"Another player plays from {folder}; name another --spool.") from error
        self._bytes_max = bytes_max
        self._changed = threading.Condition()
        self._is_closed = False
        for torn in folder.glob(f"*{_PARTIAL}"):
            torn.unlink()
        left = sorted(path for path in folder.iterdir() if path.name != ".lock")
        self._queue = deque(Waiting(unquote(path.name), path, path.stat().st_size) for path in left)
        self._bytes = sum(one.size_bytes for one in self._queue)

    def __len__(self) -> int:
        with self._changed:
            return len(self._queue)

    def put(self, key: str, data: bytes, patience_s: float) -> None:
        """Keep a segment; it is on disk when this returns.

        Raises:
            SpoolFull: no room for ``patience_s`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(len(data)), patience_s):
                raise SpoolFull(
                    f"{self._bytes} bytes wait in {self._folder} and none could be sent for "
                    f"{patience_s:g} s."
                )
        path = self._folder / quote(key, safe="")
        partial = path.with_name(path.name + _PARTIAL)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        self._sync_folder()
        with self._changed:
            self._queue.append(Waiting(key, path, len(data)))
            self._bytes += len(data)
            self._changed.notify_all()

    def oldest(self) -> Waiting | None:
        """The next segment to send, waiting for one; None when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closed)
            return self._queue[0] if self._queue else None

    def acknowledge(self, sent: Waiting) -> None:
        """Forget the oldest segment: the bucket has it."""
        with self._changed:
            if not self._queue or self._queue[0] is not sent:
                raise ValueError(f"{sent.key} is not the oldest segment")
            self._queue.popleft()
            self._bytes -= sent.size_bytes
            sent.path.unlink(missing_ok=True)
            self._changed.notify_all()

    def close(self) -> None:
        """No more will be put."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self, size_bytes: int) -> bool:
        return not self._queue or self._bytes + size_bytes <= self._bytes_max

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
