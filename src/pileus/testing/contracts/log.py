"""The contract of ``ports/log.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from pileus.ports.log import Log, OffsetOutOfRange, Record, TopicNotFound

Open = Callable[[], Log]
TOPIC = "000000000000/orders"


def entry(number: int, size: int = 0) -> tuple[int, bytes, bytes]:
    """A record that can be told from others."""
    return number, b"k%d" % number, b"v%d" % number + b"." * size


async def _opened(open_log: Open, partitions: int = 1) -> Log:
    log = open_log()
    await log.create_topic(TOPIC, partitions)
    return log


async def topics_are_made_grown_and_never_shrunk(open_log: Open) -> None:
    log = await _opened(open_log, 2)
    await log.create_topic(TOPIC, 2)
    assert log.topics() == {TOPIC: 2}
    await log.append(TOPIC, 1, [entry(1)])
    await log.create_topic(TOPIC, 4)
    await log.create_topic(TOPIC, 3)
    assert log.topics() == {TOPIC: 4}
    assert len(await log.read(TOPIC, 1, 0)) == 1
    await log.append(TOPIC, 3, [entry(1)])
    await log.close()


async def what_is_not_there_is_not_found(open_log: Open) -> None:
    log = await _opened(open_log)
    for topic, partition in (("none", 0), (TOPIC, 1), (TOPIC, -1)):
        await _raises(TopicNotFound, partial(log.append, topic, partition, [entry(1)]))
        await _raises(TopicNotFound, partial(log.read, topic, partition, 0))
        await _raises(TopicNotFound, partial(log.commit, "g", topic, partition, 0))
    assert log.committed("g", "none", 0) is None
    assert log.lag("g", "none", 0) is None
    await log.close()


async def records_come_back_in_order_with_their_offsets(open_log: Open) -> None:
    log = await _opened(open_log)
    assert log.bounds(TOPIC, 0) == (0, 0)
    assert await log.append(TOPIC, 0, [entry(0), entry(1)]) == 0
    assert await log.append(TOPIC, 0, [entry(2)]) == 2
    assert await log.append(TOPIC, 0, []) == 3
    assert log.bounds(TOPIC, 0) == (0, 3)
    wanted = [Record(number, *entry(number)) for number in range(3)]
    assert await log.read(TOPIC, 0, 0) == wanted
    assert await log.read(TOPIC, 0, 1) == wanted[1:]
    assert await log.read(TOPIC, 0, 3) == []
    await log.close()


async def empty_and_binary_values_are_kept(open_log: Open) -> None:
    log = await _opened(open_log)
    odd = [(0, b"", b""), (-5, b"\0\xff", b"\0" * 70), (1 << 60, b"", bytes(range(256)))]
    await log.append(TOPIC, 0, odd)
    read = await log.read(TOPIC, 0, 0)
    assert [(record.at_ms, record.key, record.value) for record in read] == odd
    await log.close()


async def reads_outside_the_bounds_are_refused(open_log: Open) -> None:
    log = await _opened(open_log)
    await log.append(TOPIC, 0, [entry(0)])
    await _raises(OffsetOutOfRange, lambda: log.read(TOPIC, 0, -1))
    await _raises(OffsetOutOfRange, lambda: log.read(TOPIC, 0, 2))
    await log.close()


async def reads_keep_their_limits(open_log: Open) -> None:
    log = await _opened(open_log)
    await log.append(TOPIC, 0, [entry(number, 100) for number in range(50)])
    assert len(await log.read(TOPIC, 0, 10, limit=7)) == 7
    some = await log.read(TOPIC, 0, 0, bytes_max=1000)
    assert 1 < len(some) < 12
    assert sum(len(record.key) + len(record.value) for record in some) <= 1000
    # One that is larger than the limit still comes, or nobody would get past it.
    assert len(await log.read(TOPIC, 0, 0, bytes_max=10)) == 1
    await log.close()


async def partitions_and_topics_are_apart(open_log: Open) -> None:
    log = await _opened(open_log, 3)
    await log.create_topic("000000000000/orders/more", 1)
    await asyncio.gather(
        log.append(TOPIC, 0, [entry(1)]),
        log.append(TOPIC, 2, [entry(2)]),
        log.append("000000000000/orders/more", 0, [entry(3)]),
    )
    values = [await log.read(TOPIC, partition, 0) for partition in range(3)]
    assert [[record.value for record in each] for each in values] == [[b"v1"], [], [b"v2"]]
    more = await log.read("000000000000/orders/more", 0, 0)
    assert [record.value for record in more] == [b"v3"]
    await log.close()


async def concurrent_appends_keep_the_order_of_each_caller(open_log: Open) -> None:
    log = await _opened(open_log)

    async def produce(producer: int) -> None:
        for number in range(20):
            await log.append(TOPIC, 0, [(producer, b"", b"%d" % number)])

    await asyncio.gather(*(produce(producer) for producer in range(16)))
    records = await log.read(TOPIC, 0, 0, limit=1000)
    assert [record.offset for record in records] == list(range(320))
    for producer in range(16):
        seen = [int(record.value) for record in records if record.at_ms == producer]
        assert seen == list(range(20))
    await log.close()


async def a_record_is_seen_only_when_acknowledged(open_log: Open) -> None:
    log = await _opened(open_log)
    append = asyncio.ensure_future(log.append(TOPIC, 0, [entry(0)]))
    while not append.done():
        before = log.bounds(TOPIC, 0)
        await asyncio.sleep(0)
        if not append.done() and log.bounds(TOPIC, 0)[1]:
            # Published, and the appender is told in the same or the next turn.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert append.done(), before
    assert log.bounds(TOPIC, 0) == (0, 1)
    await log.close()


async def waiting_ends_with_the_record(open_log: Open) -> None:
    log = await _opened(open_log)
    await log.append(TOPIC, 0, [entry(0)])
    await log.wait(TOPIC, 0, 0)
    first = asyncio.ensure_future(log.wait(TOPIC, 0, 1))
    later = asyncio.ensure_future(log.wait(TOPIC, 0, 3))
    given_up = asyncio.ensure_future(log.wait(TOPIC, 0, 1))
    await asyncio.sleep(0)
    assert not first.done()
    given_up.cancel()
    await log.append(TOPIC, 0, [entry(1), entry(2)])
    await first
    assert not later.done()
    await log.append(TOPIC, 0, [entry(3)])
    await later
    await log.close()


async def old_records_are_read_as_well_as_new(open_log: Open) -> None:
    log = await _opened(open_log)
    written = [entry(number, 1000 + number % 7) for number in range(3000)]
    for at in range(0, 3000, 250):
        await log.append(TOPIC, 0, written[at : at + 250])
    offset = 0
    while offset < 3000:
        part = await log.read(TOPIC, 0, offset, limit=400, bytes_max=100_000)
        assert part
        for record in part:
            assert (record.at_ms, record.key, record.value) == written[record.offset]
            assert record.offset == offset
            offset += 1
    for offset in (0, 1, 249, 250, 1777, 2999):
        assert (await log.read(TOPIC, 0, offset, limit=1))[0].offset == offset
    await log.close()


async def a_large_record_passes(open_log: Open) -> None:
    log = await _opened(open_log)
    large = bytes(range(256)) * 12_000
    await log.append(TOPIC, 0, [entry(0), (1, b"", large), entry(2)])
    assert [record.value for record in await log.read(TOPIC, 0, 1)] == [large]
    assert [record.value for record in await log.read(TOPIC, 0, 2)] == [b"v2"]
    await log.close()


async def groups_commit_seek_back_and_lag(open_log: Open) -> None:
    log = await _opened(open_log, 2)
    await log.append(TOPIC, 0, [entry(number) for number in range(10)])
    assert log.committed("g", TOPIC, 0) is None
    assert log.lag("g", TOPIC, 0) is None
    await log.commit("g", TOPIC, 0, 7)
    assert log.committed("g", TOPIC, 0) == 7
    assert log.lag("g", TOPIC, 0) == 3
    assert log.committed("h", TOPIC, 0) is None
    assert log.committed("g", TOPIC, 1) is None
    await log.commit("g", TOPIC, 0, 2)
    assert log.lag("g", TOPIC, 0) == 8
    await log.close()


async def trimming_forgets_only_what_lies_before(open_log: Open) -> None:
    log = await _opened(open_log)
    for at in range(0, 400, 20):
        await log.append(TOPIC, 0, [entry(number, 5000) for number in range(at, at + 20)])
    await log.trim(TOPIC, 0, 0)
    assert log.bounds(TOPIC, 0) == (0, 400)
    pieces = await log.pieces(TOPIC, 0)
    assert pieces[0][0] == 0 and pieces == sorted(pieces)
    assert sum(size_bytes for _, size_bytes in pieces) >= 400 * 5000
    for first, _ in pieces[:2]:
        await log.trim(TOPIC, 0, first)
        assert log.bounds(TOPIC, 0)[0] == first
    await log.trim(TOPIC, 0, 250)
    first, following = log.bounds(TOPIC, 0)
    assert first <= 250 and following == 400
    assert (await log.read(TOPIC, 0, first, limit=1))[0].offset == first
    if first:
        await _raises(OffsetOutOfRange, lambda: log.read(TOPIC, 0, first - 1))
    assert await log.append(TOPIC, 0, [entry(400)]) == 400
    await log.trim(TOPIC, 0, 401)
    assert log.bounds(TOPIC, 0)[1] == 401
    await log.close()
    again = open_log()
    assert again.bounds(TOPIC, 0)[1] == 401
    assert await again.append(TOPIC, 0, [entry(401)]) == 401
    await again.close()


async def a_deleted_topic_is_gone_with_its_offsets(open_log: Open) -> None:
    log = await _opened(open_log)
    await log.append(TOPIC, 0, [entry(0)])
    await log.commit("g", TOPIC, 0, 1)
    waiting = asyncio.ensure_future(log.wait(TOPIC, 0, 1))
    await asyncio.sleep(0)
    await log.delete_topic(TOPIC)
    await log.delete_topic(TOPIC)
    await _raises(TopicNotFound, lambda: waiting)
    assert log.topics() == {}
    await _raises(TopicNotFound, lambda: log.read(TOPIC, 0, 0))
    await log.create_topic(TOPIC, 1)
    assert log.bounds(TOPIC, 0) == (0, 0)
    assert log.committed("g", TOPIC, 0) is None
    await log.close()
    again = open_log()
    assert again.committed("g", TOPIC, 0) is None
    assert again.bounds(TOPIC, 0) == (0, 0)
    await again.close()


async def everything_outlives_the_log(open_log: Open) -> None:
    log = await _opened(open_log, 2)
    await log.append(TOPIC, 0, [entry(number, 3000) for number in range(300)])
    await log.append(TOPIC, 1, [entry(7)])
    await log.commit("g", TOPIC, 0, 12)
    await log.commit("g", TOPIC, 0, 5)
    await log.close()
    again = open_log()
    assert again.topics() == {TOPIC: 2}
    assert again.bounds(TOPIC, 0) == (0, 300)
    assert again.committed("g", TOPIC, 0) == 5
    assert await again.append(TOPIC, 0, [entry(300)]) == 300
    seen: list[Record] = []
    while len(seen) < 301:
        seen += await again.read(TOPIC, 0, len(seen))
    assert seen == [Record(n, *(entry(n, 3000) if n < 300 else entry(n))) for n in range(301)]
    assert [record.value for record in await again.read(TOPIC, 1, 0)] == [b"v7"]
    await again.close()


async def _raises(error: type[BaseException], call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


CONTRACT = (
    topics_are_made_grown_and_never_shrunk,
    what_is_not_there_is_not_found,
    records_come_back_in_order_with_their_offsets,
    empty_and_binary_values_are_kept,
    reads_outside_the_bounds_are_refused,
    reads_keep_their_limits,
    partitions_and_topics_are_apart,
    concurrent_appends_keep_the_order_of_each_caller,
    a_record_is_seen_only_when_acknowledged,
    waiting_ends_with_the_record,
    old_records_are_read_as_well_as_new,
    a_large_record_passes,
    groups_commit_seek_back_and_lag,
    trimming_forgets_only_what_lies_before,
    a_deleted_topic_is_gone_with_its_offsets,
    everything_outlives_the_log,
)
