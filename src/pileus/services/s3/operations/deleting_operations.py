"""Objects deleted, one or many.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.s3 import conditions, errors, names, store, versions
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Bucket
from pileus.services.s3.notices import announce
from pileus.values.errors import ServiceError

_DIRECTORY_ONLY = {
    "IfMatchLastModifiedTime": "x-amz-if-match-last-modified-time",
    "IfMatchSize": "x-amz-if-match-size",
}


@write
def delete_object(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete an object or one of its versions; one that is not there is no error."""
    for member, header in _DIRECTORY_ONLY.items():
        if request.get(member) is not None:
            raise errors.not_implemented_header(header)
    bucket = store.bucket_of(call, request)
    _refuse_bypass(request)
    return _delete(call, bucket, request)


def _refuse_bypass(request: Mapping[str, Any]) -> None:
    if request.get("BypassGovernanceRetention") is not None:
        raise errors.bypass_without_lock()


def _delete(call: WriteCall, bucket: Bucket, request: Mapping[str, Any]) -> dict[str, Any]:
    """One deletion; ``request`` holds Key, VersionId and IfMatch."""
    key, version_id = request["Key"], request.get("VersionId")
    names.check_key(key)
    if request.get("IfMatch"):
        there = (
            versions.find(call.state, bucket.name, key, version_id)
            if version_id
            else store.current(call.state, bucket.name, key)
        )
        conditions.check_delete(request, key, there)
    if version_id:
        gone = versions.remove(call, bucket, key, version_id)
        if gone is not None:
            announce(call, bucket, "ObjectRemoved:Delete", key, gone)
        output: dict[str, Any] = {"VersionId": version_id}
        if gone is not None and gone.is_delete_marker:
            output["DeleteMarker"] = True
        return output
    left, is_marker = versions.remove_current(call, bucket, key)
    if left is None:
        return {}
    event = "ObjectRemoved:DeleteMarkerCreated" if is_marker else "ObjectRemoved:Delete"
    announce(call, bucket, event, key, left)
    return {"DeleteMarker": True, "VersionId": left.version_id} if is_marker else {}


@write
def delete_objects(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete up to 1,000 objects in one commit; each succeeds or fails by itself."""
    given = request["Delete"]
    objects = given.get("Objects") or []
    if not 1 <= len(objects) <= LIMITS.delete_objects_max:
        raise errors.malformed_xml()
    is_quiet = bool(given.get("Quiet"))
    bucket = store.bucket_of(call, request)
    _refuse_bypass(request)
    output: dict[str, Any] = {"Deleted": [], "Errors": []}
    for each in objects:
        try:
            done = _delete(call, bucket, _wanted(each))
        except ServiceError as error:
            output["Errors"].append(_failed(each, error))
        else:
            if not is_quiet:
                output["Deleted"].append(_deleted(each, done))
    return {name: rows for name, rows in output.items() if rows}


def _wanted(each: Mapping[str, Any]) -> dict[str, Any]:
    for member in ("LastModifiedTime", "Size"):
        if each.get(member) is not None:
            raise errors.not_implemented_header(member)
    return {**each, "IfMatch": each.get("ETag")}


def _deleted(each: Mapping[str, Any], done: Mapping[str, Any]) -> dict[str, Any]:
    output: dict[str, Any] = {"Key": each["Key"]}
    if each.get("VersionId"):
        output["VersionId"] = each["VersionId"]
    if done.get("DeleteMarker"):
        output["DeleteMarker"] = True
        output["DeleteMarkerVersionId"] = done["VersionId"]
    return output


def _failed(each: Mapping[str, Any], error: ServiceError) -> dict[str, Any]:
    if error.code == "InvalidArgument":
        # What is no version id at all is told as one that is not there.
        error = errors.no_such_version(each["Key"], each["VersionId"])
    output = {"Key": each["Key"], "Code": error.code, "Message": error.message}
    if each.get("VersionId"):
        output["VersionId"] = each["VersionId"]
    return output
