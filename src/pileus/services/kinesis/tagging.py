"""Tags of streams and consumers."""

from __future__ import annotations

from collections.abc import Mapping

from pileus.kernel.calls import ReadCall
from pileus.services.kinesis import errors, store
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Consumer, Stream


def check_tags(given: Mapping[str, str], existing: Mapping[str, str]) -> None:
    """Raise for keys that AWS keeps for itself, and for too many tags."""
    for key, value in given.items():
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            raise errors.invalid(f"The tag key {key!r} is not valid.")
        if len(value) > 256:
            raise errors.invalid(f"The value of the tag {key} has more than 256 characters.")
    if len({*given, *existing}) > LIMITS.tags_max:
        raise errors.invalid(
            f"Failed to add tags. The total number of tags would exceed {LIMITS.tags_max}."
        )


def tagged(call: ReadCall, arn: str) -> Stream | Consumer:
    """The stream or consumer that an ARN names; raises ResourceNotFoundException."""
    if ":channel/" in arn or ":queue/" in arn:
        raise errors.unsupported("channels and queues")
    if "/consumer/" in arn:
        return store.find_consumer(call, {"ConsumerARN": arn})
    return store.stream_of(call, {"StreamARN": arn})
