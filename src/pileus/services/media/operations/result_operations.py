"""Recordings, results and lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import Reply, read, stream
from pileus.ports.log import OffsetOutOfRange, TopicNotFound
from pileus.services.media import errors, shapes, store
from pileus.services.media.lanes import results_of
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import Segment
from pileus.services.media.streams import Streams
from pileus.values.body import Body
from pileus.values.page_tokens import page_token


@read
def list_segments(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Segments of a recording, oldest first. ``FromMs`` and ``ToMs`` are wall time."""
    name = request["Source"]
    store.named(call.state, "source", name)
    try:
        after_ms = int(store.after_token(request) or -1)
    except ValueError:
        raise errors.invalid_token() from None
    low_ms = max(request.get("FromMs") or 0, after_ms + 1)
    limit = request.get("MaxResults") or LIMITS.page
    stop_ms = request.get("ToMs") or 1 << 62
    prefix = ("segment", name)
    rows = call.state.range(
        prefix, start=(*prefix, low_ms), stop=(*prefix, stop_ms), limit=limit + 1
    )
    found = [store.SEGMENTS.decode(raw) for _, raw in rows[:limit]]
    output: dict[str, Any] = {"Segments": [shapes.segment(each) for each in found]}
    if len(rows) > limit:
        output["NextToken"] = page_token(found[-1].captured_at_ms)
    return output


@stream
async def get_segment(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """A segment and its bytes (Matroska)."""
    name, given = request["Source"], request["SegmentId"]

    def look(view: ReadCall) -> Segment:
        store.named(view.state, "source", name)
        raw = view.state.get(("segment", name, int(given))) if given.isdigit() else None
        if raw is None:
            raise errors.not_found("segment", given)
        return store.SEGMENTS.decode(raw)

    segment = call.read(look)
    media = b"".join([piece async for piece in call.blobs.get(segment.blob)])
    return Reply({"Segment": shapes.segment(segment), "Media": media})


@stream
async def list_results(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """What an engine said of a source, after an offset or from a moment of the source on.

    With ``WaitSeconds`` an empty answer waits for the next result.
    """
    source, engine = request["Source"], request["Engine"]
    call.read(lambda view: store.named(view.state, "source", source))
    topic = store.topic(call.account, call.region, source, engine)
    try:
        low, end = call.log.bounds(topic, 0)
    except TopicNotFound:
        if not call.read(lambda view: _is_wanted(view, source, engine)):
            raise errors.not_found("lane", f"{source}/{engine}") from None
        await call.log.create_topic(topic, 1)  # the lane is about to begin: it has said nothing yet
        low, end = call.log.bounds(topic, 0)
    given = request.get("AfterOffset")
    offset = max(low, given + 1 if given is not None else 0)
    if offset >= end and request.get("WaitSeconds"):
        waiter = asyncio.ensure_future(call.log.wait(topic, 0, offset))
        try:
            await call.clock.wait(waiter, call.clock.now_ms() + request["WaitSeconds"] * 1000)
        finally:
            waiter.cancel()
    limit = request.get("MaxResults") or LIMITS.results_page
    try:
        records = await call.log.read(topic, 0, offset, limit, LIMITS.results_bytes_max)
    except OffsetOutOfRange:
        raise errors.invalid(f"AfterOffset {given} lies beyond the end ({end - 1}).") from None
    last = records[-1].offset if records else offset - 1
    if request.get("FromMs") is not None:
        from_ms = request["FromMs"]
        records = [
            each for each in records if orjson.loads(each.value)["chunk"]["start_ms"] >= from_ms
        ]
    return Reply({"Results": results_of(records), "LastOffset": last})


def _is_wanted(view: ReadCall, source: str, engine: str) -> bool:
    """Whether a pipeline has the engine look at the source."""
    pipelines = store.every(view.state, "pipeline")
    return any(each.source == source and engine in each.engines for each in pipelines)


@stream
async def describe_lane(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """How an engine fares with a source."""
    source, engine = request["Source"], request["Engine"]
    call.read(lambda view: store.named(view.state, "source", source))
    found = call.part(Streams).lane(call, source, engine)
    if found is None:
        raise errors.not_found("lane", f"{source}/{engine}")
    return Reply({"Lane": found})


@stream
async def list_lanes(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Every lane that runs, of one source or of all."""
    wanted = request.get("Source")
    streams = call.part(Streams)
    pipelines = call.read(lambda view: list(store.every(view.state, "pipeline")))
    shown = [
        streams.lane(call, pipeline.source, name)
        for pipeline in pipelines
        if wanted in (None, pipeline.source)
        for name in pipeline.engines
    ]
    return Reply({"Lanes": [each for each in shown if each is not None]})
