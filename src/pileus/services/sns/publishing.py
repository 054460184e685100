"""A message meets a topic's subscriptions; what passes their filters goes out by the outbox."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery, Hook
from pileus.kernel.targets import Call, call_for
from pileus.languages.filter_policy import compile_filter_policy
from pileus.services.sns import attributes, errors, store
from pileus.services.sns.limits import LIMITS
from pileus.services.sns.model import Message, Subscription, Topic
from pileus.values.arns import Arn
from pileus.values.times import iso8601

PRINCIPAL = "service:sns.amazonaws.com"
_EXPIRED_PER_PUBLISH = 4
_SUBJECT = re.compile(rf"[^\x00-\x1f\x7f]{{1,{LIMITS.subject_length_max}}}")
_ID_128 = re.compile(r"[!-~]{1,128}")


def checked(request: Mapping[str, Any]) -> dict[str, str]:
    """Check a message; its texts by protocol where MessageStructure is json."""
    text = request.get("Message")
    subject = request.get("Subject")
    if subject is not None and not _SUBJECT.fullmatch(subject):
        raise errors.invalid("Subject")
    if not text:
        raise errors.invalid("Empty message")
    if size_bytes(request) > LIMITS.message_bytes_max:
        raise errors.invalid("Message too long")
    attributes.check(request.get("MessageAttributes") or {})
    if request.get("MessageStructure") != "json":
        return {}
    try:
        by_protocol = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(by_protocol, dict) or not isinstance(by_protocol.get("default"), str):
        raise errors.invalid("Message Structure - No default entry in JSON message body")
    return {name: value for name, value in by_protocol.items() if isinstance(value, str)}


def size_bytes(request: Mapping[str, Any]) -> int:
    """What a message counts against the limit: its text and its attributes."""
    told = attributes.size_bytes(request.get("MessageAttributes") or {})
    return len((request.get("Message") or "").encode()) + told


def check_ids(topic: Topic, request: Mapping[str, Any]) -> None:
    """Raise for ids of group and deduplication that the type of topic does not go with."""
    if topic.is_fifo:
        if not request.get("MessageGroupId"):
            raise errors.invalid("The MessageGroupId parameter is required for FIFO topics")
        by_content = topic.attributes.get("ContentBasedDeduplication", "false").lower() == "true"
        if not request.get("MessageDeduplicationId") and not by_content:
            raise errors.invalid(
                "The topic should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )
    elif request.get("MessageDeduplicationId"):
        raise errors.invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
            "that is not valid for this topic type"
        )
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if request.get(name) and not _ID_128.fullmatch(request[name]):
            raise errors.invalid(
                f"{name} Reason: {name} can only include alphanumeric and punctuation characters "
                "and have a length from 1 to 128"
            )


def publish(call: WriteCall, topic: Topic, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take a message for every subscription of ``topic`` that wants it."""
    check_ids(topic, request)
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
        if not subscription.is_pending and _accepts(subscription, message):
            call.emit(_delivery(call, topic, subscription, message))
    return {"MessageId": message.id, **output}


def _deduplicated(
    call: WriteCall, topic: Topic, message: Message, request: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The answer to an earlier message with the same id, or None; remembers this one."""
    given = request.get("MessageDeduplicationId") or _digest(message.text)
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
    call.state.put(("sent_until", topic.name, expires_ms, scope, given), b"")
    _forget_sent(call, topic.name)
    return None


def _forget_sent(call: WriteCall, topic: str) -> None:
    """Drop a few deduplication ids whose five minutes are over."""
    stop = ("sent_until", topic, call.now_ms)
    for key, _ in call.state.range(("sent_until", topic), stop=stop, limit=_EXPIRED_PER_PUBLISH):
        call.state.delete(key)
        sent = ("sent", topic, key[3], key[4])
        raw = call.state.get(sent)
        # The id may have been published again since, and then stands for that message.
        if raw is not None and orjson.loads(raw)[0] == key[2]:
            call.state.delete(sent)


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
    if message.group and (subscription.endpoint.endswith(".fifo") or not topic.is_fifo):
        options["MessageGroupId"] = message.group
    if subscription.endpoint.endswith(".fifo"):
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
        **({"SequenceNumber": f"{message.sequence:020d}"} if message.sequence else {}),
        "TopicArn": call.arn(topic.name),
        "Subject": message.subject or None,
        "Message": _text_for(message, subscription.protocol),
        "Timestamp": iso8601(message.at_ms),
        **({} if topic.is_fifo else _signature(topic, url)),
        f"Unsubscribe{url}": (
            f"{call.context.endpoint}/?Action=Unsubscribe"
            f"&SubscriptionArn={subscription_arn(call, subscription)}"
        ),
    }
    if url == "URL" and not message.subject:
        del notification["Subject"]
    shown = {
        name: {"Type": value["DataType"], "Value": _attribute_text(value)}
        for name, value in message.attributes.items()
    }
    if shown or url == "Url":
        notification["MessageAttributes"] = shown
    return notification


def _signature(topic: Topic, url: str) -> dict[str, str]:
    """The members of a signature, which FIFO topics do without."""
    version = topic.attributes.get("SignatureVersion", "1")
    return {"SignatureVersion": version, "Signature": "", f"SigningCert{url}": ""}


def _attribute_text(value: Mapping[str, Any]) -> str:
    if value["DataType"].startswith("Binary"):
        return base64.b64encode(value["BinaryValue"]).decode()
    return str(value["StringValue"])


def subscription_arn(call: Any, subscription: Subscription) -> str:
    """``arn:aws:sns:<region>:<account>:<topic>:<id>``."""
    return str(call.arn(f"{subscription.topic}:{subscription.id}"))
