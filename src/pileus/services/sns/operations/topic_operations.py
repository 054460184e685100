"""Topics, their attributes and tags. https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.sns import errors, paging, store
from pileus.services.sns.limits import LIMITS
from pileus.services.sns.model import TOPIC_ATTRIBUTES, Topic

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")


def _check_attribute(name: str, value: str) -> None:
    if name not in TOPIC_ATTRIBUTES:
        raise errors.invalid("AttributeName")
    if name in ("Policy", "DeliveryPolicy") and value:
        try:
            orjson.loads(value)
        except orjson.JSONDecodeError:
            raise errors.invalid(f"{name}: Invalid JSON") from None


@write
def create_topic(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a topic, or give the ARN of the same one that exists."""
    name = request["Name"]
    attributes = dict(request.get("Attributes") or {})
    if not _NAME.fullmatch(name):
        raise errors.invalid("Topic Name")
    is_fifo = attributes.get("FifoTopic", "false").lower() == "true"
    if name.endswith(".fifo") and not is_fifo:
        raise errors.invalid("Topic Name")
    if is_fifo and not name.endswith(".fifo"):
        raise errors.invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and "
            "lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 "
            "and 256 characters long."
        )
    for attribute, value in attributes.items():
        _check_attribute(attribute, value)
    raw = call.state.get(("topic", name))
    tags = _checked_tags(request.get("Tags") or ())
    if not is_fifo:
        attributes.pop("FifoTopic", None)
    if raw is not None:
        topic = store.TOPICS.decode(raw)
        if any(topic.attributes.get(n) != v for n, v in attributes.items()):
            raise errors.invalid(
                "Attributes Reason: Topic already exists with different attributes"
            )
        if tags and tags != topic.tags:
            raise errors.invalid("Tags Reason: Topic already exists with different tags")
    else:
        store.put_topic(call.state, Topic(name=name, attributes=attributes, tags=tags))
    return {"TopicArn": call.arn(name)}


def _checked_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    by_key = {tag["Key"]: tag["Value"] for tag in tags}
    if len(by_key) < len(tags):
        raise errors.invalid("Duplicated keys are not allowed.")
    if len(by_key) > LIMITS.tags_max:
        raise errors.tag_limit_exceeded()
    return by_key


@write
def delete_topic(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a topic with its subscriptions; one that is not there is no error."""
    name = store.parsed_arn(request["TopicArn"], "TopicArn").resource
    call.state.delete(("topic", name))
    call.state.delete_range(("subscription", name))
    call.state.delete_range(("sent", name))
    call.state.delete_range(("sent_until", name))


@read
def list_topics(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Topics in order of name."""
    names = [str(key[1]) for key, _ in call.state.range(("topic",))]
    return paging.page("Topics", [{"TopicArn": call.arn(name)} for name in names], request)


_GRANTABLE = frozenset(
    {
        "AddPermission", "DeleteTopic", "GetDataProtectionPolicy", "GetTopicAttributes",
        "ListSubscriptionsByTopic", "ListTagsForResource", "Publish", "PutDataProtectionPolicy",
        "RemovePermission", "SetTopicAttributes", "Subscribe",
    }
)  # fmt: skip


def _default_policy(call: Call, topic: Topic) -> str:
    actions = [
        "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission",
        "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic", "SNS:Publish",
    ]  # fmt: skip
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": call.arn(topic.name),
        "Condition": {"StringEquals": {"AWS:SourceOwner": call.account}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return orjson.dumps(policy).decode()


# https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
_HTTP_DELIVERY = {
    "defaultHealthyRetryPolicy": {
        "minDelayTarget": 20,
        "maxDelayTarget": 20,
        "numRetries": 3,
        "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0,
        "numMinDelayRetries": 0,
        "backoffFunction": "linear",
    },
    "disableSubscriptionOverrides": False,
    "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
}


def _effective_delivery(topic: Topic) -> str:
    """The delivery policy in force: what was set, over the defaults."""
    given = orjson.loads(topic.attributes.get("DeliveryPolicy") or "{}").get("http") or {}
    policy: dict[str, Any] = {}
    for name, default in _HTTP_DELIVERY.items():
        value = given.get(name)
        merges = isinstance(default, dict) and isinstance(value, dict)
        policy[name] = {**default, **value} if merges else value or default  # type: ignore[dict-item]
    return orjson.dumps({"http": policy}).decode()


@read
def get_topic_attributes(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a topic."""
    topic = store.topic_at(call.state, request["TopicArn"])
    found = store.subscriptions(call.state, topic.name)
    pending = sum(1 for subscription in found if subscription.is_pending)
    attributes = {
        "TopicArn": call.arn(topic.name),
        "Owner": call.account,
        "DisplayName": "",
        "Policy": _default_policy(call, topic),
        "EffectiveDeliveryPolicy": _effective_delivery(topic),
        "SubscriptionsConfirmed": str(len(found) - pending),
        "SubscriptionsPending": str(pending),
        "SubscriptionsDeleted": str(topic.deleted_subscriptions),
        **topic.attributes,
    }
    if topic.is_fifo:
        attributes.setdefault("ContentBasedDeduplication", "false")
    return {"Attributes": attributes}


@write
def set_topic_attributes(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Change one attribute."""
    topic = store.topic_at(call.state, request["TopicArn"])
    value = request.get("AttributeValue") or ""
    _check_attribute(request["AttributeName"], value)
    topic.attributes[request["AttributeName"]] = value
    store.put_topic(call.state, topic)


@write
def add_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add a statement to the topic's policy."""
    topic = store.topic_at(call.state, request["TopicArn"])
    policy = orjson.loads(topic.attributes.get("Policy") or _default_policy(call, topic))
    if any(s.get("Sid") == request["Label"] for s in policy["Statement"]):
        raise errors.invalid("Statement already exists")
    if not set(request["ActionName"]) <= _GRANTABLE:
        raise errors.invalid("Policy statement action out of service scope!")
    principals = [f"arn:aws:iam::{account}:root" for account in request["AWSAccountId"]]
    actions = [f"SNS:{action}" for action in request["ActionName"]]
    policy["Statement"].append(
        {
            "Sid": request["Label"],
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": call.arn(topic.name),
        }
    )
    topic.attributes["Policy"] = orjson.dumps(policy).decode()
    store.put_topic(call.state, topic)


@write
def remove_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove the statement with a label; one that is not there is no error."""
    topic = store.topic_at(call.state, request["TopicArn"])
    policy = orjson.loads(topic.attributes.get("Policy") or _default_policy(call, topic))
    policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != request["Label"]]
    topic.attributes["Policy"] = orjson.dumps(policy).decode()
    store.put_topic(call.state, topic)


def _tagged(state: Any, request: Mapping[str, Any]) -> Topic:
    raw = state.get(("topic", request["ResourceArn"].rpartition(":")[2]))
    if raw is None:
        raise errors.resource_not_found()
    return store.TOPICS.decode(raw)


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a topic."""
    topic = _tagged(call.state, request)
    topic.tags.update(_checked_tags(request["Tags"]))
    if len(topic.tags) > LIMITS.tags_max:
        raise errors.tag_limit_exceeded()
    store.put_topic(call.state, topic)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a topic."""
    topic = _tagged(call.state, request)
    topic.tags = {k: v for k, v in topic.tags.items() if k not in request["TagKeys"]}
    store.put_topic(call.state, topic)


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A topic's tags."""
    tags = _tagged(call.state, request).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
