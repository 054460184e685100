"""Streams that invoke real functions, as boto3 users set them up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.conformance.live import LivePlatform
from tests.fault.functions import add_function

_FORWARD = """
import json, os, boto3
queue = os.environ["QUEUE"]
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))
"""
_WAIT_S = 180.0


def _prepare(platform: LivePlatform, name: str) -> Callable[[], list[dict[str, Any]]]:
    """A function that hands its events to a queue; what reads the records from there."""
    queues = platform.client("sqs")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    add_function(platform, name, _FORWARD, Environment={"Variables": {"QUEUE": url}})

    def received() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + _WAIT_S
        while not found and time.monotonic() < deadline:
            told = queues.receive_message(QueueUrl=url, WaitTimeSeconds=5)
            for message in told.get("Messages", []):
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found += json.loads(message["Body"])["Records"]
        return found

    return received


def test_a_data_stream_invokes_a_function(live_platform: LivePlatform) -> None:
    received = _prepare(live_platform, "from-stream")
    kinesis, functions = live_platform.client("kinesis"), live_platform.client("lambda")
    kinesis.create_stream(StreamName="mapped", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="mapped")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    made = functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="from-stream", StartingPosition="LATEST",
        ParallelizationFactor=2,
    )  # fmt: skip
    assert made["State"] == "Creating"
    put = kinesis.put_record(StreamName="mapped", Data=b"hello", PartitionKey="k")
    (record,) = received()
    assert record["kinesis"]["sequenceNumber"] == put["SequenceNumber"]
    assert (record["kinesis"]["data"], record["eventSourceARN"]) == ("aGVsbG8=", arn)
    functions.delete_event_source_mapping(UUID=made["UUID"])


def test_a_table_invokes_a_function(live_platform: LivePlatform) -> None:
    received = _prepare(live_platform, "from-table")
    tables, functions = live_platform.client("dynamodb"), live_platform.client("lambda")
    table = tables.create_table(
        TableName="mapped", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]  # fmt: skip
    pattern = json.dumps({"dynamodb": {"NewImage": {"kind": {"S": ["wanted"]}}}})
    made = functions.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"], FunctionName="from-table",
        StartingPosition="TRIM_HORIZON", FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )  # fmt: skip
    for kind in ("other", "wanted"):
        item = {"pk": {"S": kind}, "kind": {"S": kind}}
        tables.put_item(TableName="mapped", Item=item)
    (record,) = received()
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "wanted"}}
    assert record["eventSourceARN"] == table["LatestStreamArn"]
    functions.delete_event_source_mapping(UUID=made["UUID"])
