"""How records lie in a segment file: frames of one or more records, each with a checksum.

A frame is a header and a payload; sealing applies to the payload. A frame that is cut short or whose
checksum does not match ends the file for a reader: whoever opens the log cuts it off there.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from pileus.ports.log import LogUnavailable, Record
from pileus.ports.sealer import Sealer

FRAME_BYTES = 128 * 1024
"""Records are put into one frame until their payload reaches this."""
_FORMAT = 1
_CRC = struct.Struct("<I")
_HEAD = struct.Struct("<IQIBxH")
"""Payload length, offset of the first record, number of records, format, sealing overhead."""
_RECORD = struct.Struct("<qII")
_HEADER_BYTES = _CRC.size + _HEAD.size
_BLOCK_BYTES = 256 * 1024

Appended = Sequence[tuple[int, bytes, bytes]]


class Seal(msgspec.Struct, frozen=True):
    """A sealer with the account and the place in it that a partition's frames belong to."""

    sealer: Sealer
    account: str
    place: str

    def seal(self, payload: bytes, first: int) -> bytes:
        if not self.sealer.overhead_bytes:
            return payload
        return self.sealer.seal(self.account, payload, f"{self.place}/{first}".encode())

    def open(self, payload: bytes, first: int) -> bytes:
        if not self.sealer.overhead_bytes:
            return payload
        return self.sealer.open(self.account, payload, f"{self.place}/{first}".encode())


class Frame(msgspec.Struct, frozen=True):
    """A frame whose checksum holds, as found at ``position`` of its file."""

    position: int
    first: int
    count: int
    overhead_bytes: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.position + _HEADER_BYTES + len(self.payload)


def encode_frames(records: Appended, first: int, seal: Seal) -> Iterator[tuple[int, bytes]]:
    """Frames for the records, the first of which gets the offset ``first``; with their offsets."""
    parts: list[bytes] = []
    begin, held_bytes = first, 0
    for offset, (at_ms, key, value) in enumerate(records, first):
        parts += (_RECORD.pack(at_ms, len(key), len(value)), key, value)
        held_bytes += _RECORD.size + len(key) + len(value)
        if held_bytes >= FRAME_BYTES:
            yield begin, _frame(parts, begin, offset + 1 - begin, seal)
            parts, begin, held_bytes = [], offset + 1, 0
    if parts:
        yield begin, _frame(parts, begin, first + len(records) - begin, seal)


def _frame(parts: list[bytes], first: int, count: int, seal: Seal) -> bytes:
    payload = seal.seal(b"".join(parts), first)
    head = _HEAD.pack(len(payload), first, count, _FORMAT, seal.sealer.overhead_bytes)
    return b"".join((_CRC.pack(zlib.crc32(payload, zlib.crc32(head))), head, payload))


def scan_frames(fd: int, position: int) -> Iterator[Frame]:
    """Frames from ``position`` on, up to the first that is not whole."""
    block, begin = b"", position
    while True:
        at = position - begin
        if len(block) - at < _HEADER_BYTES:
            block, begin, at = os.pread(fd, _BLOCK_BYTES, position), position, 0
            if len(block) < _HEADER_BYTES:
                return
        head = block[at + _CRC.size : at + _HEADER_BYTES]
        length, first, count, version, overhead = _HEAD.unpack(head)
        if version != _FORMAT:
            return
        size = _HEADER_BYTES + length
        if len(block) - at < size:
            block, begin, at = os.pread(fd, max(size, _BLOCK_BYTES), position), position, 0
            if len(block) < size:
                return
        payload = block[at + _HEADER_BYTES : at + size]
        if _CRC.unpack_from(block, at)[0] != zlib.crc32(payload, zlib.crc32(head)):
            return
        yield Frame(position, first, count, overhead, payload)
        position += size


def decode_frame(frame: Frame, seal: Seal) -> list[Record]:
    """The records of a frame; LogUnavailable when it was sealed in another way."""
    if frame.overhead_bytes != seal.sealer.overhead_bytes:
        raise LogUnavailable("the log was sealed in another way than is set now")
    payload = seal.open(frame.payload, frame.first)
    records, at = [], 0
    for offset in range(frame.first, frame.first + frame.count):
        at_ms, key_bytes, value_bytes = _RECORD.unpack_from(payload, at)
        at += _RECORD.size
        middle = at + key_bytes
        end = middle + value_bytes
        records.append(Record(offset, at_ms, payload[at:middle], payload[middle:end]))
        at = end
    return records
