"""How Kafka clusters of users are reached, where the client library is installed."""

from __future__ import annotations

import importlib
import importlib.util

from pileus.ports.kafka import Cluster, Kafka, KafkaAbsent, TopicReader


class _LazyKafka:
    """Lazy on purpose: librdkafka takes megabytes, and few have a cluster."""

    async def open(self, cluster: Cluster, topic: str, group: str) -> TopicReader:
        """See Kafka."""
        adapter = importlib.import_module("pileus.adapters.confluent_kafka")
        reader: TopicReader = await adapter.ConfluentKafka().open(cluster, topic, group)
        return reader


def build() -> Kafka:
    """The client, or what says how to install it."""
    is_there = importlib.util.find_spec("confluent_kafka") is not None
    return _LazyKafka() if is_there else KafkaAbsent()
