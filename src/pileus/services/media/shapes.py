"""Records in the API's names."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call
from pileus.services.media.model import Engine, Pipeline, Segment, Source
from pileus.services.media.store import arn_of
from pileus.values.times import utc


def source(call: Call, record: Source) -> dict[str, Any]:
    """A ``Source`` without its password."""
    shown = {
        "Name": record.name,
        "SourceArn": arn_of(call, "source", record.name),
        "Url": record.shown,
        "Options": record.options,
        "SegmentSeconds": record.segment_ms / 1000,
        "KeepSeconds": record.keep_s,
        "KeepBytes": record.keep_bytes,
        "CopyTo": record.copy_to,
        "Paced": record.is_paced,
        "Enabled": record.is_enabled,
        "State": record.state,
        "CreatedAt": utc(record.created_ms),
    }
    if record.reason:
        shown["StateReason"] = record.reason
    return shown


def engine(call: Call, record: Engine) -> dict[str, Any]:
    """An ``Engine``."""
    return {
        "Name": record.name,
        "EngineArn": arn_of(call, "engine", record.name),
        "Mode": record.mode,
        "Handler": record.handler,
        "Role": record.role,
        "CodeSha256": record.sha256,
        "CodeSize": record.size_bytes,
        "MemoryMB": record.memory_mb,
        "TimeoutSeconds": record.timeout_s,
        "Environment": record.environment,
        "Input": {
            "Kind": record.input.kind,
            "Rate": record.input.rate,
            "Width": record.input.width,
            "Gate": record.input.gate or "none",
        },
        "Batch": {"Size": record.batch_size, "WindowMs": record.window_ms},
        "Scale": {
            "Min": record.scale_min,
            "Max": record.scale_max,
            "TargetLagMs": record.target_lag_ms,
            "IdleMs": record.idle_ms,
        },
        "WhenBehind": record.when_behind,
        "MaxAttempts": record.attempts_max,
        "CreatedAt": utc(record.created_ms),
    }


def pipeline(call: Call, record: Pipeline) -> dict[str, Any]:
    """A ``Pipeline``."""
    shown: dict[str, Any] = {
        "Name": record.name,
        "PipelineArn": arn_of(call, "pipeline", record.name),
        "Source": record.source,
        "Engines": record.engines,
        "CreatedAt": utc(record.created_ms),
    }
    if deliver := record.deliver:
        where = {"Bus": deliver.bus, "Stream": deliver.stream}
        shown["Deliver"] = {name: value for name, value in where.items() if value}
        shown["Deliver"]["SkipEmpty"] = deliver.skips_empty
    return shown


def segment(record: Segment) -> dict[str, Any]:
    """A ``Segment``."""
    return {
        "SegmentId": record.id,
        "StartMs": record.start_ms,
        "StopMs": record.stop_ms,
        "CapturedAt": utc(record.captured_at_ms),
        "Bytes": record.size_bytes,
        "Pictures": record.pictures,
        "Stream": record.stream,
    }
