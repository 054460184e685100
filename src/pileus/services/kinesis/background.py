"""What goes on behind the calls: records over their retention period, topics left by a crash."""

from __future__ import annotations

import logging
from functools import partial

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.ports.log import TopicNotFound
from pileus.ports.state import Space
from pileus.services.kinesis import store
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Stream, topics_of
from pileus.services.kinesis.reading import ShardLog
from pileus.values.errors import StoreUnavailable

_log = logging.getLogger("pileus.kinesis")


class Sweepers:
    """The spaces that are swept; the platform has one."""

    def __init__(self) -> None:
        self.spaces: set[Space] = set()


async def start(call: StreamCall) -> None:
    """Remove the topics of streams whose deletion was cut off, and begin to sweep."""
    kept = {
        stream.topic(call.account, call.region)
        for stream in call.read(lambda view: store.streams(view.state))
    }
    for topic in call.log.topics():
        if topic.startswith(topics_of(call.account, call.region)) and topic not in kept:
            await call.log.delete_topic(topic)
    ensure(call)


def ensure(call: StreamCall) -> None:
    """Let the space of this call be swept, if it is not yet."""
    spaces = call.own(Sweepers).spaces
    if call.space not in spaces:
        spaces.add(call.space)
        name = "kinesis sweep " + "/".join(call.space)
        call.spawn(name, _sweep_for_ever(call.in_account(call.account, call.region)))


async def _sweep_for_ever(call: StreamCall) -> None:
    while True:
        await call.clock.sleep(LIMITS.sweep_s)
        try:
            await sweep(call)
        except StoreUnavailable as problem:
            _log.warning("the sweep of %s waits for the store: %s", call.space, problem)


async def sweep(call: StreamCall) -> None:
    """Trim every shard, and forget closed ones whose records are all over."""
    now_ms = call.clock.now_ms()
    for stream in call.read(lambda view: store.streams(view.state)):
        topic = stream.topic(call.account, call.region)
        for shard in stream.shards:
            horizon = await ShardLog(call, stream, shard).horizon()
            try:
                await call.log.trim(topic, shard.number, horizon)
            except TopicNotFound:
                continue  # nothing was ever written, or it was deleted meanwhile
        if any(_is_over(stream, number, now_ms) for number in _closed(stream)):
            await call.write(partial(_forget, stream.name, now_ms))


def _closed(stream: Stream) -> list[int]:
    return [shard.number for shard in stream.shards if not shard.is_open]


def _is_over(stream: Stream, number: int, now_ms: int) -> bool:
    shard = stream.shard(number)
    return shard is not None and 0 < shard.closed_ms < stream.horizon_ms(now_ms)


def _forget(name: str, now_ms: int, call: WriteCall) -> None:
    stream = store.find_stream(call.state, name)
    if stream is None:
        return
    gone = {number for number in _closed(stream) if _is_over(stream, number, now_ms)}
    stream.shards = [shard for shard in stream.shards if shard.number not in gone]
    store.put_stream(call.state, stream)
