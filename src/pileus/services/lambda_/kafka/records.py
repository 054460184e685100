"""Records of topics as functions and filters see them.

https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
https://docs.aws.amazon.com/lambda/latest/dg/kafka-filtering.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import orjson

from pileus.ports.kafka import TopicRecord
from pileus.services.lambda_.streams.model import Record


def place_name(topic: str, partition: int) -> str:
    """How events name a partition."""
    return f"{topic}-{partition}"


def record_of(given: TopicRecord, *, is_filtered: bool) -> Record:
    """A record of a topic; what filters look at is made only where there are any."""
    event: dict[str, Any] = {
        "topic": given.topic,
        "partition": given.partition,
        "offset": given.offset,
        "timestamp": given.at_ms,
        "timestampType": given.at_type,
    }
    for name, content in (("key", given.key), ("value", given.value)):
        if content is not None:
            event[name] = base64.b64encode(content).decode()
    event["headers"] = [{name: _signed(value or b"")} for name, value in given.headers]
    filtered = _seen_by_filters(given, event) if is_filtered else {}
    key = place_name(given.topic, given.partition)
    return Record(
        sequence=str(given.offset),
        key=key,
        at_ms=given.at_ms,
        event=event,
        filtered=filtered,
        # Its partition may be named for it alone.
        size_bytes=len(orjson.dumps(event)) + len(key) + len('"":[],'),
    )


def _signed(content: bytes) -> list[int]:
    """Bytes as Java counts them, which is how Lambda tells headers."""
    return [byte - 256 if byte > 127 else byte for byte in content]


def _seen_by_filters(given: TopicRecord, event: dict[str, Any]) -> dict[str, Any]:
    """Key and value as JSON or plain strings; what is neither is not there for patterns."""
    seen = dict(event)
    for name, content in (("key", given.key), ("value", given.value)):
        seen.pop(name, None)
        try:
            text = None if content is None else content.decode()
        except UnicodeDecodeError:
            continue
        if text is not None:
            seen[name] = _parsed(text)
    return seen


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def event_of(servers: Iterable[str], records: Iterable[Record]) -> dict[str, Any]:
    """What the function gets; the records of a partition stand in their order."""
    by_place: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_place.setdefault(record.key, []).append(record.event)
    return {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": ",".join(servers),
        "records": by_place,
    }


def first_failures(payload: bytes, records: list[Record]) -> dict[str, int] | None:
    """By partition the offset from which on records are to be tried again; empty for none.

    None when the answer says nothing usable, which makes the whole batch a failure.
    https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
    """
    try:
        answer = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None:
        return {}
    if not isinstance(failures, list):
        return None
    known = {(record.key, record.number) for record in records}
    first: dict[str, int] = {}
    for failure in failures:
        named = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(named, dict):
            return None
        place, offset = named.get("partition"), named.get("offset")
        if not isinstance(place, str) or not isinstance(offset, int):
            return None
        if (place, offset) not in known:
            return None
        first[place] = min(offset, first.get(place, offset))
    return first
