"""Streams as they are read: shards, positions, records, through the doors of their rooms."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any, Protocol

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.services.lambda_.streams.model import (
    AT_TIMESTAMP,
    LATEST,
    TRIM_HORIZON,
    Progress,
    Record,
    Shard,
)
from pileus.services.lambda_.streams.records import kinesis_record, table_record
from pileus.values.arns import Arn
from pileus.values.context import Principal
from pileus.values.errors import ServiceError
from pileus.values.times import utc

WAIT_S = 20
"""How long a read waits for records."""
_TABLE_RETENTION_MS = 24 * 3_600_000
_HOUR_MS = 3_600_000


class Part(msgspec.Struct, frozen=True):
    """Records that were read, and the iterator to go on with: empty at the end of the shard."""

    records: list[Record]
    next: str


class Source(Protocol):
    """A stream. All calls raise ServiceError as its room does."""

    async def shards(self) -> list[Shard]:
        """All that can be read, parents before children."""
        ...

    async def iterator(self, progress: Progress, after: str) -> str:
        """Where to read on: after a sequence number, or from where the progress starts."""
        ...

    async def latest(self, shard: str) -> str:
        """An iterator behind what the shard holds now."""
        ...

    async def read(self, shard: str, iterator: str, limit: int, role: str) -> Part:
        """The next records, as soon as there are any; ``role`` is the function's."""
        ...

    async def retention_ms(self) -> int:
        """How long records stay."""
        ...


def stream_arn(source: str) -> str:
    """The data stream of a consumer, and every other source itself."""
    return source.partition("/consumer/")[0]


class _Room:
    """Calls of another room as Lambda."""

    service = ""
    from_name = ""

    def __init__(self, call: StreamCall, source: str) -> None:
        self._call = call
        self._source = source
        self._stream = stream_arn(source)
        self._region = Arn.parse(source).region

    async def _ask(self, operation: str, given: Dictionary[str, Any]) -> Dictionary[str, Any]:
        principal = Principal.service("lambda.amazonaws.com", self._call.account)
        return (await self._call.invoke(self.service, operation, given, principal=principal)).output

    async def _iterator(self, shard: str, kind: str, **more: Any) -> str:
        place = self._place(shard)
        output = await self._ask("GetShardIterator", {**place, "ShardIteratorType": kind, **more})
        return str(output["ShardIterator"])

    def _place(self, shard: str) -> dict[str, str]:
        name = "StreamARN" if self.service == "kinesis" else "StreamArn"
        return {name: self._stream, "ShardId": shard}

    async def latest(self, shard: str) -> str:
        return await self._iterator(shard, LATEST)

    async def iterator(self, progress: Progress, after: str) -> str:
        if after:
            try:
                start = {self.from_name: after}
                return await self._iterator(progress.shard, "AFTER_SEQUENCE_NUMBER", **start)
            except ServiceError as error:
                if error.code != "TrimmedDataAccessException":
                    raise
                return await self._iterator(progress.shard, TRIM_HORIZON)
        if progress.start == TRIM_HORIZON:
            return await self._iterator(progress.shard, TRIM_HORIZON)
        # What came after LATEST was told is not lost by a restart: its moment was kept.
        moment = utc(progress.start_ms)
        return await self._iterator(progress.shard, AT_TIMESTAMP, Timestamp=moment)

    async def _records(self, iterator: str, limit: int) -> Dictionary[str, Any]:
        given = {"ShardIterator": iterator, "Limit": limit, "WaitTimeSeconds": WAIT_S}
        return await self._ask("GetRecords", given)


class DataStream(_Room):
    """A data stream of Kinesis."""

    service = "kinesis"
    from_name = "StartingSequenceNumber"

    async def shards(self) -> list[Shard]:
        given: dict[str, Any] = {
            "StreamARN": self._stream,
            "ShardFilter": {"Type": "FROM_TRIM_HORIZON"},
        }
        found: list[Shard] = []
        while True:
            output = await self._ask("ListShards", given)
            found += [_data_shard(each) for each in output["Shards"]]
            if not output.get("NextToken"):
                return found
            given = {"NextToken": output["NextToken"]}

    async def read(self, shard: str, iterator: str, limit: int, role: str) -> Part:
        output = await self._records(iterator, limit)
        records = [
            kinesis_record(each, shard, self._source, self._region, role)
            for each in output["Records"]
        ]
        return Part(records, output.get("NextShardIterator") or "")

    async def retention_ms(self) -> int:
        output = await self._ask("DescribeStreamSummary", {"StreamARN": self._stream})
        hours: int = output["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return hours * _HOUR_MS


def _data_shard(told: Dictionary[str, Any]) -> Shard:
    parents = [told[name] for name in ("ParentShardId", "AdjacentParentShardId") if told.get(name)]
    is_open = not told["SequenceNumberRange"].get("EndingSequenceNumber")
    return Shard(told["ShardId"], parents, is_open)


class TableStream(_Room):
    """The stream of a table."""

    service = "dynamodbstreams"
    from_name = "SequenceNumber"

    async def shards(self) -> list[Shard]:
        output = await self._ask("DescribeStream", {"StreamArn": self._stream})
        return [
            Shard(
                each["ShardId"],
                [each["ParentShardId"]] if each.get("ParentShardId") else [],
                not each["SequenceNumberRange"].get("EndingSequenceNumber"),
            )
            for each in output["StreamDescription"]["Shards"]
        ]

    async def read(self, shard: str, iterator: str, limit: int, role: str) -> Part:
        output = await self._records(iterator, limit)
        records = [table_record(each, self._source) for each in output["Records"]]
        return Part(records, output.get("NextShardIterator") or "")

    async def retention_ms(self) -> int:
        return _TABLE_RETENTION_MS
