"""Records as bytes in State: a version byte, then msgpack."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from pileus.values.errors import PileusError

T = TypeVar("T")


class RecordTooNew(PileusError):
    """The data folder was written by a newer Pileus than this one."""


class RecordCodec(Generic[T]):
    """Encodes one msgspec Struct type.

    New fields with defaults need no new version. A new version brings a step that lifts the older
    form: ``RecordCodec(Queue, version=2, lift={1: from_1})`` where ``from_1`` takes and returns the
    plain mapping.
    """

    def __init__(self, kind: type[T], version: int = 1, lift: dict[int, Any] | None = None) -> None:
        self._version = version
        self._mark = bytes([version])
        self._lift = lift or {}
        self._kind = kind
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def encode(self, record: T) -> bytes:
        return self._mark + self._encode(record)

    def decode(self, raw: bytes) -> T:
        """Raises RecordTooNew for a version this code does not know."""
        version = raw[0]
        if version == self._version:
            return self._decode(memoryview(raw)[1:])
        if version > self._version:
            raise RecordTooNew(
                f"{self._kind.__name__} has version {version}, this Pileus knows {self._version}"
            )
        plain = msgspec.msgpack.decode(memoryview(raw)[1:])
        while version < self._version:
            plain = self._lift[version](plain)
            version += 1
        return msgspec.convert(plain, self._kind)
