"""DeleteMessageBatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import batches, flights, store


@write
def delete_message_batch(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete up to ten received messages."""
    queue = store.known_queue_at(call.state, request)
    entries = batches.checked("DeleteMessageBatch", request["Entries"])
    return batches.each(entries, lambda e: flights.delete(call, queue, e["ReceiptHandle"]))
