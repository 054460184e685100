"""One blob as one file: a header, then the bytes in sealed chunks.

The header holds what ``head`` answers, so that it survives copying the folder and does not depend on
the file system's timestamps. A file never changes once it has its name. Methods here block; they
are called on worker threads.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib

import msgspec

from pileus.adapters.disk import flush_file, write_all
from pileus.ports.blobs import BlobsUnavailable
from pileus.ports.sealer import Sealer

CHUNK_BYTES = 1 << 20
HEADER_BYTES = 64
_MAGIC = b"PLSB"
_FORMAT = 1
_FIELDS = struct.Struct("<4sBxHQQQQ")
_CRC = struct.Struct("<I")


class BlobHeader(msgspec.Struct, frozen=True):
    """``opening`` and ``sequence`` number the put and make the etag: never used twice."""

    size_bytes: int
    modified_ms: int
    opening: int
    sequence: int
    overhead_bytes: int

    @property
    def etag(self) -> str:
        return f"{self.opening:x}-{self.sequence:x}"

    def encode(self) -> bytes:
        fields = _FIELDS.pack(
            _MAGIC,
            _FORMAT,
            self.overhead_bytes,
            self.size_bytes,
            self.modified_ms,
            self.opening,
            self.sequence,
        )
        return (fields + _CRC.pack(zlib.crc32(fields))).ljust(HEADER_BYTES, b"\0")


def read_header(fd: int, path: str) -> BlobHeader:
    """The header of an open blob file; BlobsUnavailable when it is none of ours or damaged."""
    raw = os.pread(fd, HEADER_BYTES, 0)
    fields = raw[: _FIELDS.size]
    if len(raw) != HEADER_BYTES or not fields.startswith(_MAGIC):
        raise BlobsUnavailable(f"{path} is not a blob file")
    if _CRC.unpack_from(raw, _FIELDS.size)[0] != zlib.crc32(fields):
        raise BlobsUnavailable(f"the header of {path} is damaged")
    _, version, overhead, size, modified_ms, opening, sequence = _FIELDS.unpack(fields)
    if version != _FORMAT:
        raise BlobsUnavailable(f"{path} has format {version}; this version reads {_FORMAT}")
    return BlobHeader(size, modified_ms, opening, sequence, overhead)


def _place(etag: str, index: int, is_last: bool) -> bytes:
    return f"{etag}/{index}/{'last' if is_last else 'more'}".encode()


class BlobDraft:
    """A blob being written under a temporary path.

    The lock lets :meth:`discard` come at any time, also while a cancelled caller's write is still
    under way in another thread.
    """

    def __init__(self, path: str, account: str, version: tuple[int, int], sealer: Sealer) -> None:
        self.path = path
        self._account = account
        self._opening, self._sequence = version
        self._etag = f"{self._opening:x}-{self._sequence:x}"
        self._sealer = sealer
        self._fd = -1
        self._index = 0
        self._size_bytes = 0
        self._is_discarded = False
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Append a full chunk that is not the last."""
        with self._lock:
            pieces = [self._sealed(chunk, is_last=False)]
            if self._open():
                pieces.insert(0, bytes(HEADER_BYTES))
            write_all(self._fd, pieces)

    def finish(self, chunk: bytes, modified_ms: int) -> BlobHeader:
        """Append the last chunk (perhaps empty) and put everything on the disk."""
        with self._lock:
            sealed = self._sealed(chunk, is_last=True)
            header = BlobHeader(
                self._size_bytes,
                modified_ms,
                self._opening,
                self._sequence,
                self._sealer.overhead_bytes,
            )
            if self._open():
                write_all(self._fd, [header.encode(), sealed])
            else:
                write_all(self._fd, [sealed])
                os.pwrite(self._fd, header.encode(), 0)
            flush_file(self._fd)
            self._close()
            return header

    def discard(self) -> None:
        """Leave nothing behind; nothing happens once the file has been given its name."""
        with self._lock:
            self._is_discarded = True
            self._close()
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass

    def _open(self) -> bool:
        """True when the file was opened just now."""
        if self._is_discarded:
            raise BlobsUnavailable("the put was given up")
        if self._fd >= 0:
            return False
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return True

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _sealed(self, chunk: bytes, *, is_last: bool) -> bytes:
        self._size_bytes += len(chunk)
        place = _place(self._etag, self._index, is_last)
        self._index += 1
        if not self._sealer.overhead_bytes:
            return chunk
        return self._sealer.seal(self._account, chunk, place)


class BlobReader:
    """Reads a range of one blob; keeps the file open, so that replacing it changes nothing."""

    def __init__(self, path: str, account: str, sealer: Sealer) -> None:
        """Open the file; FileNotFoundError, or BlobsUnavailable when it cannot be read."""
        self._fd = os.open(path, os.O_RDONLY)
        self._path = path
        self._account = account
        self._sealer = sealer
        try:
            self.header = read_header(self._fd, path)
            if self.header.overhead_bytes != sealer.overhead_bytes:
                raise BlobsUnavailable(f"{path} was sealed in another way than is set now")
        except BaseException:
            self.close()
            raise
        self._at = 0
        self._stop = self.header.size_bytes

    def seek(self, start: int, stop: int | None) -> None:
        """Read from ``start`` to ``stop`` (exclusive; None: the end)."""
        self._at = start
        if stop is not None:
            self._stop = min(stop, self._stop)

    @property
    def is_at_end(self) -> bool:
        return self._at >= self._stop

    def read(self) -> bytes:
        """The next bytes, at most one chunk; empty at the end."""
        if self.is_at_end:
            return b""
        index, begin = divmod(self._at, CHUNK_BYTES)
        first = index * CHUNK_BYTES
        end = min(CHUNK_BYTES, self._stop - first)
        if self._sealer.overhead_bytes:
            data = self._open_chunk(index)[begin:end]
        else:
            data = os.pread(self._fd, end - begin, HEADER_BYTES + self._at)
        if len(data) != end - begin:
            raise BlobsUnavailable(f"{self._path} is shorter than its header says")
        self._at = first + end
        return data

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open_chunk(self, index: int) -> bytes:
        left = self.header.size_bytes - index * CHUNK_BYTES
        overhead = self._sealer.overhead_bytes
        at = HEADER_BYTES + index * (CHUNK_BYTES + overhead)
        sealed = os.pread(self._fd, min(CHUNK_BYTES, left) + overhead, at)
        place = _place(self.header.etag, index, left <= CHUNK_BYTES)
        return self._sealer.open(self._account, sealed, place)
