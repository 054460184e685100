"""The few things a deployment does with buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError

_DELETED_AT_ONCE = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})


def exists(api: Api, bucket: str, key: str) -> bool:
    """Whether the object is there."""
    try:
        api.call("s3", "HeadObject", Bucket=bucket, Key=key)
    except ApiError as error:
        if error.code in _MISSING:
            return False
        raise
    return True


def upload(api: Api, bucket: str, key: str, path: Path) -> None:
    """Put a file, streamed from disk."""
    with path.open("rb") as body:
        api.call("s3", "PutObject", Bucket=bucket, Key=key, Body=body)


def empty(api: Api, bucket: str) -> int:
    """Delete every object with all its versions; how many. A bucket that is gone is empty."""
    try:
        status = api.call("s3", "GetBucketVersioning", Bucket=bucket).get("Status")
    except ApiError as error:
        if error.code in _MISSING:
            return 0
        raise
    return delete_objects(api, bucket, _versions(api, bucket) if status else _keys(api, bucket))


def delete_objects(api: Api, bucket: str, objects: Iterable[Mapping[str, str]]) -> int:
    """Delete objects, each ``{"Key": …}`` with or without ``VersionId``; how many.

    Raises:
        DeployError: one of them cannot be deleted.
    """
    count, left = 0, iter(objects)
    while batch := list(islice(left, _DELETED_AT_ONCE)):
        answer = api.call(
            "s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": batch, "Quiet": True}
        )
        for error in answer.get("Errors") or ():
            raise DeployError(f"s3://{bucket}/{error['Key']}: {error['Code']}: {error['Message']}")
        count += len(batch)
    return count


def _keys(api: Api, bucket: str) -> Iterator[dict[str, str]]:
    # Listed whole first: deleting while pages are read would move what they point at.
    found = list(api.each("s3", "ListObjectsV2", "Contents", Bucket=bucket))
    return ({"Key": one["Key"]} for one in found)


def _versions(api: Api, bucket: str) -> Iterator[dict[str, str]]:
    found = [
        *api.each("s3", "ListObjectVersions", "Versions", Bucket=bucket),
        *api.each("s3", "ListObjectVersions", "DeleteMarkers", Bucket=bucket),
    ]
    return ({"Key": one["Key"], "VersionId": one["VersionId"]} for one in found)
