"""Pushing from inside the house; clients push over HTTP (``gateway/media_push.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.ports.intakes import PUSHED
from pileus.services.media import errors, store
from pileus.services.media.model import Source
from pileus.services.media.streams import Streams
from pileus.values.body import Body


@stream
async def push_media(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Give a source its media: the call's body, whole or as it comes; answered when all of it was read."""
    name = request["Name"]
    source: Source = call.read(lambda view: store.named(view.state, "source", name))
    if body is None:
        raise errors.invalid("PushMedia takes a body, from inside the house; clients use PushUrl.")
    if source.url != PUSHED:
        raise errors.not_pushed(name)
    if not source.is_enabled:
        raise errors.switched_off(name)
    publishing = await call.part(Streams).publish(call, source)
    await publishing.take(body)
    return Reply({})
