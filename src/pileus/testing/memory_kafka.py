"""A Kafka cluster in memory, beside the platform as a real one is: it survives crashes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from zlib import crc32

from pileus.ports.clock import Clock
from pileus.ports.kafka import Cluster, Fault, KafkaError, TopicReader, TopicRecord


class MemoryKafka:
    """Topics and what groups have committed.

    Attributes:
        fault: what every call of a reader meets, while it is set.
        opened: the clusters that readers were opened for.
        committed: by group and topic.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fault: Fault | None = None
        self.opened: list[Cluster] = []
        self.committed: dict[tuple[str, str], dict[int, int]] = {}
        self._topics: dict[str, list[list[TopicRecord]]] = {}
        self._first: dict[tuple[str, int], int] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    # -- what producers and administrators do -------------------------------------------------

    def add_topic(self, topic: str, partitions: int = 1) -> None:
        """Make a topic, or give it more partitions."""
        lists = self._topics.setdefault(topic, [])
        lists += [[] for _ in range(partitions - len(lists))]

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Collection[tuple[str, bytes | None]] = (),
    ) -> TopicRecord:
        """Append a record; without a partition the key tells it."""
        lists = self._topics[topic]
        if partition is None:
            partition = crc32(key or b"") % len(lists)
        record = TopicRecord(
            topic=topic,
            partition=partition,
            offset=len(lists[partition]),
            at_ms=self.clock.now_ms(),
            at_type="CREATE_TIME",
            key=key,
            value=value,
            headers=tuple(headers),
        )
        lists[partition].append(record)
        self.wake()
        return record

    def expire(self, topic: str, partition: int, before: int) -> None:
        """Drop the records before an offset, as a topic's retention does."""
        self._first[topic, partition] = before

    def wake(self) -> None:
        """Let readers look again."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    # -- what readers do ----------------------------------------------------------------------

    async def open(self, cluster: Cluster, topic: str, group: str) -> TopicReader:
        """See Kafka."""
        self.opened.append(cluster)
        return MemoryReader(self, topic, group)

    def check(self) -> None:
        """Raise the fault that is set."""
        if self.fault is not None:
            raise KafkaError(self.fault, f"as a test wants it: {self.fault.value}")

    def lists(self, topic: str) -> list[list[TopicRecord]]:
        """All records, by partition."""
        self.check()
        if topic not in self._topics:
            raise KafkaError(Fault.NO_TOPIC, f"no topic {topic}")
        return self._topics[topic]

    def first(self, topic: str, partition: int) -> int:
        """The first offset there is."""
        return self._first.get((topic, partition), 0)

    async def news(self, wait_s: float) -> None:
        """Wait for anything to change."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await self.clock.wait(waiting, self.clock.now_ms() + round(wait_s * 1000))
        finally:
            self._waiting.discard(waiting)


class MemoryReader:
    """See TopicReader."""

    def __init__(self, kafka: MemoryKafka, topic: str, group: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._group = group
        self._next: dict[int, int] = {}
        self._held: set[int] = set()

    async def partitions(self) -> list[int]:
        """See TopicReader."""
        return list(range(len(self._kafka.lists(self._topic))))

    async def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """See TopicReader."""
        self._kafka.check()
        found = self._kafka.committed.get((self._group, self._topic), {})
        return {partition: found[partition] for partition in partitions if partition in found}

    async def bounds(self, partitions: Collection[int]) -> dict[int, tuple[int, int]]:
        """See TopicReader."""
        lists = self._kafka.lists(self._topic)
        return {
            partition: (self._kafka.first(self._topic, partition), len(lists[partition]))
            for partition in partitions
        }

    async def offsets_at(self, partitions: Collection[int], at_ms: int) -> dict[int, int]:
        """See TopicReader."""
        lists = self._kafka.lists(self._topic)
        found = {
            partition: next((each for each in lists[partition] if each.at_ms >= at_ms), None)
            for partition in partitions
        }
        return {partition: each.offset for partition, each in found.items() if each is not None}

    async def begin(self, places: Mapping[int, int]) -> None:
        """See TopicReader."""
        self._next = dict(places)

    async def read(self, limit: int, wait_s: float) -> list[TopicRecord]:
        """See TopicReader."""
        found = self._taken(limit)
        if not found:
            await self._kafka.news(wait_s)
            found = self._taken(limit)
        return found

    def _taken(self, limit: int) -> list[TopicRecord]:
        lists = self._kafka.lists(self._topic)
        found: list[TopicRecord] = []
        for partition, place in self._next.items():
            if partition in self._held:
                continue
            if not self._kafka.first(self._topic, partition) <= place <= len(lists[partition]):
                raise KafkaError(Fault.LOST_PLACE, f"offset {place} is not there")
            found += lists[partition][place : place + limit - len(found)]
        for record in found:
            self._next[record.partition] = record.offset + 1
        return found

    async def hold(self, partitions: Collection[int]) -> None:
        """See TopicReader."""
        self._held |= set(partitions)

    async def release(self, partitions: Collection[int]) -> None:
        """See TopicReader."""
        self._held -= set(partitions)
        self._kafka.wake()

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """See TopicReader."""
        self._kafka.check()
        self._kafka.committed.setdefault((self._group, self._topic), {}).update(offsets)

    async def close(self) -> None:
        """See TopicReader."""
