"""Media in and out. https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Streams_Media.html"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.media.tagged_chunks import tagged_chunk
from pileus.services.kinesisvideo import errors, fragments, store
from pileus.services.kinesisvideo.model import Fragment, Stream
from pileus.services.kinesisvideo.putting import Putting
from pileus.values.body import Body, Conversation, StreamBody
from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms

CONTENT_TYPE = "video/webm"
_LOOK_EVERY_S = 0.5
_PAGE = 100


@stream
async def put_media(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Take Matroska from a producer, and acknowledge its fragments while it sends."""
    source = await store.source_of(call, store.name_of(request))
    if not source.get("Push"):
        raise errors.invalid(f"The source {source['Name']} is read at an address, not pushed to.")
    if body is None:
        raise errors.invalid("PutMedia takes media.")
    is_absolute = request.get("FragmentTimecodeType", "RELATIVE") == "ABSOLUTE"
    base_ms = 0 if is_absolute else _producer_start_ms(call, request)
    putting = Putting(call, store.stream_of(call, source), base_ms)
    return Reply({}, Conversation(putting.acknowledged(body)))


def _producer_start_ms(call: StreamCall, request: Mapping[str, Any]) -> int:
    given = request.get("ProducerStartTimestamp")
    if not given:
        return call.clock.now_ms()
    try:
        return round(float(given) * 1000)
    except ValueError:
        raise errors.invalid(f"ProducerStartTimestamp is epoch seconds, not {given}.") from None


@stream
async def get_media(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Fragments from a place on, and then every new one, until the client goes away."""
    source = await store.source_of(call, store.name_of(request))
    found = store.stream_of(call, source)
    from_ms, is_after = await _start(call, found, request["StartSelector"])
    chunks = _chunks(call, found, from_ms + 1 if is_after else from_ms)
    return Reply({"ContentType": CONTENT_TYPE}, StreamBody(chunks))


async def _start(call: StreamCall, found: Stream, selector: Mapping[str, Any]) -> tuple[int, bool]:
    """When the first fragment came, and whether only what came after it is meant."""
    kind = selector["StartSelectorType"]
    if kind in ("FRAGMENT_NUMBER", "CONTINUATION_TOKEN"):
        member = "AfterFragmentNumber" if kind == "FRAGMENT_NUMBER" else "ContinuationToken"
        if not selector.get(member):
            raise errors.invalid(f"StartSelectorType {kind} needs {member}.")
        return int(fragments.segment_of(selector[member])), True
    if kind.endswith("_TIMESTAMP"):
        if not selector.get("StartTimestamp"):
            raise errors.invalid(f"StartSelectorType {kind} needs StartTimestamp.")
        at_ms = epoch_ms(selector["StartTimestamp"])
        if kind == "SERVER_TIMESTAMP":
            return at_ms, False
        later = [each for each in await fragments.every(call, found) if each.producer_ms >= at_ms]
        return (later[0].server_ms, False) if later else (call.clock.now_ms(), False)
    if kind == "NOW":
        kept = await fragments.every(call, found)
        return (kept[-1].server_ms, False) if kept else (call.clock.now_ms(), False)
    return 0, False


async def _chunks(call: StreamCall, found: Stream, from_ms: int) -> AsyncIterator[bytes]:
    while True:
        try:
            given = {"FromMs": from_ms, "MaxResults": _PAGE}
            some, _ = await fragments.page(call, found, given)
        except ServiceError:
            return  # the stream was deleted: a connection that ends is all that can be told
        for each in some:
            from_ms = int(each.segment) + 1
            try:
                data = await fragments.media_of(call, found, each)
            except ServiceError:
                continue  # it was kept no longer
            yield chunk(call, each, data)
        if not some:
            await call.clock.sleep(_LOOK_EVERY_S)


def chunk(call: StreamCall, one: Fragment, data: bytes) -> bytes:
    """A fragment with AWS's tags."""
    behind_ms = max(0, call.clock.now_ms() - one.server_ms - one.length_ms)
    tags = {
        "AWS_KINESISVIDEO_FRAGMENT_NUMBER": one.number,
        "AWS_KINESISVIDEO_SERVER_TIMESTAMP": f"{one.server_ms / 1000:.3f}",
        "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP": f"{one.producer_ms / 1000:.3f}",
        "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW": str(behind_ms),
        "AWS_KINESISVIDEO_CONTINUATION_TOKEN": one.number,
    }
    return tagged_chunk(data, tags)
