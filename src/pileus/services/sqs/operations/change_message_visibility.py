"""ChangeMessageVisibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import flights, store


@write
def change_message_visibility(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Let a message in flight become visible ``VisibilityTimeout`` seconds from now."""
    queue = store.known_queue_at(call.state, request)
    flights.change_visibility(call, queue, request["ReceiptHandle"], request["VisibilityTimeout"])
