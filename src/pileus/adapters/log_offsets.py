"""How far each consumer group has read: a small file of changes, rewritten when mostly stale."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from pileus.adapters.disk import flush_file, flush_folder, replace_file, write_all

Reading = tuple[str, int, int]
"""Group, number of the topic, partition."""

_HEAD = struct.Struct("<II")
_REWRITE_BYTES = 1 << 20


class OffsetFile:
    """Offsets by reading. Blocking; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Load the file and cut its torn tail."""
        self._path = path
        raw = path.read_bytes() if path.exists() else b""
        self.offsets, end = _decode(raw)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, end)
        os.lseek(self._fd, end, os.SEEK_SET)
        self._size_bytes = end
        flush_file(self._fd)
        flush_folder(path.parent)

    def write(self, changes: dict[Reading, int]) -> None:
        """Note the changes, durably. After an OSError the former offsets stand."""
        raw = _encode(changes.items())
        try:
            write_all(self._fd, [raw])
            flush_file(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._size_bytes)
            os.lseek(self._fd, self._size_bytes, os.SEEK_SET)
            raise
        self._size_bytes += len(raw)
        self.offsets.update(changes)
        if self._size_bytes > _REWRITE_BYTES:
            self._rewrite()

    def forget_topic(self, topic_number: int) -> None:
        """Drop a topic's offsets; numbers are never given out again, so this need not be durable."""
        for reading in [each for each in self.offsets if each[1] == topic_number]:
            del self.offsets[reading]

    def close(self) -> None:
        os.close(self._fd)

    def _rewrite(self) -> None:
        raw = _encode(self.offsets.items())
        if len(raw) * 2 > self._size_bytes:
            return
        try:
            replace_file(self._path, raw)
        finally:
            # Whichever file has the name now is the one to write on.
            os.close(self._fd)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            self._size_bytes = os.fstat(self._fd).st_size


def _encode(changes: Iterable[tuple[Reading, int]]) -> bytes:
    parts: list[bytes] = []
    for reading, offset in changes:
        body = json.dumps([*reading, offset], separators=(",", ":")).encode()
        parts += (_HEAD.pack(len(body), zlib.crc32(body)), body)
    return b"".join(parts)


def _decode(raw: bytes) -> tuple[dict[Reading, int], int]:
    """Offsets, and how many bytes of ``raw`` are whole."""
    offsets: dict[Reading, int] = {}
    at = 0
    while at + _HEAD.size <= len(raw):
        length, checksum = _HEAD.unpack_from(raw, at)
        body = raw[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length or not length or zlib.crc32(body) != checksum:
            break
        group, topic_number, partition, offset = json.loads(body)
        offsets[(group, topic_number, partition)] = offset
        at += _HEAD.size + length
    return offsets, at
