"""The records of a source, in the Log: a topic of its own, whose last record tells where reading goes on.

A record is ``{"source", "stream", "chunk": {"start_ms", "stop_ms", "captured_at_ms"}, "record"}``, and has
``"resume"`` where what it was read from can be asked for what follows. No two of a source have the same
``start_ms``, and they grow: engines tell by it what they have had. A record of the same moment as the one
before, or of an earlier one, is put a millisecond behind it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.languages.record_text import member, time_ms
from pileus.ports.log import LogUnavailable, TopicNotFound
from pileus.services.media import errors, store
from pileus.services.media.model import RecordFormat, Source
from pileus.services.media.result_log import ResultLog

_log = logging.getLogger("pileus.media")
_PAUSE_S = 1.0
_AHEAD_MS_MAX = 3_600_000
"""A record that tells a time so far in the future has a wrong clock."""
MARKED_EVERY = 100
"""Of so many records one tells all of where reading goes on."""


class Incoming(msgspec.Struct, frozen=True):
    """A record that was read.

    Attributes:
        data: JSON text, and ``value`` what it says.
        at_ms: its time where it has none of its own.
        resume: where reading goes on behind it.
    """

    data: bytes
    value: Any
    at_ms: int | None = None
    resume: Mapping[str, Any] | None = None


class RecordWriter:
    """Appends the records of one life of a source, in the order in which they are added.

    Attributes:
        counts: of the source, since the platform started.
        marks: where reading goes on, by the last records of this life; newest first.
    """

    def __init__(self, call: StreamCall, source: str, counts: Counter[str]) -> None:
        self._call = call
        self._log = ResultLog(call, source, store.RECORDS)
        self._source: Source
        self._format = RecordFormat()
        self._last_ms = -1
        self._waiting: list[tuple[Sequence[Incoming], asyncio.Future[int]]] = []
        self._news = asyncio.Event()
        self._is_over = False
        self.counts = counts
        self.marks: list[dict[str, Any]] = []

    async def open(self, source: Source) -> None:
        """Go on behind the last record. Raises LogUnavailable."""
        self._source, self._format = source, source.records or RecordFormat()
        last = await self._log.open()
        if last is None:
            return
        self._last_ms = last["chunk"]["start_ms"]
        low, end = self._log.bounds()
        first = max(low, end - MARKED_EVERY)
        documents = await self._log.read(first, MARKED_EVERY)
        while first + len(documents) < end:  # the Log gives so many bytes at once, not all
            documents += await self._log.read(first + len(documents), MARKED_EVERY)
        self.marks = [
            each["resume"]
            for each in reversed(documents)
            if each["stream"] == source.stream and "resume" in each
        ]

    async def add(self, records: Sequence[Incoming]) -> int:
        """Append records; returns the offset of the last once they are on disk.

        Raises ResourceInUseException: the source is read no more, or is being changed.
        """
        if self._is_over:
            raise errors.read_no_more(self._source.name)
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, written))
        self._news.set()
        return await written

    async def run(self) -> None:
        """Write what is added, all that waits together, until cancelled."""
        batches: list[tuple[Sequence[Incoming], asyncio.Future[int]]] = []
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                batches, self._waiting = self._waiting, []
                await self._write(batches)
        finally:
            self._is_over = True
            for _, written in (*batches, *self._waiting):
                if not written.done():
                    written.set_exception(errors.read_no_more(self._source.name))
                    written.exception()  # whoever waits for it may be gone

    async def _write(
        self, batches: Sequence[tuple[Sequence[Incoming], asyncio.Future[int]]]
    ) -> None:
        now_ms = self._call.clock.now_ms()
        if not self._source.epoch_ms:
            await self._begin_clock(batches[0][0][0], now_ms)
        entries = [self._entry(each, now_ms) for records, _ in batches for each in records]
        offset = await self._append(entries)
        for records, written in batches:
            offset += len(records)
            if not written.done():
                written.set_result(offset - 1)
        self.counts["records"] += len(entries)
        self.counts["bytes"] += sum(len(each.data) for records, _ in batches for each in records)

    async def _append(self, entries: list[tuple[int, bytes, bytes]]) -> int:
        while True:
            try:
                return await self._call.log.append(self._log.topic, 0, entries)
            except TopicNotFound:
                raise errors.read_no_more(self._source.name) from None  # it is being deleted
            except LogUnavailable as problem:
                _log.warning("records of %s wait for the store: %s", self._source.name, problem)
                await self._call.clock.sleep(_PAUSE_S)

    async def _begin_clock(self, first: Incoming, now_ms: int) -> None:
        """The source's clock begins with its first record."""
        name, at_ms = self._source.name, self._told_ms(first, now_ms)
        epoch_ms = now_ms if at_ms is None else at_ms

        def step(write: WriteCall) -> int:
            source: Source | None = store.find(write.state, "source", name)
            if source is None:
                return epoch_ms
            if not source.epoch_ms:
                source.epoch_ms = epoch_ms
                store.put(write.state, "source", source)
            return source.epoch_ms

        self._source.epoch_ms = await self._call.write_at_last(step, f"source {name}")

    def _told_ms(self, incoming: Incoming, now_ms: int) -> int | None:
        """The record's time; None where it should tell one and does not."""
        if not self._format.time_field:
            return now_ms if incoming.at_ms is None else incoming.at_ms
        at_ms = time_ms(member(incoming.value, self._format.time_field))
        return None if at_ms is None or at_ms > now_ms + _AHEAD_MS_MAX else at_ms

    def _entry(self, incoming: Incoming, now_ms: int) -> tuple[int, bytes, bytes]:
        at_ms = self._told_ms(incoming, now_ms)
        start_ms = self._last_ms + 1
        if at_ms is None:
            self.counts["times_missing"] += 1
        elif (place_ms := at_ms - self._source.epoch_ms) > self._last_ms:
            start_ms = place_ms
        elif place_ms < self._last_ms and self._format.time_field:
            self.counts["late"] += 1
        self._last_ms = start_ms = max(0, start_ms)
        document: dict[str, Any] = {
            "source": self._source.name,
            "stream": self._source.stream,
            "chunk": {"start_ms": start_ms, "stop_ms": start_ms + 1, "captured_at_ms": now_ms},
            # JSON holds line breaks between its members only; a document has none.
            "record": orjson.Fragment(incoming.data.replace(b"\n", b" ").replace(b"\r", b" ")),
        }
        if incoming.resume is not None:
            document["resume"] = incoming.resume
        key = f"{self._source.stream}:{start_ms}".encode()
        return now_ms, key, orjson.dumps(document)
