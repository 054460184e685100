"""The last seconds of each source's picture, for pages that want to show it.

The control process holds a :class:`PreviewHub`. The player feeds it and pages watch it; neither may
block or fill the process. No picture is decoded here and nothing but the standard library is
imported.

The contract
------------
*Records.* Everything travels as records: a header of 21 bytes, little-endian, then the data.

====== ========= ====================================================================
offset type      meaning
====== ========= ====================================================================
0      uint8     kind: 0 picture, 1 key picture, 2 JPEG picture, 3 description
1      int64     ``pts_ms``: time from the source's first frame
9      int64     ``captured_at_ms``: wall time of capture, epoch milliseconds
17     uint32    length of the data
21     bytes     H.264 Annex-B access unit, JPEG, or JSON
====== ========= ====================================================================

The description is ``{"codec": "avc1.42c01f", "width": 768, "height": 576,
"frames_per_second": 10.0}``: what WebCodecs' ``configure`` needs (without ``description``, which
selects Annex-B) and the size of the canvas.

*In.* The player POSTs batches of records to ``/_pileus/media/SOURCE/preview`` as it plays, ten times a
second at most, once a second while nobody watches, a description before each key picture. The server
calls :meth:`PreviewHub.feed` and answers its result as JSON. That answer tells how many pages watch, and
asks for JPEG records (``"jpeg": true``) while one without WebCodecs does.

*Out.* The server opens a watch (:meth:`PreviewHub.watch`) per page and sends each item it yields as
one binary WebSocket message (``compress=False``: it is compressed already), or for
``multipart/x-mixed-replace`` opens it with ``wants_jpeg`` and sends the data after the header. A watch
begins with the description and the oldest key picture held, then follows live.

*Boxes.* Detections come a segment at a time, later than the picture. The page therefore shows a
picture when ``now - captured_at_ms`` reaches a delay (segment 2 s + 1.5 s), and draws the boxes whose
``pts_ms`` is the picture's; the window held here is long enough for that.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterator

import msgspec

from pileus.values.errors import PileusError

PICTURE, KEY_PICTURE, JPEG, DESCRIPTION = 0, 1, 2, 3
HEADER = struct.Struct("<BqqI")

WINDOW_MS = 12_000
WINDOW_BYTES_MAX = 16 << 20
WATCH_BYTES_MAX = 8 << 20
SOURCES_MAX = 64
BATCH_BYTES_MAX = 8 << 20


class PreviewRefused(PileusError):
    """A batch is malformed or too large, or there are too many sources."""


class Record(msgspec.Struct, frozen=True):
    """One record; ``raw`` is header and data."""

    kind: int
    pts_ms: int
    captured_at_ms: int
    raw: bytes

    @property
    def data(self) -> bytes:
        """What follows the header."""
        return self.raw[HEADER.size :]


def pack(kind: int, pts_ms: int, captured_at_ms: int, data: bytes) -> bytes:
    """A record as it travels."""
    return HEADER.pack(kind, pts_ms, captured_at_ms, len(data)) + data


def unpack(batch: bytes) -> Iterator[Record]:
    """The records of a batch.

    Raises:
        PreviewRefused: a header or data is cut short, or a kind is unknown.
    """
    at = 0
    while at < len(batch):
        if at + HEADER.size > len(batch):
            raise PreviewRefused(f"A preview record's header is cut short at byte {at}.")
        kind, pts_ms, captured_at_ms, length = HEADER.unpack_from(batch, at)
        end = at + HEADER.size + length
        if kind > DESCRIPTION or end > len(batch):
            raise PreviewRefused(f"A preview record at byte {at} is malformed.")
        yield Record(kind, pts_ms, captured_at_ms, batch[at:end])
        at = end


class Watch:
    """One page's view of a source: an async iterator of whole records as bytes.

    A page that reads too slowly misses whole keyframe intervals, counted in ``missed``; what it gets
    can always be decoded. Ends when the source is removed or the watch is closed.
    """

    def __init__(self, wants_jpeg: bool) -> None:
        self.wants_jpeg = wants_jpeg
        self.missed = 0
        self._queue: deque[Record] = deque()
        self._bytes = 0
        self._needs_key = not wants_jpeg
        self._is_closed = False
        self._arrived = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._queue:
            if self._is_closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        record = self._queue.popleft()
        self._bytes -= len(record.raw)
        return record.raw

    def offer(self, record: Record) -> None:
        """Take a record, or pass it over where the page is too slow or cannot use it."""
        is_jpeg = record.kind == JPEG
        if record.kind != DESCRIPTION and is_jpeg != self.wants_jpeg:
            return
        if self._bytes + len(record.raw) > WATCH_BYTES_MAX:
            self._needs_key = not self.wants_jpeg
            self.missed += 1
            return
        if record.kind == PICTURE and self._needs_key:
            self.missed += 1
            return
        if record.kind == KEY_PICTURE:
            self._needs_key = False
        self._queue.append(record)
        self._bytes += len(record.raw)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration once what is queued has been read."""
        self._is_closed = True
        self._arrived.set()


