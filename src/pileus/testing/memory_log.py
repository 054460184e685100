"""A Log in lists. Outlives the platform over it, as a disk would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pileus.ports.log import OffsetOutOfRange, Record, TopicNotFound


class _Partition:
    def __init__(self) -> None:
        self.first = 0
        self.records: list[Record] = []
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def next(self) -> int:
        return self.first + len(self.records)


class MemoryLog:
    """See ``ports/log.py``."""

    def __init__(self) -> None:
        self._topics: dict[str, list[_Partition]] = {}
        self._offsets: dict[tuple[str, str, int], int] = {}

    async def create_topic(self, topic: str, partitions: int) -> None:
        held = self._topics.setdefault(topic, [])
        held.extend(_Partition() for _ in range(partitions - len(held)))

    async def delete_topic(self, topic: str) -> None:
        for held in self._topics.pop(topic, []):
            for waiter in held.waiters:
                if not waiter.done():
                    waiter.set_exception(TopicNotFound(f"the topic {topic} was deleted"))
        self._offsets = {at: v for at, v in self._offsets.items() if at[1] != topic}

    def topics(self) -> dict[str, int]:
        return {name: len(held) for name, held in self._topics.items()}

    def _partition(self, topic: str, partition: int) -> _Partition:
        held = self._topics.get(topic, [])
        if not 0 <= partition < len(held):
            raise TopicNotFound(f"no topic {topic} with partition {partition}")
        return held[partition]

    async def append(
        self, topic: str, partition: int, records: Sequence[tuple[int, bytes, bytes]]
    ) -> int:
        held = self._partition(topic, partition)
        first = held.next
        for at_ms, key, value in records:
            held.records.append(Record(held.next, at_ms, key, value))
        waiting, held.waiters = held.waiters, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        return first

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000, bytes_max: int = 1 << 20
    ) -> list[Record]:
        held = self._partition(topic, partition)
        if not held.first <= offset <= held.next:
            raise OffsetOutOfRange(f"{offset} is not within {held.first} to {held.next}")
        taken: list[Record] = []
        size = 0
        for record in held.records[offset - held.first :][:limit]:
            size += len(record.key) + len(record.value)
            if taken and size > bytes_max:
                break
            taken.append(record)
        return taken

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        held = self._partition(topic, partition)
        while held.next <= offset:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            held.waiters.append(waiter)
            await waiter

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        held = self._partition(topic, partition)
        return held.first, held.next

    async def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        self._partition(topic, partition)
        self._offsets[(group, topic, partition)] = offset

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        return self._offsets.get((group, topic, partition))

    def lag(self, group: str, topic: str, partition: int) -> int | None:
        committed = self.committed(group, topic, partition)
        return None if committed is None else self._partition(topic, partition).next - committed

    async def trim(self, topic: str, partition: int, before: int) -> None:
        held = self._partition(topic, partition)
        gone = max(0, min(before, held.next) - held.first)
        del held.records[:gone]
        held.first += gone

    async def pieces(self, topic: str, partition: int) -> list[tuple[int, int]]:
        records = self._partition(topic, partition).records
        return [(each.offset, len(each.key) + len(each.value)) for each in records]

    async def close(self) -> None:
        pass
