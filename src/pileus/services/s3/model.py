"""Buckets, objects and uploads as records."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import msgspec

NULL_VERSION = "null"
ENABLED = "Enabled"
STANDARD = "STANDARD"


class Bucket(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bucket.

    Attributes:
        versioning: empty (never switched on), ``Enabled`` or ``Suspended``.
        location: the LocationConstraint given; empty for us-east-1.
        ownership: who owns objects; empty where the controls were deleted.
        has_notifications, has_lifecycle, has_encryption: whether there is a configuration to read at a change.
    """

    name: str
    created_ms: int
    region: str
    location: str = ""
    versioning: str = ""
    acl: str = "private"
    ownership: str = "BucketOwnerEnforced"
    has_notifications: bool = False
    has_lifecycle: bool = False
    has_encryption: bool = False

    @property
    def has_versions(self) -> bool:
        return bool(self.versioning)

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"


class Content(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Where bytes lie: nowhere (empty), in State under ``row``, or in the blob ``blob``."""

    size_bytes: int
    row: int = 0
    blob: str = ""


class Digest(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A checksum of one of S3's algorithms, base64.

    ``kind`` is ``FULL_OBJECT`` or ``COMPOSITE``; a composite one ends in ``-<parts>``.
    """

    algorithm: str
    value: str
    kind: str = "FULL_OBJECT"


class Encryption(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What was asked for and is shown: ``AES256`` or a KMS kind with its key."""

    algorithm: str = "AES256"
    key_id: str = ""
    has_bucket_key: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client says about an object besides its bytes.

    ``headers`` are output members of GetObject in wire names (``ContentType`` …).
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = STANDARD
    acl: str = "private"
    encryption: Encryption = Encryption()


class Version(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One version of an object, or a delete marker.

    Attributes:
        sequence: orders the versions of a key; part of every version id but ``null``.
        etag: without quotes.
        upload: the id of the multipart upload whose part records are the content; empty for
            objects put in one piece, whose content is ``content``.
        part_count: of a multipart object.
    """

    sequence: int
    modified_ms: int
    version_id: str = NULL_VERSION
    is_delete_marker: bool = False
    size_bytes: int = 0
    etag: str = ""
    content: Content = Content(0)
    upload: str = ""
    part_count: int = 0
    digest: Digest | None = None
    settings: Settings = Settings()


class Upload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A multipart upload under way; ``algorithm`` is empty where no checksums were asked for."""

    id: str
    bucket: str
    key: str
    started_ms: int
    settings: Settings = Settings()
    algorithm: str = ""
    checksum_kind: str = ""
    initiator: str = ""


class Part(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of an upload under way, or of the object it became."""

    number: int
    size_bytes: int
    etag: str
    modified_ms: int
    content: Content
    digest: Digest | None = None


def new_version_id(sequence: int, random: bytes) -> str:
    """32 characters that hold ``sequence`` and a check; ``random`` is 12 bytes."""
    raw = (sequence ^ int.from_bytes(random[:8], "big") >> 1).to_bytes(8, "big") + random
    return base64.b64encode(raw + zlib.crc32(raw).to_bytes(4, "big"), b"._").decode()


def is_version_id(text: str) -> bool:
    """Whether :func:`new_version_id` may have made it: S3 knows its own ids from any others."""
    try:
        raw = base64.b64decode(text, b"._", validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) == 24 and zlib.crc32(raw[:20]).to_bytes(4, "big") == raw[20:]


def sequence_of(version_id: str) -> int | None:
    """The sequence in an id of :func:`new_version_id`; None for anything else."""
    if len(version_id) != 32:
        return None
    try:
        raw = base64.b64decode(version_id, b"._", validate=True)
    except (binascii.Error, ValueError):
        return None
    sequence = int.from_bytes(raw[:8], "big") ^ int.from_bytes(raw[8:16], "big") >> 1
    return sequence if sequence < 1 << 62 else None


def owner(account: str) -> dict[str, Any]:
    """The canonical user of an account, as S3 shows owners."""
    return {"ID": canonical_id(account)}


def canonical_id(account: str) -> str:
    """64 hex digits that stand for the account."""
    return f"{int(account):064x}" if account.isdecimal() else "0" * 64
