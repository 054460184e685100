"""SendMessage. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import sending, store


@write
def send_message(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put one message into a queue."""
    queue = store.known_queue_at(call.state, request)
    sending.checked(queue, request)
    return sending.send(call, queue, request)
