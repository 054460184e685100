"""ListQueueTags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import store


@read
def list_queue_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A queue's tags."""
    tags = store.queue_at(call.state, request).tags
    return {"Tags": tags} if tags else {}
