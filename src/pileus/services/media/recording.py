"""Segments of sources: kept in Blobs with an index, deleted by age and size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.ports.intakes import Segment as Told
from pileus.services.media import store
from pileus.services.media.model import Segment

_READ_BYTES = 1 << 20
_EVICTED_PER_STEP = 100


def segment_prefix(call: Call, source: str = "") -> str:
    """Below which segments lie in Blobs."""
    prefix = f"media/segments/{call.account}/{call.region}/"
    return f"{prefix}{source}/" if source else prefix


async def keep(call: StreamCall, source: str, stream: str, told: Told) -> None:
    """Store a finished segment: its bytes first, the record that names them second; then the spool's file
    goes. Raises BlobsUnavailable, StoreUnavailable."""
    path = Path(told.path)
    blob = segment_prefix(call, source) + f"{told.captured_at_ms:015d}-{call.random_bytes(4).hex()}"
    await call.blobs.put(blob, _read(path))
    segment = Segment(
        id=f"{told.captured_at_ms:015d}",
        blob=blob,
        stream=stream,
        start_ms=told.start_ms,
        stop_ms=told.stop_ms,
        captured_at_ms=told.captured_at_ms,
        size_bytes=told.size_bytes,
        pictures=told.pictures,
    )

    def step(write: WriteCall) -> str:
        key = ("segment", source, told.captured_at_ms)
        before = write.state.get(key)
        write.state.put(key, store.SEGMENTS.encode(segment))
        return "" if before is None else store.SEGMENTS.decode(before).blob

    replaced = await call.write(step)
    if replaced:
        await call.blobs.delete(replaced)
    await asyncio.to_thread(path.unlink, missing_ok=True)


async def evict(call: StreamCall, name: str) -> None:
    """Delete what is too old, and the oldest of what is too much."""

    def step(write: WriteCall) -> list[str]:
        source = store.find(write.state, "source", name)
        if source is None:
            return []
        rows = write.state.range(("segment", name))
        found = [(key, store.SEGMENTS.decode(raw)) for key, raw in rows]
        left_bytes = sum(segment.size_bytes for _, segment in found)
        horizon_ms = write.now_ms - source.keep_s * 1000 if source.keep_s else 0
        gone: list[str] = []
        for key, segment in found:
            is_too_much = source.keep_bytes and left_bytes > source.keep_bytes
            is_too_old = segment.captured_at_ms < horizon_ms
            if not (is_too_much or is_too_old) or len(gone) == _EVICTED_PER_STEP:
                break
            write.state.delete(key)
            left_bytes -= segment.size_bytes
            gone.append(segment.blob)
        return gone

    for blob in await call.write(step):
        await call.blobs.delete(blob)


async def forget(call: StreamCall, source: str) -> None:
    """Delete a recording whole."""

    def step(write: WriteCall) -> None:
        write.state.delete_range(("segment", source))

    await call.write(step)
    await sweep(call, segment_prefix(call, source), set())


async def sweep_all(call: StreamCall) -> None:
    """Delete segments that no record names: a crash came between."""

    def look(view: ReadCall) -> set[str]:
        rows = view.state.range(("segment",))
        return {store.SEGMENTS.decode(raw).blob for _, raw in rows}

    await sweep(call, segment_prefix(call), call.read(look))


async def sweep(call: StreamCall, prefix: str, named: set[str]) -> None:
    """Delete what lies below a prefix but for what is named."""
    after = ""
    while found := await call.blobs.list(prefix, after):
        after = found[-1].name
        for blob in found:
            if blob.name not in named:
                await call.blobs.delete(blob.name)


async def _read(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _READ_BYTES):
            yield piece
    finally:
        file.close()
