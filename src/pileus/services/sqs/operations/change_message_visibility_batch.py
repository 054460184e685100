"""ChangeMessageVisibilityBatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import batches, flights, store


@write
def change_message_visibility_batch(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change the visibility of up to ten messages."""
    queue = store.known_queue_at(call.state, request)
    entries = batches.checked("ChangeMessageVisibilityBatch", request["Entries"])
    return batches.each(
        entries,
        lambda e: flights.change_visibility(
            call, queue, e["ReceiptHandle"], e.get("VisibilityTimeout", 0)
        ),
    )
