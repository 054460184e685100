"""UntagQueue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import store


@write
def untag_queue(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags by key."""
    queue = store.queue_at(call.state, request)
    queue.tags = {k: v for k, v in queue.tags.items() if k not in request["TagKeys"]}
    store.put_queue(call.state, queue)
