"""Segments copied to a bucket as they are recorded, for whoever listens to the bucket.

The wish to copy is written with the segment's record, so no segment is forgotten; a copy that comes twice puts the
same object under the same key.
"""

from __future__ import annotations

import re

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.media.segments import segment_key
from pileus.services.media import errors, store
from pileus.services.media.model import Segment

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_PRINCIPAL = "service:media.amazonaws.com"


def bucket_and_prefix(address: str) -> tuple[str, str]:
    """``s3://bucket/prefix`` taken apart; raises ValidationException."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise errors.invalid(f"Segments are copied to s3://bucket/prefix, not to {address!r}.")
    return found[1], (found[2] or "").strip("/")


def key_of(prefix: str, segment: Segment) -> str:
    """``<prefix>/20261121T101502.000Z.mkv``, by when it was captured."""
    return segment_key(prefix, segment.captured_at_ms).lstrip("/")


def wanted(write: WriteCall, name: str, segment: Segment) -> None:
    """Have a recorded segment copied, where its source wants that; in order, until it is done."""
    source = store.find(write.state, "source", name)
    if source is None or not source.copy_to:
        return
    write.emit(
        Delivery(
            service="media",
            operation="CopySegment",
            input={"Source": name, "SegmentId": segment.id, "To": source.copy_to},
            principal=_PRINCIPAL,
            ordering_key=f"copy {name}",
        )
    )
