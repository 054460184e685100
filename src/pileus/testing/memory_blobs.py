"""Blobs in a dictionary. Outlives the platform over it, as a disk would."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from pileus.adapters.blob_paths import path_of
from pileus.ports.blobs import BlobExists, BlobInfo, BlobNotFound
from pileus.ports.clock import Clock

_CHUNK_BYTES = 1 << 20


class MemoryBlobs:
    """See ``ports/blobs.py``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, BlobInfo]] = {}

    async def put(
        self,
        name: str,
        body: bytes | AsyncIterable[bytes],
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> BlobInfo:
        path_of(name)
        if isinstance(body, bytes):
            data = body
        else:
            data = b"".join([chunk async for chunk in body])
        current = self._blobs.get(name)
        if if_absent and current is not None:
            raise BlobExists(f"{name} exists")
        if if_match is not None and (current is None or current[1].etag != if_match):
            raise BlobExists(f"{name} does not match {if_match}")
        etag = hashlib.sha256(data).hexdigest()
        info = BlobInfo(name, len(data), etag, self._clock.now_ms())
        self._blobs[name] = (data, info)
        return info

    async def get(self, name: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        path_of(name)
        if name not in self._blobs:
            raise BlobNotFound(f"no blob {name}")
        data = self._blobs[name][0][start:stop]
        for at in range(0, len(data), _CHUNK_BYTES):
            yield data[at : at + _CHUNK_BYTES]

    async def head(self, name: str) -> BlobInfo | None:
        path_of(name)
        found = self._blobs.get(name)
        return found[1] if found else None

    async def delete(self, name: str) -> bool:
        path_of(name)
        return self._blobs.pop(name, None) is not None

    async def list(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[BlobInfo]:
        names = sorted(n for n in self._blobs if n.startswith(prefix) and n > after)
        return [self._blobs[name][1] for name in names[:limit]]
