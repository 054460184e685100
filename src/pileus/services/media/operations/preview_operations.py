"""Looking at a source."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.services.media import errors, store
from pileus.services.media.model import Source
from pileus.services.media.streams import Streams
from pileus.values.body import Body


@stream
async def watch_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """The source's picture, live: records of a preview as events, for as long as they are read."""
    name = request["Source"]
    source: Source = call.read(lambda view: store.named(view.state, "source", name))
    if source.records is not None:
        raise errors.has_records(name)
    key = store.key_of(call, name)
    pictures = call.part(Streams).previews.pictures(key, request.get("Form", "h264"))

    async def events() -> AsyncGenerator[dict[str, Any]]:
        try:
            async for record in pictures:
                yield {"Picture": {"Record": record}}
        finally:
            await pictures.aclose()

    return Reply({"Pictures": events()})
