"""Records in the API's names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pileus.kernel.calls import Call
from pileus.ports.intakes import PUSHED
from pileus.ports.log import Record
from pileus.services.media import engine_inputs
from pileus.services.media.following import Known
from pileus.services.media.model import (
    CONNECTING,
    STOPPED,
    Engine,
    Pipeline,
    RecordFormat,
    Segment,
    Source,
)
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
        "KeepResultsSeconds": record.keep_results_s,
        "KeepResultsBytes": record.keep_results_bytes,
        "CopyTo": record.copy_to,
        "Paced": record.is_paced,
        "Enabled": record.is_enabled,
        "State": record.state,
        "CreatedAt": utc(record.created_ms),
    }
    if record.is_listening:
        shown["Listen"] = True
    if record.records is not None:
        shown["Records"] = _records(record.records)
    if record.url == PUSHED:
        del shown["Url"]
        shown["Push"] = True
    if record.reason:
        shown["StateReason"] = record.reason
    if record.is_enabled and record.state == STOPPED:
        # Asked for and not begun yet: its process starts after the answer.
        shown["State"] = CONNECTING
        if record.url == PUSHED:
            shown["StateReason"] = "Nobody has pushed yet."
    return shown


def _records(told: RecordFormat) -> dict[str, Any]:
    shown: dict[str, Any] = {"SilenceSeconds": told.silence_s}
    if told.format:
        shown["Format"] = told.format
    if told.time_field:
        shown["TimeField"] = told.time_field
    if told.every_s:
        shown["EverySeconds"] = told.every_s
    if told.format == "kinesis":
        shown["StartingPosition"] = told.start
        del shown["SilenceSeconds"]
    if told.start_ms:
        shown["StartingPositionTimestamp"] = utc(told.start_ms)
    return shown


def push(call: Call, record: Source) -> dict[str, Any]:
    """Where a source that is pushed to takes media, and its key; nothing for others."""
    if record.url != PUSHED:
        return {}
    path = f"/_pileus/media/{call.account}/{call.region}/{quote(record.name)}/push"
    shown: dict[str, Any] = {"PushUrl": call.context.endpoint + path, "PushKey": record.push_key}
    if record.old_push_key:
        shown["OldPushKeyUntil"] = utc(record.old_push_key_until_ms)
    return shown


def known(found: Known) -> dict[str, Any]:
    """``Format`` and ``Counts`` of a source, as far as its process has told."""
    shown: dict[str, Any] = {}
    if (told := found.format) is not None:
        given = {
            "Video": told.video,
            "Width": told.width,
            "Height": told.height,
            "Rate": told.rate,
            "Audio": told.audio,
            "SampleRate": told.sample_rate,
        }
        shown["Format"] = {name: value for name, value in given.items() if value}
    if found.counts is not None:
        counts = found.counts
        shown["Counts"] = {
            **counts.counts,
            "connections": counts.connections,
            "gated": sum(counts.gated.values()),
        }
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
        "Input": engine_inputs.shown(record.input),
        "Batch": {"Size": record.batch_size, "WindowMs": record.window_ms},
        "Scale": {
            "Min": record.scale_min,
            "Max": record.scale_max,
            "TargetLagMs": record.target_lag_ms,
            "IdleMs": record.idle_ms,
        },
        "WhenBehind": record.when_behind,
        "MaxAttempts": record.attempts_max,
        "DeadLetter": record.dead_letter,
        "RewindMs": record.rewind_ms,
        "CreatedAt": utc(record.created_ms),
        **_program(record),
    }


def _program(record: Engine) -> dict[str, Any]:
    """What runs it, where that is not Python here."""
    if record.function:
        return {"Function": record.function}
    shown: dict[str, Any] = {"PackageType": "Image" if record.image else "Zip"}
    if record.runtime:
        shown["Runtime"] = record.runtime
    if (http := record.http) is not None:
        shown["Http"] = {"Port": http.port, "ReadySeconds": http.ready_s}
    if (image := record.image) is not None:
        shown |= {"ImageUri": image.uri, "ResolvedImageUri": image.resolved}
        shown["ImageConfig"] = {
            "EntryPoint": image.entrypoint,
            "Command": image.command,
            "WorkingDirectory": image.working_dir,
        }
    return shown


def pipeline(call: Call, record: Pipeline) -> dict[str, Any]:
    """A ``Pipeline``."""
    shown: dict[str, Any] = {
        "Name": record.name,
        "PipelineArn": arn_of(call, "pipeline", record.name),
        "Source": record.source,
        "Engines": record.engines,
        "From": record.begin,
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


def result(record: Record) -> dict[str, Any]:
    """A record of the Log as ``Result``."""
    return {"Offset": record.offset, "Document": record.value.decode()}
