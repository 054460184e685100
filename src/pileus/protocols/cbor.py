"""Concise Binary Object Representation (RFC 8949), as far as AWS's protocols use it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pileus.protocols import timestamps

_DEPTH_MAX = 128
_BREAK = 0xFF
_FLOATS = {25: (struct.Struct(">e"), 2), 26: (struct.Struct(">f"), 4), 27: (struct.Struct(">d"), 8)}
_PACK_DOUBLE = struct.Struct(">d").pack
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_HEADS = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}


class CborError(ValueError):
    """The bytes are no CBOR, or of a kind AWS's protocols do not use."""


def dumps(value: Any) -> bytes:
    """The encoding of dicts, lists, text, bytes, numbers, booleans, None and datetimes.

    Raises:
        CborError: for a value of another type.
    """
    out = bytearray()
    _write(value, out)
    return bytes(out)


def loads(raw: bytes) -> Any:
    """The value; datetimes for epoch tags.

    Raises:
        CborError: when ``raw`` is not exactly one item.
    """
    reader = _Reader(raw)
    try:
        value = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as problem:
        raise CborError("malformed CBOR") from problem
    if reader.at != len(raw):
        raise CborError("bytes follow the CBOR item")
    return value


def _write(value: Any, out: bytearray) -> None:
    if value is None:
        out.append(0xF6)
    elif value is True or value is False:
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, str):
        raw = value.encode()
        _head(3, len(raw), out)
        out += raw
    elif isinstance(value, int):
        _head(0, value, out) if value >= 0 else _head(1, -1 - value, out)
    elif isinstance(value, float):
        out.append(0xFB)
        out += _PACK_DOUBLE(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _head(2, len(value), out)
        out += value
    elif isinstance(value, Mapping):
        _head(5, len(value), out)
        for key, each in value.items():
            _write(key, out)
            _write(each, out)
    elif isinstance(value, (list, tuple)):
        _head(4, len(value), out)
        for each in value:
            _write(each, out)
    elif isinstance(value, datetime):
        out.append(0xC1)
        _write(timestamps.epoch_seconds(value), out)
    else:
        raise CborError(f"no CBOR for {type(value).__name__}")


def _head(major: int, number: int, out: bytearray) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    for info, (limit, size) in enumerate(
        ((1 << 8, 1), (1 << 16, 2), (1 << 32, 4), (1 << 64, 8)), 24
    ):
        if number < limit:
            out.append(major << 5 | info)
            out += number.to_bytes(size, "big")
            return
    raise CborError(f"{number} does not fit 64 bits")


class _Reader:
    __slots__ = ("at", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise CborError("CBOR nests too deep")
        first = self.raw[self.at]
        self.at += 1
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._indefinite(major, depth)
        number = self._number(info)
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major in (2, 3):
            raw = self._take(number)
            return raw if major == 2 else raw.decode()
        if major == 4:
            return [self.item(depth + 1) for _ in range(self._bounded(number))]
        if major == 5:
            return {
                self.item(depth + 1): self.item(depth + 1) for _ in range(self._bounded(number))
            }
        value = self.item(depth + 1)
        if number == 1:
            return _moment(value)
        raise CborError(f"unknown CBOR tag {number}")

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _HEADS:
            raise CborError("malformed CBOR head")
        size = 1 << (info - 24)
        return int.from_bytes(self._take(size), "big")

    def _bounded(self, count: int) -> int:
        if count > len(self.raw) - self.at:
            raise CborError("a CBOR collection is cut off")
        return count

    def _take(self, size: int) -> bytes:
        if size > len(self.raw) - self.at:
            raise CborError("CBOR is cut off")
        piece = self.raw[self.at : self.at + size]
        self.at += size
        return piece

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info not in _FLOATS:
            raise CborError(f"unknown simple CBOR value {info}")
        form, size = _FLOATS[info]
        return form.unpack(self._take(size))[0]

    def _indefinite(self, major: int, depth: int) -> Any:
        parts: list[Any] = []
        pairs: dict[Any, Any] = {}
        while self.raw[self.at] != _BREAK:
            if major == 5:
                key = self.item(depth + 1)
                pairs[key] = self.item(depth + 1)
            else:
                parts.append(self.item(depth + 1))
        self.at += 1
        if major == 5:
            return pairs
        if major == 4:
            return parts
        if major == 3:
            return "".join(parts)
        if major == 2:
            return b"".join(parts)
        raise CborError("malformed CBOR head")


def _moment(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CborError("an epoch must be a number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError) as problem:
        raise CborError("an epoch is out of range") from problem
