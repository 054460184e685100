"""What a client says about an object besides its bytes: from a request into a record and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from pileus.services.s3 import access, errors, tagging
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import STANDARD, Encryption, Settings

HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
DEFAULT_TYPE = "binary/octet-stream"
_STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER_IR",
    }
)
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_LOCKS = {
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
}
_CUSTOMER_KEYS = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")
_NOT_HERE = frozenset({*_LOCKS, *_CUSTOMER_KEYS, "WriteOffsetBytes"})


def of_request(request: Mapping[str, Any], default: Encryption | None = None) -> Settings:
    """The settings of PutObject, CopyObject or CreateMultipartUpload.

    Args:
        default: the bucket's default encryption, where it has one of its own.

    Raises:
        ServiceError: MetadataTooLarge, InvalidStorageClass, InvalidTag, InvalidArgument;
            NotImplemented for object lock and keys that the client keeps.
    """
    refuse_unsupported(request)
    access.refuse_grants(request)
    return Settings(
        headers=headers_of(request),
        metadata=metadata_of(request),
        tags=tags_of(request.get("Tagging")),
        storage_class=storage_class_of(request),
        acl=request.get("ACL") or "private",
        encryption=encryption_of(request, default),
    )


def refuse_unsupported(request: Mapping[str, Any]) -> None:
    """Raises NotImplemented for what is not here, by name."""
    if _NOT_HERE.isdisjoint(request):
        return
    for member, header in _LOCKS.items():
        if request.get(member):
            raise errors.unsupported(f"object lock ({header})")
    if any(request.get(member) for member in _CUSTOMER_KEYS):
        raise errors.unsupported("encryption with keys of the client (SSE-C)")
    if request.get("WriteOffsetBytes"):
        raise errors.not_implemented_header("x-amz-write-offset-bytes")


def headers_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The standard headers that are kept and given back."""
    return {name: text(request[name]) for name in HEADERS if request.get(name)}


def text(value: Any) -> str:
    """A header's text; Expires may come as a moment."""
    return format_datetime(value, usegmt=True) if isinstance(value, datetime) else str(value)


def metadata_of(request: Mapping[str, Any]) -> dict[str, str]:
    """User metadata, names in lower case; raises MetadataTooLarge."""
    given = request.get("Metadata")
    if not given:
        return {}
    metadata = {name.lower(): value for name, value in given.items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > LIMITS.metadata_bytes_max:
        raise errors.metadata_too_large(size, LIMITS.metadata_bytes_max)
    return metadata


def tags_of(header: str | None) -> dict[str, str]:
    """The tags in ``x-amz-tagging``, a query string."""
    if not header:
        return {}
    pairs = parse_qsl(header, keep_blank_values=True)
    if len(dict(pairs)) < len(pairs) or any(each.count("=") > 1 for each in header.split("&")):
        raise errors.invalid_tag_header(header)
    return tagging.checked(
        [{"Key": key, "Value": value} for key, value in pairs], LIMITS.object_tags_max
    )


def storage_class_of(request: Mapping[str, Any]) -> str:
    """The storage class; raises InvalidStorageClass, NotImplemented for archives."""
    given: str = request.get("StorageClass") or STANDARD
    if given in _ARCHIVED:
        raise errors.unsupported(f"the storage class {given}, whose objects must be restored,")
    if given not in _STORAGE_CLASSES:
        raise errors.invalid_storage_class(given)
    return given


def encryption_of(request: Mapping[str, Any], default: Encryption | None) -> Encryption:
    """What is shown as the object's encryption."""
    algorithm = request.get("ServerSideEncryption")
    key_id = request.get("SSEKMSKeyId") or ""
    if not algorithm:
        if key_id:
            raise errors.invalid_argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header "
                "x-amz-server-side-encryption : aws:kms",
                "x-amz-server-side-encryption",
                "null",
            )
        return default or Encryption()
    return Encryption(algorithm, key_id, bool(request.get("BucketKeyEnabled")))


def shown_encryption(encryption: Encryption) -> dict[str, Any]:
    """Output members that tell the encryption."""
    output: dict[str, Any] = {"ServerSideEncryption": encryption.algorithm}
    if encryption.key_id:
        output["SSEKMSKeyId"] = encryption.key_id
    if encryption.has_bucket_key:
        output["BucketKeyEnabled"] = True
    return output
