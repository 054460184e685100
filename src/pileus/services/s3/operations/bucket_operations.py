"""Buckets: made, found, listed, deleted.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.s3 import access, errors, names, store, tagging
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Bucket, owner
from pileus.services.s3.paging import name_of, token_after
from pileus.values.context import DEFAULT_REGION
from pileus.values.keys import Key
from pileus.values.times import utc

_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
"""What buckets made since April 2023 begin with."""


@write
def create_bucket(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a bucket; in us-east-1 its owner may do so again without effect."""
    name = request["Bucket"]
    names.check_bucket(name)
    if request.get("ObjectLockEnabledForBucket"):
        raise errors.unsupported("object lock (x-amz-bucket-object-lock-enabled)")
    access.refuse_grants(request)
    ownership = request.get("ObjectOwnership") or access.ENFORCED
    acl = request.get("ACL") or "private"
    if acl != "private" and ownership == access.ENFORCED:
        raise errors.acl_with_ownership()
    given = request.get("CreateBucketConfiguration") or {}
    if given.get("Location") or given.get("Bucket"):
        raise errors.unsupported("directory buckets")
    location = given.get("LocationConstraint") or ""
    # The oldest constraint has another name than its region.
    region = {"": DEFAULT_REGION, "EU": "eu-west-1"}.get(location, location)
    if call.region not in (DEFAULT_REGION, region):
        raise errors.illegal_location(location)
    output = {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}
    raw = call.state.get(("bucket", name))
    if raw is not None:
        if region != DEFAULT_REGION or store.BUCKETS.decode(raw).region != DEFAULT_REGION:
            raise errors.bucket_already_owned(name)
        return output
    if call.state.count(("bucket",)) >= LIMITS.buckets_max:
        raise errors.too_many_buckets()
    bucket = Bucket(
        name=name,
        created_ms=call.now_ms,
        region=region,
        location="" if region == DEFAULT_REGION else location,
        acl=acl,
        ownership=ownership,
    )
    store.put_bucket(call.state, bucket)
    if given.get("Tags"):
        tags = tagging.checked(given["Tags"], LIMITS.bucket_tags_max)
        store.put_config(call.state, name, "tagging", {"TagSet": tagging.shown(tags)})
    rules = [{"ObjectOwnership": ownership}]
    store.put_config(call.state, name, "ownership", {"Rules": rules})
    store.put_config(call.state, name, "public_access", _BLOCKED)
    return output


@write
def delete_bucket(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a bucket without objects; uploads under way end with it."""
    bucket = store.bucket_of(call, request)
    name = bucket.name
    if call.state.range(("object", name), limit=1):
        if bucket.has_versions:
            raise errors.versions_not_deleted(name)
        raise errors.bucket_not_empty(name)
    for _, raw in call.state.range(("upload", name)):
        store.discard_upload(call.state, store.UPLOADS.decode(raw).id)
    call.state.delete_range(("upload", name))
    call.state.delete_range(("config", name))
    call.state.delete(("bucket", name))


@read
def head_bucket(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a bucket is there, and in which region."""
    bucket = store.bucket_of(call, request)
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn, "AccessPointAlias": False}


@read
def get_bucket_location(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The LocationConstraint, which us-east-1 does not have."""
    location = store.bucket_of(call, request).location
    return {"LocationConstraint": location} if location else {}


@read
def list_buckets(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Buckets in order of name, whole unless MaxBuckets is given."""
    prefix = request.get("Prefix") or ""
    limit = request.get("MaxBuckets") or LIMITS.buckets_max
    token = request.get("ContinuationToken")
    after: Key | None = ("bucket", name_of(token)) if token else None
    rows = call.state.range(("bucket",), start=("bucket", prefix), after=after)
    buckets = [store.BUCKETS.decode(raw) for _, raw in rows]
    region = request.get("BucketRegion")
    found = [
        each
        for each in buckets
        if each.name.startswith(prefix) and (not region or each.region == region)
    ]
    is_paged = request.get("MaxBuckets") is not None
    shown = []
    for bucket in found[:limit]:
        row: dict[str, Any] = {"Name": bucket.name, "CreationDate": utc(bucket.created_ms)}
        if is_paged or region or prefix:
            row["BucketRegion"] = bucket.region
            row["BucketArn"] = bucket.arn
        shown.append(row)
    output: dict[str, Any] = {"Buckets": shown, "Owner": owner(call.account)}
    if prefix:
        output["Prefix"] = prefix
    if len(found) > limit:
        last = found[limit - 1].name
        output["ContinuationToken"] = token_after(last)
    return output
