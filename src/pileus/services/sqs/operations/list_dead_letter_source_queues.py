"""ListDeadLetterSourceQueues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import paging, receiving, store


@read
def list_dead_letter_source_queues(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Queues whose redrive policy names this one."""
    target = store.queue_at(call.state, request).name
    limit = paging.limit_of(request)
    after = paging.after(request)
    names = []
    for _, raw in call.state.range(("queue",)):
        queue = store.QUEUES.decode(raw)
        redrive = receiving.redrive_policy(queue)
        if redrive and redrive[0] == target:
            names.append(queue.name)
    page, token = paging.page([name for name in names if name > after], limit)
    urls = [f"{call.context.endpoint}/{call.account}/{name}" for name in page]
    return {"queueUrls": urls, **token}
