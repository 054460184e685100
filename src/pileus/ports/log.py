"""Partitioned, ordered, durable records with consumer groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pileus.values.errors import PileusError, StoreUnavailable


class TopicNotFound(PileusError):
    """No topic has that name."""


class OffsetOutOfRange(PileusError):
    """The offset was trimmed away or does not exist yet."""


class LogUnavailable(StoreUnavailable):
    """The log could not write or read (disk full, I/O error, closed); nothing was appended."""


class Record(msgspec.Struct, frozen=True):
    """``offset`` counts from 0 within a partition; ``at_ms`` is given by the appender."""

    offset: int
    at_ms: int
    key: bytes
    value: bytes


class Log(Protocol):
    """The log. Order holds within a partition. When ``append`` returns, the records are on disk
    (one fdatasync covers all appends waiting at that moment). A torn tail is cut at open: every
    acknowledged record is kept, a half-written one disappears.
    """

    async def create_topic(self, topic: str, partitions: int) -> None:
        """Idempotent; may raise the number of partitions, never lower it."""
        ...

    async def delete_topic(self, topic: str) -> None: ...

    def topics(self) -> dict[str, int]:
        """Name → number of partitions."""
        ...

    async def append(
        self, topic: str, partition: int, records: Sequence[tuple[int, bytes, bytes]]
    ) -> int:
        """Append ``(at_ms, key, value)`` records; the offset of the first. TopicNotFound."""
        ...

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000, bytes_max: int = 1 << 20
    ) -> list[Record]:
        """Records from ``offset`` on; empty at the end. OffsetOutOfRange below the first kept."""
        ...

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        """Return once a record at ``offset`` or later exists."""
        ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First kept offset, and the next one to be written."""
        ...

    async def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Durably note that ``group`` will next read ``offset``; seeking back is allowed."""
        ...

    def committed(self, group: str, topic: str, partition: int) -> int | None: ...

    def lag(self, group: str, topic: str, partition: int) -> int | None:
        """Next offset minus committed; None when unknown, never a false zero."""
        ...

    async def trim(self, topic: str, partition: int, before: int) -> None:
        """Forget whole segments whose records all lie before ``before``."""
        ...

    async def pieces(self, topic: str, partition: int) -> list[tuple[int, int]]:
        """First offset and bytes of what :meth:`trim` forgets at once, oldest first. TopicNotFound."""
        ...

    async def close(self) -> None: ...
