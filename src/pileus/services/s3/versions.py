"""How versions of a key take each other's place, in the three states of a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.s3 import errors, store
from pileus.services.s3.model import (
    ENABLED,
    NULL_VERSION,
    Bucket,
    Version,
    is_version_id,
    new_version_id,
    sequence_of,
)
from pileus.values.keys import Key

_RANDOM_BYTES = 12


def add(call: WriteCall, bucket: Bucket, key: str, version: Version) -> None:
    """Make ``version`` the newest of ``key``; gives it its id."""
    state, name = call.state, bucket.name
    old = store.current(state, name, key)
    if bucket.versioning == ENABLED:
        version.version_id = new_version_id(version.sequence, call.random_bytes(_RANDOM_BYTES))
    if old is not None:
        if version.version_id == NULL_VERSION == old.version_id:
            store.discard_version(state, old)
        else:
            _put_aside(state, name, key, old)
    if bucket.has_versions and version.version_id == NULL_VERSION:
        _discard_older_null(state, name, key)
    state.put(("object", name, key), store.VERSIONS.encode(version))


def remove_current(call: WriteCall, bucket: Bucket, key: str) -> tuple[Version | None, bool]:
    """Delete without a version id.

    Returns:
        What went away or the delete marker that was made (None: nothing happened), and whether it
        is a new delete marker.
    """
    if bucket.has_versions:
        marker = Version(sequence=call.sequence(), modified_ms=call.now_ms, is_delete_marker=True)
        add(call, bucket, key, marker)
        return marker, True
    old = store.current(call.state, bucket.name, key)
    if old is not None:
        store.discard_version(call.state, old)
        call.state.delete(("object", bucket.name, key))
    return old, False


def remove(call: WriteCall, bucket: Bucket, key: str, version_id: str) -> Version | None:
    """Delete one version for good; None when there is none of that id.

    Raises:
        ServiceError: InvalidArgument for what is no version id.
    """
    state, name = call.state, bucket.name
    version = find(state, name, key, version_id)
    if version is None:
        return None
    store.discard_version(state, version)
    newest = store.current(state, name, key)
    if newest is not None and newest.sequence == version.sequence:
        _promote(state, name, key)
    else:
        _forget_older(state, name, key, version)
    return version


def find(state: Any, bucket: str, key: str, version_id: str) -> Version | None:
    """The version of that id; raises InvalidArgument for what is no version id."""
    newest = store.current(state, bucket, key)
    if newest is not None and newest.version_id == version_id:
        return newest
    if version_id == NULL_VERSION:
        raw = state.get(("null", bucket, key))
        sequence = None if raw is None else int(raw)
    else:
        sequence = sequence_of(version_id)
    raw = None if sequence is None else state.get(("version", bucket, key, -sequence))
    version = None if raw is None else store.VERSIONS.decode(raw)
    if version is not None and version.version_id == version_id:
        return version
    # Ids from before they held a check are found above, as long as their versions are there.
    if version_id != NULL_VERSION and not is_version_id(version_id):
        raise errors.invalid_version_id(version_id)
    return None


def rewrite(state: Any, bucket: str, key: str, version: Version) -> None:
    """Store a version that changed in its place."""
    newest = store.current(state, bucket, key)
    is_newest = newest is not None and newest.sequence == version.sequence
    place: Key = ("object", bucket, key)
    if not is_newest:
        place = ("version", bucket, key, -version.sequence)
    state.put(place, store.VERSIONS.encode(version))


def _put_aside(state: Any, bucket: str, key: str, version: Version) -> None:
    place: Key = ("version", bucket, key, -version.sequence)
    state.put(place, store.VERSIONS.encode(version))
    if version.version_id == NULL_VERSION:
        state.put(("null", bucket, key), str(version.sequence).encode())


def _discard_older_null(state: Any, bucket: str, key: str) -> None:
    raw = state.get(("null", bucket, key))
    if raw is not None:
        place: Key = ("version", bucket, key, -int(raw))
        store.discard_version(state, store.VERSIONS.decode(state.get(place)))
        state.delete(place)
        state.delete(("null", bucket, key))


def _promote(state: Any, bucket: str, key: str) -> None:
    """The newest of the older versions takes the place of the one that went."""
    rows = state.range(("version", bucket, key), limit=1)
    if not rows:
        state.delete(("object", bucket, key))
        return
    version = store.VERSIONS.decode(rows[0][1])
    _forget_older(state, bucket, key, version)
    state.put(("object", bucket, key), rows[0][1])


def _forget_older(state: Any, bucket: str, key: str, version: Version) -> None:
    state.delete(("version", bucket, key, -version.sequence))
    if version.version_id == NULL_VERSION:
        state.delete(("null", bucket, key))
