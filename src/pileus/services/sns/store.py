"""Where topics and subscriptions lie.

``topic, name``               Topic
``subscription, topic, id``   Subscription
``sent, topic, group, id``    deduplication of a FIFO topic: expiry, message id and sequence
``sent_until, topic, expires_ms, …``  the same in order of expiry
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.records import RecordCodec
from pileus.services.sns import errors
from pileus.services.sns.model import Subscription, Topic
from pileus.values.arns import Arn

TOPICS = RecordCodec(Topic)
SUBSCRIPTIONS = RecordCodec(Subscription)
_ARN_ELEMENTS = 6


def topic_at(state: Any, arn: str) -> Topic:
    """The topic with that ARN; raises InvalidParameter and NotFound."""
    raw = state.get(("topic", parsed_arn(arn, "TopicArn").resource))
    if raw is None:
        raise errors.not_found()
    return TOPICS.decode(raw)


def parsed_arn(arn: str, parameter: str) -> Arn:
    """The ARN that a parameter holds; raises InvalidParameter."""
    count = len(arn.split(":"))
    if count < _ARN_ELEMENTS:
        raise errors.invalid(
            f"{parameter} Reason: An ARN must have at least {_ARN_ELEMENTS} elements, not {count}"
        )
    try:
        return Arn.parse(arn)
    except ValueError:
        raise errors.invalid(parameter) from None


def put_topic(state: Any, topic: Topic) -> None:
    state.put(("topic", topic.name), TOPICS.encode(topic))


def subscriptions(state: Any, topic: str | None = None) -> list[Subscription]:
    """Those of one topic, or all."""
    where = ("subscription", topic) if topic else ("subscription",)
    return [SUBSCRIPTIONS.decode(raw) for _, raw in state.range(where)]


def subscription_at(state: Any, arn: str) -> Subscription:
    """The subscription with that ARN; raises InvalidParameter and NotFound."""
    topic, _, subscription_id = parsed_arn(arn, "SubscriptionArn").resource.rpartition(":")
    if not topic:
        raise errors.invalid("SubscriptionId")
    raw = state.get(("subscription", topic, subscription_id))
    if raw is None:
        raise errors.not_found("Subscription")
    return SUBSCRIPTIONS.decode(raw)


def put_subscription(state: Any, subscription: Subscription) -> None:
    key = ("subscription", subscription.topic, subscription.id)
    state.put(key, SUBSCRIPTIONS.encode(subscription))
