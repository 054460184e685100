"""UntagQueue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store


@write
def untag_queue(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags by key."""
    queue = store.queue_at(call.state, request)
    if not all(request["TagKeys"]) or not request["TagKeys"]:
        raise errors.invalid_parameter("Tag keys must be between 1 and 128 characters in length.")
    queue.tags = {k: v for k, v in queue.tags.items() if k not in request["TagKeys"]}
    store.put_queue(call.state, queue)
