"""Events in and out of chunks.

A chunk spans at most five minutes and events lie in it in order of time, but batches may come late,
so chunks of one stream can overlap. Reading merges them: what is older than every chunk still to
come is next.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from pileus.services.logs.model import Chunk, Event, Position, Stream, event_bytes
from pileus.services.logs.store import CHUNKS
from pileus.values.keys import Key

CHUNK_SPAN_MS = 5 * 60 * 1000
CHUNK_BYTES = 15 * 1024
OPEN_BYTES = 4 * 1024
_CHUNKS_PER_READ = 16


def append(state: Any, group: str, stream: Stream, events: Sequence[Event]) -> None:
    """Store events (in order of time) and note them in ``stream``, which the caller stores.

    A small newest chunk is filled up, so that many small batches do not leave many small records.
    """
    chunk, size = _open_tail(state, group, stream, events[0])
    for event in events:
        event_size = event_bytes(event.message)
        is_full = chunk and (
            size + event_size > CHUNK_BYTES or event.at_ms - chunk[0].at_ms > CHUNK_SPAN_MS
        )
        if is_full:
            _put(state, group, stream, chunk, size)
            chunk, size = [], 0
        chunk.append(event)
        size += event_size
        stream.stored_bytes += event_size
    _put(state, group, stream, chunk, size)
    first_ms, last_ms = events[0].at_ms, events[-1].at_ms
    stream.first_ms = first_ms if stream.is_empty else min(stream.first_ms, first_ms)
    stream.last_ms = max(stream.last_ms, last_ms)
    stream.ingested_ms = events[-1].ingested_ms


def _open_tail(state: Any, group: str, stream: Stream, first: Event) -> tuple[list[Event], int]:
    is_open = 0 < stream.tail_bytes <= OPEN_BYTES
    if not is_open or not stream.tail_last_ms <= first.at_ms:
        return [], 0
    if first.at_ms - stream.tail_first_ms > CHUNK_SPAN_MS:
        return [], 0
    key = ("chunk", group, stream.name, stream.tail_first_ms, stream.tail_ordinal)
    raw = state.get(key)
    return (CHUNKS.decode(raw).events, stream.tail_bytes) if raw else ([], 0)


def _put(state: Any, group: str, stream: Stream, chunk: list[Event], size: int) -> None:
    first = chunk[0]
    key = ("chunk", group, stream.name, first.at_ms, first.ordinal)
    state.put(key, CHUNKS.encode(Chunk(chunk)))
    stream.tail_first_ms, stream.tail_ordinal = first.position
    stream.tail_last_ms, stream.tail_bytes = chunk[-1].at_ms, size


def forward(state: Any, group: str, stream: str, low: Position, high: Position) -> Iterator[Event]:
    """Events with ``low <= position < high``, oldest first."""
    prefix: Key = ("chunk", group, stream)
    waiting: list[tuple[Position, Event]] = []
    start: Key = (*prefix, max(low[0] - CHUNK_SPAN_MS, 0))
    after: Key | None = None
    stop: Key = (*prefix, high[0] + 1)
    while True:
        rows = state.range(
            prefix,
            start=None if after else start,
            after=after,
            stop=stop,
            limit=_CHUNKS_PER_READ,
        )
        is_last = len(rows) < _CHUNKS_PER_READ
        for index, (key, raw) in enumerate(rows):
            while waiting and waiting[0][0][0] < key[3]:
                yield heapq.heappop(waiting)[1]
            found = _between(CHUNKS.decode(raw).events, low, high)
            # Mostly chunks do not overlap, and then there is nothing to sort.
            if index + 1 < len(rows):
                is_alone = not waiting and bool(found) and found[-1].at_ms < rows[index + 1][0][3]
            else:
                is_alone = not waiting and is_last
            if is_alone:
                yield from found
                continue
            for event in found:
                heapq.heappush(waiting, (event.position, event))
        if is_last:
            break
        after = rows[-1][0]
    while waiting:
        yield heapq.heappop(waiting)[1]


def _between(events: list[Event], low: Position, high: Position) -> list[Event]:
    """The events of a chunk with ``low <= position < high``."""
    if events[0].at_ms > low[0] and events[-1].at_ms < high[0]:
        return events
    return [event for event in events if low <= event.position < high]


def backward(state: Any, group: str, stream: str, low: Position, high: Position) -> Iterator[Event]:
    """Events with ``low <= position < high``, newest first."""
    prefix: Key = ("chunk", group, stream)
    waiting: list[tuple[Position, Event]] = []
    start: Key = (*prefix, max(low[0] - CHUNK_SPAN_MS, 0))
    stop: Key = (*prefix, high[0] + 1)
    while True:
        rows = state.range(prefix, start=start, stop=stop, limit=_CHUNKS_PER_READ, reverse=True)
        for key, raw in rows:
            # No chunk from here on holds anything later than its start and the span.
            while waiting and -waiting[0][0][0] > key[3] + CHUNK_SPAN_MS:
                yield heapq.heappop(waiting)[1]
            for event in _between(CHUNKS.decode(raw).events, low, high):
                heapq.heappush(waiting, ((-event.at_ms, -event.ordinal), event))
        if len(rows) < _CHUNKS_PER_READ:
            break
        stop = rows[-1][0]
    while waiting:
        yield heapq.heappop(waiting)[1]
