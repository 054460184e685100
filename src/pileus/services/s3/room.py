"""The room's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.rooms import Room
from pileus.services.s3 import errors
from pileus.shapes import service as service_named
from pileus.shapes.validation import Violation
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

_TOLD = {
    "ObjectOwnership": ("Invalid x-amz-object-ownership header: {}", False),
    "CopySource": (
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        True,
    ),
    "ACL": ("", True),
    "MaxBuckets": ("Argument max-buckets must be an integer between 1 and 10000", True),
    "ObjectAttributes": ("Invalid attribute name specified.", True),
}
"""S3's sentence for a member, and whether it repeats the value."""


def _resource_arn(context: CallContext, operation: str, input: Mapping[str, Any]) -> str:
    bucket, key = input.get("Bucket"), input.get("Key")
    if not bucket:
        return "*"
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _invalid_input(service: str, operation: str, violations: Sequence[Violation]) -> ServiceError:
    """S3 tells members of headers and query by name, and of documents only that they are wrong."""
    first = violations[0]
    name = first.path.partition(".")[0]
    name = name[:1].upper() + name[1:]
    shape = service_named(service).operation(operation).input
    member = shape.members.get(name) if shape is not None else None
    if first.path.lower().endswith("locationconstraint"):
        return errors.invalid_location(str(first.value))
    if member is None or not member.location:
        return errors.malformed_xml()
    if name in _TOLD:
        message, is_shown = _TOLD[name]
        error = errors.invalid_argument(message.format(first.value or ""), member.wire_name)
        error.fields.pop("ArgumentValue")
        if is_shown:
            given = first.value
            error.fields["ArgumentValue"] = given[0] if isinstance(given, list) else given
        return error
    if name == "StorageClass":
        return errors.invalid_storage_class(str(first.value))
    if name == "EncodingType":
        told = "Invalid Encoding Method specified in Request"
        return errors.invalid_argument(told, "encoding-type", first.value)
    if name in ("MetadataDirective", "TaggingDirective"):
        told = f"Unknown {name[: -len('Directive')].lower()} directive."
        return errors.invalid_argument(told, member.wire_name, first.value)
    if name == "ServerSideEncryption":
        told = "The encryption method specified is not supported"
        return errors.invalid_argument(told, member.wire_name, first.value)
    if name == "ChecksumAlgorithm":
        return errors.invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    shown = "" if first.value is None else first.value
    return errors.invalid_argument("Invalid argument", member.wire_name, shown)


ROOM = Room(
    package="pileus.services.s3",
    services=("s3",),
    is_regional=False,
    uses=("sqs", "sns", "lambda", "events"),
    resource_types=(
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "Pileus::S3::BucketNotification",
    ),
    resource_arn=_resource_arn,
    invalid_input=_invalid_input,
    has_background=True,
)
