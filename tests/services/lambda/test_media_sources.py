"""What an engine says of a live source, as the event source of a function."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.compute import add_function, add_role
from pileus.testing.fake_nodes import Answer
from pileus.testing.platform import MemoryPlatform
from tests.services.media.function_bench import RESULTS, FunctionBench

from .conftest import refused


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[FunctionBench]:
    made = FunctionBench(None, tmp_path / "code")
    made.platform = await MemoryPlatform.start(prepare=made.prepare)
    await add_role(made.platform)
    await add_function(made.platform, "f", "app.f")
    await made.engine(WhenBehind="oldest")
    await made.pipeline("look")
    yield made
    await made.platform.crash()


async def test_every_result_in_order(bench: FunctionBench) -> None:
    await bench.look(1, 2)
    made = await bench.map(BatchSize=10)
    assert (made["EventSourceArn"], made["StartingPosition"]) == (RESULTS, "TRIM_HORIZON")
    await bench.passing(1000)
    await bench.look(3, 4)
    await bench.passing(2000)
    assert bench.batches()[0] == [0, 200]
    assert bench.seen() == [0, 200, 400, 600]
    record = bench.events[0]["Records"][1]
    media = record.pop("media")
    assert record == {
        "eventSource": "pileus:media",
        "eventVersion": "1.0",
        "eventID": "lobby/look:1",
        "eventName": "pileus:media:result",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/functions",
        "awsRegion": "us-east-1",
        "eventSourceARN": RESULTS,
    }
    assert (media["sequenceNumber"], media["offset"], media["stop_ms"]) == ("2", 1, 400)
    assert media["series"] == [
        {"start_ms": 200, "stop_ms": 400, "objects": [{"label": "person 2"}]}
    ]
    assert (media["source"], media["engine"], media["chunk"]["start_ms"]) == ("lobby", "look", 200)


async def test_where_a_mapping_begins(bench: FunctionBench) -> None:
    await bench.look(1, 2)
    await bench.map(StartingPosition="LATEST")
    await bench.passing(1000)
    await bench.look(3)
    await bench.passing(2000)
    assert bench.seen() == [400]


@pytest.mark.parametrize("count", range(6))
async def test_from_a_moment(bench: FunctionBench, count: int) -> None:
    for number in range(1, count + 1):
        await bench.look(number)
    moment_s = (bench.platform.clock.now_ms() + 1) / 1000
    await bench.passing(10)
    await bench.look(count + 1, count + 2)
    await bench.map(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment_s)
    await bench.passing(2000)
    assert bench.seen() == [200 * count, 200 * count + 200]


async def test_filters_look_into_series(bench: FunctionBench) -> None:
    wanted = {"media": {"series": {"objects": {"label": ["person 2", "person 4"]}}}}
    await bench.map(FilterCriteria={"Filters": [{"Pattern": json.dumps(wanted)}]})
    await bench.look(1, 2, 3, 4)
    await bench.passing(2000)
    assert bench.seen() == [200, 600]


async def test_a_restart_goes_on_behind_what_was_dealt_with(bench: FunctionBench) -> None:
    await bench.map(StartingPosition="LATEST")
    await bench.look(1, 2)
    await bench.passing(2000)
    await bench.restart()
    await bench.passing(2000)
    await bench.look(11, 12)
    await bench.passing(2000)
    assert bench.seen()[:2] == [0, 200]
    assert bench.seen() == await bench.starts()
    assert len(bench.seen()) == 4


async def test_a_batch_that_fails_is_cut_and_told(bench: FunctionBench) -> None:
    await bench.platform("sqs", "CreateQueue", QueueName="failed")
    failure = Answer(b'{"errorMessage": "no", "errorType": "Exception"}', is_error=True)

    def answer(event: dict[str, Any]) -> Answer:
        starts = [each["media"]["start_ms"] for each in event["Records"]]
        return failure if 200 in starts else Answer(b"null")

    bench.answer = answer
    await bench.look(1, 2, 3, 4)
    queue = "arn:aws:sqs:us-east-1:000000000000:failed"
    await bench.map(
        BisectBatchOnFunctionError=True, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )  # fmt: skip
    await bench.passing(60_000)
    assert bench.batches() == [[0, 200, 400, 600], [0, 200], [0], [200], [400, 600]]
    url = "http://sqs.us-east-1.amazonaws.com/000000000000/failed"
    told = await bench.platform("sqs", "ReceiveMessage", QueueUrl=url)
    (letter,) = [json.loads(each["Body"]) for each in told["Messages"]]
    info = letter["MediaBatchInfo"]
    assert (info["startSequenceNumber"], info["batchSize"], info["streamArn"]) == ("2", 1, RESULTS)


async def test_functions_may_say_from_where_to_go_on(bench: FunctionBench) -> None:
    bench.answer = lambda event: Answer(
        b"null" if len(bench.events) > 1 else b'{"batchItemFailures": [{"itemIdentifier": "3"}]}'
    )
    await bench.look(1, 2, 3, 4)
    await bench.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    await bench.passing(10_000)
    assert bench.batches() == [[0, 200, 400, 600], [400, 600]]


async def test_a_source_that_is_made_anew_is_read_from_its_beginning(bench: FunctionBench) -> None:
    await bench.map()
    await bench.look(1, 2, 3)
    await bench.passing(2000)
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    await bench.passing(1000)
    await bench.pipeline("look")
    await bench.look(1)
    await bench.passing(120_000)
    assert bench.seen() == [0, 200, 400, 0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (RESULTS + "x", f"Stream not found: {RESULTS}x"),
        (RESULTS.replace("lobby", "attic"), "Stream not found: "),
        ("arn:aws:media:us-east-1:000000000000:engine/look", "An event source of media is"),
    ],
)
async def test_sources_that_are_none(bench: FunctionBench, source: str, words: str) -> None:
    given = {"EventSourceArn": source, "FunctionName": "f", "StartingPosition": "LATEST"}
    code, message = (await refused(bench.platform, "CreateEventSourceMapping", **given))[::2]
    assert (code, words in message) == ("InvalidParameterValueException", True), message
