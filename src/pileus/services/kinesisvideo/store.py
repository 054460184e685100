"""Where streams lie.

``stream, name``   Stream: what AWS knows beside the media room's source of that name
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, StreamCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.kinesisvideo import errors
from pileus.services.kinesisvideo.model import Stream
from pileus.values.arns import Arn, is_arn
from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms

STREAMS = RecordCodec(Stream)
Source = Mapping[str, Any]
"""The media room's."""


def name_of(request: Mapping[str, Any]) -> str:
    """The stream that is asked for, by name or ARN; raises InvalidArgumentException."""
    if request.get("StreamName"):
        return str(request["StreamName"])
    arn = str(request.get("StreamARN") or "")
    if not is_arn(arn):
        raise errors.invalid("Either StreamName or StreamARN must be provided.")
    kind, _, rest = Arn.parse(arn).resource.partition("/")
    if kind != "stream" or not rest:
        raise errors.invalid(f"{arn} is not the ARN of a stream.")
    return rest.partition("/")[0]


def arn_of(call: Call, stream: Stream) -> str:
    """``arn:aws:kinesisvideo:<region>:<account>:stream/<name>/<creation time>``."""
    return call.arn(f"stream/{stream.name}/{stream.created_ms}", "kinesisvideo")


async def source_of(call: StreamCall, name: str) -> Source:
    """The media room's source of a stream; raises ResourceNotFoundException."""
    try:
        reply = await call.invoke("media", "DescribeSource", {"Name": name})
    except ServiceError as problem:
        if problem.code in ("ResourceNotFoundException", "ValidationException"):
            raise errors.not_found() from None
        raise
    found: Source = reply.output["Source"]
    return found


def stream_of(call: StreamCall, source: Source) -> Stream:
    """What AWS would know of a source: as it was made here, or as it is where it was made as a source."""
    name = source["Name"]
    raw = call.read(lambda view: view.state.get(("stream", name)))
    if raw is not None:
        return STREAMS.decode(raw)
    return Stream(
        name=name,
        created_ms=epoch_ms(source["CreatedAt"]),
        version=str(epoch_ms(source["CreatedAt"])),
        media_type="video/h264",
        retention_h=source["KeepSeconds"] // 3600,
    )


def put(write: WriteCall, stream: Stream) -> None:
    """Keep it."""
    write.state.put(("stream", stream.name), STREAMS.encode(stream))
