"""DeleteQueue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import store


@write
def delete_queue(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a queue and every message in it."""
    queue = store.queue_at(call.state, request)
    call.state.delete(("queue", queue.name))
    for kind in (
        "message", "flight", "ready", "group", "sent", "sent_until", "task", "attempt",
        "attempt_until",
    ):  # fmt: skip
        call.state.delete_range((kind, queue.name))
    call.cancel_timer("expire_messages", queue.name)
    call.wake(store.wake_key(queue.name))
