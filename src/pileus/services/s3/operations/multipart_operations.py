"""Uploads in parts.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.s3 import (
    access,
    checksums,
    conditions,
    contents,
    errors,
    listing,
    names,
    ranges,
    settings,
    store,
    versions,
)
from pileus.services.s3.checksums import COMPOSITE, Expected
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import Bucket, Part, Upload, Version, owner
from pileus.services.s3.notices import announce
from pileus.services.s3.operations.listing_operations import shown_prefixes, shown_text
from pileus.services.s3.operations.writing_operations import default_encryption, told
from pileus.values.body import Body, BytesBody
from pileus.values.times import utc


@write
def create_multipart_upload(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin an upload; what the object will say of itself is said now."""
    bucket = store.bucket_of(call, request)
    names.check_key(request["Key"])
    access.check_object_acl(bucket, request.get("ACL"))
    algorithm = request.get("ChecksumAlgorithm") or ""
    kind = checksums.kind_for(algorithm, request.get("ChecksumType"))
    kept = settings.of_request(request, default_encryption(call.state, bucket))
    upload = Upload(
        id=call.random_bytes(48).hex(),
        bucket=bucket.name,
        key=request["Key"],
        started_ms=call.now_ms,
        settings=kept,
        algorithm=algorithm,
        checksum_kind=kind,
        initiator=call.context.principal.arn,
    )
    store.put_upload(call.state, upload)
    output = {"Bucket": bucket.name, "Key": upload.key, "UploadId": upload.id}
    output.update(settings.shown_encryption(kept.encryption))
    if algorithm:
        output.update(ChecksumAlgorithm=algorithm, ChecksumType=kind)
    return output


