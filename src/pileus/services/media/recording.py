"""Segments of sources: kept in Blobs with an index, deleted by age and size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.ports.intakes import Segment as Told
from pileus.services.media import copies, store
from pileus.services.media.model import Segment

_EVICTED_PER_STEP = 100


def segment_prefix(call: Call, source: str = "") -> str:
    """Below which segments lie in Blobs."""
    prefix = f"media/segments/{call.account}/{call.region}/"
    return f"{prefix}{source}/" if source else prefix


async def keep(call: StreamCall, source: str, told: Told, data: AsyncIterator[bytes]) -> None:
    """Store a finished segment: its bytes first, the record that names them second.

    One that was stored before stays as it was: a crash came before the spool heard of it, or a file is read
    again from its beginning. A longer one takes the place of what an interruption had cut short.

    Raises:
        BlobsUnavailable, StoreUnavailable: it is not stored.
    """
    blob = segment_prefix(call, source) + f"{told.captured_at_ms:015d}-{call.random_bytes(4).hex()}"
    segment = Segment(
        id="",
        blob=blob,
        stream=told.stream,
        start_ms=told.start_ms,
        stop_ms=told.stop_ms,
        captured_at_ms=told.captured_at_ms,
        size_bytes=told.size_bytes,
        pictures=told.pictures,
    )

    def step(write: WriteCall) -> str:
        """The blob that nobody needs."""
        if store.find(write.state, "source", source) is None:
            return blob
        before = _same(write, source, segment)
        if before is not None and before.stop_ms >= segment.stop_ms:
            return blob
        at_ms = segment.captured_at_ms if before is None else before.captured_at_ms
        if before is None:
            # A wall clock that was set back must not make one segment take another's place.
            while write.state.get(("segment", source, at_ms)) is not None:
                at_ms += 1
        kept = msgspec.structs.replace(segment, id=f"{at_ms:015d}", captured_at_ms=at_ms)
        write.state.put(("segment", source, at_ms), store.SEGMENTS.encode(kept))
        copies.wanted(write, source, kept)
        return "" if before is None else before.blob

    known = call.read(lambda view: _same(view, source, segment))
    if known is None or known.stop_ms < segment.stop_ms:
        await call.blobs.put(blob, data)
        needless = await call.write(step)
        if needless:
            await call.blobs.delete(needless)


def _same(view: ReadCall | WriteCall, source: str, segment: Segment) -> Segment | None:
    """The record of the same moment of the same life of the source."""
    found = store.find(view.state, "source", source)
    prefix = ("segment", source)
    # A file's moments come again whenever it is read again; a live source's never.
    is_again = found is not None and not found.is_live
    first_ms = 0 if is_again else segment.captured_at_ms
    for _, raw in view.state.range(prefix, start=(*prefix, first_ms)):
        each = store.SEGMENTS.decode(raw)
        if (each.stream, each.start_ms) == (segment.stream, segment.start_ms):
            return each
    return None


async def evict(call: StreamCall, name: str) -> None:
    """Delete what is too old, and the oldest of what is too much."""

    def step(write: WriteCall) -> list[str]:
        source = store.find(write.state, "source", name)
        if source is None:
            return []
        prefix = ("segment", name)
        horizon_ms = write.now_ms - source.keep_s * 1000 if source.keep_s else 0
        # This runs at every segment: only a bound of bytes needs to see all of them.
        stop = None if source.keep_bytes else (*prefix, horizon_ms)
        limit = None if source.keep_bytes else _EVICTED_PER_STEP
        rows = write.state.range(prefix, stop=stop, limit=limit)
        found = [(key, store.SEGMENTS.decode(raw)) for key, raw in rows]
        left_bytes = sum(segment.size_bytes for _, segment in found)
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


async def forget_gone(call: StreamCall) -> None:
    """Delete recordings whose source was deleted just before a crash."""

    def step(write: WriteCall) -> None:
        rows = write.state.range(("segment",))
        for name in {str(key[1]) for key, _ in rows}:
            if store.find(write.state, "source", name) is None:
                write.state.delete_range(("segment", name))

    await call.write(step)


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
