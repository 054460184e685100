"""A stream of bytes with a known or unknown length; the only form in which large payloads move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class Body(Protocol):
    """Bytes that arrive in pieces and are read once.

    ``size_bytes`` is None while the length is not known beforehand. Iterating a second time, or
    after :meth:`read`, yields nothing. Iterating may raise ServiceError (a checksum that does not
    match, a client that went away).
    """

    size_bytes: int | None

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def read(self, limit_bytes: int | None = None) -> bytes:
        """All bytes at once; ValueError past ``limit_bytes``."""
        ...


class BytesBody:
    """A body already in memory."""

    __slots__ = ("_data", "size_bytes")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes: int | None = len(data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        data, self._data = self._data, b""
        if data:
            yield data

    async def read(self, limit_bytes: int | None = None) -> bytes:
        return self.take(limit_bytes)

    def take(self, limit_bytes: int | None = None) -> bytes:
        """What :meth:`read` gives, at once."""
        data, self._data = self._data, b""
        if limit_bytes is not None and len(data) > limit_bytes:
            raise ValueError(f"body exceeds {limit_bytes} bytes")
        return data


class StreamBody:
    """A body read from an async iterator of chunks."""

    __slots__ = ("_chunks", "size_bytes")

    def __init__(self, chunks: AsyncIterator[bytes], size_bytes: int | None = None) -> None:
        self._chunks = chunks
        self.size_bytes = size_bytes

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def read(self, limit_bytes: int | None = None) -> bytes:
        parts, total = [], 0
        async for chunk in self._chunks:
            total += len(chunk)
            if limit_bytes is not None and total > limit_bytes:
                raise ValueError(f"body exceeds {limit_bytes} bytes")
            parts.append(chunk)
        return b"".join(parts)


class Conversation(StreamBody):
    """An answer that is made while the request is still being read: its sender leaves the request alone
    until the answer is over."""

    __slots__ = ()