class _Window:
    """What is held of one source."""

    def __init__(self) -> None:
        self.description: Record | None = None
        self.records: deque[Record] = deque()
        self.size_bytes = 0
        self.watches: set[Watch] = set()

    def add(self, record: Record) -> None:
        if record.kind == DESCRIPTION:
            is_new = self.description is None or self.description.data != record.data
            self.description = record
            if not is_new:
                return
        else:
            if self.records and record.captured_at_ms < self.records[-1].captured_at_ms - WINDOW_MS:
                # The source began anew with an earlier clock; the old pictures are of no use.
                self.records.clear()
                self.size_bytes = 0
            self.records.append(record)
            self.size_bytes += len(record.raw)
            self._forget(record.captured_at_ms - WINDOW_MS)
        for watch in self.watches:
            watch.offer(record)

    def _forget(self, before_ms: int) -> None:
        """Drop from the front, and then on to a key picture: others could not be decoded."""
        dropped = False
        while self.records and (
            self.size_bytes > WINDOW_BYTES_MAX
            or self.records[0].captured_at_ms < before_ms
            or (dropped and self.records[0].kind == PICTURE)
        ):
            self.size_bytes -= len(self.records.popleft().raw)
            dropped = True


class PreviewHub:
    """All sources' windows. Used from the event loop only."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def feed(self, source: str, batch: bytes) -> dict[str, object]:
        """Take a batch of records.

        Returns:
            ``{"watchers": n, "jpeg": whether JPEG records are wanted}``.

        Raises:
            PreviewRefused: nothing of the batch was taken.
        """
        if len(batch) > BATCH_BYTES_MAX:
            raise PreviewRefused(f"A preview batch holds at most {BATCH_BYTES_MAX} bytes.")
        records = list(unpack(batch))
        if source not in self._windows and len(self._windows) >= SOURCES_MAX:
            raise PreviewRefused(f"At most {SOURCES_MAX} sources have a preview.")
        window = self._windows.setdefault(source, _Window())
        for record in records:
            window.add(record)
        jpeg = any(watch.wants_jpeg for watch in window.watches)
        return {"watchers": len(window.watches), "jpeg": jpeg}

    def watch(self, source: str, *, wants_jpeg: bool = False) -> Watch:
        """Begin to watch; a source that does not exist yet is waited for. Close it when done."""
        if source not in self._windows and len(self._windows) >= SOURCES_MAX:
            raise PreviewRefused(f"At most {SOURCES_MAX} sources have a preview.")
        window = self._windows.setdefault(source, _Window())
        watch = Watch(wants_jpeg)
        if window.description is not None:
            watch.offer(window.description)
        for record in window.records:
            watch.offer(record)
        watch.missed = 0
        window.watches.add(watch)
        return watch

    def leave(self, source: str, watch: Watch) -> None:
        """End a watch; a window nobody feeds and nobody watches is forgotten."""
        watch.close()
        window = self._windows.get(source)
        if window is not None:
            window.watches.discard(watch)
            if not window.watches and not window.records:
                del self._windows[source]

    def remove(self, source: str) -> None:
        """Forget a source and end its watches."""
        window = self._windows.pop(source, None)
        for watch in window.watches if window else ():
            watch.close()

    def sources(self) -> list[dict[str, object]]:
        """Name, description, newest picture and size of each source that has been fed."""
        return [
            {
                "source": name,
                "description": json.loads(window.description.data),
                "newest_at_ms": window.records[-1].captured_at_ms if window.records else None,
                "newest_pts_ms": window.records[-1].pts_ms if window.records else None,
                "bytes": window.size_bytes,
                "watchers": len(window.watches),
            }
            for name, window in sorted(self._windows.items())
            if window.description is not None
        ]
