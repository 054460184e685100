"""Configurations that a bucket keeps and shows: each is put whole, got whole, deleted.

What S3 answers where nothing is set differs from one to the next.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import OperationCode, Reply, read, write
from pileus.services.s3 import errors, store, tagging
from pileus.services.s3.access import ENFORCED
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Bucket

_CORS_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
_NO_CONTENT = 204


def _as_given(call: WriteCall, bucket: Bucket, value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class _Kept:
    """One kind of configuration.

    Attributes:
        kind: its name in the store.
        member: of the Put operation's input.
        payload: the member of the Get operation's output that holds it; empty where its own members
            are the output.
        absent: the error's code and message where there is none, or the value shown instead.
        check: ``(call, bucket, given)`` → what is kept.
        changed: ``(bucket, kept or None)``: what the bucket's record must know of it.
    """

    kind: str
    member: str
    payload: str
    absent: tuple[str, str] | dict[str, Any]
    check: Callable[[WriteCall, Bucket, Any], Any] = _as_given
    changed: Callable[[Bucket, Any], None] | None = None
    put_status: int | None = None

    def get(self) -> OperationCode:
        """The Get operation."""

        def run(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
            bucket = store.bucket_of(call, request)
            value = store.config(call.state, bucket.name, self.kind)
            if value is None:
                if isinstance(self.absent, tuple):
                    raise errors.not_set(*self.absent, bucket.name)
                value = self.absent
            return {self.payload: value} if self.payload else value

        return OperationCode("read", run)

    def put(self) -> OperationCode:
        """The Put operation."""

        def run(call: WriteCall, request: Mapping[str, Any]) -> Reply:
            bucket = store.bucket_of(call, request)
            value = request.get(self.member)
            if value is None:
                raise errors.malformed_xml()
            value = self.check(call, bucket, value)
            store.put_config(call.state, bucket.name, self.kind, value)
            self._note(call, bucket, value)
            return Reply(status=self.put_status)

        return OperationCode("write", run)

    def delete(self) -> OperationCode:
        """The Delete operation; what is not there is no error."""

        def run(call: WriteCall, request: Mapping[str, Any]) -> None:
            bucket = store.bucket_of(call, request)
            call.state.delete(("config", bucket.name, self.kind))
            self._note(call, bucket, None)

        return OperationCode("write", run)

    def _note(self, call: WriteCall, bucket: Bucket, value: Any) -> None:
        if self.changed is not None:
            self.changed(bucket, value)
            store.put_bucket(call.state, bucket)


# ---------------------------------------------------------------- cors


def _checked_cors(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    rules = config.get("CORSRules") or []
    if not 1 <= len(rules) <= LIMITS.cors_rules_max:
        raise errors.malformed_xml()
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in _CORS_METHODS:
                raise errors.invalid_request(
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )
        for pattern in (*rule["AllowedOrigins"], *rule.get("AllowedHeaders", ())):
            if pattern.count("*") > 1:
                raise errors.invalid_request(
                    f'AllowedOrigin "{pattern}" can not have more than one wildcard.'
                )
    return config


_CORS = _Kept(
    kind="cors",
    member="CORSConfiguration",
    payload="",
    absent=("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    check=_checked_cors,
)
get_bucket_cors, put_bucket_cors, delete_bucket_cors = _CORS.get(), _CORS.put(), _CORS.delete()

# ---------------------------------------------------------------- encryption

DEFAULT_ENCRYPTION = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
        }
    ]
}


def _checked_encryption(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    if len(config["Rules"]) != 1:
        raise errors.malformed_xml()
    rule = config["Rules"][0]
    applied = rule.get("ApplyServerSideEncryptionByDefault") or {}
    if applied.get("KMSMasterKeyID") and not applied["SSEAlgorithm"].startswith("aws:kms"):
        raise errors.invalid_argument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
            "ApplyServerSideEncryptionByDefault",
        )
    return {"Rules": [{"BucketKeyEnabled": False, **rule}]}


def _note_encryption(bucket: Bucket, value: Any) -> None:
    bucket.has_encryption = value is not None


_ENCRYPTION = _Kept(
    kind="encryption",
    member="ServerSideEncryptionConfiguration",
    payload="ServerSideEncryptionConfiguration",
    absent=DEFAULT_ENCRYPTION,
    check=_checked_encryption,
    changed=_note_encryption,
)
get_bucket_encryption, put_bucket_encryption, delete_bucket_encryption = (
    _ENCRYPTION.get(),
    _ENCRYPTION.put(),
    _ENCRYPTION.delete(),
)

# ---------------------------------------------------------------- public access, ownership

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _checked_blocks(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    return {name: bool(config.get(name)) for name in _BLOCKS}


_PUBLIC_ACCESS = _Kept(
    kind="public_access",
    member="PublicAccessBlockConfiguration",
    payload="PublicAccessBlockConfiguration",
    absent=(
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    check=_checked_blocks,
)
get_public_access_block, put_public_access_block, delete_public_access_block = (
    _PUBLIC_ACCESS.get(),
    _PUBLIC_ACCESS.put(),
    _PUBLIC_ACCESS.delete(),
)


def _checked_ownership(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    if len(config["Rules"]) != 1:
        raise errors.malformed_xml()
    if config["Rules"][0]["ObjectOwnership"] == ENFORCED and bucket.acl != "private":
        raise errors.acl_with_ownership()
    return config


def _note_ownership(bucket: Bucket, value: Any) -> None:
    bucket.ownership = value["Rules"][0]["ObjectOwnership"] if value else ""


_OWNERSHIP = _Kept(
    kind="ownership",
    member="OwnershipControls",
    payload="OwnershipControls",
    absent=("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    check=_checked_ownership,
    changed=_note_ownership,
)
get_bucket_ownership_controls, put_bucket_ownership_controls, delete_bucket_ownership_controls = (
    _OWNERSHIP.get(),
    _OWNERSHIP.put(),
    _OWNERSHIP.delete(),
)

# ---------------------------------------------------------------- website


def _checked_website(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    if config.get("RedirectAllRequestsTo"):
        if len(config) > 1:
            raise errors.invalid_argument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                "RedirectAllRequestsTo",
                "not null",
            )
    elif not config.get("IndexDocument"):
        raise errors.invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
            "null",
        )
    elif not config["IndexDocument"]["Suffix"] or "/" in config["IndexDocument"]["Suffix"]:
        raise errors.invalid_argument(
            "The IndexDocument Suffix is not well formed",
            "IndexDocument",
            config["IndexDocument"]["Suffix"],
        )
    return config


_WEBSITE = _Kept(
    kind="website",
    member="WebsiteConfiguration",
    payload="",
    absent=(
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    check=_checked_website,
)
get_bucket_website, put_bucket_website, delete_bucket_website = (
    _WEBSITE.get(),
    _WEBSITE.put(),
    _WEBSITE.delete(),
)

# ---------------------------------------------------------------- tags


def _checked_tags(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    tags = tagging.checked(config["TagSet"], LIMITS.bucket_tags_max)
    return {"TagSet": tagging.shown(tags)}


_TAGGING = _Kept(
    kind="tagging",
    member="Tagging",
    payload="",
    absent=("NoSuchTagSet", "The TagSet does not exist"),
    check=_checked_tags,
    put_status=_NO_CONTENT,
)
get_bucket_tagging, put_bucket_tagging, delete_bucket_tagging = (
    _TAGGING.get(),
    _TAGGING.put(),
    _TAGGING.delete(),
)

# ---------------------------------------------------------------- kept without effect


def _checked_log_target(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    target = (config.get("LoggingEnabled") or {}).get("TargetBucket")
    if target and call.state.get(("bucket", target)) is None:
        raise errors.invalid_target_bucket(target)
    return config


_LOGGING = _Kept(
    kind="logging",
    member="BucketLoggingStatus",
    payload="",
    absent={},
    check=_checked_log_target,
)
get_bucket_logging, put_bucket_logging = _LOGGING.get(), _LOGGING.put()


def _checked_acceleration(call: WriteCall, bucket: Bucket, config: Any) -> Any:
    if "." in bucket.name:
        raise errors.invalid_request(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )
    if not config.get("Status"):
        raise errors.malformed_xml()
    return config


_ACCELERATE = _Kept(
    kind="accelerate",
    member="AccelerateConfiguration",
    payload="",
    absent={},
    check=_checked_acceleration,
)
get_bucket_accelerate_configuration, put_bucket_accelerate_configuration = (
    _ACCELERATE.get(),
    _ACCELERATE.put(),
)

_PAYMENT = _Kept(
    kind="payment",
    member="RequestPaymentConfiguration",
    payload="",
    absent={"Payer": "BucketOwner"},
)
get_bucket_request_payment, put_bucket_request_payment = _PAYMENT.get(), _PAYMENT.put()


@read
def get_bucket_replication(call: ReadCall, request: Mapping[str, Any]) -> None:
    """There is none: everything is in one place."""
    bucket = store.bucket_of(call, request)
    raise errors.not_set(
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
        bucket.name,
    )


@write
def delete_bucket_replication(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Without effect, as there is none."""
    store.bucket_of(call, request)


# ---------------------------------------------------------------- object lock


@read
def get_object_lock_configuration(call: ReadCall, request: Mapping[str, Any]) -> None:
    """There is none; see the README."""
    bucket = store.bucket_of(call, request)
    raise errors.not_set(
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
        bucket.name,
    )


def _lock_refused(what: str) -> OperationCode:
    def run(call: WriteCall, request: Mapping[str, Any]) -> None:
        store.bucket_of(call, request)
        raise errors.unsupported(f"object lock ({what})")

    return OperationCode("write", run)


def _lock_missing() -> OperationCode:
    def run(call: ReadCall, request: Mapping[str, Any]) -> None:
        store.bucket_of(call, request)
        raise errors.invalid_request("Bucket is missing Object Lock Configuration")

    return OperationCode("read", run)


put_object_lock_configuration = _lock_refused("PutObjectLockConfiguration")
put_object_retention = _lock_refused("PutObjectRetention")
put_object_legal_hold = _lock_refused("PutObjectLegalHold")
get_object_retention = _lock_missing()
get_object_legal_hold = _lock_missing()
