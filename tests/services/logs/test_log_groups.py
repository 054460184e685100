"""Log groups and streams, errors, and the CloudFormation types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.kernel.resources import ResourceRequest
from pileus.services.logs.resources import RESOURCE_TYPES
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


async def make_group(platform: MemoryPlatform, name: str = "g", **more: Any) -> None:
    await platform("logs", "CreateLogGroup", logGroupName=name, **more)


async def make_stream(platform: MemoryPlatform, name: str) -> None:
    await platform("logs", "CreateLogStream", logGroupName="g", logStreamName=name)


async def group_names(platform: MemoryPlatform, **more: Any) -> list[str]:
    reply = await platform("logs", "DescribeLogGroups", **more)
    return [group["logGroupName"] for group in reply["logGroups"]]


async def test_groups_are_described(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform, tags={"a": "1"})
    await memory_platform("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=7)
    group = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"][0]
    assert group["arn"] == f"{ARN}:*"
    assert group["logGroupArn"] == ARN
    assert group["retentionInDays"] == 7
    assert group["creationTime"] == memory_platform.clock.now_ms()
    await memory_platform("logs", "DeleteRetentionPolicy", logGroupName="g")
    group = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"][0]
    assert "retentionInDays" not in group


async def test_groups_come_in_pages(memory_platform: MemoryPlatform) -> None:
    for name in ("/b/1", "/a/1", "/a/2", "/a/3"):
        await make_group(memory_platform, name)
    first = await memory_platform("logs", "DescribeLogGroups", logGroupNamePrefix="/a/", limit=2)
    assert [g["logGroupName"] for g in first["logGroups"]] == ["/a/1", "/a/2"]
    more = {"logGroupNamePrefix": "/a/", "nextToken": first["nextToken"]}
    assert await group_names(memory_platform, **more) == ["/a/3"]
    assert await group_names(memory_platform, logGroupNamePattern="1") == ["/a/1", "/b/1"]


async def test_streams_are_described(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform)
    now_ms = memory_platform.clock.now_ms()
    for name in ("a", "b", "c"):
        await make_stream(memory_platform, name)
    for name, at_ms in (("a", now_ms + 5), ("b", now_ms + 9)):
        await memory_platform(
            "logs",
            "PutLogEvents",
            logGroupName="g",
            logStreamName=name,
            logEvents=[{"timestamp": at_ms, "message": "m"}],
        )

    async def names(**more: Any) -> list[str]:
        reply = await memory_platform("logs", "DescribeLogStreams", logGroupName="g", **more)
        return [stream["logStreamName"] for stream in reply["logStreams"]]

    assert await names() == ["a", "b", "c"]
    assert await names(logStreamNamePrefix="b") == ["b"]
    assert await names(orderBy="LastEventTime", descending=True) == ["b", "a", "c"]
    first = await memory_platform(
        "logs", "DescribeLogStreams", logGroupIdentifier=ARN, limit=2, descending=True
    )
    assert [s["logStreamName"] for s in first["logStreams"]] == ["c", "b"]
    assert "lastEventTimestamp" not in first["logStreams"][0]
    assert first["logStreams"][1]["lastEventTimestamp"] == now_ms + 9
    assert first["logStreams"][1]["arn"] == f"{ARN}:log-stream:b"
    assert await names(nextToken=first["nextToken"], descending=True) == ["a"]


async def test_deleting_takes_everything(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform)
    await make_stream(memory_platform, "s")
    await memory_platform(
        "logs",
        "PutLogEvents",
        logGroupName="g",
        logStreamName="s",
        logEvents=[{"timestamp": memory_platform.clock.now_ms(), "message": "m"}],
    )
    await memory_platform("logs", "DeleteLogStream", logGroupName="g", logStreamName="s")
    assert not [key for key in memory_platform.disks.state.values if b"chunk" in key]
    await memory_platform("logs", "DeleteLogGroup", logGroupName="g")
    assert await group_names(memory_platform) == []


async def test_protected_groups_stay(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform, deletionProtectionEnabled=True)
    with pytest.raises(ServiceError, match="deletion protection"):
        await memory_platform("logs", "DeleteLogGroup", logGroupName="g")
    await memory_platform(
        "logs",
        "PutLogGroupDeletionProtection",
        logGroupIdentifier="g",
        deletionProtectionEnabled=False,
    )
    await memory_platform("logs", "DeleteLogGroup", logGroupName="g")


async def test_tags(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform)
    await memory_platform("logs", "TagLogGroup", logGroupName="g", tags={"a": "1", "b": "2"})
    await memory_platform("logs", "UntagLogGroup", logGroupName="g", tags=["a"])
    await memory_platform("logs", "TagResource", resourceArn=ARN, tags={"c": "3"})
    await memory_platform("logs", "UntagResource", resourceArn=ARN, tagKeys=["b"])
    assert await memory_platform("logs", "ListTagsForResource", resourceArn=ARN) == {
        "tags": {"c": "3"}
    }
    assert await memory_platform("logs", "ListTagsLogGroup", logGroupName="g") == {
        "tags": {"c": "3"}
    }


async def test_a_pattern_is_tried(memory_platform: MemoryPlatform) -> None:
    reply = await memory_platform(
        "logs",
        "TestMetricFilter",
        filterPattern="[ip, status = 4*]",
        logEventMessages=["1.1.1.1 200", "1.1.1.1 404"],
    )
    assert reply["matches"] == [
        {
            "eventNumber": 2,
            "eventMessage": "1.1.1.1 404",
            "extractedValues": {"$ip": "1.1.1.1", "$status": "404"},
        }
    ]


G = {"logGroupName": "g"}
NO = {"logGroupName": "nope"}
INVALID = "InvalidParameterException"
GONE = "The specified log group does not exist."
ERRORS: list[tuple[str, dict[str, Any], str, str]] = [
    ("CreateLogGroup", G, "ResourceAlreadyExistsException", "The specified log group already exists"),
    ("CreateLogGroup", {"logGroupName": "a b"}, INVALID, "Value 'a b' at 'logGroupName' failed to satisfy constraint"),
    ("CreateLogGroup", {"logGroupName": "aws/x"}, INVALID, "reserved for AWS"),
    ("CreateLogStream", {**G, "logStreamName": "s"}, "ResourceAlreadyExistsException", "The specified log stream already exists"),
    ("CreateLogStream", {**NO, "logStreamName": "s"}, "ResourceNotFoundException", GONE),
    ("DeleteLogGroup", NO, "ResourceNotFoundException", GONE),
    ("DeleteLogStream", {**G, "logStreamName": "x"}, "ResourceNotFoundException", "The specified log stream does not exist."),
    ("GetLogEvents", {**G, "logStreamName": "x"}, "ResourceNotFoundException", "The specified log stream does not exist."),
    ("GetLogEvents", {**G, "logStreamName": "s", "nextToken": "x"}, INVALID, "The specified nextToken is invalid."),
    ("GetLogEvents", {**G, "logGroupIdentifier": ARN, "logStreamName": "s"}, INVALID, "mutually exclusive"),
    ("GetLogEvents", {"logStreamName": "s"}, INVALID, "must be specified"),
    ("FilterLogEvents", NO, "ResourceNotFoundException", GONE),
    ("FilterLogEvents", {**G, "filterPattern": "{ $.a"}, INVALID, "Invalid filter pattern"),
    ("FilterLogEvents", {**G, "logStreamNames": ["s"], "logStreamNamePrefix": "s"}, INVALID, "mutually exclusive"),
    ("FilterLogEvents", {**G, "logStreamNames": ["x"]}, "ResourceNotFoundException", "log stream"),
    ("DescribeLogStreams", {**G, "orderBy": "LastEventTime", "logStreamNamePrefix": "a"}, INVALID, "Cannot order by LastEventTime with a logStreamNamePrefix."),
    ("DescribeLogGroups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "a"}, INVALID, "mutually exclusive"),
    ("PutRetentionPolicy", {**G, "retentionInDays": 2}, INVALID, "Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5,"),
    ("TagResource", {"resourceArn": ARN + "x", "tags": {"a": "b"}}, "ResourceNotFoundException", ""),
    ("DeleteSubscriptionFilter", {**G, "filterName": "x"}, "ResourceNotFoundException", "The specified subscription filter does not exist."),
    ("PutSubscriptionFilter", {**G, "filterName": "x", "filterPattern": "", "destinationArn": "arn:aws:firehose:r:a:x"}, INVALID, "not to arn:aws:firehose"),
    ("StartQuery", {"startTime": 0, "endTime": 1, "queryString": "x"}, "NotImplemented", "logs:StartQuery"),
    ("StartLiveTail", {"logGroupIdentifiers": [ARN]}, "NotImplemented", "logs:StartLiveTail"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "request_", "code", "words"), ERRORS)
async def test_errors(
    memory_platform: MemoryPlatform,
    operation: str,
    request_: dict[str, Any],
    code: str,
    words: str,
) -> None:
    await make_group(memory_platform)
    await make_stream(memory_platform, "s")
    with pytest.raises(ServiceError) as caught:
        await memory_platform("logs", operation, **request_)
    assert caught.value.code == code
    assert words in caught.value.message


async def test_a_group_has_two_subscriptions_at_most(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform)
    wanted = {**G, "filterPattern": "", "destinationArn": FUNCTION}
    for name in ("a", "b", "a"):
        await memory_platform("logs", "PutSubscriptionFilter", **wanted, filterName=name)
    with pytest.raises(ServiceError, match="Resource limit exceeded"):
        await memory_platform("logs", "PutSubscriptionFilter", **wanted, filterName="c")


def request(kind: str, properties: dict[str, Any], **more: Any) -> ResourceRequest:
    return ResourceRequest(
        type=kind,
        logical_id="R",
        stack_id="id",
        stack_name="stack",
        properties=properties,
        token="ABCDEFGHIJKL",
        **more,
    )


async def test_the_cloudformation_types(memory_platform: MemoryPlatform) -> None:
    run = memory_platform.clock.run
    call = memory_platform.kernel.stream_call(("000000000000", "us-east-1", "logs"))
    kinds = {kind.rpartition(":")[2]: each for kind, each in RESOURCE_TYPES.items()}
    old: dict[str, Any] = {"RetentionInDays": "7", "Tags": [{"Key": "a", "Value": "1"}]}
    group = await run(kinds["LogGroup"].create(call, request("", old)))
    name = group.physical_id
    assert group.attributes["Arn"].endswith(f":log-group:{name}:*")
    new: dict[str, Any] = {"Tags": [{"Key": "b", "Value": "2"}]}
    update = kinds["LogGroup"].update
    assert update is not None
    await run(update(call, request("", new, physical_id=name, old_properties=old)))
    told = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"][0]
    assert "retentionInDays" not in told
    tags = await memory_platform("logs", "ListTagsLogGroup", logGroupName=name)
    assert tags == {"tags": {"b": "2"}}
    about = {"LogGroupName": name}
    stream = await run(kinds["LogStream"].create(call, request("", about)))
    wanted = {**about, "DestinationArn": FUNCTION, "FilterPattern": "x"}
    subscription = await run(kinds["SubscriptionFilter"].create(call, request("", wanted)))
    for kind, made, given in (
        ("SubscriptionFilter", subscription, wanted),
        ("LogStream", stream, about),
        ("LogGroup", group, new),
    ):
        await run(kinds[kind].delete(call, request("", given, physical_id=made.physical_id)))
    assert await group_names(memory_platform) == []


async def test_policies_of_the_region(memory_platform: MemoryPlatform) -> None:
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "logs:PutLogEvents",
                    "Resource": f"{ARN}:*",
                }
            ],
        }
    )
    given = {"policyName": "p", "policyDocument": document}
    made = await memory_platform("logs", "PutResourcePolicy", **given)
    assert made["resourcePolicy"]["policyDocument"] == document
    shown = await memory_platform("logs", "DescribeResourcePolicies")
    assert shown["resourcePolicies"] == [made["resourcePolicy"]]
    with pytest.raises(ServiceError) as caught:
        await memory_platform("logs", "PutResourcePolicy", policyName="q", policyDocument="{")
    assert caught.value.code == "InvalidParameterException"
    for number in range(9):
        given["policyName"] = f"p{number}"
        await memory_platform("logs", "PutResourcePolicy", **given)
    given["policyName"] = "more"
    with pytest.raises(ServiceError) as caught:
        await memory_platform("logs", "PutResourcePolicy", **given)
    assert caught.value.code == "LimitExceededException"
    await memory_platform("logs", "DeleteResourcePolicy", policyName="p")
    with pytest.raises(ServiceError) as caught:
        await memory_platform("logs", "DeleteResourcePolicy", policyName="p")
    assert caught.value.message == "Policy with name [p] does not exist"


async def test_a_group_gets_and_loses_its_key(memory_platform: MemoryPlatform) -> None:
    await make_group(memory_platform)
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    await memory_platform("logs", "AssociateKmsKey", logGroupName="g", kmsKeyId=key)
    [group] = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"]
    assert group["kmsKeyId"] == key
    await memory_platform("logs", "DisassociateKmsKey", logGroupName="g")
    [group] = (await memory_platform("logs", "DescribeLogGroups"))["logGroups"]
    assert "kmsKeyId" not in group
