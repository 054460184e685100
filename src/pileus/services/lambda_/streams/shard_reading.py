"""One shard: read, filtered, dealt out to lanes, and batched there."""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache

from pileus.languages.event_pattern import compile_pattern
from pileus.services.lambda_.streams.attempts import Runner, target
from pileus.services.lambda_.streams.checkpoints import Checkpoints
from pileus.services.lambda_.streams.lanes import Lane
from pileus.services.lambda_.streams.model import Batch, Progress, Record
from pileus.services.lambda_.streams.processing import Processor
from pileus.services.lambda_.streams.reading import Source
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.sources")
_PER_READ = 1000
_BATCHES_AHEAD = 2
_WAITING_BYTES_MAX = 16 * 1024 * 1024
_EXPIRED = "ExpiredIteratorException"
_matcher = lru_cache(maxsize=512)(compile_pattern)


class ShardReader:
    """Reads a shard to its end. ``latest`` is an iterator to begin with, or empty."""

    def __init__(self, runner: Runner, source: Source, progress: Progress, latest: str) -> None:
        self._runner = runner
        self._source = source
        self._mapping = runner.mapping
        self._progress = progress
        self._latest = latest
        self._checkpoints = Checkpoints(progress, self._mapping.parallel)
        self._processor = Processor(runner, source, self._checkpoints)
        self._lanes = [Lane(n, runner.call.clock) for n in range(self._mapping.parallel)]
        self._tests = [_matcher(pattern) for pattern in self._mapping.filters]
        self._has_room = asyncio.Event()
        self._waiting_bytes = 0

    async def run(self) -> None:
        """Return when the shard is closed and all its records are dealt with.

        Raises:
            ServiceError: the stream cannot be read.
        """
        tasks = [asyncio.create_task(self._read())]
        tasks += [asyncio.create_task(self._work(lane)) for lane in self._lanes]
        try:
            for ended in asyncio.as_completed(tasks):
                await ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._progress.is_done = True
        await self._processor.pass_over()

    # -- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        source, shard = self._source, self._progress.shard
        read_to = self._progress.last
        iterator = self._latest or await source.iterator(self._progress, read_to)
        role = self._runner.call.read(lambda view: target(view, self._mapping)[1].role)
        while iterator:
            limit = await self._room()
            try:
                part = await source.read(shard, iterator, limit, role)
            except ServiceError as error:
                if error.code != _EXPIRED:
                    raise
                iterator = await source.iterator(self._progress, read_to)
                continue
            iterator = part.next
            if part.records:
                read_to = part.records[-1].sequence
                await self._deal_out(part.records)
        for lane in self._lanes:
            lane.end()

    async def _room(self) -> int:
        """Wait until few enough records wait; how many to read now."""
        ahead = _BATCHES_AHEAD * self._mapping.batch_size * self._mapping.parallel
        while True:
            room = ahead - sum(len(lane) for lane in self._lanes)
            if room > 0 and self._waiting_bytes < _WAITING_BYTES_MAX:
                return min(room, _PER_READ)
            self._has_room.clear()
            await self._has_room.wait()

    async def _deal_out(self, records: list[Record]) -> None:
        is_any_dropped = False
        for record in records:
            self._checkpoints.take(record)
            lane = self._lanes[self._checkpoints.lane_of(record)]
            is_new = self._checkpoints.is_new(record)
            if is_new and self._is_wanted(record):
                self._waiting_bytes += record.size_bytes
                lane.add(record)
            else:
                self._checkpoints.drop(record)
                is_any_dropped = True
        if is_any_dropped and self._checkpoints.is_idle:
            await self._processor.pass_over()

    def _is_wanted(self, record: Record) -> bool:
        return not self._tests or any(test(record.filtered) for test in self._tests)

    # -- batches -------------------------------------------------------------------------------

    async def _work(self, lane: Lane) -> None:
        mapping, window = self._mapping, self._processor.window
        while True:
            await self._close_windows(lane)
            records = await lane.batch(mapping.batch_size, mapping.window_s, window.length_ms)
            if not records:
                break
            self._waiting_bytes -= sum(record.size_bytes for record in records)
            self._has_room.set()
            if window.length_ms:
                if not window.holds(records[0]):
                    await self._processor.close_window()
                window.enter(records[0])
            await self._processor.process(lane.number, Batch(records))
            if window.is_full:
                await self._processor.close_window()
        # The shard has ended, and its window with it.
        await self._processor.close_window()

    async def _close_windows(self, lane: Lane) -> None:
        """Wait for records; when the open window is over before, its final invocation is due."""
        window = self._processor.window
        while window.is_open and not await lane.arrival(window.close_ms):
            await self._processor.close_window()
