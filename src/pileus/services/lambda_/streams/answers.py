"""What a function's answer says of the records of a batch.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.services.lambda_.streams.model import Record


def first_failure(payload: bytes, records: list[Record]) -> int | None:
    """Index of the first record to try again, from ``batchItemFailures``; None when all went well.

    An answer that says nothing usable makes the whole batch a failure.
    """
    try:
        answer = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        return 0
    if answer is None:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return None
    return _lowest(failures, records)


def _lowest(failures: Any, records: list[Record]) -> int:
    places = {record.sequence: index for index, record in enumerate(records)}
    if not isinstance(failures, list):
        return 0
    named = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    found = [places.get(name) if isinstance(name, str) else None for name in named]
    return min((0 if place is None else place) for place in found)


def state_of(payload: bytes) -> bytes:
    """The state that a function returned for its tumbling window, as JSON."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return b"{}"
    state = answer.get("state") if isinstance(answer, dict) else None
    return b"{}" if state is None else orjson.dumps(state)
