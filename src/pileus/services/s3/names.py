"""What may be a bucket's name and an object's key.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from pileus.services.s3 import errors
from pileus.services.s3.limits import LIMITS

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket(name: str) -> None:
    """Raises InvalidBucketName for a name that no bucket can have."""
    if (
        not _BUCKET.fullmatch(name)
        or ".." in name
        or _ADDRESS.fullmatch(name)
        or name.startswith(_PREFIXES)
        or name.endswith(_SUFFIXES)
    ):
        raise errors.invalid_bucket_name(name)


def check_key(key: str) -> None:
    """Raises KeyTooLongError for more than 1,024 bytes of UTF-8."""
    # No character has more than four bytes, so most keys need not be encoded to be measured.
    if len(key) * 4 > LIMITS.key_bytes_max:
        size = len(key.encode())
        if size > LIMITS.key_bytes_max:
            raise errors.key_too_long(size, LIMITS.key_bytes_max)


def copy_source(header: str) -> tuple[str, str, str]:
    """Bucket, key and version id (empty for the newest) of ``x-amz-copy-source``.

    Raises:
        ServiceError: InvalidArgument where it names no object; NotImplemented for access points.
    """
    path, _, query = header.partition("?")
    version_id = query.removeprefix("versionId=") if query.startswith("versionId=") else ""
    if path.startswith("arn:"):
        raise errors.unsupported("copying through access points")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    if not bucket or not key:
        raise errors.invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            "x-amz-copy-source",
            header,
        )
    return bucket, key, unquote(version_id)
