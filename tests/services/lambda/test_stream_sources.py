"""Streams as event sources: positions, batches, order, retries, ends, checkpoints."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.fake_nodes import Answer
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import Recorder
from .streams import (
    ERROR,
    STREAM,
    Function,
    add_stream,
    add_table,
    failing,
    map_stream,
    put,
    shown,
)

ROLE = "arn:aws:iam::000000000000:role/functions"
INVALID = ("InvalidParameterValueException", 400)


# -- what the function sees ----------------------------------------------------------------------


async def test_kinesis_records_become_events(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    made = await map_stream(platform)
    assert (made["State"], made["LastProcessingResult"]) == ("Creating", "No records processed")
    told = await platform(
        "kinesis", "PutRecord", StreamName="s", Data=b"\x00hello", PartitionKey="k"
    )
    at_ms = platform.clock.now_ms()
    await platform.clock.advance(1000)
    assert recorder.events == [
        {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": "k",
                        "sequenceNumber": told["SequenceNumber"],
                        "data": base64.b64encode(b"\x00hello").decode(),
                        "approximateArrivalTimestamp": at_ms / 1000,
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": f"shardId-000000000000:{told['SequenceNumber']}",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": ROLE,
                    "awsRegion": "us-east-1",
                    "eventSourceARN": STREAM,
                }
            ]
        }
    ]
    told = await shown(platform, made)
    assert (told["State"], told["LastProcessingResult"]) == ("Enabled", "OK")


async def test_table_changes_become_events(platform: MemoryPlatform, recorder: Recorder) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    await map_stream(platform, stream)
    item = {"pk": {"S": "a"}, "raw": {"B": b"\x00\xff"}, "set": {"BS": [b"x"]}, "n": {"N": "1"}}
    await platform("dynamodb", "PutItem", TableName="tab", Item=item)
    at_s = platform.clock.now_ms() // 1000
    await platform.clock.advance(1000)
    (event,) = recorder.events
    (record,) = event["Records"]
    change = record.pop("dynamodb")
    assert len(record.pop("eventID")) == 32
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": stream,
    }
    assert change.pop("SequenceNumber").isdigit() and change.pop("SizeBytes") > 0
    assert change == {
        "ApproximateCreationDateTime": at_s,
        "Keys": {"pk": {"S": "a"}},
        "NewImage": {
            "pk": {"S": "a"},
            "raw": {"B": "AP8="},
            "set": {"BS": ["eA=="]},
            "n": {"N": "1"},
        },
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }


# -- where it begins -----------------------------------------------------------------------------


async def test_trim_horizon_begins_at_the_oldest(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await put(platform, "a1", "a2", "a3")
    await map_stream(platform, BatchSize=2)
    await platform.clock.advance(1000)
    assert function.batches == [["a1", "a2"], ["a3"]]


@pytest.mark.parametrize("pause_ms", [0, 400_000])
async def test_latest_begins_with_what_comes_next(
    platform: MemoryPlatform, compute: ScriptedCompute, pause_ms: int
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await put(platform, "a1")
    await map_stream(platform, StartingPosition="LATEST")
    await put(platform, "a2")
    await platform.clock.advance(pause_ms)
    await put(platform, "a3")
    await platform.clock.advance(1000)
    assert function.texts == ["a2", "a3"]


async def test_latest_is_kept_over_a_restart(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await put(platform, "a1")
    await platform.clock.advance(10)
    made = await map_stream(platform, StartingPosition="LATEST", Enabled=False)
    await put(platform, "a2")
    again = await platform.restart()
    await again("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    await again.clock.advance(1000)
    assert function.texts == ["a2"]
    await again.crash()


async def test_timestamp_begins_there(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await put(platform, "a1")
    await platform.clock.advance(5000)
    moment = utc(platform.clock.now_ms())
    await put(platform, "a2")
    made = await map_stream(
        platform, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment
    )
    assert made["StartingPositionTimestamp"] == moment
    await platform.clock.advance(1000)
    assert function.texts == ["a2"]


async def test_table_stream_from_its_tip(platform: MemoryPlatform, recorder: Recorder) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    for name in "ab":
        await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": name}})
    await map_stream(platform, stream, StartingPosition="LATEST")
    await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": "c"}})
    await platform.clock.advance(1000)
    keys = [r["dynamodb"]["Keys"]["pk"]["S"] for e in recorder.events for r in e["Records"]]
    assert keys == ["c"]


# -- batches -------------------------------------------------------------------------------------


async def test_window_gathers_a_batch(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await map_stream(platform, MaximumBatchingWindowInSeconds=10)
    for text in ("a1", "a2", "a3"):
        await put(platform, text)
        await platform.clock.advance(2000)
    assert function.batches == []
    await platform.clock.advance(5000)
    assert function.batches == [["a1", "a2", "a3"]]


async def test_payload_stays_below_six_megabytes(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    for number in range(6):
        await put(platform, f"{number}" + "x" * 1_000_000)
        await platform.clock.advance(1100)
    await map_stream(platform)
    await platform.clock.advance(1000)
    assert [len(batch) for batch in function.batches] == [4, 2]


async def test_filters_pass_what_matches(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    patterns = ['{"data": {"kind": ["a"]}}', '{"partitionKey": ["special"]}']
    await map_stream(platform, FilterCriteria={"Filters": [{"Pattern": p} for p in patterns]})
    await put(platform, '{"kind": "a"}', '{"kind": "b"}', "no json")
    await put(platform, "text", key="special")
    await platform.clock.advance(1000)
    assert function.texts == ['{"kind": "a"}', "text"]


async def test_filters_of_tables(platform: MemoryPlatform, recorder: Recorder) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    pattern = json.dumps({"eventName": ["REMOVE"], "dynamodb": {"Keys": {"pk": {"S": ["a"]}}}})
    await map_stream(platform, stream, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    for name in "ab":
        await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": name}})
        await platform("dynamodb", "DeleteItem", TableName="tab", Key={"pk": {"S": name}})
    await platform.clock.advance(1000)
    assert [r["eventName"] for e in recorder.events for r in e["Records"]] == ["REMOVE"]


async def test_one_invocation_at_a_time_for_a_shard(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(b"null", duration_s=2.0))
    await function.add(platform, compute)
    await put(platform, "a1", "b1", "c1")
    await map_stream(platform, BatchSize=1)
    for expected in (1, 2, 3):
        await platform.clock.advance(100 if expected == 1 else 2000)
        assert len(function.events) == expected
        assert compute.nodes.running_count == 1


async def test_parallel_lanes_keep_the_order_of_keys(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(b"null", duration_s=len(texts[0]) % 3 + 1.0))
    await function.add(platform, compute)
    keys = "abcdefgh"
    await put(platform, *[f"{key}{number}" for number in range(5) for key in keys])
    await map_stream(platform, BatchSize=2, ParallelizationFactor=4)
    await platform.clock.advance(500)
    assert 1 < compute.nodes.running_count <= 4
    await platform.clock.advance(120_000)
    for key in keys:
        mine = [text for text in function.texts if text[0] == key]
        assert mine == [f"{key}{number}" for number in range(5)]


async def test_a_lane_that_fails_does_not_hold_up_the_others(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(failing("a0"))
    await function.add(platform, compute)
    await put(platform, *[f"{key}{number}" for number in range(3) for key in "abcdefgh"])
    await map_stream(platform, BatchSize=1, ParallelizationFactor=10)
    await platform.clock.advance(10_000)
    done = set(function.texts)
    assert "a1" not in done and {"b2", "c2"} & done


# -- shards --------------------------------------------------------------------------------------


async def test_children_come_after_their_parents(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    tries = Counter[str]()

    def decide(texts: list[str], event: Any) -> Answer:
        tries.update(texts)
        return ERROR if "p1" in texts and tries["p1"] < 4 else Answer(b"null")

    function = Function(decide)
    await function.add(platform, compute)
    await map_stream(platform, BatchSize=1)
    await put(platform, "p1", "p2", ExplicitHashKey="0")
    await platform(
        "kinesis", "SplitShard", StreamName="s", ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(1 << 127),
    )  # fmt: skip
    await put(platform, "c1", ExplicitHashKey="0")
    await put(platform, "d1", ExplicitHashKey=str(1 << 127))
    await platform(
        "kinesis", "MergeShards", StreamName="s", ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )  # fmt: skip
    await put(platform, "e1")
    await platform.clock.advance(60_000)
    assert function.texts[:5] == ["p1", "p1", "p1", "p1", "p2"]
    assert sorted(function.texts[5:7]) == ["c1", "d1"] and function.texts[7:] == ["e1"]


async def test_every_shard_is_read(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    await add_stream(platform, shards=3)
    function = Function()
    await function.add(platform, compute)
    await map_stream(platform)
    await put(platform, *[f"{letter}1" for letter in "abcdefghij"])
    await platform.clock.advance(1000)
    assert sorted(function.texts) == [f"{letter}1" for letter in "abcdefghij"]


# -- changes -------------------------------------------------------------------------------------


async def test_disabled_mapping_goes_on_where_it_was(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(b"null", duration_s=2.0))
    await function.add(platform, compute)
    made = await map_stream(platform)
    await put(platform, "a1")
    await platform.clock.advance(500)
    about = {"UUID": made["UUID"]}
    told = await platform("lambda", "UpdateEventSourceMapping", **about, Enabled=False)
    assert told["State"] == "Disabling"
    await put(platform, "a2")
    await platform.clock.advance(60_000)
    assert function.texts == ["a1"] and (await shown(platform, made))["State"] == "Disabled"
    told = await platform("lambda", "UpdateEventSourceMapping", **about, Enabled=True)
    assert told["State"] == "Enabling"
    await platform.clock.advance(60_000)
    assert function.texts == ["a1", "a2"]


async def test_update_waits_for_the_batch_under_way(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function(lambda texts, event: Answer(b"null", duration_s=2.0))
    await function.add(platform, compute)
    made = await map_stream(platform, BatchSize=1)
    await put(platform, "a1", "a2", "a3")
    await platform.clock.advance(500)
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], BatchSize=10)
    await platform.clock.advance(1000)
    assert function.batches == [["a1"]] and compute.nodes.running_count == 1
    await platform.clock.advance(10_000)
    assert function.batches == [["a1"], ["a2", "a3"]]


async def test_deleted_mapping_reads_no_more(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    made = await map_stream(platform)
    gone = await platform("lambda", "DeleteEventSourceMapping", UUID=made["UUID"])
    assert gone["State"] == "Deleting"
    await put(platform, "a1")
    await platform.clock.advance(60_000)
    assert function.batches == []


async def test_restart_goes_on_behind_the_checkpoint(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await add_stream(platform)
    function = Function()
    await function.add(platform, compute)
    await map_stream(platform)
    await put(platform, "a1", "a2")
    await platform.clock.advance(1000)
    again = await platform.restart()
    await put(again, "a3")
    await again.clock.advance(1000)
    assert function.texts == ["a1", "a2", "a3"]
    await again.crash()


async def test_deleted_stream_is_told_and_asked_seldom(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_stream(platform)
    await add_function(platform, "f", "app.echo")
    made = await map_stream(platform)
    await platform("kinesis", "DeleteStream", StreamName="s")
    await platform.clock.advance(600_000)
    told = await shown(platform, made)
    assert told["LastProcessingResult"] == (
        "PROBLEM: Stream s under account 000000000000 not found."
    )
    asked = [r for r in platform.records if r.get("operation") == "ListShards"]
    assert len(asked) < 40


async def test_table_stream_that_was_switched_off_is_read_to_its_end(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    stream = await add_table(platform)
    await add_function(platform, "f", "app.echo")
    await platform("dynamodb", "PutItem", TableName="tab", Item={"pk": {"S": "a"}})
    off = {"StreamEnabled": False}
    await platform("dynamodb", "UpdateTable", TableName="tab", StreamSpecification=off)
    await map_stream(platform, stream)
    await platform.clock.advance(600_000)
    assert len(recorder.events) == 1
