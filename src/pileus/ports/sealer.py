"""Encryption at rest, asked for by the adapters that write files."""

from __future__ import annotations

from typing import Protocol

from pileus.values.errors import PileusError


class SealBroken(PileusError):
    """Sealed bytes were changed, moved to another place, or belong to another key."""


class Sealer(Protocol):
    """Turns plain bytes into bytes fit for a disk others may read, and back.

    Pure of side effects and called from several threads at once. ``place`` names where the bytes
    lie (a blob's version and chunk, a partition's offset): it is authenticated, not stored, so
    that sealed bytes cannot be passed off as those of another place.

    Attributes:
        overhead_bytes: what sealing adds, the same for every input (0: stored as it is).
    """

    @property
    def overhead_bytes(self) -> int: ...

    def seal(self, account: str, plain: bytes, place: bytes) -> bytes:
        """``plain`` under the data key of ``account``; exactly ``overhead_bytes`` longer."""
        ...

    def open(self, account: str, sealed: bytes, place: bytes) -> bytes:
        """The inverse of :meth:`seal`; SealBroken when account, bytes or place differ."""
        ...
