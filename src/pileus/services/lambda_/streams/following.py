"""Streams as event sources: every shard is read in order, children after their parents.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from pileus.compute.pollers import Pollers
from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.services.lambda_ import running
from pileus.services.lambda_ import store as mappings
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.streams import store
from pileus.services.lambda_.streams.attempts import Runner, note_result, target
from pileus.services.lambda_.streams.media_results import MediaResults
from pileus.services.lambda_.streams.model import (
    AT_TIMESTAMP,
    LATEST,
    TRIM_HORIZON,
    Progress,
    Shard,
)
from pileus.services.lambda_.streams.reading import DataStream, Source, TableStream
from pileus.services.lambda_.streams.shard_reading import ShardReader
from pileus.services.lambda_.streams.under_way import UnderWay
from pileus.values.arns import Arn
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.sources")
_IDLE_S = 60.0
SERVICES = ("kinesis", "dynamodb", "media")
T = TypeVar("T")


class StreamSources:
    """The followers of every mapping of a stream; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._pollers = Pollers(kernel.clock, kernel.supervisor)
        self._under_way = UnderWay(kernel.supervisor)
        self._latest: dict[str, dict[str, str]] = {}

    def follow(
        self, call: StreamCall, mapping: Mapping, latest: dict[str, str] | None = None
    ) -> None:
        """Begin, change or end following, as the mapping says now.

        ``latest`` are iterators by shard that stand where the mapping begins.
        """
        if latest:
            self._latest[mapping.id] = latest
        if not mapping.is_enabled:
            self._pollers.stop(mapping.id)
            return
        account, region = call.account, call.region
        self._pollers.start(mapping.id, lambda: self._poll(account, region, mapping))

    def forget(self, mapping_id: str) -> None:
        """End following for a mapping that was deleted."""
        self._pollers.stop(mapping_id)
        self._latest.pop(mapping_id, None)

    def recover(self, call: StreamCall) -> None:
        """Follow for every mapping of this space."""
        for _, raw in call.read(lambda view: view.state.range(("mapping",))):
            mapping = mappings.MAPPINGS.decode(raw)
            if is_stream(mapping.source):
                self.follow(call, mapping)

    async def _poll(self, account: str, region: str, mapping: Mapping) -> None:
        """Follow until something goes wrong."""
        call = self._kernel.stream_call((account, region, "lambda"))
        # A batch of the follower before this one may still be with the function.
        await self._under_way.end(mapping.id)
        try:
            call.read(lambda view: target(view, mapping))
            await self._follow_shards(call, mapping)
        except ServiceError as error:
            await note_result(call, mapping.id, f"PROBLEM: {error.message}")
            raise

    async def _follow_shards(self, call: StreamCall, mapping: Mapping) -> None:
        """A reader for every shard whose parents are done."""
        source = source_of(call, mapping)

        async def finish(work: Coroutine[Any, Any, T]) -> T:
            return await self._under_way.finish(mapping.id, work)

        runner = Runner(call, self._functions, mapping, finish)
        readers: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for progress in await self._ready(call, mapping, source):
                    if progress.shard not in readers:
                        latest = self._latest.get(mapping.id, {}).pop(progress.shard, "")
                        reader = ShardReader(runner, source, progress, latest)
                        readers[progress.shard] = asyncio.create_task(reader.run())
                if not readers:
                    await call.clock.sleep(_IDLE_S)
                    continue
                await asyncio.wait(readers.values(), return_when=asyncio.FIRST_COMPLETED)
                for shard in [shard for shard, reader in readers.items() if reader.done()]:
                    readers.pop(shard).result()
        finally:
            for reader_task in readers.values():
                reader_task.cancel()
            await asyncio.gather(*readers.values(), return_exceptions=True)

    async def _ready(self, call: StreamCall, mapping: Mapping, source: Source) -> list[Progress]:
        """Take note of shards that came and went; those to be read now."""
        shards = await source.shards()
        known = call.read(lambda view: store.progress_of(view, mapping.id))
        added = [each for each in shards if each.id not in known]
        listed = {each.id for each in shards}
        gone = [each for each in known.values() if each.is_done and each.shard not in listed]
        if added or gone:

            def step(write: WriteCall) -> None:
                if write.state.get(("mapping", mapping.id)) is None:
                    return
                for shard in added:
                    made = Progress(shard=shard.id, parents=shard.parents)
                    store.put(write.state, mapping.id, made)
                for each in gone:
                    store.delete(write.state, mapping.id, each.shard)

            await call.write(step)
            known = call.read(lambda view: store.progress_of(view, mapping.id))
        return [
            each
            for each in known.values()
            if not each.is_done and all(_is_over(known, parent) for parent in each.parents)
        ]


def _is_over(known: dict[str, Progress], shard: str) -> bool:
    return shard not in known or known[shard].is_done


def source_of(call: StreamCall, mapping: Mapping) -> Source:
    """The stream that a mapping reads."""
    service = Arn.parse(mapping.source).service
    if service == "media":
        return MediaResults(call, mapping.source)
    kind = DataStream if service == "kinesis" else TableStream
    return kind(call, mapping.source)


def is_stream(source: str) -> bool:
    """Whether a mapping's source is read shard by shard."""
    return bool(source) and Arn.parse(source).service in SERVICES


async def beginnings(call: StreamCall, mapping: Mapping) -> tuple[list[Progress], dict[str, str]]:
    """Where a new mapping begins in every shard there is, and iterators where that is at the tip.

    Shards that come later are read from their beginning.
    """
    source = source_of(call, mapping)
    shards = await source.shards()
    latest: dict[str, str] = {}
    if mapping.start == LATEST:
        latest = {each.id: await source.latest(each.id) for each in shards if each.is_open}
    return [_beginning(call, mapping, each) for each in shards], latest


def _beginning(call: StreamCall, mapping: Mapping, shard: Shard) -> Progress:
    made = Progress(shard=shard.id, parents=shard.parents)
    if mapping.start == TRIM_HORIZON:
        return made
    made.start = mapping.start
    made.start_ms = mapping.start_ms if mapping.start == AT_TIMESTAMP else call.clock.now_ms()
    made.is_done = mapping.start == LATEST and not shard.is_open
    return made
