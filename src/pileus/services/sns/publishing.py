"""A message meets a topic's subscriptions; what passes their filters goes out by the outbox."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery, Hook
from pileus.kernel.targets import Call, call_for
from pileus.languages.filter_policy import compile_filter_policy
from pileus.services.sns import errors, store
from pileus.services.sns.limits import LIMITS
from pileus.services.sns.model import Message, Subscription, Topic
from pileus.values.arns import Arn
from pileus.values.times import iso8601

PRINCIPAL = "service:sns.amazonaws.com"


def checked(request: Mapping[str, Any]) -> dict[str, str]:
    """Check a message; its texts by protocol where MessageStructure is json."""
    text = request.get("Message")
    if not text:
        raise errors.invalid("Empty message")
    if len(text.encode()) > LIMITS.message_bytes_max:
        raise errors.invalid("Message too long")
    subject = request.get("Subject")
    if subject is not None and not 0 < len(subject) <= LIMITS.subject_length_max:
        raise errors.invalid("Subject")
    for name, value in (request.get("MessageAttributes") or {}).items():
        if not (value.get("StringValue") or value.get("BinaryValue")):
            raise errors.invalid_value(
                f"The message attribute '{name}' must contain non-empty message attribute value "
                f"for message attribute type '{value.get('DataType')}'."
            )
    if request.get("MessageStructure") != "json":
        return {}
    try:
        by_protocol = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(by_protocol, dict) or "default" not in by_protocol:
        raise errors.invalid("Message Structure - No default entry in JSON message body")
    return {name: str(value) for name, value in by_protocol.items()}


def publish(call: WriteCall, topic: Topic, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take a message for every subscription of ``topic`` that wants it."""
    message = Message(
        id=call.new_id(),
        text=request["Message"],
        at_ms=call.now_ms,
        subject=request.get("Subject") or "",
        by_protocol=checked(request),
        attributes=request.get("MessageAttributes") or {},
        group=request.get("MessageGroupId") or "",
    )
    output: dict[str, Any] = {}
    if topic.is_fifo:
        message.sequence = call.sequence()
        earlier = _deduplicated(call, topic, message, request)
        if earlier is not None:
            return earlier
        output["SequenceNumber"] = f"{message.sequence:020d}"
    for subscription in store.subscriptions(call.state, topic.name):
        if _accepts(subscription, message):
            call.emit(_delivery(call, topic, subscription, message))
    return {"MessageId": message.id, **output}


