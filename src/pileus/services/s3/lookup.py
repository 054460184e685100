"""Finds the version that a request is about."""

from __future__ import annotations

from typing import Any

from pileus.services.s3 import errors, store, versions
from pileus.services.s3.model import Bucket, Version


def find_version(
    state: Any, bucket: Bucket, key: str, version_id: str | None, method: str
) -> Version:
    """The newest version, or the one named, if it has content.

    Raises:
        ServiceError: NoSuchKey, NoSuchVersion; MethodNotAllowed (405) for a delete marker that is
            named, NoSuchKey with ``x-amz-delete-marker`` for one that is newest.
    """
    if version_id:
        version = versions.find(state, bucket.name, key, version_id)
        if version is None:
            raise errors.no_such_version(key, version_id)
        if version.is_delete_marker:
            told = {"x-amz-delete-marker": "true", "x-amz-version-id": version.version_id}
            raise errors.method_not_allowed(method, {**told, "Allow": "DELETE"})
        return version
    newest = store.current(state, bucket.name, key)
    if newest is None:
        raise errors.no_such_key(key)
    if newest.is_delete_marker:
        told = {"x-amz-delete-marker": "true", "x-amz-version-id": newest.version_id}
        raise errors.no_such_key(key, told)
    return newest
