"""Readers of topics against the contract: a cluster in memory, and a broker of real wire protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kafka_broker import Broker

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.confluent_kafka import ConfluentKafka
from pileus.ports.kafka import Cluster, Fault, Kafka, KafkaError, TopicReader
from pileus.testing.memory_kafka import MemoryKafka


class Site:
    """A cluster with a way to fill it, whichever it is."""

    def __init__(self, kafka: Kafka, cluster: Cluster, filler: Any) -> None:
        self.kafka, self.cluster, self._filler = kafka, cluster, filler

    def add_topic(self, topic: str, partitions: int) -> None:
        self._filler.add_topic(topic, partitions)

    def produce(self, topic: str, value: bytes | None, **more: Any) -> None:
        self._filler.produce(topic, value, **more)

    async def open(self, topic: str, group: str = "g") -> TopicReader:
        return await self.kafka.open(self.cluster, topic, group)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["memory", "confluent"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    if request.param == "memory":
        memory = MemoryKafka(SystemClock())
        yield Site(memory, Cluster(servers=("memory:1",)), memory)
        return
    broker = request.getfixturevalue("broker")
    yield Site(ConfluentKafka(), Cluster(servers=(broker.address,)), broker)


async def _read(reader: TopicReader, count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await reader.read(100, 1.0)
    return found


async def test_records_come_whole_and_in_order(site: Site) -> None:
    site.add_topic("whole", 2)
    site.produce("whole", b"a", key=b"k", partition=0, headers=[("h", b"\xff"), ("h", b"")])
    site.produce("whole", b"b", partition=0)
    site.produce("whole", None, key=b"gone", partition=1)
    reader = await site.open("whole")
    assert await reader.partitions() == [0, 1]
    await reader.begin({0: 0, 1: 0})
    found = sorted(await _read(reader, 3), key=lambda each: (each.partition, each.offset))
    assert [(each.partition, each.offset, each.key, each.value) for each in found] == [
        (0, 0, b"k", b"a"), (0, 1, None, b"b"), (1, 0, b"gone", None),
    ]  # fmt: skip
    assert list(found[0].headers) == [("h", b"\xff"), ("h", b"")]
    assert found[0].at_type == "CREATE_TIME"
    assert abs(found[0].at_ms - SystemClock().now_ms()) < 60_000
    await reader.close()


async def test_reading_begins_where_it_is_told(site: Site) -> None:
    site.add_topic("begin", 2)
    for number in range(4):
        site.produce("begin", b"%d" % number, partition=number % 2)
    reader = await site.open("begin")
    await reader.begin({0: 1, 1: 2})
    assert [each.value for each in await _read(reader, 1)] == [b"2"]
    assert await reader.read(10, 0.2) == []
    await reader.close()


async def test_offset_that_is_not_there_is_told(site: Site) -> None:
    site.add_topic("lost", 1)
    site.produce("lost", b"a", partition=0)
    reader = await site.open("lost")
    await reader.begin({0: 99})
    with pytest.raises(KafkaError) as caught:
        await _read(reader, 1)
    assert caught.value.fault is Fault.LOST_PLACE
    await reader.close()


async def test_commits_are_the_groups_and_outlive_the_reader(site: Site) -> None:
    site.add_topic("commits", 2)
    site.produce("commits", b"a", partition=0)
    first = await site.open("commits", "mine")
    assert await first.committed([0, 1]) == {}
    await first.begin({0: 0, 1: 0})
    await _read(first, 1)
    await first.commit({0: 1})
    await first.close()
    again, other = await site.open("commits", "mine"), await site.open("commits", "theirs")
    assert await again.committed([0, 1]) == {0: 1}
    assert await other.committed([0, 1]) == {}
    await again.close()
    await other.close()


async def test_bounds_and_times_are_told(site: Site) -> None:
    site.add_topic("times", 2)
    for text in (b"a", b"b"):
        site.produce("times", text, partition=0)
    reader = await site.open("times")
    assert await reader.bounds([0, 1]) == {0: (0, 2), 1: (0, 0)}
    now_ms = SystemClock().now_ms()
    assert await reader.offsets_at([0, 1], now_ms - 60_000) == {0: 0}
    assert await reader.offsets_at([0, 1], now_ms + 60_000) == {}
    await reader.close()


async def test_partition_on_hold_waits_and_loses_nothing(site: Site) -> None:
    site.add_topic("hold", 2)
    site.produce("hold", b"a", partition=0)
    reader = await site.open("hold")
    await reader.begin({0: 0, 1: 0})
    await _read(reader, 1)
    await reader.hold([0])
    site.produce("hold", b"b", partition=0)
    site.produce("hold", b"c", partition=1)
    assert [each.value for each in await _read(reader, 1)] == [b"c"]
    assert await reader.read(10, 0.2) == []
    await reader.release([0])
    assert [each.value for each in await _read(reader, 1)] == [b"b"]
    await reader.close()


async def test_topic_that_is_not_there_is_told_and_not_made(site: Site) -> None:
    reader = await site.open("nowhere")
    for _ in range(2):
        with pytest.raises(KafkaError) as caught:
            await reader.partitions()
        assert caught.value.fault is Fault.NO_TOPIC
    await reader.close()


async def test_reader_closes_amid_a_read(site: Site) -> None:
    site.add_topic("close", 1)
    reader = await site.open("close")
    await reader.begin({0: 0})
    reading = asyncio.create_task(reader.read(10, 20.0))
    await asyncio.sleep(0)
    reading.cancel()
    await reader.close()


async def test_cluster_that_goes_away_is_told_while_nothing_comes(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        broker.add_topic("away", 1)
        reader = await ConfluentKafka().open(Cluster(servers=(broker.address,)), "away", "g")
        await reader.begin(dict.fromkeys(await reader.partitions(), 0))
        assert await reader.read(10, 0.2) == []
    with pytest.raises(KafkaError) as caught:
        async with asyncio.timeout(30):
            while True:
                await reader.read(10, 1.0)
    assert caught.value.fault is Fault.UNREACHABLE
    await reader.close()
