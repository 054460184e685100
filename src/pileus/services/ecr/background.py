"""What goes on without a request: blobs that nobody names any more are deleted."""

from __future__ import annotations

from pileus.compute.images.image_store import ImageStore
from pileus.kernel.calls import StreamCall


async def start(call: StreamCall) -> None:
    """Go on where a previous run was cut off."""
    collect(call)


def collect(call: StreamCall) -> None:
    """Delete, beside the request, what a change left behind."""
    call.spawn("image blobs", call.part(ImageStore).collect(call.space))
