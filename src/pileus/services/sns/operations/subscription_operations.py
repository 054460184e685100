"""Subscriptions. https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.filter_policy import compile_filter_policy
from pileus.services.sns import errors, paging, publishing, store
from pileus.services.sns.model import SUBSCRIPTION_ATTRIBUTES, Subscription, Topic
from pileus.values.arns import is_arn

_KNOWN = frozenset(
    {"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"}
)
_DELIVERED = frozenset({"sqs", "lambda", "sms"})
# Their owners would have to confirm, and nothing is sent there that they could confirm with.
_PENDING = frozenset({"http", "https", "email", "email-json"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_TOKEN = re.compile(r"[0-9a-f]{64,}")
_NUMBER = re.compile(r"\+?[1-9][0-9]{3,14}")


@write
def subscribe(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add an endpoint to a topic; the same endpoint again gives the same subscription."""
    topic = store.topic_at(call.state, request["TopicArn"])
    protocol, endpoint = request["Protocol"], request.get("Endpoint") or ""
    _check_endpoint(protocol, endpoint, topic.is_fifo)
    attributes = dict(request.get("Attributes") or {})
    for name, value in attributes.items():
        _check_attribute(name, value, attributes, "Attributes Reason: ")
    _check_letters(topic, endpoint, attributes.get("RedrivePolicy"))
    for found in store.subscriptions(call.state, topic.name):
        if (found.protocol, found.endpoint) == (protocol, endpoint):
            if attributes and attributes != found.attributes:
                raise errors.invalid(
                    "Attributes Reason: Subscription already exists with different attributes"
                )
            return {"SubscriptionArn": _told_arn(call, found, request)}
    subscription = Subscription(
        id=call.new_id(),
        topic=topic.name,
        protocol=protocol,
        endpoint=endpoint,
        attributes=attributes,
        is_pending=protocol in _PENDING,
    )
    store.put_subscription(call.state, subscription)
    return {"SubscriptionArn": _told_arn(call, subscription, request)}


def _told_arn(call: Call, subscription: Subscription, request: Mapping[str, Any]) -> str:
    if subscription.is_pending and not request.get("ReturnSubscriptionArn"):
        return "pending confirmation"
    return publishing.subscription_arn(call, subscription)


def _check_letters(topic: Topic, endpoint: str, redrive: str | None) -> None:
    if not (redrive and topic.is_fifo and endpoint.endswith(".fifo")):
        return
    if not orjson.loads(redrive)["deadLetterTargetArn"].endswith(".fifo"):
        raise errors.invalid(
            "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )


def _check_endpoint(protocol: str, endpoint: str, is_fifo: bool) -> None:
    if protocol not in _KNOWN:
        raise errors.invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol in ("http", "https"):
        if not endpoint.startswith(f"{protocol}://"):
            raise errors.invalid("Endpoint must match the specified protocol")
        return
    if protocol in _PENDING:
        if not _EMAIL.fullmatch(endpoint):
            raise errors.invalid("Email address")
        return
    if protocol not in _DELIVERED:
        raise errors.protocol_missing(protocol)
    if protocol == "sms":
        if not _NUMBER.fullmatch(endpoint.replace("-", "").replace(" ", "")):
            raise errors.invalid(f"Endpoint Reason: Invalid SMS endpoint: {endpoint}")
        return
    if not is_arn(endpoint):
        raise errors.invalid(f"{protocol.upper()} endpoint ARN")
    if protocol == "sqs" and endpoint.endswith(".fifo") and not is_fifo:
        raise errors.invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to "
            "standard SNS topics"
        )


