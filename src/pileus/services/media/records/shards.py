"""Records out of a Kinesis stream: every shard in order, children behind their parents.

How far each shard was read is in the records themselves, so that each is here once. Data that is no JSON is
counted and left out. https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from pileus.kernel.calls import StreamCall
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import RecordFormat, Source
from pileus.services.media.records.feed_state import FeedState
from pileus.services.media.records.places import AT_TIMESTAMP
from pileus.services.media.records.writing import MARKED_EVERY, Incoming, RecordWriter
from pileus.values.context import Principal
from pileus.values.errors import ServiceError
from pileus.values.times import utc

_PAUSE_FIRST_S, _PAUSE_LAST_S = 1.0, 30.0
_WAIT_S = 20
_LOOK_S = 30.0
"""How often the stream is asked for new shards."""
_EXPIRED, _TRIMMED = "ExpiredIteratorException", "TrimmedDataAccessException"


class _Shard(msgspec.Struct, frozen=True):
    id: str
    parents: tuple[str, ...]


class ShardFeed:
    """Reads a stream for as long as it is there.

    Args:
        stream: its ARN.
    """

    def __init__(
        self,
        call: StreamCall,
        source: Source,
        stream: str,
        writer: RecordWriter,
        state: FeedState,
    ) -> None:
        self._call, self._source, self._stream = call, source, stream
        self._writer, self._state = writer, state
        self._format = source.records or RecordFormat()
        self._after = positions(writer.marks)
        self._done: set[str] = set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; what the stream's room refuses is asked again with growing pauses."""
        pause_s = _PAUSE_FIRST_S
        while True:
            begun_ms = self._call.clock.now_ms()
            try:
                await self._read()
            except ServiceError as problem:
                await self._state.note("failed", f"{problem.code}: {problem.message}")
            if self._call.clock.now_ms() - begun_ms > _PAUSE_LAST_S * 1000:
                pause_s = _PAUSE_FIRST_S
            await self._call.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_LAST_S)

    async def _read(self) -> None:
        """Every shard that is there, and every one that comes. Raises ServiceError."""
        running: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._news.clear()
                shards = await self._shards()
                await self._state.live()
                for shard in _ready(shards, self._done):
                    if shard.id not in running:
                        running[shard.id] = asyncio.ensure_future(self._read_shard(shard))
                        running[shard.id].add_done_callback(lambda _: self._news.set())
                await self._rest()
                for task in running.values():
                    if task.done():
                        task.result()
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _rest(self) -> None:
        """Until a shard has ended, or it is time to look for new ones."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            await self._call.clock.wait(news, self._call.clock.now_ms() + round(_LOOK_S * 1000))
        finally:
            news.cancel()

    async def _shards(self) -> list[_Shard]:
        given: dict[str, Any] = {
            "StreamARN": self._stream,
            "ShardFilter": {"Type": "FROM_TRIM_HORIZON"},
        }
        found: list[_Shard] = []
        while True:
            told = await self._ask("ListShards", given)
            for each in told["Shards"]:
                names = (each.get("ParentShardId"), each.get("AdjacentParentShardId"))
                found.append(_Shard(each["ShardId"], tuple(name for name in names if name)))
            if not told.get("NextToken"):
                return found
            given = {"NextToken": told["NextToken"]}

    # -- a shard --------------------------------------------------------------------------------

    async def _read_shard(self, shard: _Shard) -> None:
        """Until it is closed and read to its end."""
        iterator = await self._iterator(shard)
        self._state.connected()
        while iterator:
            given = {
                "ShardIterator": iterator,
                "Limit": MARKED_EVERY,
                "WaitTimeSeconds": _WAIT_S,
            }
            try:
                told = await self._ask("GetRecords", given)
            except ServiceError as problem:
                if problem.code != _EXPIRED:
                    raise
                iterator = await self._iterator(shard)
                continue
            await self._keep(shard.id, told["Records"])
            iterator = told.get("NextShardIterator") or ""
        self._done.add(shard.id)

    async def _iterator(self, shard: _Shard) -> str:
        after = self._after.get(shard.id)
        given: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            given = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": after,
            }
        elif self._format.start != "TRIM_HORIZON":
            given = {"ShardIteratorType": AT_TIMESTAMP, "Timestamp": utc(self._start_ms)}
        place = {"StreamARN": self._stream, "ShardId": shard.id}
        try:
            told = await self._ask("GetShardIterator", {**place, **given})
        except ServiceError as problem:
            if problem.code != _TRIMMED:
                raise
            told = await self._ask(
                "GetShardIterator", {**place, "ShardIteratorType": "TRIM_HORIZON"}
            )
        return str(told["ShardIterator"])

    @property
    def _start_ms(self) -> int:
        """The wished moment; of LATEST the one when the source began, which a restart must not move."""
        is_given = self._format.start == AT_TIMESTAMP
        return self._format.start_ms if is_given else self._source.begun_ms

    async def _keep(self, shard: str, told: Sequence[Mapping[str, Any]]) -> None:
        good: list[Incoming] = []
        for each in told:
            self._after[shard] = each["SequenceNumber"]
            incoming = self._incoming(shard, each)
            if incoming is None:
                self._state.refused()
            else:
                good.append(incoming)
        if not good:
            return
        # The last one tells of every shard: a restart looks no further back.
        mark = {**(good[-1].resume or {}), "shards": dict(self._after)}
        good[-1] = msgspec.structs.replace(good[-1], resume=mark)
        await self._writer.add(good)
        self._state.counted()
        await self._state.live()

    def _incoming(self, shard: str, told: Mapping[str, Any]) -> Incoming | None:
        """The record, or None where it is no JSON, or too long."""
        data = bytes(told["Data"])
        if len(data) > LIMITS.record_bytes_max:
            return None
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        at_ms = round(told["ApproximateArrivalTimestamp"].timestamp() * 1000)
        mark = {"shard": shard, "after": told["SequenceNumber"]}
        return Incoming(data.strip(), value, at_ms, mark)

    async def _ask(self, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        principal = Principal.service("media.amazonaws.com", self._call.account)
        return (await self._call.invoke("kinesis", operation, given, principal=principal)).output


def positions(marks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By shard, the last sequence number that was read; ``marks`` are the newest first."""
    found: dict[str, str] = {}
    for mark in marks:
        if "shard" not in mark:
            continue
        found.setdefault(mark["shard"], mark["after"])
        if "shards" in mark:
            return {**mark["shards"], **found}
    return found


def _ready(shards: Sequence[_Shard], done: set[str]) -> list[_Shard]:
    """Shards that may be read now: not behind a parent that is still to be read."""
    there = {shard.id for shard in shards}
    return [
        shard
        for shard in shards
        if shard.id not in done and not any(each in there - done for each in shard.parents)
    ]
