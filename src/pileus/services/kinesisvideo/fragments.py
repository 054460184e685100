"""Segments of a source as fragments of its stream.

A fragment's number is made of its segment's, so that numbers rise with time and find their segment again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.services.kinesisvideo import errors
from pileus.services.kinesisvideo.model import Fragment, Stream
from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms

_HEAD, _TAIL = "91343852333", "181432392682062607743"
_NUMBER = re.compile(rf"{_HEAD}([0-9]{{15}}){_TAIL}")
_FRAME_MS = 40
PAGE = 100
"""Segments that the media room lists at a time."""


def number_of(segment: str) -> str:
    """The fragment's number, 47 digits as AWS's."""
    return f"{_HEAD}{int(segment):015d}{_TAIL}"


def segment_of(number: str) -> str:
    """The segment of a fragment; raises ResourceNotFoundException for a number that none can have."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        raise errors.nothing_there()
    return found[1]


def fragment(stream: Stream, told: Mapping[str, Any]) -> Fragment:
    """A fragment of the media room's ``Segment``."""
    server_ms = epoch_ms(told["CapturedAt"])
    base_ms = stream.bases.get(told["Stream"])
    return Fragment(
        number=number_of(told["SegmentId"]),
        segment=told["SegmentId"],
        size_bytes=told["Bytes"],
        server_ms=server_ms,
        producer_ms=server_ms if base_ms is None else base_ms + told["StartMs"],
        length_ms=max(0, told["StopMs"] - told["StartMs"]) + _FRAME_MS,
        stream=told["Stream"],
        start_ms=told["StartMs"],
    )


async def page(
    call: StreamCall, stream: Stream, given: Mapping[str, Any]
) -> tuple[list[Fragment], str]:
    """Fragments oldest first, and the token of the next page. ``given``: members of ``ListSegments``."""
    try:
        told = (await call.invoke("media", "ListSegments", {"Source": stream.name, **given})).output
    except ServiceError as problem:
        if problem.code == "ValidationException":
            raise errors.invalid(problem.message) from None
        raise
    return [fragment(stream, each) for each in told["Segments"]], told.get("NextToken") or ""


async def every(
    call: StreamCall, stream: Stream, from_ms: int = 0, to_ms: int | None = None
) -> list[Fragment]:
    """All fragments that came in a time."""
    given: dict[str, Any] = {"FromMs": from_ms, "MaxResults": PAGE}
    if to_ms is not None:
        given["ToMs"] = to_ms
    found: list[Fragment] = []
    while True:
        some, token = await page(call, stream, given)
        found += some
        if not token:
            return found
        given["NextToken"] = token


async def media_of(call: StreamCall, stream: Stream, one: Fragment) -> bytes:
    """A fragment's bytes as they were recorded; raises ResourceNotFoundException: it is kept no more."""
    given = {"Source": stream.name, "SegmentId": one.segment}
    try:
        reply = await call.invoke("media", "GetSegment", given)
    except ServiceError as problem:
        if problem.code == "ResourceNotFoundException":
            raise errors.nothing_there() from None
        raise
    return bytes(reply.output["Media"])


def times(selector: Mapping[str, Any] | None) -> tuple[bool, int, int | None]:
    """``(is producer's clock, from, to)`` of a fragment selector, in epoch milliseconds."""
    if selector is None:
        return False, 0, None
    given = selector.get("TimestampRange") or {}
    begin, end = given.get("StartTimestamp"), given.get("EndTimestamp")
    is_producer = selector["FragmentSelectorType"] == "PRODUCER_TIMESTAMP"
    return is_producer, epoch_ms(begin) if begin else 0, epoch_ms(end) if end else None


async def selected(
    call: StreamCall, stream: Stream, selector: Mapping[str, Any] | None
) -> list[Fragment]:
    """The fragments that begin in a selector's time, in their order."""
    is_producer, from_ms, to_ms = times(selector)
    if not is_producer:
        return await every(call, stream, from_ms, None if to_ms is None else to_ms + 1)
    return [
        each
        for each in await every(call, stream)
        if from_ms <= each.producer_ms and (to_ms is None or each.producer_ms <= to_ms)
    ]
