"""Records in wire names."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call
from pileus.services.kinesis import store
from pileus.services.kinesis.model import Consumer, Shard, Stream, shard_id
from pileus.values.times import utc


def wire_shard(shard: Shard) -> dict[str, Any]:
    """A ``Shard``."""
    sequences = {"StartingSequenceNumber": shard.first_sequence}
    if not shard.is_open:
        sequences["EndingSequenceNumber"] = shard.last_sequence
    shown: dict[str, Any] = {
        "ShardId": shard.id,
        "HashKeyRange": {"StartingHashKey": shard.low, "EndingHashKey": shard.high},
        "SequenceNumberRange": sequences,
    }
    for member, parent in zip(
        ("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False
    ):
        shown[member] = shard_id(parent)
    return shown


def wire_stream(call: Call, stream: Stream) -> dict[str, Any]:
    """What the descriptions of a stream have in common."""
    shown: dict[str, Any] = {
        "StreamName": stream.name,
        "StreamARN": store.stream_arn(call, stream.name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.mode},
        "RetentionPeriodHours": stream.retention_hours,
        "StreamCreationTimestamp": utc(stream.made_ms),
        "EnhancedMonitoring": [{"ShardLevelMetrics": stream.metrics}],
        "EncryptionType": "KMS" if stream.key else "NONE",
    }
    if stream.key:
        shown["KeyId"] = stream.key
    return shown


def wire_consumer(call: Call, consumer: Consumer) -> dict[str, Any]:
    """A ``Consumer``."""
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": store.consumer_arn(call, consumer),
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": utc(consumer.made_ms),
    }
