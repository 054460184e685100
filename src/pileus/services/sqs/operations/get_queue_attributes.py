"""GetQueueAttributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import settings, store


@read
def get_queue_attributes(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes asked for; none when none were named."""
    queue = store.queue_at(call.state, request)
    shown = settings.shown(call, queue, request.get("AttributeNames") or ())
    return {"Attributes": shown} if shown else {}
