"""Objects read: whole, in ranges, by part, or only their headers.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.s3 import (
    checksums,
    conditions,
    contents,
    errors,
    lifecycle,
    ranges,
    settings,
    store,
)
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import STANDARD, Bucket, Part, Version
from pileus.values.body import Body, BytesBody
from pileus.values.times import utc

_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


@dataclass(frozen=True, slots=True)
class _Selection:
    """The bytes asked for: ``start`` to ``stop`` (exclusive) of the object."""

    start: int
    stop: int
    is_partial: bool
    part: Part | None = None


@stream
async def get_object(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """An object's bytes, or some of them."""

    def look(view: ReadCall) -> tuple[dict[str, Any], _Selection, list[contents.Piece]]:
        output, selection, version = _looked_at(view, request, "GET")
        if selection.part is not None:
            pieces = contents.part_pieces(view.state, selection.part)
            start = 0
        else:
            pieces = contents.pieces_of(view.state, version)
            start = selection.start
        length = selection.stop - selection.start
        return output, _Selection(start, start + length, selection.is_partial), pieces

    output, selection, pieces = call.read(look)
    status = 206 if selection.is_partial else None
    start, stop = selection.start, selection.stop
    if len(pieces) == 1 and isinstance(pieces[0], bytes):
        return Reply(output, BytesBody(pieces[0][start:stop]), status)
    return Reply(output, contents.Reading(call, pieces, start, stop), status)


@read
def head_object(call: ReadCall, request: Mapping[str, Any]) -> Reply:
    """What GetObject would tell, without the bytes."""
    output, selection, _ = _looked_at(call, request, "HEAD")
    return Reply(output, status=206 if selection.is_partial else None)


def _looked_at(
    call: ReadCall, request: Mapping[str, Any], method: str
) -> tuple[dict[str, Any], _Selection, Version]:
    bucket = store.bucket_of(call, request)
    settings.refuse_unsupported(request)
    version = find_version(call.state, bucket, request["Key"], request.get("VersionId"), method)
    conditions.check_read(request, version)
    selection = _select(call, request, version)
    output = _shown(call, bucket, version, selection)
    output.update(lifecycle.shown_expiry(call, bucket, request["Key"], version))
    if request.get("ChecksumMode") == "ENABLED":
        if selection.part is not None:
            output.update(checksums.shown_value(selection.part.digest))
        elif selection.stop - selection.start == version.size_bytes:
            output.update(checksums.shown(version.digest))
    for name, member in _OVERRIDES.items():
        if request.get(name):
            output[member] = settings.text(request[name])
    return output, selection, version


def _select(call: ReadCall, request: Mapping[str, Any], version: Version) -> _Selection:
    size = version.size_bytes
    number = request.get("PartNumber")
    if number is None:
        found = ranges.of_header(request.get("Range"), size)
        return _Selection(0, size, False) if found is None else _Selection(*found, True)
    if request.get("Range"):
        raise errors.invalid_request(
            "Cannot specify both Range header and partNumber query parameter"
        )
    if number < 1 or number > 10_000:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
    if not version.upload:
        if number != 1:
            raise errors.invalid_part_number(number, 1)
        return _Selection(0, size, True)
    start = 0
    for part in store.parts(call.state, version.upload):
        if part.number == number:
            return _Selection(start, start + part.size_bytes, True, part)
        start += part.size_bytes
    raise errors.invalid_part_number(number, version.part_count)


def _shown(
    call: ReadCall, bucket: Bucket, version: Version, selection: _Selection
) -> dict[str, Any]:
    kept = version.settings
    output: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": utc(version.modified_ms),
        "ContentLength": selection.stop - selection.start,
        "ETag": f'"{version.etag}"',
        "ContentType": settings.DEFAULT_TYPE,
        **kept.headers,
        "Metadata": kept.metadata,
        **settings.shown_encryption(kept.encryption),
    }
    if bucket.has_versions:
        output["VersionId"] = version.version_id
    if kept.storage_class != STANDARD:
        output["StorageClass"] = kept.storage_class
    if kept.tags:
        output["TagCount"] = len(kept.tags)
    if selection.is_partial:
        last = max(selection.stop - 1, selection.start)
        output["ContentRange"] = f"bytes {selection.start}-{last}/{version.size_bytes}"
    if selection.part is not None:
        output["PartsCount"] = version.part_count
    return output


@read
def get_object_attributes(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Chosen facts about an object, its parts included."""
    bucket = store.bucket_of(call, request)
    version = find_version(call.state, bucket, request["Key"], request.get("VersionId"), "GET")
    wanted = set(request["ObjectAttributes"])
    output: dict[str, Any] = {"LastModified": utc(version.modified_ms)}
    if bucket.has_versions:
        output["VersionId"] = version.version_id
    if "ETag" in wanted:
        output["ETag"] = version.etag
    if "Checksum" in wanted and version.digest is not None:
        output["Checksum"] = checksums.shown(version.digest)
    if "StorageClass" in wanted:
        output["StorageClass"] = version.settings.storage_class
    if "ObjectSize" in wanted:
        output["ObjectSize"] = version.size_bytes
    if "ObjectParts" in wanted and version.upload:
        output["ObjectParts"] = _shown_parts(call, request, version)
    return output


def _shown_parts(call: ReadCall, request: Mapping[str, Any], version: Version) -> dict[str, Any]:
    marker = request.get("PartNumberMarker") or 0
    limit = request.get("MaxParts")
    limit = 1000 if limit is None else limit
    parts = [p for p in store.parts(call.state, version.upload) if p.number > marker]
    page = parts[:limit]
    output: dict[str, Any] = {
        "TotalPartsCount": version.part_count,
        "PartNumberMarker": marker,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        "NextPartNumberMarker": page[-1].number if page else 0,
    }
    if version.digest is not None:
        output["Parts"] = [
            {
                "PartNumber": part.number,
                "Size": part.size_bytes,
                **checksums.shown_value(part.digest),
            }
            for part in page
        ]
    return output