def _deduplicated(
    call: WriteCall, topic: Topic, message: Message, request: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The answer to an earlier message with the same id, or None; remembers this one."""
    if not message.group:
        raise errors.invalid("The MessageGroupId parameter is required for FIFO topics")
    given = request.get("MessageDeduplicationId")
    if not given:
        if topic.attributes.get("ContentBasedDeduplication", "false").lower() != "true":
            raise errors.invalid(
                "The topic should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )
        given = _digest(message.text)
    message.deduplication_id = given
    scope = message.group if topic.attributes.get("FifoThroughputScope") == "MessageGroup" else ""
    key = ("sent", topic.name, scope, given)
    raw = call.state.get(key)
    if raw is not None:
        expires_ms, message_id, sequence = orjson.loads(raw)
        if expires_ms > call.now_ms:
            return {"MessageId": message_id, "SequenceNumber": sequence}
    expires_ms = call.now_ms + LIMITS.deduplication_s * 1000
    call.state.put(key, orjson.dumps([expires_ms, message.id, f"{message.sequence:020d}"]))
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=2048)
def _filter(policy: str, scope: Any) -> Any:
    return compile_filter_policy(policy, scope)


def _accepts(subscription: Subscription, message: Message) -> bool:
    policy = subscription.attributes.get("FilterPolicy")
    if not policy:
        return True
    accepts = _filter(policy, subscription.scope)
    return bool(accepts(message.text, message.attributes))


def _delivery(
    call: WriteCall, topic: Topic, subscription: Subscription, message: Message
) -> Delivery:
    service, operation, given = _call(call, topic, subscription, message)
    account = region = ""
    if subscription.endpoint.startswith("arn:"):
        arn = Arn.parse(subscription.endpoint)
        account, region = arn.account, arn.region
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=PRINCIPAL,
        ordering_key=f"{subscription.id}/{message.group}" if topic.is_fifo else None,
        age_max_s=LIMITS.delivery_age_s,
        account=account,
        region=region,
        on_failure=Hook(
            service="sns",
            name="delivery_failed",
            payload={
                "topic": topic.name,
                "subscription": subscription.id,
                "body": _envelope(call, topic, subscription, message),
            },
        ),
    )


def _call(call: WriteCall, topic: Topic, subscription: Subscription, message: Message) -> Call:
    text = _text_for(message, subscription.protocol)
    if subscription.protocol == "sms":
        return "pinpoint-sms-voice-v2", "SendTextMessage", sms_input(subscription.endpoint, text)
    if subscription.protocol == "lambda":
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription_arn(call, subscription),
            "Sns": _notification(call, topic, subscription, message, "Url"),
        }
        return call_for(subscription.endpoint, orjson.dumps({"Records": [record]}).decode())
    options: dict[str, Any] = {}
    if subscription.endpoint.endswith(".fifo"):
        options["MessageGroupId"] = message.group
        options["MessageDeduplicationId"] = message.deduplication_id
    if subscription.is_raw:
        if message.attributes:
            options["MessageAttributes"] = message.attributes
        return call_for(subscription.endpoint, text, **options)
    return call_for(subscription.endpoint, _envelope(call, topic, subscription, message), **options)


def sms_input(number: str, text: str) -> dict[str, Any]:
    """The input of SendTextMessage for a plain text."""
    return {"DestinationPhoneNumber": number, "MessageBody": text, "MessageType": "TRANSACTIONAL"}


def _text_for(message: Message, protocol: str) -> str:
    if not message.by_protocol:
        return message.text
    return message.by_protocol.get(protocol, message.by_protocol["default"])


def _envelope(call: WriteCall, topic: Topic, subscription: Subscription, message: Message) -> str:
    return orjson.dumps(_notification(call, topic, subscription, message, "URL")).decode()


def _notification(
    call: WriteCall, topic: Topic, subscription: Subscription, message: Message, url: str
) -> dict[str, Any]:
    """The JSON form of a message. Lambda spells ``SigningCertUrl``, queues ``SigningCertURL``."""
    notification: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": call.arn(topic.name),
        "Subject": message.subject or None,
        "Message": _text_for(message, subscription.protocol),
        "Timestamp": iso8601(message.at_ms),
        "SignatureVersion": topic.attributes.get("SignatureVersion", "1"),
        "Signature": "",
        f"SigningCert{url}": "",
        f"Unsubscribe{url}": (
            f"{call.context.endpoint}/?Action=Unsubscribe"
            f"&SubscriptionArn={subscription_arn(call, subscription)}"
        ),
    }
    if message.sequence:
        notification["SequenceNumber"] = f"{message.sequence:020d}"
    if url == "URL" and not message.subject:
        del notification["Subject"]
    attributes = {
        name: {"Type": value["DataType"], "Value": _attribute_text(value)}
        for name, value in message.attributes.items()
    }
    if attributes or url == "Url":
        notification["MessageAttributes"] = attributes
    return notification


def _attribute_text(value: Mapping[str, Any]) -> str:
    if value["DataType"].startswith("Binary"):
        return base64.b64encode(value["BinaryValue"]).decode()
    return str(value["StringValue"])


def subscription_arn(call: Any, subscription: Subscription) -> str:
    """``arn:aws:sns:<region>:<account>:<topic>:<id>``."""
    return str(call.arn(f"{subscription.topic}:{subscription.id}"))
