"""Batches of streams that fail: retries, cuts, reports, ages, destinations."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import Recorder, add_queue, drained
from .streams import (
    ERROR,
    STREAM,
    Function,
    add_stream,
    add_table,
    failing,
    map_stream,
    put,
    reporting,
    shown,
)

ROLE = "arn:aws:iam::000000000000:role/functions"
INVALID = ("InvalidParameterValueException", 400)


async def test_failed_batch_is_tried_until_it_succeeds(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    tries = Counter[str]()

    def decide(texts: list[str], event: Any) -> Answer:
        tries.update(texts)
        return ERROR if tries["a1"] < 5 else Answer(b"null")

    function = Function(decide)
    await function.add(platform, compute)
    made = await map_stream(platform)
    await put(platform, "a1")
    await platform.clock.advance(1000)
    assert (await shown(platform, made))["LastProcessingResult"] == (
        "PROBLEM: Function call failed"
    )
    await put(platform, "a2")
    await platform.clock.advance(60_000)
    assert function.batches == [["a1"]] * 5 + [["a2"]]
    assert (await shown(platform, made))["LastProcessingResult"] == "OK"


async def test_exhausted_batch_is_told_to_its_destination(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    queue = await add_queue(platform, "failed")
    function = Function(failing("a1"))
    await function.add(platform, compute)
    await put(platform, "a1", "a2")
    arrived = platform.clock.now_ms()
    made = await map_stream(
        platform, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    await platform.clock.advance(1000)
    await put(platform, "a3")
    await platform.clock.advance(60_000)
    assert function.batches == [["a1", "a2"]] * 3 + [["a3"]]
    (message,) = await drained(platform, "failed")
    told = json.loads(message["Body"])
    numbers = [r["kinesis"]["sequenceNumber"] for r in function.events[0]["Records"]]
    assert list(told) == [
        "requestContext", "responseContext", "version", "timestamp", "KinesisBatchInfo",
    ]  # fmt: skip
    assert len(told["requestContext"].pop("requestId")) == 36
    assert told["requestContext"] == {
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert told["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    arrival = utc(arrived).strftime("%Y-%m-%dT%H:%M:%S.") + f"{arrived % 1000:03d}Z"
    assert told["version"] == "1.0" and told["KinesisBatchInfo"] == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[1],
        "approximateArrivalOfFirstRecord": arrival,
        "approximateArrivalOfLastRecord": arrival,
        "batchSize": 2,
        "streamArn": STREAM,
    }
    told = await shown(platform, made)
    assert told["DestinationConfig"] == {"OnFailure": {"Destination": queue}}


async def test_table_destination_names_its_batch(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    stream = await add_table(platform)
    queue = await add_queue(platform, "failed")
    await add_function(platform, "f", "app.fail")
    config = {"OnFailure": {"Destination": queue}}
    await map_stream(platform, stream, MaximumRetryAttempts=0, DestinationConfig=config)
    await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": "a"}})
    await platform.clock.advance(1000)
    (message,) = await drained(platform, "failed")
    told = json.loads(message["Body"])["DDBStreamBatchInfo"]
    assert (told["batchSize"], told["streamArn"]) == (1, stream)


async def test_bisecting_finds_the_bad_record(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    queue = await add_queue(platform, "failed")
    function = Function(failing("a5"))
    await function.add(platform, compute)
    await put(platform, *[f"a{number}" for number in range(8)])
    await map_stream(
        platform, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )  # fmt: skip
    await platform.clock.advance(60_000)
    assert [len(batch) for batch in function.batches] == [8, 4, 4, 2, 1, 1, 1, 2]
    (message,) = await drained(platform, "failed")
    assert json.loads(message["Body"])["KinesisBatchInfo"]["batchSize"] == 1


async def test_reported_failure_is_the_new_checkpoint(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(reporting("a2", "a4"))
    await function.add(platform, compute)
    await put(platform, *[f"a{number}" for number in range(6)])
    await map_stream(
        platform, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=1
    )
    await platform.clock.advance(60_000)
    assert function.batches == [
        ["a0", "a1", "a2", "a3", "a4", "a5"], ["a2", "a3", "a4", "a5"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "is_success"),
    [
        (None, True),
        ({}, True),
        ({"batchItemFailures": []}, True),
        ({"batchItemFailures": None}, True),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, False),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, False),
        ({"batchItemFailures": [{"wrong": "x"}]}, False),
        ({"batchItemFailures": [{"itemIdentifier": "of nobody"}]}, False),
        ({"batchItemFailures": "x"}, False),
        ("text", False),
    ],
)
async def test_answers_that_name_no_record(
    platform: MemoryPlatform, compute: ScriptedCompute, document: Any, is_success: bool
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(json.dumps(document).encode()))
    await function.add(platform, compute)
    await put(platform, "a1", "a2")
    await map_stream(
        platform, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=1
    )
    await platform.clock.advance(60_000)
    assert function.batches == [["a1", "a2"]] * (1 if is_success else 2)


async def test_records_that_are_too_old_are_given_up(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    queue = await add_queue(platform, "failed")
    function = Function(failing("a1"))
    await function.add(platform, compute)
    await map_stream(
        platform, MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )  # fmt: skip
    await put(platform, "a1")
    await platform.clock.advance(30_000)
    await put(platform, "b1")
    await platform.clock.advance(60_000)
    assert function.batches[-1] == ["b1"]
    (message,) = await drained(platform, "failed")
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in told


async def test_records_leave_with_their_stream(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(failing("a1"))
    await function.add(platform, compute)
    await map_stream(platform)
    await put(platform, "a1")
    await platform.clock.advance(24 * 3_600_000 - 10_000)
    await put(platform, "b1")
    assert set(function.texts) == {"a1"}
    await platform.clock.advance(120_000)
    assert function.batches[-1] == ["b1"]


async def test_throttled_batch_waits_and_costs_no_retry(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    reserve = {"FunctionName": "f", "ReservedConcurrentExecutions": 0}
    await platform("lambda", "PutFunctionConcurrency", **reserve)
    made = await map_stream(platform, MaximumRetryAttempts=0)
    await put(platform, "a1")
    await platform.clock.advance(30_000)
    assert (await shown(platform, made))["LastProcessingResult"] == "PROBLEM: Rate Exceeded."
    await platform("lambda", "DeleteFunctionConcurrency", FunctionName="f")
    await platform.clock.advance(60_000)
    assert function.batches == [["a1"]]
