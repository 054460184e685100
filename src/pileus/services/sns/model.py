"""Topics and subscriptions as records."""

from __future__ import annotations

from typing import Any

import msgspec


class Topic(msgspec.Struct, kw_only=True):
    """A topic; ``attributes`` holds only what was set."""

    name: str
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}
    deleted_subscriptions: int = 0

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Subscription(msgspec.Struct, kw_only=True):
    """One endpoint of a topic; one that is pending gets nothing."""

    id: str
    topic: str
    protocol: str
    endpoint: str
    attributes: dict[str, str] = {}
    is_pending: bool = False

    @property
    def is_raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery", "false").lower() == "true"

    @property
    def scope(self) -> str:
        return self.attributes.get("FilterPolicyScope") or "MessageAttributes"


class Message(msgspec.Struct, kw_only=True):
    """A message on its way to subscribers."""

    id: str
    text: str
    at_ms: int
    subject: str = ""
    by_protocol: dict[str, str] = {}
    attributes: dict[str, dict[str, Any]] = {}
    group: str = ""
    deduplication_id: str = ""
    sequence: int = 0


TOPIC_ATTRIBUTES = frozenset(
    {
        "ArchivePolicy", "ContentBasedDeduplication", "DeliveryPolicy", "DisplayName",
        "FifoThroughputScope", "FifoTopic", "KmsMasterKeyId", "Policy", "SignatureVersion",
        "TracingConfig",
    }
)  # fmt: skip
SUBSCRIPTION_ATTRIBUTES = frozenset(
    {
        "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery",
        "RedrivePolicy", "SubscriptionRoleArn",
    }
)  # fmt: skip
