"""PurgeQueue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store
from pileus.services.sqs.limits import LIMITS


@write
def purge_queue(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete every message of a queue; once in sixty seconds."""
    queue = store.queue_at(call.state, request)
    if call.now_ms - queue.purged_ms < LIMITS.purge_pause_s * 1000:
        raise errors.purge_in_progress(queue.name)
    for kind in ("message", "flight", "ready", "group"):
        call.state.delete_range((kind, queue.name))
    queue.purged_ms = call.now_ms
    store.put_queue(call.state, queue)
