"""A topic: read, filtered, dealt out to event pollers by partition, and batched there."""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache

from pileus.languages.event_pattern import compile_pattern
from pileus.ports.kafka import KafkaError, TopicReader, TopicRecord
from pileus.services.lambda_.kafka.places import Place
from pileus.services.lambda_.kafka.processing import KafkaProcessor
from pileus.services.lambda_.kafka.records import record_of
from pileus.services.lambda_.kafka.scaling import EVERY_S, bounds_of, pollers_wanted
from pileus.services.lambda_.measures import noted
from pileus.services.lambda_.model import KafkaSource, Mapping
from pileus.services.lambda_.streams.attempts import Runner
from pileus.services.lambda_.streams.lanes import Lane
from pileus.services.lambda_.streams.model import Batch, Record

_log = logging.getLogger("pileus.sources")
_PER_READ = 500
_WAIT_S = 20.0
_BATCHES_AHEAD = 2
_WAITING_BYTES_MAX = 16 * 1024 * 1024
_WINDOW_DEFAULT_S = 0.5
_matcher = lru_cache(maxsize=512)(compile_pattern)


class TopicFollower:
    """Reads a topic for one mapping.

    An event poller is a lane: it runs one batch at a time, and all records of a partition go through
    one of them. A partition moves to another when nothing of it is under way.
    """

    def __init__(
        self, runner: Runner, source: KafkaSource, reader: TopicReader, found: dict[int, Place]
    ) -> None:
        self._mapping: Mapping = runner.mapping
        self._call = runner.call
        self._clock = runner.call.clock
        self._reader = reader
        self._processor = KafkaProcessor(runner, source, reader, found)
        self._partitions = sorted(found)
        self._next = {partition: place.next for partition, place in found.items()}
        self._tests = [_matcher(pattern) for pattern in self._mapping.filters]
        self._bounds = bounds_of(source, len(found))
        self.pollers = self._bounds.low
        frame_bytes = self._processor.frame_bytes
        self._lanes = [Lane(n, self._clock, frame_bytes) for n in range(self._bounds.high)]
        self._waiting_bytes = [0] * len(self._lanes)
        self._owner = self._shares()
        self._held: set[int] = set()
        self._adjusting = asyncio.Lock()

    async def run(self) -> None:
        """Return when the topic has other partitions than it had.

        Raises:
            KafkaError: the topic cannot be read, or the group's offsets not be committed.
        """
        await self._reader.begin(self._next)
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]
        tasks += [asyncio.create_task(self._work(lane)) for lane in self._lanes]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        # Not much more than there is room for: what waits here cannot move to another poller.
        limit = min(_PER_READ, _BATCHES_AHEAD * self._mapping.batch_size)
        while True:
            found = await self._reader.read(limit, _WAIT_S)
            if found:
                await self._deal_out(found)
                await self._adjust()

    async def _deal_out(self, found: list[TopicRecord]) -> None:
        dropped: set[int] = set()
        for given in found:
            if given.offset < self._next[given.partition]:
                continue
            self._next[given.partition] = given.offset + 1
            record = record_of(given, is_filtered=bool(self._tests))
            self._processor.take(record)
            if not self._is_wanted(record):
                self._processor.drop(record)
                dropped.add(given.partition)
            elif self._processor.is_too_large(record):
                await self._processor.give_up_large(record)
            else:
                owner = self._owner[given.partition]
                self._waiting_bytes[owner] += record.size_bytes
                self._lanes[owner].add(record)
        if idle := {each for each in dropped if self._processor.is_idle(each)}:
            await self._processor.pass_over(idle)

    def _is_wanted(self, record: Record) -> bool:
        return not self._tests or any(test(record.filtered) for test in self._tests)

    async def _adjust(self) -> None:
        """Move partitions to the pollers that they belong to, and read only what there is room for."""
        async with self._adjusting:
            shares = self._shares()
            for partition, lane in shares.items():
                if self._processor.is_idle(partition):
                    self._owner[partition] = lane
            held = {
                partition
                for partition, lane in self._owner.items()
                if lane != shares[partition] or self._is_full(lane)
            }
            if news := self._held - held:
                await self._reader.release(news)
            if news := held - self._held:
                await self._reader.hold(news)
            self._held = held

    def _shares(self) -> dict[int, int]:
        return {each: at % self.pollers for at, each in enumerate(self._partitions)}

    def _is_full(self, lane: int) -> bool:
        return (
            len(self._lanes[lane]) >= _BATCHES_AHEAD * self._mapping.batch_size
            or self._waiting_bytes[lane] >= _WAITING_BYTES_MAX
        )

    # -- batches -------------------------------------------------------------------------------

    async def _work(self, lane: Lane) -> None:
        mapping = self._mapping
        window_s = mapping.window_s if mapping.window_s >= 0 else _WINDOW_DEFAULT_S
        while True:
            records = await lane.batch(mapping.batch_size, window_s, 0)
            self._waiting_bytes[lane.number] -= sum(record.size_bytes for record in records)
            await self._adjust()
            await self._processor.process(lane.number, Batch(records))
            await self._adjust()

    # -- scaling -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look every minute at how far behind we are, until there are other partitions."""
        while True:
            before = self._processor.handled
            await self._clock.sleep(EVERY_S)
            try:
                if await self._reader.partitions() != self._partitions:
                    return
                bounds = await self._reader.bounds(self._partitions)
            except KafkaError as error:
                # How far behind we are is not known, which does not mean that we are not.
                _log.warning("topic of mapping %s: %s", self._mapping.id, error)
                continue
            lag = sum(bounds[each][1] - self._processor.next_of(each) for each in self._partitions)
            mapping, values = self._mapping, {"OffsetLag": float(lag)}
            self._call.note(noted(mapping.function, mapping.qualifier, values))
            handled = self._processor.handled - before
            self.pollers = pollers_wanted(self.pollers, lag, handled, self._bounds)
            await self._adjust()
