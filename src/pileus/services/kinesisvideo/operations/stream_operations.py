"""Streams. https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Streams.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.operations import Reply, stream
from pileus.services.kinesisvideo import errors, store
from pileus.services.kinesisvideo.limits import LIMITS
from pileus.services.kinesisvideo.model import Stream
from pileus.values.body import Body
from pileus.values.errors import ServiceError
from pileus.values.times import utc

_SEGMENT_S = 0.5
"""So that fragments are recorded as their producer cut them, at keyframes."""


@stream
async def create_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Make a source that is pushed to, and what AWS knows of it besides."""
    name, retention_h = request["StreamName"], request.get("DataRetentionInHours") or 0
    is_again = call.remembered() is not None
    if not is_again and await _is_there(call, name):
        raise errors.exists(name)

    def step(write: WriteCall) -> str:
        made = Stream(
            name=name,
            created_ms=write.now_ms,
            version=write.new_id().replace("-", ""),
            media_type=request.get("MediaType") or "",
            device=request.get("DeviceName") or "",
            kms_key=request.get("KmsKeyId") or write.arn("alias/aws/kinesisvideo", "kms"),
            retention_h=retention_h,
            tags=_tags(request.get("Tags") or {}),
        )
        store.put(write, made)
        return store.arn_of(write, made)

    # First the record, which means nothing without a source: so a call that is repeated after a crash
    # knows that the source is its own.
    arn = await call.write(step, once=True)
    made = {
        "Name": name,
        "Push": True,
        "SegmentSeconds": _SEGMENT_S,
        "KeepSeconds": _keep_s(retention_h),
    }
    try:
        await call.invoke("media", "CreateSource", made)
    except ServiceError as problem:
        if problem.code == "ResourceAlreadyExistsException" and is_again:
            return Reply({"StreamARN": arn})
        raise await _undone(call, name, problem) from None
    return Reply({"StreamARN": arn})


async def _is_there(call: StreamCall, name: str) -> bool:
    try:
        await store.source_of(call, name)
    except ServiceError as problem:
        if problem.code == "ResourceNotFoundException":
            return False
        raise
    return True


async def _undone(call: StreamCall, name: str, problem: ServiceError) -> ServiceError:
    """Take the record of a stream back whose source was refused; the refusal in AWS's words."""
    if problem.code == "ResourceAlreadyExistsException":
        return errors.exists(name)  # another call was quicker: the record is its stream's now
    await call.write(lambda write: write.state.delete(("stream", name)))
    if problem.code == "LimitExceededException":
        return ServiceError("AccountStreamLimitExceededException", problem.message)
    return _told(problem)


def _keep_s(retention_h: int) -> int:
    return retention_h * 3600 if retention_h else LIMITS.buffer_s


def _tags(given: Mapping[str, str]) -> dict[str, str]:
    if len(given) > LIMITS.tags_max:
        raise errors.too_many_tags(LIMITS.tags_max)
    return dict(given)


def _told(problem: ServiceError) -> ServiceError:
    """What the media room refuses, in AWS's codes."""
    codes = {"ValidationException": errors.invalid, "ResourceInUseException": errors.in_use}
    make = codes.get(problem.code)
    return problem if make is None else make(problem.message)


