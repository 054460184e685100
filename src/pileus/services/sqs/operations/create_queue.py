"""CreateQueue. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.operations import write
from pileus.services.sqs import errors, settings, store
from pileus.services.sqs.hooks import EXPIRY_EVERY_MS
from pileus.services.sqs.model import Queue

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")


@write
def create_queue(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a queue, or give the address of the same queue that exists."""
    name = request["QueueName"]
    attributes = dict(request.get("Attributes") or {})
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    if attributes.get("FifoQueue", "").lower() == "true" and not name.endswith(".fifo"):
        raise errors.invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
            "underscores, must end with .fifo suffix and be 1 to 80 in length."
        )
    if name.endswith(".fifo") and "FifoQueue" not in attributes:
        raise errors.invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    kept = settings.checked(call, name, attributes)
    raw = call.state.get(("queue", name))
    if raw is not None:
        if other := settings.differing(store.QUEUES.decode(raw), kept):
            raise errors.queue_name_exists(other)
    else:
        store.put_queue(
            call.state,
            Queue(
                name=name,
                created_ms=call.now_ms,
                modified_ms=call.now_ms,
                attributes=kept,
                tags=dict(request.get("tags") or {}),
            ),
        )
        call.set_timer(
            Timer(
                name="expire_messages",
                key=name,
                at_ms=call.now_ms + EXPIRY_EVERY_MS,
                payload={"queue": name},
            )
        )
    return {"QueueUrl": f"{call.context.endpoint}/{call.account}/{name}"}
