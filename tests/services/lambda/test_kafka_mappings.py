"""Kafka topics as event sources: what a function gets, and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.ports.kafka import Cluster
from pileus.testing.compute import ScriptedCompute, add_role
from pileus.testing.memory_kafka import MemoryKafka
from pileus.testing.platform import MemoryPlatform

from .conftest import add_queue, drained, refused
from .kafka import (
    SERVERS,
    SOURCE,
    Function,
    group_of,
    map_topic,
    shown,
)

INVALID = ("InvalidParameterValueException", 400)
SECOND_MS, MINUTE_MS = 1000, 60_000


@pytest.fixture
async def function(platform: MemoryPlatform, compute: ScriptedCompute) -> Function:
    function = Function()
    await function.add(platform, compute)
    return function


# -- what is made, shown and refused -----------------------------------------------------------


async def test_mapping_is_shown_as_it_was_made(
    platform: MemoryPlatform, function: Function
) -> None:
    made = await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    told = await shown(platform, made)
    assert (made["State"], told["State"]) == ("Creating", "Enabled")
    assert "EventSourceArn" not in told
    assert told["SelfManagedEventSource"] == SOURCE["SelfManagedEventSource"]
    assert (told["Topics"], told["StartingPosition"]) == (["orders"], "TRIM_HORIZON")
    assert (told["BatchSize"], told["MaximumBatchingWindowInSeconds"]) == (100, 0)
    assert told["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": made["UUID"]}
    assert told["StateTransitionReason"] == "USER_INITIATED"
    assert told["LastProcessingResult"] == "No records processed"


SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:kafka-AbCdEf"
LOGIN = {"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}
REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"Topics": None}, "A self-managed Apache Kafka event source must name one topic."),
    (
        {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"},
        "EventSourceArn and SelfManagedEventSource exclude each other.",
    ),
    (
        {"StartingPosition": None},
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        "constraint: Member must not be null.",
    ),
    (
        {"TumblingWindowInSeconds": 5},
        "TumblingWindowInSeconds is not valid for self-managed Kafka event sources.",
    ),
    (
        {"ParallelizationFactor": 2},
        "ParallelizationFactor is not valid for self-managed Kafka event sources.",
    ),
    (
        {"MaximumRetryAttempts": 1},
        "MaximumRetryAttempts needs provisioned mode (ProvisionedPollerConfig) for Kafka event "
        "sources.",
    ),
    (
        {"SourceAccessConfigurations": [{"Type": "IAM_AUTH"}]},
        "Pileus does not implement IAM_AUTH of SourceAccessConfigurations for self-managed Kafka "
        "event sources yet.",
    ),
    (
        {"SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "secret"}]},
        "The URI of BASIC_AUTH must be the ARN of a secret.",
    ),
    (
        {"SourceAccessConfigurations": [LOGIN, LOGIN]},
        "SourceAccessConfigurations can hold one SASL_SCRAM_512_AUTH.",
    ),
    (
        {"SourceAccessConfigurations": [LOGIN, {"Type": "BASIC_AUTH", "URI": SECRET}]},
        "Only one way to authenticate can be used, not SASL_SCRAM_512_AUTH and BASIC_AUTH.",
    ),
    (
        {"DestinationConfig": {"OnFailure": {"Destination": "kafka://failed-orders"}}},
        "Pileus does not implement kafka:// destinations yet.",
    ),
    (
        {"SelfManagedKafkaEventSourceConfig": {"ConsumptionMode": "Queue"}},
        "Pileus does not implement the ConsumptionMode Queue yet.",
    ),
    (
        {"ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 2}},
        "MinimumPollers must not be greater than MaximumPollers.",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
async def test_mapping_is_refused(
    platform: MemoryPlatform, function: Function, change: dict[str, Any], message: str
) -> None:
    given = {**SOURCE, "StartingPosition": "TRIM_HORIZON", **change}
    given = {name: value for name, value in given.items() if value is not None}
    told = await refused(platform, "CreateEventSourceMapping", **given)
    assert told == (*INVALID, message)


async def test_topic_has_one_mapping_to_a_function_and_a_group_one_mapping(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    made = await map_topic(platform)
    given = {**SOURCE, "StartingPosition": "LATEST"}
    code, status, message = await refused(platform, "CreateEventSourceMapping", **given)
    assert (code, status) == ("ResourceConflictException", 409)
    assert message.endswith(f"with UUID {made['UUID']}")
    kafka.add_topic("others")
    given |= {
        "Topics": ["others"],
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": made["UUID"]},
    }
    told = await refused(platform, "CreateEventSourceMapping", **given)
    assert told == (
        *INVALID,
        f"The consumer group {made['UUID']} is used by the event source mapping {made['UUID']}.",
    )


async def test_without_a_client_library_mappings_are_refused(tmp_path: Path) -> None:
    compute = ScriptedCompute(tmp_path / "bare", {})
    platform = await MemoryPlatform.start(prepare=compute)
    await add_role(platform)
    await Function().add(platform, compute)
    given = {**SOURCE, "StartingPosition": "LATEST"}
    _, _, message = await refused(platform, "CreateEventSourceMapping", **given)
    assert "pip install 'pileus[kafka]'" in message
    await platform.crash()


# -- events ------------------------------------------------------------------------------------


async def test_function_gets_records_as_lambda_tells_them(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    kafka.produce("orders", b"one", key=b"k", headers=[("h", b"\x01\xff"), ("none", None)])
    kafka.produce("orders", None)
    made_ms = platform.clock.now_ms()
    await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    (event,) = function.events
    place = {"topic": "orders", "partition": 0}
    when = {"timestamp": made_ms, "timestampType": "CREATE_TIME"}
    assert event == {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": ",".join(SERVERS),
        "records": {
            "orders-0": [
                {
                    **place, "offset": 0, **when, "key": "aw==", "value": "b25l",
                    "headers": [{"h": [1, -1]}, {"none": []}],
                },
                {**place, "offset": 1, **when, "headers": []},
            ]
        },
    }  # fmt: skip


async def test_batch_holds_records_of_several_partitions(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    kafka.add_topic("orders", 3)
    for number in range(6):
        kafka.produce("orders", b"%d" % number, partition=number % 3)
    made = await map_topic(platform)
    await platform.clock.advance(SECOND_MS)
    (event,) = function.events
    offsets = {name: [each["offset"] for each in told] for name, told in event["records"].items()}
    assert offsets == {"orders-0": [0, 1], "orders-1": [0, 1], "orders-2": [0, 1]}
    assert kafka.committed[group_of(made)] == {0: 2, 1: 2, 2: 2}
    assert (await shown(platform, made))["LastProcessingResult"] == "OK"


async def test_batch_is_full_or_its_window_over(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    await map_topic(platform, BatchSize=3, MaximumBatchingWindowInSeconds=10)
    for number in range(4):
        kafka.produce("orders", b"%d" % number)
    await platform.clock.advance(SECOND_MS)
    assert function.batches == [["0", "1", "2"]]
    await platform.clock.advance(10 * SECOND_MS)
    assert function.batches == [["0", "1", "2"], ["3"]]


async def test_payload_stays_within_six_megabytes(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    for letter in b"abc":
        kafka.produce("orders", bytes([letter]) * 2_000_000)
    await map_topic(platform)
    await platform.clock.advance(5 * SECOND_MS)
    assert [len(batch) for batch in function.batches] == [2, 1]
    assert all(len(json.dumps(event)) <= 6_291_456 for event in function.events)


async def test_record_that_no_invocation_can_carry_is_told_and_left_behind(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    queue = await add_queue(platform, "failed")
    kafka.produce("orders", b"a" * 5_000_000)
    kafka.produce("orders", b"next")
    made = await map_topic(platform, DestinationConfig={"OnFailure": {"Destination": queue}})
    await platform.clock.advance(5 * SECOND_MS)
    assert function.batches == [["next"]]
    assert kafka.committed[group_of(made)] == {0: 2}
    (message,) = await drained(platform, "failed")
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "MaximumPayloadSizeExceeded"
    assert told["responseContext"] is None
    assert told["KafkaBatchInfo"]["payloadSize"] > 6_291_456


FILTERS = [
    ({"value": {"kind": ["a"]}}, [b'{"kind": "a"}']),
    ({"value": ["plain"]}, [b"plain"]),
    ({"value": [{"anything-but": ["plain"]}]}, [b"other"]),
    ({"key": ["k1"]}, [b"keyed"]),
    ({"topic": ["elsewhere"]}, []),
]


@pytest.mark.parametrize(("pattern", "passed"), FILTERS)
async def test_filters_look_at_values_and_keys(
    platform: MemoryPlatform,
    function: Function,
    kafka: MemoryKafka,
    pattern: dict[str, Any],
    passed: list[bytes],
) -> None:
    if "kind" in json.dumps(pattern):
        values = [(b'{"kind": "a"}', b""), (b'{"kind": "b"}', b""), (b"plain", b"")]
    elif "key" in pattern:
        values = [(b"keyed", b"k1"), (b"not", b"k2")]
    else:
        values = [
            (b"plain", b""),
            (b"\xff", b""),
            *([(b"other", b"")] if passed != [b"plain"] else []),
        ]
    for value, key in values:
        kafka.produce("orders", value, key=key)
    made = await map_topic(platform, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    await platform.clock.advance(SECOND_MS)
    found = [text.encode() for batch in function.batches for text in batch]
    assert found == passed
    assert kafka.committed[group_of(made)] == {0: len(values)}


# -- getting in --------------------------------------------------------------------------------


async def test_secrets_tell_how_to_get_in(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    arns = {}
    for name, held in {
        "login": {"username": "u", "password": "p"},
        "authority": {"certificate": "CA"},
    }.items():
        made = await platform(
            "secretsmanager", "CreateSecret", Name=name, SecretString=json.dumps(held)
        )
        arns[name] = made["ARN"]
    access = [
        {"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"},
        {"Type": "VPC_SECURITY_GROUP", "URI": "security_group:sg-1"},
        {"Type": "SASL_SCRAM_512_AUTH", "URI": arns["login"]},
        {"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": arns["authority"]},
    ]
    made = await map_topic(platform, SourceAccessConfigurations=access)
    await platform.clock.advance(SECOND_MS)
    assert kafka.opened == [
        Cluster(
            servers=tuple(SERVERS), mechanism="SCRAM-SHA-512", user="u", password="p",
            is_encrypted=True, authority_pem="CA",
        )
    ]  # fmt: skip
    assert (await shown(platform, made))["SourceAccessConfigurations"] == access


async def test_secret_without_its_parts_is_told(
    platform: MemoryPlatform, function: Function
) -> None:
    secret = await platform("secretsmanager", "CreateSecret", Name="login", SecretString="{}")
    access = [{"Type": "BASIC_AUTH", "URI": secret["ARN"]}]
    made = await map_topic(platform, SourceAccessConfigurations=access)
    await platform.clock.advance(SECOND_MS)
    told = await shown(platform, made)
    assert told["LastProcessingResult"] == (f"PROBLEM: The secret {secret['ARN']} has no username.")
    assert told["StateTransitionReason"] == "ESM_CONFIG_NOT_VALID"


# -- templates ---------------------------------------------------------------------------------


def _template(**properties: Any) -> str:
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": "f",
            "SelfManagedEventSource": {"Endpoints": {"KafkaBootstrapServers": SERVERS}},
            "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "stack"},
            "StartingPosition": "TRIM_HORIZON",
            "Topics": ["orders"],
            **properties,
        },
    }
    return json.dumps({"Resources": {"Mapping": mapping}})


async def test_template_makes_changes_and_removes_a_mapping(
    platform: MemoryPlatform, function: Function, kafka: MemoryKafka
) -> None:
    pollers = {"ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 2}}
    given = {"StackName": "s", "TemplateBody": _template(**pollers)}
    await platform("cloudformation", "CreateStack", **given)
    await platform.clock.advance(MINUTE_MS)
    (made,) = (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"]
    assert made["SelfManagedEventSource"] == SOURCE["SelfManagedEventSource"]
    assert made["ProvisionedPollerConfig"] == pollers["ProvisionedPollerConfig"]
    kafka.produce("orders", b"a")
    await platform.clock.advance(SECOND_MS)
    assert kafka.committed["stack", "orders"] == {0: 1}
    given["TemplateBody"] = _template(BatchSize=7)
    await platform("cloudformation", "UpdateStack", **given)
    await platform.clock.advance(MINUTE_MS)
    told = await shown(platform, made)
    assert (told["BatchSize"], told["UUID"]) == (7, made["UUID"])
    assert "ProvisionedPollerConfig" not in told
    await platform("cloudformation", "DeleteStack", StackName="s")
    await platform.clock.advance(MINUTE_MS)
    assert (await platform("lambda", "ListEventSourceMappings"))["EventSourceMappings"] == []
