"""SendMessageBatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import batches, errors, sending, store
from pileus.services.sqs.limits import LIMITS
from pileus.services.sqs.model import size_bytes


@write
def send_message_batch(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put up to ten messages into a queue; each succeeds or fails by itself."""
    queue = store.known_queue_at(call.state, request)
    entries = batches.checked("SendMessageBatch", request["Entries"])
    if queue.is_fifo:
        sending.check_batch(queue, entries)
    total = sum(size_bytes(e["MessageBody"], e.get("MessageAttributes") or {}) for e in entries)
    if total > LIMITS.message_bytes_max:
        raise errors.batch_too_long(LIMITS.message_bytes_max, total)

    def one(entry: Mapping[str, Any]) -> dict[str, Any]:
        sending.checked(queue, entry)
        return sending.send(call, queue, entry)

    return batches.each(entries, one)
