"""Batches of a topic, each tried until it is dealt with.

https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import orjson

from pileus.compute.calls import Result
from pileus.kernel.calls import WriteCall
from pileus.ports.kafka import KafkaError, TopicReader
from pileus.services.lambda_.kafka import letters, places
from pileus.services.lambda_.kafka.places import Place
from pileus.services.lambda_.kafka.records import event_of, first_failures
from pileus.services.lambda_.model import KafkaSource
from pileus.services.lambda_.streams.attempts import FAILED, Attempts, Runner, note, role_of
from pileus.services.lambda_.streams.checkpoints import Checkpoints
from pileus.services.lambda_.streams.lanes import EVENT_BYTES_MAX
from pileus.services.lambda_.streams.model import Batch, Letter, Progress, Record

_log = logging.getLogger("pileus.sources")
_RETRIES_WITH_DESTINATION = 10


class KafkaProcessor(Attempts):
    """Brings batches to their end, and commits behind them.

    Attributes:
        handled: how many records were dealt with so far.
    """

    def __init__(
        self, runner: Runner, source: KafkaSource, reader: TopicReader, found: dict[int, Place]
    ) -> None:
        super().__init__(runner)
        self.handled = 0
        self._source = source
        self._reader = reader
        self._places = found
        self._checkpoints = {
            partition: Checkpoints(Progress(shard=str(partition)), 1) for partition in found
        }
        self.frame_bytes = len(orjson.dumps(self.event([])))

    @property
    def retries_max(self) -> int:
        """See Attempts; with a destination nothing is tried for ever."""
        retries_max = self._mapping.retries_max
        if retries_max < 0 and self._mapping.on_failure:
            return _RETRIES_WITH_DESTINATION
        return retries_max

    # -- records on their way ------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """A record was read; those of a partition come in order."""
        self._checkpoint_of(record).take(record)

    def drop(self, record: Record) -> None:
        """It needs no work."""
        self._checkpoint_of(record).drop(record)

    def is_idle(self, partition: int) -> bool:
        """Everything that was read of it is dealt with."""
        return self._checkpoints[partition].is_idle

    def next_of(self, partition: int) -> int:
        """The first offset of it that is not dealt with."""
        return self._places[partition].next

    def _checkpoint_of(self, record: Record) -> Checkpoints:
        return self._checkpoints[record.event["partition"]]

    def is_too_large(self, record: Record) -> bool:
        """Whether no invocation can carry it."""
        return self.frame_bytes + record.size_bytes > EVENT_BYTES_MAX

    async def give_up_large(self, record: Record) -> None:
        """Tell of a record that no invocation can carry, and leave it behind."""
        letter = Letter([record], letters.TOO_LARGE, 1, self._call.new_id())
        await self._runner.finish(self.settle(0, Batch([record]), letter, FAILED))

    async def pass_over(self, partitions: Iterable[int]) -> None:
        """Keep checkpoints behind records that filters dropped."""
        await self._runner.finish(self._keep(set(partitions), None, ""))

    # -- attempts ------------------------------------------------------------------------------

    def event(self, records: list[Record]) -> dict[str, Any]:
        """See Attempts."""
        return event_of(self._source.servers, records)

    def divide(self, result: Result, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """See Attempts."""
        first = first_failures(result.payload, records)
        if first is None:
            return [], records
        left = [each for each in records if each.number >= first.get(each.key, each.number + 1)]
        kept = {id(record) for record in left}
        return [each for each in records if id(each) not in kept], left

    async def expired(self, batch: Batch) -> list[Record]:
        """See Attempts; a topic's retention shows in where its partitions begin."""
        age_s = self._mapping.age_max_s
        oldest_ms = self._call.clock.now_ms() - age_s * 1000 if age_s >= 0 else 0
        first = await self._firsts(batch.records) if batch.failures else {}
        return [
            record
            for record in batch.records
            if 0 <= record.at_ms < oldest_ms
            or record.number < first.get(record.event["partition"], 0)
        ]

    async def _firsts(self, records: list[Record]) -> dict[int, int]:
        """Where partitions begin now; empty when that cannot be asked."""
        partitions = {record.event["partition"] for record in records}
        try:
            bounds = await self._reader.bounds(partitions)
        except KafkaError as error:
            _log.warning("topic %s: %s", self._source.topic, error)
            return {}
        return {partition: first for partition, (first, _) in bounds.items()}

    async def settle(
        self,
        lane: int,
        batch: Batch,
        letter: Letter | None,
        outcome: str,
        answer: Result | None = None,
    ) -> None:
        """See Attempts. Raises KafkaError when the group cannot be told; it is told later."""
        by_partition: dict[int, list[Record]] = {}
        for record in batch.records:
            by_partition.setdefault(record.event["partition"], []).append(record)
        for partition, records in by_partition.items():
            self._checkpoints[partition].finish(0, records)
        self.handled += len(batch.records)
        await self._keep(set(by_partition), letter, outcome)

    async def _keep(self, partitions: set[int], letter: Letter | None, outcome: str) -> None:
        mapping, moved = self._mapping, [self._places[each] for each in sorted(partitions)]
        for place in moved:
            last = self._checkpoints[place.partition].progress.last
            place.next = int(last) + 1 if last else place.next

        def step(write: WriteCall) -> None:
            if write.state.get(("mapping", mapping.id)) is None:
                return
            places.put(write.state, mapping.id, moved)
            if letter is not None:
                letters.tell(write, mapping, self._source, letter, role_of(write, mapping))
            note(write, mapping.id, outcome)

        # The function has run: this is written however long the store is away.
        await self._call.write_at_last(step, f"the places of mapping {mapping.id}")
        await places.commit(self._reader, moved)
