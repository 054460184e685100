"""Changes of a stream's shards: alone, with no write under way, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.services.kinesis import errors, store
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Stream
from pileus.services.kinesis.reading import ShardLog

Ends = dict[int, int]
"""Offsets behind the last record, by the number of an open shard."""


@asynccontextmanager
async def alone(call: StreamCall, name: str) -> AsyncIterator[None]:
    """Nobody writes to the stream meanwhile."""
    async with call.own(Flows).gate(call.space, name).alone():
        yield


async def reshard(
    call: StreamCall, name: str, change: Callable[[WriteCall, Stream, Ends], Any]
) -> Any:
    """Run ``change`` on the stream and keep what it made of it; what it returns.

    Those who wait for records of a shard look again.
    """
    async with alone(call, name):
        seen = call.read(lambda view: store.named_stream(view, name))
        ends = {s.number: ShardLog(call, seen, s).bounds()[1] for s in seen.open_shards}

        def step(write: WriteCall) -> Any:
            stream = store.named_stream(write, name)
            told = change(write, stream, ends)
            check_shard_limit(write, stream)
            store.put_stream(write.state, stream)
            return told

        result = await call.write(step, once=True)
    for number in ends:
        call.own(Flows).arrived((call.space, seen.id, number))
    return result


def check_shard_limit(call: WriteCall, changed: Stream) -> None:
    """Raise LimitExceededException if the account would have too many open shards."""
    others = [s for s in store.streams(call.state) if s.mode == "PROVISIONED"]
    before = sum(len(s.open_shards) for s in others)
    if changed.mode != "PROVISIONED":
        return
    kept = next((len(s.open_shards) for s in others if s.name == changed.name), 0)
    more = len(changed.open_shards) - kept
    if before + more > LIMITS.shards_max:
        raise errors.too_many_shards(before, more, call.account, call.region)
