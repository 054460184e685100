"""Objects put and copied.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import stream
from pileus.services.s3 import (
    access,
    checksums,
    conditions,
    contents,
    errors,
    lifecycle,
    names,
    store,
)
from pileus.services.s3 import settings as settings_
from pileus.services.s3 import versions as versions_
from pileus.services.s3.checksums import Expected
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import ENABLED, Bucket, Encryption, Settings, Version
from pileus.services.s3.notices import announce
from pileus.values.body import Body, BytesBody
from pileus.values.times import utc


@stream
async def put_object(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Store an object: durable, checked and announced when this returns."""
    names.check_key(request["Key"])
    settings = settings_.of_request(request)
    given = body if body is not None else BytesBody(request.get("Body") or b"")
    if (given.size_bytes or 0) > LIMITS.inline_bytes_max:
        # Before a large body is taken in for nothing.
        call.read(lambda view: store.bucket_of(view, request))

    def step(write: WriteCall, received: contents.Received) -> dict[str, Any]:
        bucket = store.bucket_of(write, request)
        version = put_version(write, bucket, request, received, settings)
        return told(write, bucket, request["Key"], version)

    expected = checksums.expected(request)
    return await contents.take_in(call, given, expected, LIMITS.object_bytes_max, step)


def put_version(
    call: WriteCall,
    bucket: Bucket,
    request: Mapping[str, Any],
    received: contents.Received,
    settings: Settings,
    event: str = "ObjectCreated:Put",
) -> Version:
    """Make what was received the newest version of the request's key; announces it."""
    key = request["Key"]
    if request.get("IfMatch") or request.get("IfNoneMatch"):
        conditions.check_write(request, key, store.current(call.state, bucket.name, key))
    access.check_object_acl(bucket, request.get("ACL"))
    if not request.get("ServerSideEncryption"):
        settings = replace(settings, encryption=default_encryption(call.state, bucket))
    version = Version(
        sequence=call.sequence(),
        modified_ms=call.now_ms,
        size_bytes=received.size_bytes,
        etag=received.etag,
        content=received.keep(call),
        digest=received.digest,
        settings=settings,
    )
    versions_.add(call, bucket, key, version)
    announce(call, bucket, event, key, version)
    return version


def default_encryption(state: Any, bucket: Bucket) -> Encryption:
    """What the bucket says of objects that say nothing; AES256 unless it was changed."""
    config = store.config(state, bucket.name, "encryption") if bucket.has_encryption else None
    if not config:
        return Encryption()
    rule = config["Rules"][0]
    applied = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return Encryption(
        applied.get("SSEAlgorithm") or "AES256",
        applied.get("KMSMasterKeyID") or "",
        bool(rule.get("BucketKeyEnabled")),
    )


def told(call: WriteCall, bucket: Bucket, key: str, version: Version) -> dict[str, Any]:
    """What the answer to a put says of the new version."""
    output = {
        "ETag": f'"{version.etag}"',
        **settings_.shown_encryption(version.settings.encryption),
        **checksums.shown(version.digest),
        **lifecycle.shown_expiry(call, bucket, key, version),
    }
    if bucket.versioning == ENABLED:
        # Where it is suspended, S3 does not tell that the id is "null".
        output["VersionId"] = version.version_id
    return output


@stream
async def copy_object(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Copy an object within the account, or give it other headers in its place."""
    names.check_key(request["Key"])
    source_name, source_key, version_id = names.copy_source(request["CopySource"])
    given = settings_.of_request(request)

    def look(view: ReadCall) -> tuple[Bucket, Version, list[contents.Piece]]:
        store.bucket_of(view, request)
        store.check_owner(view.context, request.get("ExpectedSourceBucketOwner"))
        source = store.find_bucket(view.state, source_name)
        version = find_version(view.state, source, source_key, version_id, "COPY")
        conditions.check_copy_source(request, version)
        return source, version, contents.pieces_of(view.state, version)

    source, original, pieces = call.read(look)
    if original.size_bytes > LIMITS.object_bytes_max:
        raise errors.invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {LIMITS.object_bytes_max}"
        )
    is_itself = (source_name, source_key) == (request["Bucket"], request["Key"]) and not version_id
    settings = _copied_settings(request, original.settings, given, is_itself=is_itself)
    algorithm = request.get("ChecksumAlgorithm") or (
        original.digest.algorithm if original.digest else ""
    )
    reading = contents.Reading(call, pieces, 0, original.size_bytes)

    def step(write: WriteCall, received: contents.Received) -> dict[str, Any]:
        bucket = store.bucket_of(write, request)
        version = put_version(write, bucket, request, received, settings, "ObjectCreated:Copy")
        return {**told(write, bucket, request["Key"], version), "At": version.modified_ms}

    output = await contents.take_in(
        call, reading, Expected(algorithm=algorithm), LIMITS.object_bytes_max, step
    )
    result = {"ETag": output.pop("ETag"), "LastModified": utc(output.pop("At"))}
    for member in [name for name in output if name.startswith("Checksum")]:
        result[member] = output.pop(member)
    if source.has_versions:
        output["CopySourceVersionId"] = original.version_id
    return {**output, "CopyObjectResult": result}


def _copied_settings(
    request: Mapping[str, Any], original: Settings, given: Settings, *, is_itself: bool
) -> Settings:
    """What the copy says of itself: the original's headers or new ones, tags likewise."""
    replaces = request.get("MetadataDirective") == "REPLACE"
    is_changed = replaces or any(
        request.get(name)
        for name in (
            "StorageClass",
            "WebsiteRedirectLocation",
            "ServerSideEncryption",
            "ChecksumAlgorithm",
        )
    )
    if is_itself and not is_changed:
        raise errors.invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes."
        )
    headers = dict(given.headers if replaces else original.headers)
    if not replaces:
        # A redirect belongs to one place and is never copied.
        headers.pop("WebsiteRedirectLocation", None)
        if "WebsiteRedirectLocation" in given.headers:
            headers["WebsiteRedirectLocation"] = given.headers["WebsiteRedirectLocation"]
    return Settings(
        headers=headers,
        metadata=given.metadata if replaces else original.metadata,
        tags=given.tags if request.get("TaggingDirective") == "REPLACE" else original.tags,
        storage_class=given.storage_class,
        acl=given.acl,
        encryption=given.encryption,
    )
