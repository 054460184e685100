"""Records in wire names."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.services.logs.model import Event, Group, MetricFilter, Stream, Subscription
from pileus.services.logs.store import STREAMS, group_arn


def wire_group(call: ReadCall, record: Group) -> dict[str, Any]:
    """A ``LogGroup``."""
    arn = group_arn(call, record.name)
    streams = call.state.range(("stream", record.name))
    output: dict[str, Any] = {
        "logGroupName": record.name,
        "creationTime": record.created_ms,
        "metricFilterCount": record.metric_filter_count,
        "arn": f"{arn}:*",
        "storedBytes": sum(STREAMS.decode(raw).stored_bytes for _, raw in streams),
        "logGroupClass": record.kind,
        "logGroupArn": arn,
        "deletionProtectionEnabled": record.is_protected,
    }
    if record.retention_days:
        output["retentionInDays"] = record.retention_days
    if record.kms_key:
        output["kmsKeyId"] = record.kms_key
    return output


def wire_stream(call: ReadCall, group: str, record: Stream) -> dict[str, Any]:
    """A ``LogStream``; its storedBytes is zero, as on AWS since 2019."""
    output: dict[str, Any] = {
        "logStreamName": record.name,
        "creationTime": record.created_ms,
        "arn": f"{group_arn(call, group)}:log-stream:{record.name}",
        "storedBytes": 0,
    }
    if not record.is_empty:
        output["firstEventTimestamp"] = record.first_ms
        output["lastEventTimestamp"] = record.last_ms
        output["lastIngestionTime"] = record.ingested_ms
        output["uploadSequenceToken"] = sequence_token(record.tail_ordinal)
    return output


def sequence_token(ordinal: int) -> str:
    """56 digits, as clients may still echo; nobody reads them."""
    return f"49{ordinal:054d}"


def wire_event(event: Event) -> dict[str, Any]:
    """An ``OutputLogEvent``."""
    return {
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }


def wire_filtered(stream: str, event: Event) -> dict[str, Any]:
    """A ``FilteredLogEvent``."""
    return {"logStreamName": stream, **wire_event(event), "eventId": event.id}


def wire_subscription(group: str, record: Subscription) -> dict[str, Any]:
    """A ``SubscriptionFilter``."""
    output = {
        "filterName": record.name,
        "logGroupName": group,
        "filterPattern": record.pattern,
        "destinationArn": record.destination,
        "distribution": record.distribution,
        "creationTime": record.created_ms,
    }
    if record.role:
        output["roleArn"] = record.role
    return output


def wire_metric_filter(group: str, record: MetricFilter) -> dict[str, Any]:
    """A ``MetricFilter``."""
    made: dict[str, Any] = {
        "metricName": record.metric,
        "metricNamespace": record.namespace,
        "metricValue": record.value,
        "unit": record.unit,
    }
    if record.default is not None:
        made["defaultValue"] = record.default
    if record.dimensions:
        made["dimensions"] = record.dimensions
    return {
        "filterName": record.name,
        "logGroupName": group,
        "filterPattern": record.pattern,
        "metricTransformations": [made],
        "creationTime": record.created_ms,
    }