@stream
async def upload_part(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Store a part, replacing one of the same number."""
    given = body if body is not None else BytesBody(request.get("Body") or b"")
    upload = call.read(lambda view: _upload_of(view, request))
    wanted = _part_checksum(upload, checksums.expected(request))
    told, _ = await _store_part(call, request, given, wanted)
    return {**told, **settings.shown_encryption(upload.settings.encryption)}


@stream
async def upload_part_copy(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Store some bytes of another object as a part."""
    source_name, source_key, version_id = names.copy_source(request["CopySource"])

    def look(view: ReadCall) -> tuple[Upload, Bucket, Version, list[contents.Piece]]:
        upload = _upload_of(view, request)
        store.check_owner(view.context, request.get("ExpectedSourceBucketOwner"))
        bucket = store.find_bucket(view.state, source_name)
        version = find_version(view.state, bucket, source_key, version_id, "COPY")
        conditions.check_copy_source(request, version)
        return upload, bucket, version, contents.pieces_of(view.state, version)

    upload, bucket, version, pieces = call.read(look)
    start, stop = 0, version.size_bytes
    if request.get("CopySourceRange"):
        start, stop = ranges.of_copy(request["CopySourceRange"], version.size_bytes)
    reading = contents.Reading(call, pieces, start, stop)
    expected = Expected(algorithm=upload.algorithm)
    told, modified_ms = await _store_part(call, request, reading, expected)
    output: dict[str, Any] = {
        "CopyPartResult": {**told, "LastModified": utc(modified_ms)},
        **settings.shown_encryption(upload.settings.encryption),
    }
    if bucket.has_versions:
        output["CopySourceVersionId"] = version.version_id
    return output


def _upload_of(call: ReadCall, request: Mapping[str, Any]) -> Upload:
    number = request.get("PartNumber", 1)
    if not 1 <= number <= LIMITS.parts_max:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
    store.bucket_of(call, request)
    return store.find_upload(call.state, request["Bucket"], request["Key"], request["UploadId"])


def _part_checksum(upload: Upload, wanted: Expected) -> Expected:
    """What to compute: the upload's algorithm where the request names none.

    Raises:
        ServiceError: InvalidRequest for another algorithm than the upload's.
    """
    if not upload.algorithm or upload.algorithm == wanted.algorithm:
        return wanted
    if not wanted.algorithm:
        return Expected(wanted.md5, upload.algorithm)
    raise errors.invalid_request(
        f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, "
        f"actual checksum Type: {wanted.algorithm.lower()}"
    )


async def _store_part(
    call: StreamCall, request: Mapping[str, Any], body: Body, wanted: Expected
) -> tuple[dict[str, str], int]:
    """Keep the part; what is told of it, and when it was stored (epoch ms)."""

    def step(write: WriteCall, received: contents.Received) -> tuple[dict[str, str], int]:
        upload = _upload_of(write, request)
        number = request["PartNumber"]
        raw = write.state.get(("part", upload.id, number))
        if raw is not None:
            store.discard(write.state, store.PARTS.decode(raw).content)
        part = Part(
            number=number,
            size_bytes=received.size_bytes,
            etag=received.etag,
            modified_ms=write.now_ms,
            content=received.keep(write),
            digest=received.digest,
        )
        store.put_part(write.state, upload.id, part)
        return {"ETag": f'"{part.etag}"', **checksums.shown_value(part.digest)}, part.modified_ms

    return await contents.take_in(call, body, wanted, LIMITS.part_bytes_max, step)


@write
def complete_multipart_upload(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the parts an object. Their bytes stay where they are: the object refers to them."""
    bucket = store.bucket_of(call, request)
    version = _complete(call, bucket, request)
    name, key = bucket.name, request["Key"]
    location = f"{call.context.endpoint}/{name}/{quote(key)}"
    output = {"Location": location, "Bucket": name, "Key": key}
    return {**output, **told(call, bucket, key, version)}


def _complete(call: WriteCall, bucket: Bucket, request: Mapping[str, Any]) -> Version:
    key, upload_id = request["Key"], request["UploadId"]
    newest = store.current(call.state, bucket.name, key)
    if newest is not None and newest.upload == upload_id:
        # The same request again, because its answer was lost: S3 repeats it.
        return newest
    upload = store.find_upload(call.state, bucket.name, key, upload_id)
    conditions.check_write(request, key, newest)
    _check_unchanged(request, upload, newest)
    if request.get("MultipartUpload") is None:
        raise errors.invalid_request("You must specify at least one part")
    listed = request["MultipartUpload"].get("Parts") or []
    if not listed:
        raise errors.malformed_xml()
    there = {part.number: part for part in store.parts(call.state, upload_id)}
    chosen = _chosen(upload, listed, there)
    size_bytes = sum(part.size_bytes for part in chosen)
    expected_bytes = request.get("MpuObjectSize")
    if expected_bytes is not None and expected_bytes != size_bytes:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {expected_bytes} does not match what "
            f"was computed: {size_bytes}"
        )
    if size_bytes > LIMITS.assembled_bytes_max:
        raise errors.entity_too_large(size_bytes, LIMITS.assembled_bytes_max)
    version = Version(
        sequence=call.sequence(),
        modified_ms=call.now_ms,
        size_bytes=size_bytes,
        etag=_etag(chosen),
        upload=upload_id,
        part_count=len(chosen),
        digest=_digest(request, upload, chosen),
        settings=upload.settings,
    )
    kept = {part.number for part in chosen}
    for number, part in there.items():
        if number not in kept:
            store.discard(call.state, part.content)
            call.state.delete(("part", upload_id, number))
    store.delete_upload(call.state, upload)
    versions.add(call, bucket, key, version)
    announce(call, bucket, "ObjectCreated:CompleteMultipartUpload", key, version)
    return version


def _check_unchanged(request: Mapping[str, Any], upload: Upload, newest: Version | None) -> None:
    """A conditional completion is refused where the key changed since the upload began.

    Raises:
        ServiceError: ConditionalRequestConflict (409).
    """
    if newest is None or newest.modified_ms <= upload.started_ms:
        return
    for member, header in (("IfMatch", "If-Match"), ("IfNoneMatch", "If-None-Match")):
        if request.get(member):
            raise errors.conditional_conflict(header, upload.key)


def _chosen(
    upload: Upload, listed: Sequence[Mapping[str, Any]], there: Mapping[int, Part]
) -> list[Part]:
    """The parts that make the object, checked as S3 checks them."""
    numbers = [each.get("PartNumber") or 0 for each in listed]
    if any(after <= before for before, after in pairwise(numbers)):
        raise errors.invalid_part_order(upload.id)
    chosen = []
    for index, (number, each) in enumerate(zip(numbers, listed, strict=True)):
        etag = (each.get("ETag") or "").strip('"')
        part = there.get(number)
        if part is None or part.etag != etag:
            raise errors.invalid_part(upload.id, number, etag)
        algorithm, value = checksums.given(each)
        if algorithm and (part.digest is None or part.digest != _like(part, algorithm, value)):
            raise errors.invalid_part(upload.id, number, etag)
        if upload.checksum_kind == COMPOSITE and not algorithm:
            raise errors.invalid_request(
                f"The upload was created using a {upload.algorithm.lower()} checksum. The complete "
                "request must include the checksum for each part. It was missing for part "
                f"{number} in the request."
            )
        if index < len(listed) - 1 and part.size_bytes < LIMITS.part_bytes_min:
            raise errors.entity_too_small(part.size_bytes, LIMITS.part_bytes_min, number, part.etag)
        chosen.append(part)
    return chosen


def _like(part: Part, algorithm: str, value: str) -> Any:
    return None if part.digest is None else type(part.digest)(algorithm, value, part.digest.kind)


def _etag(parts: Sequence[Part]) -> str:
    """MD5 of the parts' MD5s, and how many there are."""
    whole = hashlib.md5(b"".join(bytes.fromhex(p.etag) for p in parts), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(parts)}"


def _digest(request: Mapping[str, Any], upload: Upload, parts: Sequence[Part]) -> Any:
    """The object's checksum; raises BadDigest, InvalidRequest where the request says another."""
    kind = request.get("ChecksumType")
    if kind and upload.checksum_kind and kind != upload.checksum_kind:
        raise errors.invalid_request(
            f"The upload was created using the {upload.checksum_kind} checksum mode. The complete "
            "request must use the same checksum mode."
        )
    pairs = [(part.digest.value, part.size_bytes) for part in parts if part.digest is not None]
    digest = checksums.of_parts(upload.algorithm, upload.checksum_kind, pairs, len(parts))
    algorithm, value = checksums.given(request)
    if algorithm and digest is not None and (digest.algorithm, digest.value) != (algorithm, value):
        plain = digest.value.partition("-")[0]
        if digest.algorithm != algorithm or plain != value:
            raise errors.bad_checksum(algorithm.lower())
    return digest


@write
def abort_multipart_upload(call: WriteCall, request: Mapping[str, Any]) -> None:
    """End an upload without an object."""
    upload = _upload_of(call, request)
    store.discard_upload(call.state, upload.id)
    store.delete_upload(call.state, upload)


@read
def list_parts(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of an upload's parts."""
    upload = _upload_of(call, request)
    marker = int(request.get("PartNumberMarker") or 0)
    given = request.get("MaxParts")
    limit = min(LIMITS.list_results_max, LIMITS.list_results_max if given is None else given)
    parts = [part for part in store.parts(call.state, upload.id) if part.number > marker]
    page = parts[:limit]
    who = owner(call.account)
    output: dict[str, Any] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "Initiator": {"ID": upload.initiator, "DisplayName": upload.initiator.rpartition(":")[2]},
        "Owner": who,
        "StorageClass": upload.settings.storage_class,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
    }
    if upload.algorithm:
        output.update(ChecksumAlgorithm=upload.algorithm, ChecksumType=upload.checksum_kind)
    if page:
        output["Parts"] = [
            {
                "PartNumber": part.number,
                "LastModified": utc(part.modified_ms),
                "ETag": f'"{part.etag}"',
                "Size": part.size_bytes,
                **checksums.shown_value(part.digest),
            }
            for part in page
        ]
    return output


@read
def list_multipart_uploads(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the uploads under way in a bucket."""
    store.bucket_of(call, request)
    given = request.get("MaxUploads")
    limit = min(LIMITS.list_results_max, LIMITS.list_results_max if given is None else given)
    key_marker = request.get("KeyMarker") or ""
    id_marker = request.get("UploadIdMarker") or "" if key_marker else ""
    query = listing.Query(
        bucket=request["Bucket"],
        prefix=request.get("Prefix") or "",
        delimiter=request.get("Delimiter") or "",
        after=key_marker,
        limit=limit,
    )
    page = listing.uploads(call.state, query, id_marker) if limit else listing.Page()
    output: dict[str, Any] = {
        "Bucket": request["Bucket"],
        "KeyMarker": shown_text(key_marker, request),
        "UploadIdMarker": id_marker,
        "Prefix": shown_text(query.prefix, request),
        "MaxUploads": limit,
        "IsTruncated": page.is_truncated,
    }
    for member in ("Delimiter", "EncodingType"):
        if request.get(member):
            output[member] = shown_text(request[member], request)
    if page.rows:
        output["Uploads"] = [_shown_upload(call, request, upload) for _, upload in page.rows]
        output["NextKeyMarker"] = shown_text(page.last, request)
        output["NextUploadIdMarker"] = page.rows[-1][1].id
    if page.prefixes:
        output["CommonPrefixes"] = shown_prefixes(page.prefixes, request)
    return output


def _shown_upload(call: ReadCall, request: Mapping[str, Any], upload: Upload) -> dict[str, Any]:
    row: dict[str, Any] = {
        "UploadId": upload.id,
        "Key": shown_text(upload.key, request),
        "Initiated": utc(upload.started_ms),
        "StorageClass": upload.settings.storage_class,
        "Owner": owner(call.account),
        "Initiator": {"ID": upload.initiator, "DisplayName": upload.initiator.rpartition(":")[2]},
    }
    if upload.algorithm:
        row.update(ChecksumAlgorithm=upload.algorithm, ChecksumType=upload.checksum_kind)
    return row
