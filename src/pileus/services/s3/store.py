"""Where buckets, objects and uploads lie.

``bucket, name``                       Bucket
``config, bucket, kind``               a configuration in wire names, as msgpack
``object, bucket, key``                Version: the newest one of a key, delete marker or not
``version, bucket, key, -sequence``    Version: every older one, newest first
``null, bucket, key``                  the sequence of an older version whose id is ``null``
``body, sequence``                     the bytes of a small object or part
``upload, bucket, key, id``            Upload
``part, upload id, number``            Part; stays when the upload becomes an object
``pending, blob``                      a blob being written that nothing refers to yet
``garbage, blob``                      a blob that nothing refers to any more

A blob is named in ``pending`` before it is stored, and in the commit that refers to it no longer; so
a crash leaves no blob that nobody knows of. Names follow UTF-8 order, as S3's listings do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.services.s3 import errors
from pileus.services.s3.model import Bucket, Content, Part, Upload, Version
from pileus.values.context import CallContext

BUCKETS = RecordCodec(Bucket)
VERSIONS = RecordCodec(Version)
UPLOADS = RecordCodec(Upload)
PARTS = RecordCodec(Part)

GARBAGE = ("garbage",)
"""Where garbage lies, and what wakes whoever collects it."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def find_bucket(state: Any, name: str) -> Bucket:
    """The bucket; raises NoSuchBucket."""
    raw = state.get(("bucket", name))
    if raw is None:
        raise errors.no_such_bucket(name)
    return BUCKETS.decode(raw)


def bucket_of(call: Any, request: Any) -> Bucket:
    """The bucket that a request names; raises NoSuchBucket, AccessDenied (another owner)."""
    bucket = find_bucket(call.state, request["Bucket"])
    check_owner(call.context, request.get("ExpectedBucketOwner"))
    return bucket


def check_owner(context: CallContext, expected: str | None) -> None:
    """Raises AccessDenied when the caller expects buckets of another account."""
    if expected and expected != context.account:
        raise errors.access_denied()


def put_bucket(state: Any, bucket: Bucket) -> None:
    state.put(("bucket", bucket.name), BUCKETS.encode(bucket))


def config(state: Any, bucket: str, kind: str) -> Any | None:
    """A configuration in wire names, or None."""
    raw = state.get(("config", bucket, kind))
    return None if raw is None else _decode(raw)


def put_config(state: Any, bucket: str, kind: str, value: Any) -> None:
    state.put(("config", bucket, kind), _encode(value))


def current(state: Any, bucket: str, key: str) -> Version | None:
    """The newest version of a key, which may be a delete marker."""
    raw = state.get(("object", bucket, key))
    return None if raw is None else VERSIONS.decode(raw)


def find_upload(state: Any, bucket: str, key: str, upload_id: str) -> Upload:
    """The upload under way; raises NoSuchUpload."""
    raw = state.get(("upload", bucket, key, upload_id))
    if raw is None:
        raise errors.no_such_upload(upload_id)
    return UPLOADS.decode(raw)


def put_upload(state: Any, upload: Upload) -> None:
    state.put(("upload", upload.bucket, upload.key, upload.id), UPLOADS.encode(upload))


def delete_upload(state: Any, upload: Upload) -> None:
    """Forget that the upload is under way; its parts are another matter."""
    state.delete(("upload", upload.bucket, upload.key, upload.id))


def parts(state: Any, upload_id: str) -> list[Part]:
    """Every part of an upload, or of the object it became, in order."""
    return [PARTS.decode(raw) for _, raw in state.range(("part", upload_id))]


def put_part(state: Any, upload_id: str, part: Part) -> None:
    state.put(("part", upload_id, part.number), PARTS.encode(part))


def discard(state: Any, content: Content) -> None:
    """Nothing refers to these bytes any more."""
    if content.row:
        state.delete(("body", content.row))
    elif content.blob:
        put_garbage(state, content.blob)


def put_garbage(state: Any, blob: str) -> None:
    """Let a blob go after the commit."""
    state.put(("garbage", blob), b"")
    state.wake(GARBAGE)


def discard_upload(state: Any, upload_id: str) -> None:
    """Nothing refers to the parts of this upload any more."""
    for part in parts(state, upload_id):
        discard(state, part.content)
        state.delete(("part", upload_id, part.number))


def discard_version(state: Any, version: Version) -> None:
    """The bytes of a version that is going away."""
    if version.upload:
        discard_upload(state, version.upload)
    else:
        discard(state, version.content)
