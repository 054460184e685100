"""Tags of objects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.s3 import errors, store, tagging, versions
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import Bucket, Version
from pileus.services.s3.notices import announce


@write
def put_object_tagging(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the tags of a version."""
    tags = tagging.checked(request["Tagging"]["TagSet"], LIMITS.object_tags_max)
    return _change(call, request, tags, "PUT")


@write
def delete_object_tagging(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the tags of a version."""
    return _change(call, request, {}, "DELETE")


def _change(
    call: WriteCall, request: Mapping[str, Any], tags: dict[str, str], method: str
) -> dict[str, Any]:
    bucket, version = _version(call, request, method)
    version.settings = replace(version.settings, tags=tags)
    versions.rewrite(call.state, bucket.name, request["Key"], version)
    announce(call, bucket, f"ObjectTagging:{method.capitalize()}", request["Key"], version)
    return {"VersionId": version.version_id} if bucket.has_versions else {}


@read
def get_object_tagging(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a version."""
    bucket, version = _version(call, request, "GET")
    output: dict[str, Any] = {"TagSet": tagging.shown(version.settings.tags)}
    if bucket.has_versions:
        output["VersionId"] = version.version_id
    return output


def _version(call: ReadCall, request: Mapping[str, Any], method: str) -> tuple[Bucket, Version]:
    """The version with the tags; a delete marker has none, not even as the newest."""
    bucket = store.bucket_of(call, request)
    key, version_id = request["Key"], request.get("VersionId")
    newest = None if version_id else store.current(call.state, bucket.name, key)
    if newest is not None and newest.is_delete_marker:
        version_id = newest.version_id
    if newest is None and not version_id and method == "GET":
        # Here alone S3 puts the bucket in front of the key.
        raise errors.no_such_key(f"{bucket.name}/{key}")
    return bucket, find_version(call.state, bucket, key, version_id, method)
