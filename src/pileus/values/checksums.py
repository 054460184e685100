"""The checksums S3 knows, fed piece by piece.

CRC-32C and CRC-64/NVME run natively where the ``awscrt`` package is installed, else in Python
(about 20 MB/s). https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module, util
from typing import Protocol

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


class Checksum(Protocol):
    """A running checksum."""

    def update(self, data: bytes | memoryview) -> None:
        """Take in the next bytes."""
        ...

    def digest(self) -> bytes:
        """The checksum of everything so far, big-endian."""
        ...


def checksum(algorithm: str) -> Checksum:
    """A new checksum of one of :data:`ALGORITHMS`, in any case.

    Raises:
        ValueError: for another algorithm.
    """
    name = algorithm.upper()
    if name in ("SHA1", "SHA256"):
        return hashlib.new(name.lower())
    if name == "CRC32":
        return _Crc(zlib.crc32, 4)
    if name == "CRC32C":
        return _Crc(_native("crc32c") or _table_crc(0x82F63B78, 32), 4)
    if name == "CRC64NVME":
        return _Crc(_native("crc64nvme") or _table_crc(0x9A6C9329AC4BC9B5, 64), 8)
    raise ValueError(f"unknown checksum algorithm {algorithm!r}; known: {', '.join(ALGORITHMS)}")


def encoded(value: Checksum) -> str:
    """The digest as S3 writes it in headers and trailers."""
    return base64.b64encode(value.digest()).decode()


Crc = Callable[[bytes, int], int]


class _Crc:
    __slots__ = ("_function", "_size_bytes", "_value")

    def __init__(self, function: Crc, size_bytes: int) -> None:
        self._function = function
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        self._value = self._function(bytes(data), self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


@cache
def _native(name: str) -> Crc | None:
    if util.find_spec("awscrt") is None:
        return None
    found: Crc = getattr(import_module("awscrt.checksums"), name)
    return found


@cache
def _table_crc(polynomial: int, bits: int) -> Crc:
    """A reflected CRC that takes two bytes a step through a table of 65,536 entries."""
    ones = (1 << bits) - 1
    by_byte = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        by_byte.append(value)
    by_pair = [0] * 65536
    for pair in range(65536):
        value = by_byte[pair & 0xFF] ^ (pair >> 8)
        by_pair[pair] = (value >> 8) ^ by_byte[value & 0xFF]

    def crc(data: bytes, start: int = 0) -> int:
        value = start ^ ones
        even = len(data) & ~1
        for index in range(0, even, 2):
            pair = data[index] | data[index + 1] << 8
            value = (value >> 16) ^ by_pair[(value ^ pair) & 0xFFFF]
        if even != len(data):
            value = (value >> 8) ^ by_byte[(value ^ data[even]) & 0xFF]
        return value ^ ones

    return crc
