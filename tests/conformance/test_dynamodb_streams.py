"""Streams of tables as boto3 reads them, the table made by a stack."""

from __future__ import annotations

import json
import time

import pytest

from tests.conformance.live import LivePlatform

TEMPLATE = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        },
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 2}},
        "Consumer": {
            "Type": "AWS::Kinesis::StreamConsumer",
            "Properties": {
                "ConsumerName": "c",
                "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]},
            },
        },
    },
    "Outputs": {
        "Table": {"Value": {"Ref": "Table"}},
        "TableStream": {"Value": {"Fn::GetAtt": ["Table", "StreamArn"]}},
        "Stream": {"Value": {"Ref": "Stream"}},
        "Consumer": {"Value": {"Fn::GetAtt": ["Consumer", "ConsumerARN"]}},
    },
}


@pytest.fixture(scope="module")
def outputs(live_platform: LivePlatform) -> dict[str, str]:
    """What the stack made."""
    stacks = live_platform.client("cloudformation")
    stacks.create_stack(StackName="streams", TemplateBody=json.dumps(TEMPLATE))
    stacks.get_waiter("stack_create_complete").wait(
        StackName="streams", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (stack,) = stacks.describe_stacks(StackName="streams")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_boto3_follows_a_table(live_platform: LivePlatform, outputs: dict[str, str]) -> None:
    tables, streams = live_platform.client("dynamodb"), live_platform.client("dynamodbstreams")
    arn, name = outputs["TableStream"], outputs["Table"]
    (listed,) = streams.list_streams(TableName=name)["Streams"]
    assert listed["StreamArn"] == arn
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
    )["ShardIterator"]
    before = time.time()
    key = {"pk": {"S": "a"}}
    tables.put_item(TableName=name, Item={**key, "raw": {"B": b"\x00\xff"}, "n": {"N": "1"}})
    tables.delete_item(TableName=name, Key=key)
    made, removed = streams.get_records(ShardIterator=at)["Records"]
    assert [made["eventName"], removed["eventName"]] == ["INSERT", "REMOVE"]
    assert made["dynamodb"]["NewImage"]["raw"] == {"B": b"\x00\xff"}
    assert removed["dynamodb"]["OldImage"] == made["dynamodb"]["NewImage"]
    told_at = made["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    assert before - 1 <= told_at <= time.time()
    with pytest.raises(streams.exceptions.ResourceNotFoundException):
        streams.describe_stream(StreamArn=f"{arn}0")


def test_a_stack_has_streams_and_consumers(
    live_platform: LivePlatform, outputs: dict[str, str]
) -> None:
    kinesis = live_platform.client("kinesis")
    summary = kinesis.describe_stream_summary(StreamName=outputs["Stream"])
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert summary["StreamDescriptionSummary"]["ConsumerCount"] == 1
    consumer = kinesis.describe_stream_consumer(ConsumerARN=outputs["Consumer"])
    assert consumer["ConsumerDescription"]["ConsumerName"] == "c"
    stacks = live_platform.client("cloudformation")
    stacks.delete_stack(StackName="streams")
    stacks.get_waiter("stack_delete_complete").wait(
        StackName="streams", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    assert outputs["Stream"] not in kinesis.list_streams()["StreamNames"]
