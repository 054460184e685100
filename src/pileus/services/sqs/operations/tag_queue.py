"""TagQueue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.sqs import errors, store
from pileus.services.sqs.limits import LIMITS


@write
def tag_queue(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, replacing those with the same keys."""
    queue = store.queue_at(call.state, request)
    for key, value in request["Tags"].items():
        _check(key, value)
    if not request["Tags"]:
        raise errors.missing_parameter("Tags")
    tags = {**queue.tags, **request["Tags"]}
    if len(tags) > LIMITS.tags_max:
        raise errors.invalid_parameter(f"Too many tags added for queue {queue.name}.")
    queue.tags = tags
    store.put_queue(call.state, queue)


def _check(key: str, value: str) -> None:
    if not 0 < len(key) <= LIMITS.tag_key_length_max:
        raise errors.invalid_parameter("Tag keys must be between 1 and 128 characters in length.")
    if len(value) > LIMITS.tag_value_length_max:
        raise errors.invalid_parameter("Tag values must be between 0 and 256 characters in length.")
