"""GetQueueUrl."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import store


@read
def get_queue_url(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The address of a queue by its name."""
    queue = store.find_queue(call.state, request["QueueName"])
    return {"QueueUrl": f"{call.context.endpoint}/{call.account}/{queue.name}"}
