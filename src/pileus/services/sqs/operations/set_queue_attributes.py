"""SetQueueAttributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, settings, store


@write
def set_queue_attributes(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Change attributes; an empty value removes one."""
    queue = store.queue_at(call.state, request)
    given = request["Attributes"]
    if queue.is_fifo and given.get("FifoQueue", "true").lower() != "true":
        raise errors.invalid_attribute_value("FifoQueue", "Modifying queue type is not supported.")
    kept = settings.checked(call, queue.name, given)
    queue.attributes = {n: v for n, v in {**queue.attributes, **kept}.items() if v}
    queue.modified_ms = call.now_ms
    store.put_queue(call.state, queue)
