"""A function's ``events`` list, each entry handed to the file that knows its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.events_bus import (
    add_cloudwatch_event,
    add_event_bridge,
    add_schedule,
)
from pileus.languages.serverless.events_http import add_http, add_http_api
from pileus.languages.serverless.events_kafka import add_kafka
from pileus.languages.serverless.events_messages import (
    add_cloudwatch_logs,
    add_sns,
    add_sqs,
    add_stream,
)
from pileus.languages.serverless.events_storage import add_s3
from pileus.languages.serverless.reading import Reading, is_function

_PLAIN: dict[str, Callable[[Build, str, Reading], None]] = {
    "sqs": add_sqs,
    "sns": add_sns,
    "stream": add_stream,
    "http": add_http,
    "httpApi": add_http_api,
}
KINDS = (*_PLAIN, "s3", "eventBridge", "schedule", "cloudwatchEvent", "cloudwatchLog", "kafka")
_S3_MEMBERS = ("bucket", "event", "rules", "existing")


def add_events(build: Build, name: str) -> None:
    """All events of a function.

    Raises:
        ServiceFileError: an unknown kind of event, or one that is not well-formed.
    """
    logs: list[Reading] = []
    topics: list[Reading] = []
    schedules = watched = stored = 1
    for index, entry in enumerate(_entries(build, name), 1):
        kind, event = _kind(entry)
        if kind == "s3":
            add_s3(build, name, event, stored)
            stored += 1
        elif kind == "eventBridge":
            add_event_bridge(build, name, event, index)
        elif kind == "schedule":
            schedules = add_schedule(build, name, event, schedules)
        elif kind == "cloudwatchEvent":
            add_cloudwatch_event(build, name, event, watched)
            watched += 1
        elif kind == "cloudwatchLog":
            logs.append(event)
        elif kind == "kafka":
            topics.append(event)
        else:
            _PLAIN[kind](build, name, event)
    add_cloudwatch_logs(build, name, logs)
    add_kafka(build, name, topics)


def _entries(build: Build, name: str) -> list[Reading]:
    """The entries, with rules that slipped out of an ``s3`` event put back."""
    events = build.functions[name]["events"]
    result: list[Reading] = []
    for entry in events.entries():
        result.append(_mended(entry))
    return _rejoined(result)


def _mended(entry: Reading) -> Reading:
    """``- s3: …`` with its settings beside the key instead of below it."""
    body = entry.value
    if not isinstance(body, dict) or "s3" not in body or len(body) == 1:
        return entry
    beside = {key: value for key, value in body.items() if key in _S3_MEMBERS}
    if not beside or len(beside) + 1 != len(body):
        return entry
    return _with_settings(entry, body["s3"], beside)


def _with_settings(entry: Reading, inner: Any, beside: dict[str, Any]) -> Reading:
    names = ", ".join(beside)
    if isinstance(inner, str):
        inner = {"bucket": inner}
    if inner is not None and (not isinstance(inner, dict) or is_function(inner)):
        raise entry.error(f"{names} must stand under s3")
    entry.warn(f"{names} stands beside s3 instead of under it; read as if it stood under it")
    return Reading(entry.file, entry.path, {"s3": {**beside, **(inner or {})}}, entry.warnings)


def _rejoined(entries: list[Reading]) -> list[Reading]:
    """A list entry that is only ``rules`` belongs to the ``s3`` event before it."""
    result: list[Reading] = []
    for entry in entries:
        body = entry.value
        previous = result[-1].value if result else None
        is_stray = isinstance(body, dict) and list(body) == ["rules"]
        if is_stray and isinstance(previous, dict) and "s3" in previous:
            result[-1] = _with_settings(entry, previous["s3"], dict(body))
        else:
            result.append(entry)
    return result


def _kind(entry: Reading) -> tuple[str, Reading]:
    body = entry.mapping()
    if len(body) != 1:
        raise entry.expected("one event: a single key such as s3, sqs, schedule or eventBridge")
    kind = next(iter(body))
    if kind not in KINDS:
        raise entry.error(f"event {kind} is not supported; expected one of {', '.join(KINDS)}")
    event = entry[kind]
    if not event:
        raise event.expected("the event's settings")
    return kind, event
