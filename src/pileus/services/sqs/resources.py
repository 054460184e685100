"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared
from pileus.services.sqs.model import SETTABLE


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def _attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(properties[name]) for name in SETTABLE if name in properties}


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()}


def _resource(call: StreamCall, url: str) -> Resource:
    name = url.rpartition("/")[2]
    return Resource(url, {"Arn": call.arn(name), "QueueName": name, "QueueUrl": url})


async def _create_queue(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    is_fifo = _text(properties.get("FifoQueue", False)) == "true"
    name = properties.get("QueueName") or request.generated_name(80, ".fifo" if is_fifo else "")
    attributes = _attributes(properties)
    if not is_fifo:
        attributes.pop("FifoQueue", None)
    reply = await call.invoke(
        "sqs",
        "CreateQueue",
        {"QueueName": name, "Attributes": attributes, "tags": _tags(properties)},
    )
    return _resource(call, reply.output["QueueUrl"])


async def _update_queue(call: StreamCall, request: ResourceRequest) -> Resource:
    wanted = _attributes(request.properties)
    for name in _attributes(request.old_properties):
        wanted.setdefault(name, "")
    wanted.pop("FifoQueue", None)
    numbers_removed = {
        n for n, v in wanted.items() if not v and n in SETTABLE and "Policy" not in n
    }
    for name in numbers_removed:
        wanted.pop(name)
    url = request.physical_id
    await call.invoke("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": wanted})
    old, new = _tags(request.old_properties), _tags(request.properties)
    if gone := [key for key in old if key not in new]:
        await call.invoke("sqs", "UntagQueue", {"QueueUrl": url, "TagKeys": gone})
    if new:
        await call.invoke("sqs", "TagQueue", {"QueueUrl": url, "Tags": new})
    return _resource(call, url)


async def _delete_queue(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("sqs", "DeleteQueue", {"QueueUrl": request.physical_id})


async def _put_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    policy = _text(request.properties["PolicyDocument"])
    for url in request.properties["Queues"]:
        await call.invoke(
            "sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": policy}}
        )
    return Resource(request.physical_id or request.generated_name())


async def _delete_policy(call: StreamCall, request: ResourceRequest) -> None:
    for url in request.properties["Queues"]:
        await call.invoke(
            "sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": ""}}
        )


RESOURCE_TYPES = {
    "AWS::SQS::Queue": ResourceType(
        create=_create_queue,
        update=_update_queue,
        delete=_delete_queue,
        replaced_by=frozenset({"QueueName", "FifoQueue"}),
        taggable="Tags",
        properties=declared(
            "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue "
            "FifoThroughputLimit KmsDataKeyReusePeriodSeconds KmsMasterKeyId "
            "MaximumMessageSize MessageRetentionPeriod QueueName "
            "ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy "
            "SqsManagedSseEnabled Tags VisibilityTimeout",
        ),
    ),
    "AWS::SQS::QueuePolicy": ResourceType(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        properties=declared(
            "PolicyDocument Queues",
        ),
    ),
}
