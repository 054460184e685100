"""Kafka topics as event sources: where reading begins and goes on, failures, scaling."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.ports.kafka import Fault
from pileus.testing.compute import ScriptedCompute
from pileus.testing.fake_nodes import Answer
from pileus.testing.memory_kafka import MemoryKafka
from pileus.testing.platform import MemoryPlatform
from pileus.values.times import utc

from .conftest import add_queue, drained
from .kafka import (
    ERROR,
    PROVISIONED,
    SERVERS,
    Function,
    failing,
    group_of,
    map_topic,
    records_of,
    shown,
)

INVALID = ("InvalidParameterValueException", 400)
SECOND_MS, MINUTE_MS = 1000, 60_000


@pytest.fixture
async def function(platform: MemoryPlatform, compute: ScriptedCompute) -> Function:
    function = Function()
    await function.add(platform, compute)
    return function


# -- where it begins and goes on ---------------------------------------------------------------


async def test_latest_begins_behind_what_there_is(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    kafka.produce("orders", b"old")
    made = await map_topic(platform, StartingPosition="LATEST")
    await platform.clock.advance(SECOND_MS)
    assert kafka.committed[group_of(made)] == {0: 1}
    kafka.produce("orders", b"new")
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["new"]]


async def test_a_moment_begins_with_its_first_record(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    kafka.produce("orders", b"before")
    await platform.clock.advance(SECOND_MS)
    moment = utc(platform.clock.now_ms())
    kafka.produce("orders", b"after")
    made = await map_topic(
        platform, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment
    )
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["after"]]
    assert (await shown(platform, made))["StartingPositionTimestamp"] == moment


async def test_known_group_goes_on_where_it_stands(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    for text in (b"a", b"b", b"c"):
        kafka.produce("orders", text)
    kafka.committed["mine", "orders"] = {0: 2}
    await map_topic(platform, SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "mine"})
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["c"]]
    assert kafka.committed["mine", "orders"] == {0: 3}


async def test_group_that_was_moved_while_disabled_counts(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    for text in (b"a", b"b", b"c"):
        kafka.produce("orders", text)
    made = await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
    await platform.clock.advance(SECOND_MS)
    kafka.committed[group_of(made)] = {0: 1}
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["a", "b", "c"], ["b", "c"]]


async def test_disabled_mapping_keeps_its_place(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    kafka.produce("orders", b"a")
    made = await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    told = await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
    assert told["State"] == "Disabling"
    kafka.produce("orders", b"b")
    await platform.clock.advance(MINUTE_MS)
    assert function.batches == [["a"]]
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["a"], ["b"]]


async def test_deleted_mapping_reads_no_more(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    made = await map_topic(platform)
    told = await platform("lambda", "DeleteEventSourceMapping", UUID=made["UUID"])
    assert told["State"] == "Deleting"
    kafka.produce("orders", b"a")
    await platform.clock.advance(MINUTE_MS)
    assert function.events == []


async def test_partitions_that_come_later_are_read_from_their_beginning(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    await map_topic(platform, StartingPosition="LATEST")
    await platform.clock.advance(SECOND_MS)
    kafka.add_topic("orders", 2)
    kafka.produce("orders", b"fresh", partition=1)
    await platform.clock.advance(3 * MINUTE_MS)
    assert function.batches == [["fresh"]]


async def test_expired_records_are_passed_over(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    for number in range(4):
        kafka.produce("orders", b"%d" % number)
    made = await map_topic(platform, Enabled=False)
    kafka.expire("orders", 0, before=2)
    await platform("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["2", "3"]]


# -- failures ----------------------------------------------------------------------------------


async def test_failed_batch_is_tried_until_it_succeeds_and_then_committed(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    tries: list[int] = []
    function = Function(lambda texts, event: ERROR if len(tries) < 4 else Answer(b"null"))
    await function.add(platform, compute)
    kafka.produce("orders", b"a")
    made = await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    assert kafka.committed[group_of(made)] == {0: 0}
    assert (await shown(platform, made))["LastProcessingResult"] == (
        "PROBLEM: Function call failed"
    )
    kafka.produce("orders", b"b")
    tries += range(4)
    await platform.clock.advance(MINUTE_MS)
    assert set(map(tuple, function.batches)) == {("a",), ("b",)}
    assert function.batches[-1] == ["b"]
    assert kafka.committed[group_of(made)] == {0: 2}
    assert (await shown(platform, made))["LastProcessingResult"] == "OK"


async def test_failed_batch_is_given_up_when_its_records_expire(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    function = Function(failing("a"))
    await function.add(platform, compute)
    kafka.produce("orders", b"a")
    await map_topic(platform)
    await platform.clock.advance(5 * MINUTE_MS)
    assert len(function.batches) > 5
    kafka.produce("orders", b"b")
    kafka.expire("orders", 0, before=1)
    await platform.clock.advance(2 * MINUTE_MS)
    assert function.batches[-1] == ["b"]


async def test_with_a_destination_ten_retries_are_made_and_told(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    queue = await add_queue(platform, "failed")
    function = Function(failing("a"))
    await function.add(platform, compute)
    kafka.add_topic("orders", 2)
    kafka.produce("orders", b"a", partition=0)
    kafka.produce("orders", b"b", partition=1)
    produced = utc(platform.clock.now_ms()).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    made = await map_topic(platform, DestinationConfig={"OnFailure": {"Destination": queue}})
    await platform.clock.advance(20 * MINUTE_MS)
    assert function.batches == [["a", "b"]] * 11
    (message,) = await drained(platform, "failed")
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 11
    assert told["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
    }  # fmt: skip
    once = {
        "firstRecordOffset": "0", "lastRecordOffset": "0",
        "firstRecordTimestamp": produced, "lastRecordTimestamp": produced,
    }  # fmt: skip
    assert told["KafkaBatchInfo"] == {
        "batchSize": 2,
        "bootstrapServers": ",".join(SERVERS),
        "payloadSize": len(json.dumps(function.events[0], separators=(",", ":"))),
        "recordsInfo": {"orders-0": once, "orders-1": once},
    }
    assert kafka.committed[group_of(made)] == {0: 1, 1: 1}


async def test_bucket_gets_the_event_as_well(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    await platform("s3", "CreateBucket", Bucket="failed")
    function = Function(failing("a"))
    await function.add(platform, compute)
    kafka.produce("orders", b"a")
    made = await map_topic(
        platform, **PROVISIONED, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
    )  # fmt: skip
    await platform.clock.advance(SECOND_MS)
    (found,) = (await platform("s3", "ListObjectsV2", Bucket="failed"))["Contents"]
    assert found["Key"].startswith(f"aws/lambda/{made['UUID']}/orders-0/")
    reply = await platform.reply("s3", "GetObject", Bucket="failed", Key=found["Key"])
    assert reply.body is not None
    document = json.loads(b"".join([part async for part in reply.body]))
    assert json.loads(document["payload"]) == function.events[0]


async def test_named_records_are_tried_again_and_others_committed(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    def decide(texts: list[str], event: Any) -> Answer:
        bad = [each for each in records_of(event) if each["offset"] == 1 and each["partition"] == 0]
        if len(function.events) > 1:
            bad = []
        named = [{"itemIdentifier": {"partition": "orders-0", "offset": 1}} for _ in bad]
        return Answer(json.dumps({"batchItemFailures": named}).encode())

    function = Function(decide)
    await function.add(platform, compute)
    kafka.add_topic("orders", 2)
    for number in range(6):
        kafka.produce("orders", b"%d" % number, partition=number % 2)
    made = await map_topic(
        platform, **PROVISIONED, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    await platform.clock.advance(900)
    assert kafka.committed[group_of(made)] == {0: 1, 1: 3}
    await platform.clock.advance(5 * SECOND_MS)
    assert function.batches == [["0", "2", "4", "1", "3", "5"], ["2", "4"]]
    assert kafka.committed[group_of(made)] == {0: 3, 1: 3}


async def test_failed_batch_is_cut_in_two(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    function = Function(failing("3"))
    await function.add(platform, compute)
    for number in range(4):
        kafka.produce("orders", b"%d" % number)
    made = await map_topic(
        platform, **PROVISIONED, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0
    )
    await platform.clock.advance(MINUTE_MS)
    assert function.batches == [["0", "1", "2", "3"], ["0", "1"], ["2", "3"], ["2"], ["3"]]
    assert kafka.committed[group_of(made)] == {0: 4}


FAULTS = [
    (Fault.WRONG_CREDENTIALS, "SASL authentication failed", "EVENT_SOURCE_AUTHN_ERROR"),
    (Fault.CLIENT_UNTRUSTED, "Server failed to authenticate Lambda", "EVENT_SOURCE_AUTHN_ERROR"),
    (Fault.SERVER_UNTRUSTED, "Lambda failed to authenticate server", "EVENT_SOURCE_AUTHN_ERROR"),
    (Fault.UNAUTHORIZED, "Cluster failed to authorize Lambda", "EVENT_SOURCE_AUTHZ_ERROR"),
    (
        Fault.UNUSABLE_KEY,
        "Provided certificate or private key is invalid",
        "ESM_CONFIG_NOT_VALID",
    ),
    (
        Fault.UNREACHABLE,
        "Connection error. Please check your event source connection configuration.",
        "USER_INITIATED",
    ),
]


@pytest.mark.parametrize(("fault", "message", "reason"), FAULTS)
async def test_cluster_that_refuses_is_told_and_tried_again(
    platform: MemoryPlatform,
    function: Function,
    kafka: MemoryKafka,
    fault: Fault,
    message: str,
    reason: str,
) -> None:
    kafka.fault = fault
    made = await map_topic(platform)
    await platform.clock.advance(MINUTE_MS)
    told = await shown(platform, made)
    assert told["LastProcessingResult"] == f"PROBLEM: {message}"
    assert told["StateTransitionReason"] == reason
    kafka.fault = None
    await platform.clock.advance(MINUTE_MS)
    told = await shown(platform, made)
    assert (told["LastProcessingResult"], told["StateTransitionReason"]) == ("OK", "USER_INITIATED")
    kafka.produce("orders", b"a")
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["a"]]


async def test_cluster_that_goes_away_repeats_nothing(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    made = await map_topic(platform)
    kafka.produce("orders", b"a")
    await platform.clock.advance(SECOND_MS)
    kafka.fault = Fault.UNREACHABLE
    kafka.wake()
    await platform.clock.advance(5 * MINUTE_MS)
    kafka.fault = None
    kafka.produce("orders", b"b")
    await platform.clock.advance(MINUTE_MS)
    assert function.batches == [["a"], ["b"]]
    assert kafka.committed[group_of(made)] == {0: 2}


async def test_function_that_is_gone_is_told(platform: MemoryPlatform, function: Function) -> None:
    made = await map_topic(platform, Enabled=False)
    await platform("lambda", "DeleteFunction", FunctionName="f")
    await platform.crash()
    again = await platform.restart()
    told = await shown(again, made)
    assert told["State"] == "Disabled"
    await again.crash()


# -- scaling -----------------------------------------------------------------------------------


async def test_pollers_grow_with_the_lag_and_keep_the_order(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    def decide(texts: list[str], event: Any) -> Answer:
        return Answer(b"null", duration_s=20.0)

    function = Function(decide)
    await function.add(platform, compute, Timeout=60)
    kafka.add_topic("orders", 4)
    for number in range(200):
        kafka.produce("orders", b"%d" % number, partition=number % 4)
    made = await map_topic(platform, BatchSize=5)
    counts = []
    for _ in range(12):
        before = len(function.batches)
        await platform.clock.advance(MINUTE_MS)
        counts.append(len(function.batches) - before)
    assert counts[0] <= 4 and max(counts) >= 11, counts
    texts = [int(text) for batch in function.batches for text in batch]
    for partition in range(4):
        assert [each for each in texts if each % 4 == partition] == list(range(partition, 200, 4))
    assert kafka.committed[group_of(made)] == dict.fromkeys(range(4), 50)


async def test_how_far_behind_it_is_is_a_metric(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    platform.kernel.measures.is_on = True
    await platform.clock.advance(MINUTE_MS - platform.clock.now_ms() % MINUTE_MS)
    function = Function(lambda texts, event: Answer(b"null", duration_s=20.0))
    await function.add(platform, compute, Timeout=60)
    kafka.add_topic("orders", 2)
    for number in range(20):
        kafka.produce("orders", b"%d" % number, partition=number % 2)
    await map_topic(platform, BatchSize=5)
    await platform.clock.advance(4 * MINUTE_MS)
    now_ms = platform.clock.now_ms()
    found = await platform(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/Lambda",
        MetricName="OffsetLag",
        Dimensions=[{"Name": "FunctionName", "Value": "f"}],
        StartTime=utc(now_ms - 10 * MINUTE_MS),
        EndTime=utc(now_ms),
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(found["Datapoints"], key=lambda one: one["Timestamp"])
    lags = [point["Maximum"] for point in points]
    assert 0 < lags[0] < 20 and lags[-1] == 0, lags


async def test_poisoned_partition_does_not_stop_others(
    platform: MemoryPlatform, compute: ScriptedCompute, kafka: MemoryKafka
) -> None:
    function = Function(lambda texts, event: ERROR if "bad" in texts else Answer(b"null"))
    await function.add(platform, compute)
    kafka.add_topic("orders", 2)
    pollers = {"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 2}}
    made = await map_topic(platform, BatchSize=1, **pollers)
    kafka.produce("orders", b"bad", partition=0)
    for number in range(20):
        kafka.produce("orders", b"%d" % number, partition=number % 2)
    await platform.clock.advance(MINUTE_MS)
    assert kafka.committed[group_of(made)] == {0: 0, 1: 10}
