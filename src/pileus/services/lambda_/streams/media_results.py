"""What an engine says of a live source, as a stream of one shard: results are in the Log in order, and stay.

The source of such a mapping is ``arn:aws:media:<region>:<account>:source/<source>/results/<engine>``. AWS has no
such source; everything else about these mappings is as for data streams.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.services.lambda_.streams.model import AT_TIMESTAMP, LATEST, Progress, Record, Shard
from pileus.services.lambda_.streams.reading import WAIT_S, Part
from pileus.values.arns import Arn
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

SHARD = "results"
_FIRST = "-1"
"""The offset before the first result."""
_FOR_EVER_MS = 1 << 53
_KIND, _BETWEEN = "source", "results"
_STEPS = 4


class NotResults(ValueError):
    """The ARN does not name the results of an engine."""


def lane_of(arn: str) -> tuple[str, str]:
    """Source and engine of an ARN. Raises NotResults."""
    steps = Arn.parse(arn).resource.split("/")
    if len(steps) != _STEPS or steps[0] != _KIND or steps[2] != _BETWEEN:
        raise NotResults(arn)
    return steps[1], steps[3]


class MediaResults:
    """See ``reading.Source``. A position is the offset of the last result that was had."""

    def __init__(self, call: StreamCall, source: str) -> None:
        self._call, self._arn = call, source
        self._region = Arn.parse(source).region
        self._source, self._engine = lane_of(source)

    async def shards(self) -> list[Shard]:
        """One, which never ends: a source that has ended may go on."""
        return [Shard(SHARD, [], True)]

    async def latest(self, shard: str) -> str:
        """Behind what is there now."""
        told = await self._results(Last=0)
        return str(told["LastOffset"])

    async def iterator(self, progress: Progress, after: str) -> str:
        """Behind a result, or where the mapping begins."""
        if after:
            # A source that was deleted and made anew counts from the beginning.
            is_there = int(await self.latest(SHARD)) >= _offset(after)
            return str(_offset(after)) if is_there else _FIRST
        if progress.start in (LATEST, AT_TIMESTAMP):
            return await self._before(progress.start_ms)
        return _FIRST

    async def _before(self, at_ms: int) -> str:
        """The offset before the first result that was written then or later."""
        low, high = await self._first(), int(await self.latest(SHARD)) + 1
        while low < high:
            middle = (low + high) // 2
            told = await self._results(AfterOffset=middle - 1, MaxResults=1)
            if _document(told["Results"][0])["done_at_ms"] < at_ms:
                low = middle + 1
            else:
                high = middle
        return str(low - 1)

    async def _first(self) -> int:
        """The first offset that is kept."""
        told = await self._results(AfterOffset=int(_FIRST), MaxResults=1)
        first = [int(each["Offset"]) for each in told["Results"]]
        return first[0] if first else int(told["LastOffset"]) + 1

    async def read(self, shard: str, iterator: str, limit: int, role: str) -> Part:
        """The next results, as soon as there are any."""
        told = await self._results(AfterOffset=int(iterator), MaxResults=limit, WaitSeconds=WAIT_S)
        records = [self._record(each, role) for each in told["Results"]]
        return Part(records, str(told["LastOffset"]))

    async def retention_ms(self) -> int:
        """As the source keeps what was said of it; for ever, where it sets no bound."""
        told = await self._ask("DescribeSource", {"Name": self._source})
        kept_s: int = told["Source"]["KeepResultsSeconds"]
        return kept_s * 1000 or _FOR_EVER_MS

    async def _results(self, **given: Any) -> Dictionary[str, Any]:
        return await self._ask(
            "ListResults", {"Source": self._source, "Engine": self._engine, **given}
        )

    async def _ask(self, operation: str, given: Dictionary[str, Any]) -> Dictionary[str, Any]:
        principal = Principal.service("lambda.amazonaws.com", self._call.account)
        return (await self._call.invoke("media", operation, given, principal=principal)).output

    def _record(self, result: Dictionary[str, Any], role: str) -> Record:
        """A result as functions and filters see it."""
        document, offset = _document(result), int(result["Offset"])
        chunk = document["chunk"]
        media = {
            "sequenceNumber": _sequence(offset),
            "offset": offset,
            **document,
            "start_ms": chunk["start_ms"],
            "stop_ms": chunk["stop_ms"],
        }
        event = {
            "eventSource": "pileus:media",
            "eventVersion": "1.0",
            "eventID": f"{self._source}/{self._engine}:{offset}",
            "eventName": "pileus:media:result",
            "invokeIdentityArn": role,
            "awsRegion": self._region,
            "eventSourceARN": self._arn,
            "media": media,
        }
        return Record(
            sequence=_sequence(offset),
            key=document["stream"],
            at_ms=document["done_at_ms"],
            event=event,
            filtered=event,
            size_bytes=len(orjson.dumps(event)),
        )


def _document(result: Dictionary[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(result["Document"])
    return told


def _sequence(offset: int) -> str:
    """Checkpoints count from 1."""
    return str(offset + 1)


def _offset(sequence: str) -> int:
    return int(sequence) - 1


async def check(call: StreamCall, arn: str) -> bool:
    """Whether there is such a lane."""
    try:
        await MediaResults(call, arn).latest(SHARD)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return False
    return True
