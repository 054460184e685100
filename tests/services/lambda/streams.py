"""Streams and tables with functions behind them, for the tests of stream mappings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from pileus.ports.nodes import Invocation
from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
ERROR = Answer(b'{"errorMessage": "no", "errorType": "Exception"}', is_error=True)


async def add_stream(platform: MemoryPlatform, shards: int = 1) -> str:
    """Stream ``s``; its ARN."""
    await platform("kinesis", "CreateStream", StreamName="s", ShardCount=shards)
    return STREAM


async def add_table(platform: MemoryPlatform) -> str:
    """Table ``tab`` with key ``pk`` and a stream; the stream's ARN."""
    await platform(
        "dynamodb", "CreateTable", TableName="tab",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )  # fmt: skip
    table = (await platform("dynamodb", "DescribeTable", TableName="tab"))["Table"]
    return str(table["LatestStreamArn"])


async def put(platform: MemoryPlatform, *texts: str, key: str = "", **more: Any) -> None:
    """Records in stream ``s``; the partition key is the text's first letter unless given."""
    for text in texts:
        given = {"Data": text.encode(), "PartitionKey": key or text[0], **more}
        await platform("kinesis", "PutRecord", StreamName="s", **given)


async def map_stream(platform: MemoryPlatform, source: str = STREAM, **more: Any) -> dict[str, Any]:
    """A mapping from the trim horizon to function ``f``."""
    given = {"StartingPosition": "TRIM_HORIZON", "FunctionName": "f", **more}
    return await platform("lambda", "CreateEventSourceMapping", EventSourceArn=source, **given)


async def shown(platform: MemoryPlatform, made: dict[str, Any]) -> dict[str, Any]:
    """The mapping as it is now."""
    return await platform("lambda", "GetEventSourceMapping", UUID=made["UUID"])


def texts_of(event: Any) -> list[str]:
    """What the records of an event hold."""
    return [base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]]


class Function:
    """Function ``f``: notes the texts of every batch and answers as ``decide`` says."""

    def __init__(self, decide: Callable[[list[str], Any], Answer] | None = None) -> None:
        self.events: list[Any] = []
        self._decide = decide or (lambda texts, event: Answer(b"null"))

    @property
    def batches(self) -> list[list[str]]:
        """Texts, by batch."""
        return [texts_of(event) for event in self.events]

    @property
    def texts(self) -> list[str]:
        """Texts of all batches together."""
        return [text for batch in self.batches for text in batch]

    def handle(self, invocation: Invocation, number: int) -> Answer:
        """See Program."""
        event = json.loads(invocation.payload)
        self.events.append(event)
        return self._decide(texts_of(event), event)

    async def add(self, platform: MemoryPlatform, compute: ScriptedCompute, **more: Any) -> None:
        """Make it known as ``f``."""
        compute.programs["app.f"] = Program(self.handle)
        await add_function(platform, "f", "app.f", **more)


def failing(*bad: str) -> Callable[[list[str], Any], Answer]:
    """Fails on batches that hold any of the texts."""
    return lambda texts, event: ERROR if set(bad) & set(texts) else Answer(b"null")


def reporting(*bad: str) -> Callable[[list[str], Any], Answer]:
    """Names the records that hold any of the texts as failures."""

    def decide(texts: list[str], event: Any) -> Answer:
        named = [
            {"itemIdentifier": record["kinesis"]["sequenceNumber"]}
            for text, record in zip(texts, event["Records"], strict=True)
            if text in bad
        ]
        return Answer(json.dumps({"batchItemFailures": named}).encode())

    return decide
