"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Kinesis.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StepCall, StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    require,
)
from pileus.values.errors import ServiceError


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}


def _mode(properties: Mapping[str, Any]) -> str:
    given = (properties.get("StreamModeDetails") or {}).get("StreamMode")
    # A stream without a number of shards is on demand.
    return str(given or ("PROVISIONED" if properties.get("ShardCount") else "ON_DEMAND"))


def _stream(call: StreamCall, name: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"stream/{name}")})


async def _create_stream(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = properties.get("Name") or request.generated_name(128)
    mode = _mode(properties)
    wanted: dict[str, Any] = {"StreamName": name, "StreamModeDetails": {"StreamMode": mode}}
    if properties.get("ShardCount"):
        wanted["ShardCount"] = int(properties["ShardCount"])
    if properties.get("MaxRecordSizeInKiB"):
        wanted["MaxRecordSizeInKiB"] = int(properties["MaxRecordSizeInKiB"])
    if tags := _tags(properties):
        wanted["Tags"] = tags
    await call.invoke("kinesis", "CreateStream", wanted)
    made = _stream(call, name)
    with completing(made):
        await _align(call, name, {}, properties)
    return made


async def _align(
    call: StreamCall, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Everything of a stream that has an operation of its own."""
    about = {"StreamName": name}
    hours, before = (int(p.get("RetentionPeriodHours") or 24) for p in (new, old))
    if hours != before:
        way = "Increase" if hours > before else "Decrease"
        given = {**about, "RetentionPeriodHours": hours}
        await call.invoke("kinesis", f"{way}StreamRetentionPeriod", given)
    encryption, earlier = new.get("StreamEncryption"), old.get("StreamEncryption")
    if encryption and encryption != earlier:
        await call.invoke("kinesis", "StartStreamEncryption", {**about, **encryption})
    elif earlier and not encryption:
        await call.invoke("kinesis", "StopStreamEncryption", {**about, **earlier})
    metrics, gone = (set(p.get("DesiredShardLevelMetrics") or ()) for p in (new, old))
    for operation, names in (("Disable", gone - metrics), ("Enable", metrics - gone)):
        if names:
            given = {**about, "ShardLevelMetrics": sorted(names)}
            await call.invoke("kinesis", f"{operation}EnhancedMonitoring", given)


async def _update_stream(call: StepCall, request: ResourceRequest) -> Resource:
    name, old, new = request.physical_id, request.old_properties, request.properties
    about, made = {"StreamName": name}, _stream(call, name)
    if _mode(old) != _mode(new):
        given = {
            "StreamARN": made.attributes["Arn"],
            "StreamModeDetails": {"StreamMode": _mode(new)},
        }
        await call.invoke("kinesis", "UpdateStreamMode", given)
    count = int(new.get("ShardCount") or 0)
    if _mode(new) == "PROVISIONED" and count and count != int(old.get("ShardCount") or 0):
        summary = await call.invoke("kinesis", "DescribeStreamSummary", about)
        if summary.output["StreamDescriptionSummary"]["OpenShardCount"] != count:
            given = {**about, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING"}
            await call.invoke("kinesis", "UpdateShardCount", given)
    size_kib = new.get("MaxRecordSizeInKiB")
    if size_kib and size_kib != old.get("MaxRecordSizeInKiB"):
        given = {"StreamARN": made.attributes["Arn"], "MaxRecordSizeInKiB": int(size_kib)}
        await call.invoke("kinesis", "UpdateMaxRecordSize", given)
    await _align(call, name, old, new)
    await _align_tags(call, str(made.attributes["Arn"]), _tags(old), _tags(new))
    return made


async def _align_tags(
    call: StreamCall, arn: str, old: Mapping[str, str], new: Mapping[str, str]
) -> None:
    if gone := [key for key in old if key not in new]:
        await call.invoke("kinesis", "UntagResource", {"ResourceARN": arn, "TagKeys": gone})
    if new and new != old:
        await call.invoke("kinesis", "TagResource", {"ResourceARN": arn, "Tags": dict(new)})


async def _delete_stream(call: StepCall, request: ResourceRequest) -> None:
    given = {"StreamName": request.physical_id, "EnforceConsumerDeletion": True}
    await _unless_gone(call, "DeleteStream", given)


async def _unless_gone(call: StreamCall, operation: str, given: Mapping[str, Any]) -> None:
    try:
        await call.invoke("kinesis", operation, given)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise


async def _create_consumer(call: StepCall, request: ResourceRequest) -> Resource:
    given: dict[str, Any] = {
        "StreamARN": require(request, "StreamARN"),
        "ConsumerName": require(request, "ConsumerName"),
    }
    if tags := _tags(request.properties):
        given["Tags"] = tags
    reply = await call.invoke("kinesis", "RegisterStreamConsumer", given)
    made = reply.output["Consumer"]
    return Resource(
        made["ConsumerARN"],
        {
            "ConsumerARN": made["ConsumerARN"],
            # The same moment, and told alike when the step is run again.
            "ConsumerCreationTimestamp": made["ConsumerARN"].rpartition(":")[2],
            "ConsumerName": made["ConsumerName"],
            "ConsumerStatus": made["ConsumerStatus"],
            "StreamARN": given["StreamARN"],
        },
    )


async def _update_consumer(call: StepCall, request: ResourceRequest) -> Resource:
    old, new = _tags(request.old_properties), _tags(request.properties)
    await _align_tags(call, request.physical_id, old, new)
    return Resource(request.physical_id, request.attributes)


async def _delete_consumer(call: StepCall, request: ResourceRequest) -> None:
    given = {"ConsumerARN": request.physical_id}
    await _unless_gone(call, "DeregisterStreamConsumer", given)


async def _put_policy(call: StepCall, request: ResourceRequest) -> Resource:
    arn, policy = require(request, "ResourceArn"), require(request, "ResourcePolicy")
    text = policy if isinstance(policy, str) else orjson.dumps(policy).decode()
    await call.invoke("kinesis", "PutResourcePolicy", {"ResourceARN": arn, "Policy": text})
    return Resource(arn)


async def _delete_policy(call: StepCall, request: ResourceRequest) -> None:
    await _unless_gone(call, "DeleteResourcePolicy", {"ResourceARN": request.physical_id})


RESOURCE_TYPES = {
    "AWS::Kinesis::Stream": ResourceType(
        create=_create_stream,
        update=_update_stream,
        delete=_delete_stream,
        replaced_by=frozenset({"Name"}),
        taggable="Tags",
        properties=declared(
            "DesiredShardLevelMetrics MaxRecordSizeInKiB Name RetentionPeriodHours ShardCount "
            "StreamEncryption StreamModeDetails Tags",
            ignored="RecordDistributionStrategy WarmThroughputMiBps",
        ),
    ),
    "AWS::Kinesis::StreamConsumer": ResourceType(
        create=_create_consumer,
        update=_update_consumer,
        delete=_delete_consumer,
        replaced_by=frozenset({"ConsumerName", "StreamARN"}),
        taggable="Tags",
        properties=declared(
            "ConsumerName StreamARN Tags",
        ),
    ),
    "AWS::Kinesis::ResourcePolicy": ResourceType(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        replaced_by=frozenset({"ResourceArn"}),
        properties=declared(
            "ResourceArn ResourcePolicy",
        ),
    ),
}
