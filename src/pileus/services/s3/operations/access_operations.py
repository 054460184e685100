"""Policies and access control lists: kept and shown.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import Reply, read, write
from pileus.services.s3 import access, errors, store, versions
from pileus.services.s3.lookup import find_version
from pileus.services.s3.model import Bucket
from pileus.services.s3.notices import announce


@write
def put_bucket_policy(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Replace the bucket's policy."""
    bucket = store.bucket_of(call, request)
    text = request["Policy"]
    document = access.checked_policy(bucket, text)
    blocks = store.config(call.state, bucket.name, "public_access") or {}
    if blocks.get("BlockPublicPolicy") and access.is_public(document):
        raise errors.access_denied(
            f"User: {call.context.principal.arn} is not authorized to perform: s3:PutBucketPolicy "
            f'on resource: "{bucket.arn}" because public policies are prevented by the '
            "BlockPublicPolicy setting in S3 Block Public Access."
        )
    store.put_config(call.state, bucket.name, "policy", text)
    return Reply(status=204)


@read
def get_bucket_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The bucket's policy, as it was given."""
    return {"Policy": _policy(call, store.bucket_of(call, request))}


@read
def get_bucket_policy_status(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the policy lets in everyone."""
    bucket = store.bucket_of(call, request)
    document = access.checked_policy(bucket, _policy(call, bucket))
    return {"PolicyStatus": {"IsPublic": access.is_public(document)}}


@write
def delete_bucket_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove the bucket's policy; one that is not there is no error."""
    bucket = store.bucket_of(call, request)
    call.state.delete(("config", bucket.name, "policy"))


def _policy(call: ReadCall, bucket: Bucket) -> str:
    text: str | None = store.config(call.state, bucket.name, "policy")
    if text is None:
        raise errors.not_set("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name)
    return text


@write
def put_bucket_acl(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give the bucket a canned ACL; refused where the owner owns everything."""
    bucket = store.bucket_of(call, request)
    acl = access.canned_of(request, call.account)
    if bucket.ownership == access.ENFORCED and not (
        acl == "private" and request.get("AccessControlPolicy")
    ):
        raise errors.acl_not_supported()
    bucket.acl = acl
    store.put_bucket(call.state, bucket)


@read
def get_bucket_acl(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The bucket's ACL."""
    return access.shown(call.account, store.bucket_of(call, request).acl)


@write
def put_object_acl(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give a version a canned ACL; refused where the bucket's owner owns everything."""
    bucket = store.bucket_of(call, request)
    key = request["Key"]
    version = find_version(call.state, bucket, key, request.get("VersionId"), "PUT")
    acl = access.canned_of(request, call.account)
    access.check_object_acl(bucket, acl)
    version.settings = replace(version.settings, acl=acl)
    versions.rewrite(call.state, bucket.name, key, version)
    announce(call, bucket, "ObjectAcl:Put", key, version)


@read
def get_object_acl(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A version's ACL."""
    bucket = store.bucket_of(call, request)
    version = find_version(call.state, bucket, request["Key"], request.get("VersionId"), "GET")
    return access.shown(call.account, version.settings.acl)
