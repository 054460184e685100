"""Conditional requests (RFC 9110 section 13, in the order S3 gives the headers).

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from pileus.services.s3 import errors
from pileus.services.s3.model import Version
from pileus.values.times import epoch_ms, utc


def check_read(request: Mapping[str, Any], version: Version) -> None:
    """GET and HEAD: raises NotModified (304) or PreconditionFailed (412)."""
    seconds = version.modified_ms // 1000
    if request.get("IfMatch"):
        if not _matches(request["IfMatch"], version.etag):
            raise errors.precondition_failed("If-Match")
    elif (limit := _seconds(request.get("IfUnmodifiedSince"))) is not None and seconds > limit:
        raise errors.precondition_failed("If-Unmodified-Since")
    if request.get("IfNoneMatch"):
        if _matches(request["IfNoneMatch"], version.etag):
            raise errors.not_modified(_validators(version))
    elif (limit := _seconds(request.get("IfModifiedSince"))) is not None and seconds <= limit:
        raise errors.not_modified(_validators(version))


def check_copy_source(request: Mapping[str, Any], version: Version) -> None:
    """CopyObject and UploadPartCopy: raises PreconditionFailed (412)."""
    seconds = version.modified_ms // 1000
    if request.get("CopySourceIfMatch"):
        if not _matches(request["CopySourceIfMatch"], version.etag):
            raise errors.precondition_failed("x-amz-copy-source-If-Match")
    elif (
        limit := _seconds(request.get("CopySourceIfUnmodifiedSince"))
    ) is not None and seconds > limit:
        raise errors.precondition_failed("x-amz-copy-source-If-Unmodified-Since")
    if request.get("CopySourceIfNoneMatch"):
        if _matches(request["CopySourceIfNoneMatch"], version.etag):
            raise errors.precondition_failed("x-amz-copy-source-If-None-Match")
    elif (
        limit := _seconds(request.get("CopySourceIfModifiedSince"))
    ) is not None and seconds <= limit:
        raise errors.precondition_failed("x-amz-copy-source-If-Modified-Since")


def check_write(request: Mapping[str, Any], key: str, version: Version | None) -> None:
    """PutObject, CopyObject, CompleteMultipartUpload: ``version`` is what is there now.

    Raises:
        ServiceError: PreconditionFailed (412), NoSuchKey (404), NotImplemented (501) for values
            that S3 does not take in these operations.
    """
    none_match, match = request.get("IfNoneMatch"), request.get("IfMatch")
    if not none_match and not match:
        return
    if none_match and match:
        raise errors.not_implemented_condition("If-Match,If-None-Match")
    if none_match and none_match != "*":
        raise errors.not_implemented_condition("If-None-Match")
    if match == "*":
        raise errors.not_implemented_condition("If-Match")
    is_there = version is not None and not version.is_delete_marker
    if none_match and is_there:
        raise errors.precondition_failed("If-None-Match")
    if match:
        if version is None or not is_there:
            raise errors.no_such_key(key)
        if not _matches(match, version.etag):
            raise errors.precondition_failed("If-Match")


def check_delete(request: Mapping[str, Any], key: str, version: Version | None) -> None:
    """DeleteObject with ``If-Match``; raises NoSuchKey (404), PreconditionFailed (412)."""
    match = request.get("IfMatch")
    if not match:
        return
    if version is None or version.is_delete_marker:
        raise errors.no_such_key(key)
    if not _matches(match, version.etag):
        raise errors.precondition_failed("If-Match")


def _matches(header: str, etag: str) -> bool:
    given = [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]
    return "*" in given or etag in given


def _seconds(moment: Any) -> float | None:
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return epoch_ms(moment) / 1000
    if isinstance(moment, str):
        return epoch_ms(datetime.fromisoformat(moment)) / 1000
    return float(moment)


def _validators(version: Version) -> dict[str, str]:
    moment = utc(version.modified_ms).replace(microsecond=0)
    return {"ETag": f'"{version.etag}"', "Last-Modified": format_datetime(moment, usegmt=True)}
