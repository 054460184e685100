"""Named byte strings of any size."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

import msgspec

from pileus.values.errors import PileusError, StoreUnavailable


class BlobNotFound(PileusError):
    """No blob has that name."""


class BlobExists(PileusError):
    """``if_absent`` was asked for and the name is taken, or ``if_match`` does not hold."""


class BlobsUnavailable(StoreUnavailable):
    """The store could not do it (disk full, I/O error).

    A failed put left the old state, or the whole new one where only the last flush failed.
    """


class BlobInfo(msgspec.Struct, frozen=True):
    """``etag`` changes with the content; ``modified_ms`` is the wall time of the put."""

    name: str
    size_bytes: int
    etag: str
    modified_ms: int


class Blobs(Protocol):
    """The store. A put is all or nothing: readers see the whole new blob or the old state, and
    when ``put`` returns it is on disk. A reader that began keeps its bytes although the blob is
    replaced or deleted meanwhile. Names are ``/``-separated, ASCII, without ``.`` segments.
    Never holds a whole blob in memory.
    """

    async def put(
        self,
        name: str,
        body: bytes | AsyncIterable[bytes],
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> BlobInfo:
        """Store; BlobExists where the condition fails. What ``body`` raises leaves nothing."""
        ...

    def get(self, name: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Bytes ``start`` to ``stop`` (exclusive; None: the end) in chunks of at most 1 MiB.

        Raises BlobNotFound at the first chunk.
        """
        ...

    async def head(self, name: str) -> BlobInfo | None: ...

    async def delete(self, name: str) -> bool:
        """True when there was one."""
        ...

    async def list(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[BlobInfo]:
        """Infos in name order, names > ``after``."""
        ...
