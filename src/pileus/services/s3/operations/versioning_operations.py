"""Versioning of a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.s3 import errors, store


@write
def put_bucket_versioning(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Switch versioning on, or suspend it; it is never off again."""
    bucket = store.bucket_of(call, request)
    config = request["VersioningConfiguration"]
    if config.get("MFADelete") == "Enabled":
        raise errors.unsupported("MFA delete")
    status = config.get("Status")
    if not status:
        raise errors.illegal_versioning()
    bucket.versioning = status
    store.put_bucket(call.state, bucket)


@read
def get_bucket_versioning(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The status; empty where versioning was never switched on."""
    status = store.bucket_of(call, request).versioning
    return {"Status": status} if status else {}
