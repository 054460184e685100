"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    tags_gone,
)
from pileus.services.sns.model import SUBSCRIPTION_ATTRIBUTES, TOPIC_ATTRIBUTES


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _chosen(properties: Mapping[str, Any], names: frozenset[str]) -> dict[str, str]:
    return {name: _text(properties[name]) for name in names if name in properties}


async def _create_topic(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    attributes = _chosen(properties, TOPIC_ATTRIBUTES)
    is_fifo = attributes.get("FifoTopic") == "true"
    if not is_fifo:
        attributes.pop("FifoTopic", None)
    name = properties.get("TopicName") or request.generated_name(256, ".fifo" if is_fifo else "")
    reply = await call.invoke(
        "sns",
        "CreateTopic",
        {"Name": name, "Attributes": attributes, "Tags": list(properties.get("Tags") or ())},
    )
    arn = reply.output["TopicArn"]
    with completing(_topic(arn)):
        for subscription in properties.get("Subscription") or ():
            await call.invoke("sns", "Subscribe", {"TopicArn": arn, **subscription})
    return _topic(arn)


def _topic(arn: str) -> Resource:
    return Resource(arn, {"TopicArn": arn, "TopicName": arn.rpartition(":")[2]})


async def _update_topic(call: StreamCall, request: ResourceRequest) -> Resource:
    arn = request.physical_id
    new = _chosen(request.properties, TOPIC_ATTRIBUTES)
    old = _chosen(request.old_properties, TOPIC_ATTRIBUTES)
    for name in new.keys() | old.keys():
        if new.get(name) != old.get(name):
            given = {"AttributeName": name, "AttributeValue": new.get(name, "")}
            await call.invoke("sns", "SetTopicAttributes", {"TopicArn": arn, **given})
    for subscription in request.properties.get("Subscription") or ():
        await call.invoke("sns", "Subscribe", {"TopicArn": arn, **subscription})
    if gone := tags_gone(request):
        await call.invoke("sns", "UntagResource", {"ResourceArn": arn, "TagKeys": gone})
    if tags := request.properties.get("Tags"):
        await call.invoke("sns", "TagResource", {"ResourceArn": arn, "Tags": list(tags)})
    return _topic(arn)


async def _delete_topic(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("sns", "DeleteTopic", {"TopicArn": request.physical_id})


async def _subscribe(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    given = {name: properties[name] for name in ("TopicArn", "Protocol", "Endpoint")}
    attributes = _chosen(properties, SUBSCRIPTION_ATTRIBUTES)
    reply = await call.invoke(
        "sns", "Subscribe", {**given, "Attributes": attributes, "ReturnSubscriptionArn": True}
    )
    arn = reply.output["SubscriptionArn"]
    return Resource(arn, {"Arn": arn})


async def _update_subscription(call: StreamCall, request: ResourceRequest) -> Resource:
    arn = request.physical_id
    new = _chosen(request.properties, SUBSCRIPTION_ATTRIBUTES)
    old = _chosen(request.old_properties, SUBSCRIPTION_ATTRIBUTES)
    for name in sorted(new.keys() | old.keys(), reverse=True):
        if new.get(name) != old.get(name):
            given = {"AttributeName": name, "AttributeValue": new.get(name, "")}
            await call.invoke("sns", "SetSubscriptionAttributes", {"SubscriptionArn": arn, **given})
    return Resource(arn, {"Arn": arn})


async def _unsubscribe(call: StreamCall, request: ResourceRequest) -> None:
    await call.invoke("sns", "Unsubscribe", {"SubscriptionArn": request.physical_id})


async def _put_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    policy = _text(request.properties["PolicyDocument"])
    for arn in request.properties["Topics"]:
        given = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy}
        await call.invoke("sns", "SetTopicAttributes", given)
    return Resource(request.physical_id or request.generated_name())


async def _delete_policy(call: StreamCall, request: ResourceRequest) -> None:
    for arn in request.properties["Topics"]:
        given = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": ""}
        await call.invoke("sns", "SetTopicAttributes", given)


RESOURCE_TYPES = {
    "AWS::SNS::Topic": ResourceType(
        create=_create_topic,
        update=_update_topic,
        delete=_delete_topic,
        replaced_by=frozenset({"TopicName", "FifoTopic"}),
        taggable="Tags",
        properties=declared(
            "ArchivePolicy ContentBasedDeduplication DisplayName FifoThroughputScope "
            "FifoTopic KmsMasterKeyId SignatureVersion Subscription Tags TopicName "
            "TracingConfig",
            ignored="DeliveryStatusLogging MaximumMessageSize",
            refused="DataProtectionPolicy",
        ),
    ),
    "AWS::SNS::Subscription": ResourceType(
        create=_subscribe,
        update=_update_subscription,
        delete=_unsubscribe,
        replaced_by=frozenset({"TopicArn", "Protocol", "Endpoint"}),
        properties=declared(
            "DeliveryPolicy Endpoint FilterPolicy FilterPolicyScope Protocol "
            "RawMessageDelivery RedrivePolicy SubscriptionRoleArn TopicArn",
            ignored="Region",
            refused="ReplayPolicy",
        ),
    ),
    "AWS::SNS::TopicPolicy": ResourceType(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        properties=declared(
            "PolicyDocument Topics",
        ),
    ),
}
