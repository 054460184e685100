"""Settings of a stream: retention, record size, monitoring, encryption.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.kinesis import errors, store
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Stream

METRICS = (
    "IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
    "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)  # fmt: skip


@write
def increase_stream_retention_period(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep records longer; what was over before stays so."""
    found, hours = store.stream_of(call, request), request["RetentionPeriodHours"]
    if hours < found.retention_hours:
        raise errors.invalid(
            f"Requested retention period ({hours} hours) for stream {found.name} can not be "
            f"shorter than existing retention period ({found.retention_hours} hours). Use "
            "DecreaseRetentionPeriod API."
        )
    if hours > LIMITS.retention_hours_max:
        raise errors.invalid(
            f"Maximum allowed retention period is {LIMITS.retention_hours_max} hours. Requested "
            f"retention period ({hours} hours) is too long."
        )
    found.floor_ms = found.horizon_ms(call.now_ms)
    found.retention_hours = hours
    store.put_stream(call.state, found)


@write
def decrease_stream_retention_period(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep records less long; what is older is out of reach at once."""
    found, hours = store.stream_of(call, request), request["RetentionPeriodHours"]
    if hours > found.retention_hours:
        raise errors.invalid(
            f"Requested retention period ({hours} hours) for stream {found.name} can not be "
            f"longer than existing retention period ({found.retention_hours} hours). Use "
            "IncreaseRetentionPeriod API."
        )
    if hours < LIMITS.retention_hours_min:
        raise errors.invalid(
            f"Minimum allowed retention period is {LIMITS.retention_hours_min} hours. Requested "
            f"retention period ({hours} hours) is too short."
        )
    found.retention_hours = hours
    store.put_stream(call.state, found)


@write
def update_max_record_size(call: WriteCall, request: Mapping[str, Any]) -> None:
    """How large a record may be."""
    found = store.stream_of(call, request)
    found.record_kib_max = request["MaxRecordSizeInKiB"]
    store.put_stream(call.state, found)


@write
def enable_enhanced_monitoring(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep which metrics are wanted for each shard."""
    found = store.stream_of(call, request)
    wanted = set(found.metrics) | _metrics(request)
    return _monitor(call, found, wanted)


@write
def disable_enhanced_monitoring(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep that metrics are not wanted any longer."""
    found = store.stream_of(call, request)
    return _monitor(call, found, set(found.metrics) - _metrics(request))


def _metrics(request: Mapping[str, Any]) -> set[str]:
    given = set(request["ShardLevelMetrics"])
    return set(METRICS) if "ALL" in given else given


def _monitor(call: WriteCall, found: Stream, wanted: set[str]) -> dict[str, Any]:
    before = found.metrics
    found.metrics = [name for name in METRICS if name in wanted]
    store.put_stream(call.state, found)
    return {
        "StreamName": found.name,
        "StreamARN": store.stream_arn(call, found.name),
        "CurrentShardLevelMetrics": before,
        "DesiredShardLevelMetrics": found.metrics,
    }


@write
def start_stream_encryption(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep the key; records written from now on say ``KMS``."""
    found = store.stream_of(call, request)
    if request["EncryptionType"] != "KMS":
        raise errors.invalid(f"EncryptionType {request['EncryptionType']} cannot be started.")
    found.key = request["KeyId"]
    store.put_stream(call.state, found)


@write
def stop_stream_encryption(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Forget the key; records written from now on say ``NONE``."""
    found = store.stream_of(call, request)
    if request["EncryptionType"] != "KMS":
        raise errors.invalid(f"EncryptionType {request['EncryptionType']} cannot be stopped.")
    if not found.key:
        raise errors.in_use(f"Stream {found.name} under account {call.account} is not encrypted.")
    found.key = ""
    store.put_stream(call.state, found)
