"""DeleteMessage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import flights, store


@write
def delete_message(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a received message; a handle that is no longer the newest deletes nothing."""
    queue = store.known_queue_at(call.state, request)
    flights.delete(call, queue, request["ReceiptHandle"])
