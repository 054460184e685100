"""Tags of objects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.s3 import store, tagging, versions
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import Bucket, Version
from pileus.services.s3.notices import announce


@write
def put_object_tagging(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the tags of a version."""
    tags = tagging.checked(request["Tagging"]["TagSet"], LIMITS.object_tags_max)
    return _change(call, request, tags, "ObjectTagging:Put")


@write
def delete_object_tagging(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the tags of a version."""
    return _change(call, request, {}, "ObjectTagging:Delete")


def _change(
    call: WriteCall, request: Mapping[str, Any], tags: dict[str, str], event: str
) -> dict[str, Any]:
    bucket, version = _version(call, request, "PUT")
    version.settings = replace(version.settings, tags=tags)
    versions.rewrite(call.state, bucket.name, request["Key"], version)
    announce(call, bucket, event, request["Key"], version)
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
    bucket = store.bucket_of(call, request)
    version_id = request.get("VersionId")
    return bucket, find_version(call.state, bucket, request["Key"], version_id, method)