def _check_attribute(name: str, value: str, others: Mapping[str, str], prefix: str = "") -> None:
    if name not in SUBSCRIPTION_ATTRIBUTES:
        raise errors.invalid(f"{prefix}AttributeName")
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise errors.invalid(
            f"{prefix}FilterPolicyScope: Invalid value [{value}]. Please use either "
            "MessageBody or MessageAttributes"
        )
    if name == "FilterPolicy" and value:
        scope: Any = others.get("FilterPolicyScope") or "MessageAttributes"
        compile_filter_policy(value, scope, operation_prefix=prefix)
    if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
        raise errors.invalid(
            f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false."
        )
    if name == "RedrivePolicy" and value:
        try:
            target = orjson.loads(value)["deadLetterTargetArn"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise errors.invalid(f"{prefix}RedrivePolicy: failed to parse JSON.") from None
        if not is_arn(target):
            raise errors.invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")


@write
def unsubscribe(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove a subscription; one that is not there is no error."""
    resource = store.parsed_arn(request["SubscriptionArn"], "SubscriptionArn").resource
    name, _, subscription_id = resource.rpartition(":")
    if not name:
        raise errors.invalid("SubscriptionId")
    key = ("subscription", name, subscription_id)
    if call.state.get(key) is None:
        return
    call.state.delete(key)
    raw = call.state.get(("topic", name))
    if raw is not None:
        record = store.TOPICS.decode(raw)
        record.deleted_subscriptions += 1
        store.put_topic(call.state, record)


@write
def confirm_subscription(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Queues, functions and numbers are confirmed at once, and nobody else was sent a token."""
    store.parsed_arn(request["TopicArn"], "TopicArn")
    if not _TOKEN.fullmatch(request["Token"]):
        raise errors.invalid_token()
    raise errors.invalid("Token")


def _listed(call: Call, subscription: Subscription) -> dict[str, Any]:
    shown = _shown(call, subscription)
    return {**shown, "SubscriptionArn": "PendingConfirmation"} if subscription.is_pending else shown


def _shown(call: Call, subscription: Subscription) -> dict[str, Any]:
    return {
        "SubscriptionArn": publishing.subscription_arn(call, subscription),
        "Owner": call.account,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": call.arn(subscription.topic),
    }


@read
def list_subscriptions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every subscription."""
    found = store.subscriptions(call.state)
    return paging.page("Subscriptions", [_listed(call, s) for s in found], request)


@read
def list_subscriptions_by_topic(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A topic's subscriptions."""
    topic = store.topic_at(call.state, request["TopicArn"])
    found = store.subscriptions(call.state, topic.name)
    return paging.page("Subscriptions", [_listed(call, s) for s in found], request)


@read
def get_subscription_attributes(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a subscription."""
    subscription = store.subscription_at(call.state, request["SubscriptionArn"])
    attributes = {
        **_shown(call, subscription),
        "ConfirmationWasAuthenticated": "false" if subscription.is_pending else "true",
        "PendingConfirmation": "true" if subscription.is_pending else "false",
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{call.account}:root",
        **{name: value for name, value in subscription.attributes.items() if value},
    }
    if subscription.attributes.get("FilterPolicy"):
        attributes["FilterPolicyScope"] = subscription.scope
    return {"Attributes": attributes}


@write
def set_subscription_attributes(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Change one attribute; an empty value removes it."""
    subscription = store.subscription_at(call.state, request["SubscriptionArn"])
    name, value = request["AttributeName"], request.get("AttributeValue") or ""
    _check_attribute(name, value, subscription.attributes)
    if name == "RedrivePolicy":
        topic = store.topic_at(call.state, call.arn(subscription.topic))
        _check_letters(topic, subscription.endpoint, value)
    subscription.attributes[name] = value
    store.put_subscription(call.state, subscription)


@write
def set_sms_attributes(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep account-wide SMS settings; they are shown again and change nothing here."""
    current = orjson.loads(call.state.get(("sms",)) or b"{}")
    call.state.put(("sms",), orjson.dumps({**current, **request["attributes"]}))


@read
def get_sms_attributes(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Account-wide SMS settings."""
    attributes = orjson.loads(call.state.get(("sms",)) or b"{}")
    wanted = request.get("attributes")
    return {"attributes": {n: v for n, v in attributes.items() if not wanted or n in wanted}}
