"""What was recorded.

https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Streams_Archived_Media.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import Reply, stream
from pileus.media.fragments import Unplayable, fragment, initialization
from pileus.media.matroska import MalformedMedia, parse
from pileus.services.kinesisvideo import errors, fragments, store
from pileus.services.kinesisvideo.limits import LIMITS
from pileus.services.kinesisvideo.model import Fragment, Stream
from pileus.services.kinesisvideo.operations.media_operations import CONTENT_TYPE, chunk
from pileus.values.body import Body, BytesBody, StreamBody
from pileus.values.errors import not_implemented
from pileus.values.times import utc

_SERVICE = "kinesis-video-archived-media"
_LIVE_FRAGMENTS = 3
"""A player of a live stream begins so far back, as RFC 8216, 6.3.3 has it."""


async def _stream_of(call: StreamCall, request: Mapping[str, Any]) -> Stream:
    return store.stream_of(call, await store.source_of(call, store.name_of(request)))


@stream
async def list_fragments(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Fragments oldest first."""
    found = await _stream_of(call, request)
    is_producer, from_ms, to_ms = fragments.times(request.get("FragmentSelector"))
    limit = min(request.get("MaxResults") or 100, LIMITS.page_max)
    token = ""
    if is_producer:
        some = await fragments.selected(call, found, request["FragmentSelector"])
        after = request.get("NextToken") or ""
        some = [each for each in some if each.number > after]
        if len(some) > limit:
            token = some[limit - 1].number
        some = some[:limit]
    else:
        given: dict[str, Any] = {"FromMs": from_ms, "NextToken": request.get("NextToken") or ""}
        if to_ms is not None:
            given["ToMs"] = to_ms + 1
        some, token = await _listed(call, found, given, limit)
    output: dict[str, Any] = {"Fragments": [_shown(each) for each in some]}
    return Reply(output | ({"NextToken": token} if token else {}))


async def _listed(
    call: StreamCall, found: Stream, given: dict[str, Any], limit: int
) -> tuple[list[Fragment], str]:
    """So many fragments, and the token of those that follow."""
    some: list[Fragment] = []
    while True:
        given["MaxResults"] = min(fragments.PAGE, limit - len(some))
        asked = {name: value for name, value in given.items() if value != ""}
        more, given["NextToken"] = await fragments.page(call, found, asked)
        some += more
        if not given["NextToken"] or len(some) >= limit:
            return some, given["NextToken"]


def _shown(one: Fragment) -> dict[str, Any]:
    return {
        "FragmentNumber": one.number,
        "FragmentSizeInBytes": one.size_bytes,
        "ProducerTimestamp": utc(one.producer_ms),
        "ServerTimestamp": utc(one.server_ms),
        "FragmentLengthInMilliseconds": one.length_ms,
    }


@stream
async def get_media_for_fragment_list(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """The fragments that are named, in the order of their numbers."""
    found = await _stream_of(call, request)
    numbers = sorted(set(request["Fragments"]))
    first, last = (int(fragments.segment_of(each)) for each in (numbers[0], numbers[-1]))
    kept = {each.number: each for each in await fragments.every(call, found, first, last + 1)}
    missing = [each for each in numbers if each not in kept]
    if missing:
        raise errors.nothing_there()

    async def chunks() -> AsyncIterator[bytes]:
        for number in numbers:
            data = await fragments.media_of(call, found, kept[number])
            yield chunk(call, kept[number], data)

    return Reply({"ContentType": CONTENT_TYPE}, StreamBody(chunks()))


@stream
async def get_clip(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """A time of the recording as MP4; nothing is coded anew."""
    found = await _stream_of(call, request)
    wanted = await fragments.selected(call, found, request["ClipFragmentSelector"])
    if not wanted:
        raise errors.nothing_there()
    size_bytes = sum(each.size_bytes for each in wanted)
    if len(wanted) > LIMITS.clip_fragments_max or size_bytes > LIMITS.clip_bytes_max:
        raise errors.invalid(
            f"A clip has at most {LIMITS.clip_fragments_max} fragments and "
            f"{LIMITS.clip_bytes_max >> 20} MB; there are {len(wanted)} with {size_bytes} bytes."
        )
    parts: list[bytes] = []
    try:
        for each in wanted:
            media = parse(await fragments.media_of(call, found, each))
            if not parts:
                parts.append(initialization(media))
            parts.append(fragment(media, len(parts)))
    except (Unplayable, MalformedMedia) as problem:
        raise errors.unsupported(str(problem)) from None
    return Reply({"ContentType": "video/mp4"}, BytesBody(b"".join(parts)))


@stream
async def get_hls_streaming_session_url(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """The address of a playlist of the recording, on the platform's own port; a live one grows."""
    mode = request.get("PlaybackMode") or "LIVE"
    if (request.get("ContainerFormat") or "FRAGMENTED_MP4") != "FRAGMENTED_MP4":
        raise not_implemented(_SERVICE, "GetHLSStreamingSessionURL as MPEG_TS")
    selector = request.get("HLSFragmentSelector")
    if mode == "ON_DEMAND" and not (selector or {}).get("TimestampRange"):
        raise errors.invalid("PlaybackMode ON_DEMAND needs HLSFragmentSelector.TimestampRange.")
    found = await _stream_of(call, request)
    wanted = await fragments.selected(call, found, None if mode == "LIVE" else selector)
    if not wanted:
        raise errors.nothing_there()
    if mode == "LIVE":
        wanted = wanted[-_LIVE_FRAGMENTS:]
    path = f"/_pileus/media/{call.account}/{call.region}/{found.name}/recording.m3u8"
    span = f"?from={wanted[0].server_ms}"
    span += f"&to={wanted[-1].server_ms + 1}" if mode == "ON_DEMAND" else "&live=1"
    return Reply({"HLSStreamingSessionURL": call.context.endpoint + path + span})
