"""What can be wrong, in S3's own words.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.values.errors import ServiceError


def no_such_bucket(name: str) -> ServiceError:
    return ServiceError(
        "NoSuchBucket",
        "The specified bucket does not exist",
        status=404,
        fields={"BucketName": name},
    )


def no_such_key(key: str, headers: Mapping[str, str] | None = None) -> ServiceError:
    return ServiceError(
        "NoSuchKey",
        "The specified key does not exist.",
        status=404,
        fields={"Key": key},
        headers=headers,
    )


def no_such_version(key: str, version_id: str) -> ServiceError:
    return ServiceError(
        "NoSuchVersion",
        "The specified version does not exist.",
        status=404,
        fields={"Key": key, "VersionId": version_id},
    )


def no_such_upload(upload_id: str) -> ServiceError:
    return ServiceError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
        "been aborted or completed.",
        status=404,
        fields={"UploadId": upload_id},
    )


def bucket_already_owned(name: str) -> ServiceError:
    return ServiceError(
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
        status=409,
        fields={"BucketName": name},
    )


def bucket_not_empty(name: str) -> ServiceError:
    return ServiceError(
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty",
        status=409,
        fields={"BucketName": name},
    )


def versions_not_deleted(name: str) -> ServiceError:
    return ServiceError(
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        status=409,
        fields={"BucketName": name},
    )


def too_many_buckets() -> ServiceError:
    return ServiceError("TooManyBuckets", "You have attempted to create more buckets than allowed")


def invalid_bucket_name(name: str) -> ServiceError:
    return ServiceError(
        "InvalidBucketName",
        "The specified bucket is not valid.",
        fields={"BucketName": name},
    )


def invalid_location(given: str) -> ServiceError:
    return ServiceError(
        "InvalidLocationConstraint",
        "The specified location-constraint is not valid",
        fields={"LocationConstraint": given},
    )


def illegal_location(given: str) -> ServiceError:
    """A constraint other than the region whose endpoint was asked."""
    return ServiceError(
        "IllegalLocationConstraintException",
        f"The {given or 'unspecified'} location constraint is incompatible for the region specific "
        "endpoint this request was sent to.",
    )


def key_too_long(size_bytes: int, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "KeyTooLongError",
        "Your key is too long",
        fields={"Size": size_bytes, "MaxSizeAllowed": limit_bytes},
    )


def metadata_too_large(size_bytes: int, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "MetadataTooLarge",
        "Your metadata headers exceed the maximum allowed metadata size",
        fields={"Size": size_bytes, "MaxSizeAllowed": limit_bytes},
    )


def entity_too_large(size_bytes: int, limit_bytes: int) -> ServiceError:
    return ServiceError(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        fields={"ProposedSize": size_bytes, "MaxSizeAllowed": limit_bytes},
    )


def entity_too_small(size_bytes: int, limit_bytes: int, number: int, etag: str) -> ServiceError:
    return ServiceError(
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size",
        fields={
            "ProposedSize": size_bytes,
            "MinSizeAllowed": limit_bytes,
            "PartNumber": number,
            "ETag": etag,
        },
    )


def invalid_part(upload_id: str, number: int, etag: str) -> ServiceError:
    return ServiceError(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
        fields={"UploadId": upload_id, "PartNumber": number, "ETag": etag},
    )


def invalid_part_order(upload_id: str) -> ServiceError:
    return ServiceError(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
        fields={"UploadId": upload_id},
    )


def invalid_part_number(requested: int, count: int) -> ServiceError:
    return ServiceError(
        "InvalidPartNumber",
        "The requested partnumber is not satisfiable",
        status=416,
        fields={"PartNumberRequested": requested, "ActualPartCount": count},
    )


def invalid_argument(message: str, name: str = "", value: object = "") -> ServiceError:
    fields: dict[str, Any] = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return ServiceError("InvalidArgument", message, fields=fields)


def invalid_request(message: str) -> ServiceError:
    return ServiceError("InvalidRequest", message)


def invalid_version_id(value: str) -> ServiceError:
    return invalid_argument("Invalid version id specified", "versionId", value)


def malformed_xml() -> ServiceError:
    return ServiceError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def invalid_range(range_header: str, size_bytes: int) -> ServiceError:
    return ServiceError(
        "InvalidRange",
        "The requested range is not satisfiable",
        status=416,
        fields={"RangeRequested": range_header, "ActualObjectSize": size_bytes},
        headers={"Content-Range": f"bytes */{size_bytes}"},
    )


def precondition_failed(condition: str) -> ServiceError:
    return ServiceError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        status=412,
        fields={"Condition": condition},
    )


def not_modified(headers: Mapping[str, str]) -> ServiceError:
    return ServiceError("NotModified", "Not Modified", status=304, headers=headers)


def not_implemented_header(name: str) -> ServiceError:
    return ServiceError(
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
        status=501,
        fields={"Header": name},
    )


def not_implemented_condition(names: str) -> ServiceError:
    """A condition, or two of them, that writes do not take."""
    told = f"We don't accept the provided value of {names} header for this API"
    if "," in names:
        told = "Multiple conditional request headers present in the request"
    error = not_implemented_header(names)
    error.fields["additionalMessage"] = told
    return error


def conditional_conflict(condition: str, key: str) -> ServiceError:
    return ServiceError(
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this "
        "resource.",
        status=409,
        fields={"Condition": condition, "Key": key},
    )


def bypass_without_lock() -> ServiceError:
    header = "x-amz-bypass-governance-retention"
    error = invalid_argument(f"{header} is only applicable to Object Lock enabled buckets.")
    error.fields["ArgumentName"] = header
    return error


def method_not_allowed(method: str, headers: Mapping[str, str] | None = None) -> ServiceError:
    return ServiceError(
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        status=405,
        fields={"Method": method, "ResourceType": "DeleteMarker"},
        headers=headers,
    )


def invalid_digest(content_md5: str) -> ServiceError:
    return ServiceError(
        "InvalidDigest",
        "The Content-MD5 you specified was invalid.",
        fields={"Content-MD5": content_md5},
    )


def bad_digest(expected: str, calculated: str) -> ServiceError:
    return ServiceError(
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
        fields={"ExpectedDigest": expected, "CalculatedDigest": calculated},
    )


def bad_checksum(algorithm: str) -> ServiceError:
    return ServiceError(
        "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
    )


def invalid_storage_class(given: str) -> ServiceError:
    return ServiceError(
        "InvalidStorageClass",
        "The storage class you specified is not valid",
        fields={"StorageClassRequested": given},
    )


def invalid_tag(message: str, key: str, value: str | None = None) -> ServiceError:
    fields = {"TagKey": key}
    if value is not None:
        fields["TagValue"] = value
    return ServiceError("InvalidTag", message, fields=fields)


def invalid_tag_header(header: str) -> ServiceError:
    return invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        "x-amz-tagging",
        header,
    )


def too_many_tags(count_max: int) -> ServiceError:
    if count_max == 10:
        return ServiceError("BadRequest", "Object tags cannot be greater than 10")
    return ServiceError("BadRequest", f"Bucket tag count cannot be greater than {count_max}")


def access_denied(message: str = "Access Denied") -> ServiceError:
    return ServiceError("AccessDenied", message, status=403)


def malformed_policy(message: str) -> ServiceError:
    return ServiceError("MalformedPolicy", message)


def not_set(code: str, message: str, bucket: str) -> ServiceError:
    """A configuration that a bucket does not have."""
    return ServiceError(code, message, status=404, fields={"BucketName": bucket})


def no_such_configuration() -> ServiceError:
    return ServiceError(
        "NoSuchConfiguration", "The specified configuration does not exist.", status=404
    )


def too_many_configurations() -> ServiceError:
    return ServiceError(
        "TooManyConfigurations",
        "You are attempting to create a new configuration but have already reached the "
        "1,000-configuration limit.",
    )


def unsupported(what: str) -> ServiceError:
    """Something AWS has and this house does not (yet), named."""
    return ServiceError("NotImplemented", f"Pileus does not implement {what} yet.", status=501)


def invalid_target_bucket(target: str) -> ServiceError:
    return ServiceError(
        "InvalidTargetBucketForLogging",
        "The target bucket for logging does not exist",
        fields={"TargetBucket": target},
    )


def illegal_versioning() -> ServiceError:
    return ServiceError(
        "IllegalVersioningConfigurationException",
        "The Versioning element must be specified",
    )


def acl_not_supported() -> ServiceError:
    return ServiceError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def acl_with_ownership() -> ServiceError:
    return ServiceError(
        "InvalidBucketAclWithObjectOwnership",
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    )


def missing_security_header() -> ServiceError:
    return ServiceError(
        "MissingSecurityHeader",
        "Your request was missing a required header",
        fields={"MissingHeaderName": "x-amz-acl"},
    )


def unexpected_content() -> ServiceError:
    return ServiceError("UnexpectedContent", "This request does not support content")
