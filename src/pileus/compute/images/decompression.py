"""Layers as they are kept, as the tar archives they are."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pileus.compute.images.errors import ImageRefused

Read = Callable[[int], bytes]
"""At most that many bytes; empty at the end. Blocks."""
_PIECE_BYTES = 1 << 20
_WAIT_S = 10.0


class HashingRead:
    """Passes bytes on, and knows their digest when the end was met.

    Args:
        bytes_max: more than that is a bomb: ImageRefused.
    """

    def __init__(self, read: Read, bytes_max: int) -> None:
        self._read = read
        self._digest = hashlib.sha256()
        self._left_bytes = bytes_max

    def __call__(self, size: int) -> bytes:
        piece = self._read(min(size, _PIECE_BYTES))
        self._digest.update(piece)
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise ImageRefused("the layer unpacks to more bytes than a layer may (a bomb?)")
        return piece

    @property
    def digest(self) -> str:
        """``sha256:…`` of what was read."""
        return f"sha256:{self._digest.hexdigest()}"


@contextmanager
def decompressed(read: Read, compression: str) -> Iterator[Read]:
    """A reader of what is inside.

    Args:
        compression: ``gzip``, ``zstd`` or empty.

    Raises:
        ImageRefused: damaged bytes, or zstd where the program ``zstd`` is not installed.
    """
    if not compression:
        yield read
    elif compression == "gzip":
        yield _gunzipped(read)
    elif compression == "zstd":
        with _zstd(read) as inside:
            yield inside
    else:
        raise ImageRefused(f"layers compressed with {compression} are not understood here")


class _Raw(io.RawIOBase):
    """A read function as the file that the standard library wants."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._held or self._read(_PIECE_BYTES)
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        self._held = piece[count:]
        return count


def _gunzipped(read: Read) -> Read:
    file = gzip.GzipFile(fileobj=io.BufferedReader(_Raw(read), _PIECE_BYTES), mode="rb")

    def inside(size: int) -> bytes:
        try:
            return file.read1(size)
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise ImageRefused(f"the layer's gzip stream is damaged: {error}") from error

    return inside


@contextmanager
def _zstd(read: Read) -> Iterator[Read]:
    program = shutil.which("zstd")
    if program is None:
        raise ImageRefused(
            "the layer is compressed with zstd, and the program zstd is not installed here"
        )
    process = subprocess.Popen(
        [program, "-dc", "--no-progress"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    sink, out, told = process.stdin, process.stdout, process.stderr
    trouble: list[BaseException] = []

    def feed() -> None:
        try:
            while piece := read(_PIECE_BYTES):
                sink.write(piece)
            sink.close()
        except BrokenPipeError:
            pass  # It ended before; its exit status says why.
        except BaseException as error:  # noqa: BLE001 - handed to the reading thread
            trouble.append(error)
            process.kill()

    feeder = threading.Thread(target=feed, name="layer-zstd")
    feeder.start()

    def inside(size: int) -> bytes:
        piece = out.read1(size)  # type: ignore[attr-defined]
        if not piece:
            status = process.wait(_WAIT_S)
            if trouble:
                raise trouble[0]
            if status:
                words = told.read(300).decode(errors="replace").strip()
                raise ImageRefused(f"the layer's zstd stream is damaged: {words}")
        return bytes(piece)

    try:
        yield inside
    finally:
        process.kill()
        process.wait()
        feeder.join(_WAIT_S)
        out.close()
        told.close()
