"""AMF0, in which RTMP's commands are written (Action Message Format, Adobe, 2007)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_MAP, _END, _LIST, _DATE, _LONG_STRING = 8, 9, 10, 11, 12
_DEPTH_MAX = 8


class NotAmf(ValueError):
    """Bytes that are no AMF0, or more deeply nested than any command is."""


def packed(*values: Any) -> bytes:
    """Numbers, booleans, text, None and mappings, one after another."""
    return b"".join(map(_packed, values))


def _packed(value: Any) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, bool):
        return bytes([_BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        return bytes([_STRING]) + _text(value)
    if isinstance(value, Mapping):
        members = b"".join(_text(name) + _packed(each) for name, each in value.items())
        return bytes([_OBJECT]) + members + bytes([0, 0, _END])
    raise TypeError(f"AMF0 has no {type(value).__name__}")


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def unpacked(data: bytes) -> Iterator[Any]:
    """The values in some bytes. Raises NotAmf."""
    reader = _Reader(data)
    while reader.at < len(data):
        yield reader.value()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def value(self, depth: int = 0) -> Any:
        if depth > _DEPTH_MAX:
            raise NotAmf("values are nested too deeply")
        kind = self._take(1)[0]
        if kind == _NUMBER:
            return self._number(">d")
        if kind == _BOOLEAN:
            return self._take(1) != b"\0"
        if kind in (_STRING, _LONG_STRING):
            return self._string(">H" if kind == _STRING else ">I")
        if kind in (_NULL, _UNDEFINED):
            return None
        if kind in (_OBJECT, _MAP):
            if kind == _MAP:
                self._take(4)  # how many, which nobody keeps to
            return self._members(depth)
        if kind == _LIST:
            return [self.value(depth + 1) for _ in range(self._number(">I"))]
        if kind == _DATE:
            at_ms = self._number(">d")
            self._take(2)
            return at_ms
        raise NotAmf(f"a value of kind {kind}")

    def _members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._string(">H")
            if not name and self._data[self.at : self.at + 1] == bytes([_END]):
                self.at += 1
                return found
            found[name] = self.value(depth + 1)

    def _string(self, form: str) -> str:
        return self._take(self._number(form)).decode(errors="replace")

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, size: int) -> bytes:
        data = self._data[self.at : self.at + size]
        if len(data) < size:
            raise NotAmf("it ends too early")
        self.at += size
        return data
