"""RemovePermission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store


@write
def remove_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove the statement with a label from the queue's policy."""
    queue = store.queue_at(call.state, request)
    policy = orjson.loads(queue.attributes.get("Policy") or '{"Statement": []}')
    kept = [s for s in policy["Statement"] if s.get("Sid") != request["Label"]]
    if len(kept) == len(policy["Statement"]):
        where = " on existing policy" if queue.attributes.get("Policy") else ""
        raise errors.invalid_value(request["Label"], "Label", f"can't find label{where}.")
    policy["Statement"] = kept
    if kept:
        queue.attributes["Policy"] = orjson.dumps(policy).decode()
    else:
        queue.attributes.pop("Policy")
    queue.modified_ms = call.now_ms
    store.put_queue(call.state, queue)