@stream
async def delete_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Forget a stream and its source."""
    name = store.name_of(request)
    source = await store.source_of(call, name)
    _check_version(store.stream_of(call, source), request)
    try:
        await call.invoke("media", "DeleteSource", {"Name": name})
    except ServiceError as problem:
        raise _told(problem) from None
    await call.write(lambda write: write.state.delete(("stream", name)), once=True)
    return Reply({})


def _check_version(found: Stream, request: Mapping[str, Any]) -> None:
    given = request.get("CurrentVersion")
    if given is not None and given != found.version:
        raise errors.wrong_version()


@stream
async def describe_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """A stream."""
    source = await store.source_of(call, store.name_of(request))
    return Reply({"StreamInfo": _info(call, store.stream_of(call, source))})


@stream
async def list_streams(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Streams in order of name: every source is one."""
    given: dict[str, Any] = {"MaxResults": request.get("MaxResults") or 100}
    if request.get("NextToken"):
        given["NextToken"] = request["NextToken"]
    try:
        told = (await call.invoke("media", "ListSources", given)).output
    except ServiceError as problem:
        raise _told(problem) from None
    prefix = (request.get("StreamNameCondition") or {}).get("ComparisonValue") or ""
    found = [each for each in told["Sources"] if each["Name"].startswith(prefix)]
    output: dict[str, Any] = {
        "StreamInfoList": [_info(call, store.stream_of(call, each)) for each in found]
    }
    if told.get("NextToken"):
        output["NextToken"] = told["NextToken"]
    return Reply(output)


def _info(call: StreamCall, found: Stream) -> dict[str, Any]:
    shown = {
        "StreamName": found.name,
        "StreamARN": store.arn_of(call, found),
        "Version": found.version,
        "Status": "ACTIVE",
        "CreationTime": utc(found.created_ms),
        "DataRetentionInHours": found.retention_h,
    }
    more = {"MediaType": found.media_type, "DeviceName": found.device, "KmsKeyId": found.kms_key}
    return shown | {name: value for name, value in more.items() if value}


@stream
async def update_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change its media type or device."""

    def change(found: Stream) -> None:
        found.media_type = request.get("MediaType", found.media_type)
        found.device = request.get("DeviceName", found.device)

    await _change(call, request, change)
    return Reply({})


@stream
async def update_data_retention(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Keep its media longer or shorter."""
    source = await store.source_of(call, store.name_of(request))
    found = store.stream_of(call, source)
    _check_version(found, request)
    sign = 1 if request["Operation"] == "INCREASE_DATA_RETENTION" else -1
    retention_h = found.retention_h + sign * request["DataRetentionChangeInHours"]
    if not 0 <= retention_h <= LIMITS.retention_h_max:
        raise errors.invalid(f"A stream is kept for 0 to {LIMITS.retention_h_max} hours.")

    def change(found: Stream) -> None:
        found.retention_h = retention_h

    await _change(call, request, change)
    given = {"Name": found.name, "KeepSeconds": _keep_s(retention_h)}
    await call.invoke("media", "UpdateSource", given)
    return Reply({})


@stream
async def tag_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Add tags."""

    def change(found: Stream) -> None:
        found.tags = _tags({**found.tags, **request["Tags"]})

    await _change(call, request, change, is_new_version=False)
    return Reply({})


@stream
async def untag_stream(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Take tags away."""

    def change(found: Stream) -> None:
        found.tags = {k: v for k, v in found.tags.items() if k not in request["TagKeyList"]}

    await _change(call, request, change, is_new_version=False)
    return Reply({})


@stream
async def list_tags_for_stream(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Its tags."""
    source = await store.source_of(call, store.name_of(request))
    return Reply({"Tags": store.stream_of(call, source).tags})


async def _change(
    call: StreamCall, request: Mapping[str, Any], change: Any, *, is_new_version: bool = True
) -> None:
    """Change what AWS knows of a stream; of one that was made as a source a record is made."""
    source = await store.source_of(call, store.name_of(request))
    before = store.stream_of(call, source)
    _check_version(before, request)

    def step(write: WriteCall) -> None:
        raw = write.state.get(("stream", before.name))
        found = before if raw is None else store.STREAMS.decode(raw)
        change(found)
        if is_new_version:
            found.version = write.new_id().replace("-", "")
        store.put(write, found)

    await call.write(step, once=True)


@stream
async def get_data_endpoint(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Where a stream's media are had: here."""
    await store.source_of(call, store.name_of(request))
    return Reply({"DataEndpoint": call.context.endpoint})
