"""Recordings, results and lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import Reply, read, stream
from pileus.ports.log import OffsetOutOfRange, TopicNotFound
from pileus.services.media import copies, errors, reading, shapes, store
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import ENDED, FAILED, STOPPED, Segment, Source
from pileus.services.media.reading import Wanted
from pileus.services.media.streams import Streams
from pileus.values.body import Body, StreamBody
from pileus.values.page_tokens import page_token


@read
def list_segments(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Segments of a recording, oldest first. ``FromMs`` and ``ToMs`` are wall time; ``Last``: only the newest
    so many."""
    name = request["Source"]
    store.named(call.state, "source", name)
    if request.get("Last"):
        newest = call.state.range(("segment", name), limit=request["Last"], reverse=True)
        kept = [store.SEGMENTS.decode(raw) for _, raw in reversed(newest)]
        return {"Segments": [shapes.segment(each) for each in kept]}
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
    segment = _segment(call, request)
    media = b"".join([piece async for piece in call.blobs.get(segment.blob)])
    return Reply({"Segment": shapes.segment(segment), "Media": media})


@stream
async def copy_segment(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Put a segment into a bucket, as ``<prefix>/<capture time>.mkv``."""
    bucket, prefix = copies.bucket_and_prefix(request["To"])
    segment = _segment(call, request)
    key = copies.key_of(prefix, segment)
    media = StreamBody(call.blobs.get(segment.blob), segment.size_bytes)
    given = {"Bucket": bucket, "Key": key, "ContentType": "video/x-matroska"}
    await call.invoke("s3", "PutObject", given, body=media)
    return Reply({"Bucket": bucket, "Key": key})


def _segment(call: StreamCall, request: Mapping[str, Any]) -> Segment:
    """The segment that is asked for; raises ResourceNotFoundException."""
    name, given = request["Source"], request["SegmentId"]

    def look(view: ReadCall) -> Segment:
        store.named(view.state, "source", name)
        raw = view.state.get(("segment", name, int(given))) if given.isdigit() else None
        if raw is None:
            raise errors.not_found("segment", given)
        return store.SEGMENTS.decode(raw)

    return call.read(look)


@stream
async def list_results(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """What an engine said of a source: after an offset, between two moments of the source, or the last few.

    With ``WaitSeconds`` an empty answer waits for the next result. ``Complete`` tells that nothing more will
    come: the source has ended and this is all, or what follows lies behind ``ToMs``.
    """
    name, engine = request["Source"], request["Engine"]
    source: Source = call.read(lambda view: store.named(view.state, "source", name))
    found, told = await _listed(call, source, await _topic_of(call, name, engine), request)
    return Reply({"Results": found, **told})


@stream
async def list_records(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Records of a source of records, asked for as results are."""
    name = request["Source"]
    source: Source = call.read(lambda view: store.named(view.state, "source", name))
    if source.records is None:
        raise errors.has_media(name)
    topic = store.topic(call.account, call.region, name, store.RECORDS)
    await call.log.create_topic(topic, 1)  # none may have come yet
    found, told = await _listed(call, source, topic, request)
    return Reply({"Records": found, **told})


async def _listed(
    call: StreamCall, source: Source, topic: str, request: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Documents, ``LastOffset`` and whether they are all."""
    name = source.name
    is_rising = source.is_live or source.records is not None
    wanted = await _wanted(call, topic, request, is_rising=is_rising)
    try:
        found = await reading.page(call.log, topic, wanted)
        if not found.records and not found.is_past and request.get("WaitSeconds"):
            wanted = msgspec.structs.replace(wanted, offset=found.last + 1)
            await _news(call, topic, wanted.offset, name, request["WaitSeconds"])
            found = await reading.page(call.log, topic, wanted)
    except OffsetOutOfRange:
        end = call.log.bounds(topic, 0)[1]
        given = wanted.offset - 1
        raise errors.invalid(f"AfterOffset {given} lies beyond the end ({end - 1}).") from None
    except TopicNotFound:
        raise errors.not_found("source", name) from None  # deleted meanwhile
    told: dict[str, Any] = {"LastOffset": found.last}
    if found.is_past or _is_all(call, name, topic, found.last):
        told["Complete"] = True
    return [shapes.result(each) for each in found.records], told


async def _topic_of(call: StreamCall, source: str, engine: str) -> str:
    """The lane's topic, which is made where the lane is about to begin; raises
    ResourceNotFoundException where there is no such lane."""
    topic = store.topic(call.account, call.region, source, engine)
    try:
        call.log.bounds(topic, 0)
    except TopicNotFound:
        if not call.read(lambda view: _is_wanted(view, source, engine)):
            raise errors.not_found("lane", f"{source}/{engine}") from None
        await call.log.create_topic(topic, 1)  # it has said nothing yet
    return topic


async def _wanted(
    call: StreamCall, topic: str, request: Mapping[str, Any], *, is_rising: bool
) -> Wanted:
    """Where to begin, and what to take; raises ValidationException."""
    low, end = call.log.bounds(topic, 0)
    after, last, from_ms = (request.get(each) for each in ("AfterOffset", "Last", "FromMs"))
    if after is not None and last is not None:
        raise errors.invalid("AfterOffset and Last both say where to begin; give one of them.")
    offset = max(low, after + 1 if after is not None else 0)
    if last is not None:
        offset = max(low, end - last)
    if from_ms is not None and is_rising and offset < end:
        offset = await reading.first_from(call.log, topic, offset, end, from_ms)
    return Wanted(
        offset=offset,
        limit=request.get("MaxResults") or LIMITS.results_page,
        from_ms=from_ms,
        to_ms=request.get("ToMs"),
        is_rising=is_rising,
    )


async def _news(call: StreamCall, topic: str, offset: int, source: str, wait_s: int) -> None:
    """Until there is a result, the source is read no more, or the time is up."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(call.log.wait(topic, 0, offset))]
    reading_task = call.part(Streams).reading(call, source)
    if reading_task is not None:
        # Its end is waited for, not the reading itself: who waits must not be able to cancel it.
        waits.append(asyncio.ensure_future(asyncio.wait({reading_task})))
    either = asyncio.ensure_future(asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED))
    try:
        await call.clock.wait(either, call.clock.now_ms() + wait_s * 1000)
    finally:
        for each in (either, *waits):
            each.cancel()
        await asyncio.gather(either, *waits, return_exceptions=True)


def _is_all(call: StreamCall, source: str, topic: str, last: int) -> bool:
    """Whether the source has ended, and its last result is ``last``."""
    if call.part(Streams).reading(call, source) is not None:
        return False
    found = call.read(lambda view: store.find(view.state, "source", source))
    is_over = found is not None and found.state in (ENDED, FAILED, STOPPED)
    return is_over and last + 1 == call.log.bounds(topic, 0)[1]


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
