"""Sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.media.intake.location import locate
from pileus.media.units import SourceError
from pileus.services.media import copies, errors, shapes, store
from pileus.services.media.model import STOPPED, Source
from pileus.services.media.streams import Streams
from pileus.values.body import Body


def _apply(record: Source, request: Mapping[str, Any]) -> None:
    """Take over what is given; raises ValidationException for an address that means nothing."""
    record.url = request.get("Url", record.url)
    record.options = dict(request.get("Options", record.options))
    try:
        location = locate(record.url, record.options)
    except SourceError as problem:
        raise errors.invalid(str(problem)) from None
    record.shown, record.is_live = location.shown, location.is_live
    if "SegmentSeconds" in request:
        record.segment_ms = round(request["SegmentSeconds"] * 1000)
    record.keep_s = request.get("KeepSeconds", record.keep_s)
    record.keep_bytes = request.get("KeepBytes", record.keep_bytes)
    record.copy_to = request.get("CopyTo", record.copy_to)
    if record.copy_to:
        copies.bucket_and_prefix(record.copy_to)
    record.is_paced = request.get("Paced", record.is_paced)
    record.is_enabled = request.get("Enabled", record.is_enabled)


@stream
async def create_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Read a source from now on, unless it is not enabled."""

    def step(write: WriteCall) -> None:
        store.check_new(write.state, "source", request["Name"])
        record = Source(name=request["Name"], url="", shown="", created_ms=write.now_ms)
        _apply(record, request)
        store.put(write.state, "source", record)

    if call.read(lambda view: store.find(view.state, "source", request["Name"])) is None:
        await call.part(Streams).prepare(call, request["Name"])
    await call.write(step, once=True)
    call.part(Streams).follow(call, request["Name"])
    return Reply({"Source": _shown(call, request["Name"])})


@stream
async def update_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change a source; it is read anew."""

    def step(write: WriteCall) -> None:
        record = store.named(write.state, "source", request["Name"])
        _apply(record, request)
        record.revision += 1
        store.put(write.state, "source", record)

    await call.write(step, once=True)
    await call.part(Streams).restart(call, request["Name"])
    return Reply({"Source": _shown(call, request["Name"])})


@stream
async def delete_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Read it no more, and forget its recording and what engines said of it."""
    name = request["Name"]

    def step(write: WriteCall) -> None:
        store.named(write.state, "source", name)
        for pipeline in store.every(write.state, "pipeline"):
            if pipeline.source == name:
                raise errors.in_use("source", name, pipeline.name)
        write.state.delete(("source", name))

    await call.write(step, once=True)
    await call.part(Streams).forget(call, name)
    return Reply({})


@read
def describe_source(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A source, its state and why it is in it."""
    return {"Source": shapes.source(call, store.named(call.state, "source", request["Name"]))}


@read
def list_sources(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Sources in order of name."""
    found, token = store.page(call.state, "source", request)
    output: dict[str, Any] = {"Sources": [shapes.source(call, each) for each in found]}
    return output | ({"NextToken": token} if token else {})


def _shown(call: StreamCall, name: str) -> dict[str, Any]:
    def look(view: ReadCall) -> dict[str, Any]:
        found = store.find(view.state, "source", name)
        # Deleted by another call meanwhile.
        return {"Name": name, "State": STOPPED} if found is None else shapes.source(view, found)

    return call.read(look)
