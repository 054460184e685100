"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3.html. Ours is
``Pileus::S3::BucketNotification``: it adds notifications to a bucket that the stack does not own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pileus.kernel.calls import StepCall, StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    require,
)
from pileus.services.s3 import templates
from pileus.services.s3.operations.configuration_operations import DEFAULT_ENCRYPTION
from pileus.values.context import DEFAULT_REGION
from pileus.values.errors import ServiceError

_NAME_MAX = 63
_DASHED_SITES = frozenset(
    {
        "ap-northeast-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "eu-west-1",
        "sa-east-1",
        "us-east-1",
        "us-west-1",
        "us-west-2",
    }
)
"""Older regions, whose website addresses have a dash before the region and not a dot."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """A property that is a configuration of its own.

    Attributes:
        operation, member: the call that sets it.
        wire: property and bucket → the member's value.
        delete: the operation that removes it; empty where ``unset`` is put instead.
    """

    operation: str
    member: str
    wire: Callable[[Any, str], Any]
    delete: str = ""
    unset: Any = None


_SETTINGS = {
    "OwnershipControls": _Setting(
        "PutBucketOwnershipControls",
        "OwnershipControls",
        lambda given, _: given,
        unset={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        lambda given, _: templates.public_access(given),
        delete="DeletePublicAccessBlock",
    ),
    "VersioningConfiguration": _Setting(
        "PutBucketVersioning",
        "VersioningConfiguration",
        lambda given, _: {"Status": given["Status"]},
        unset={"Status": "Suspended"},
    ),
    "BucketEncryption": _Setting(
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        lambda given, _: templates.encryption(given),
        unset=DEFAULT_ENCRYPTION,
    ),
    "CorsConfiguration": _Setting(
        "PutBucketCors",
        "CORSConfiguration",
        lambda given, _: templates.cors(given),
        delete="DeleteBucketCors",
    ),
    "LifecycleConfiguration": _Setting(
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        lambda given, _: templates.lifecycle(given),
        delete="DeleteBucketLifecycle",
    ),
    "WebsiteConfiguration": _Setting(
        "PutBucketWebsite",
        "WebsiteConfiguration",
        lambda given, _: templates.website(given),
        delete="DeleteBucketWebsite",
    ),
    "LoggingConfiguration": _Setting(
        "PutBucketLogging", "BucketLoggingStatus", templates.logging, unset={}
    ),
    "AccelerateConfiguration": _Setting(
        "PutBucketAccelerateConfiguration",
        "AccelerateConfiguration",
        lambda given, _: {"Status": given["AccelerationStatus"]},
        unset={"Status": "Suspended"},
    ),
    "Tags": _Setting(
        "PutBucketTagging",
        "Tagging",
        lambda given, _: {"TagSet": [dict(tag) for tag in given]},
        delete="DeleteBucketTagging",
    ),
    "NotificationConfiguration": _Setting(
        "PutBucketNotificationConfiguration",
        "NotificationConfiguration",
        lambda given, _: templates.notification(given),
        unset={},
    ),
}
_PLAIN = frozenset({"BucketName", "AccessControl", "ObjectLockEnabled"})
_REFUSED = frozenset(
    {
        "AbacStatus",
        "AnalyticsConfigurations",
        "IntelligentTieringConfigurations",
        "InventoryConfigurations",
        "MetadataConfiguration",
        "MetadataTableConfiguration",
        "MetricsConfigurations",
        "ObjectLockConfiguration",
        "ReplicationConfiguration",
    }
)


def _check(properties: Mapping[str, Any]) -> None:
    for name in properties:
        if name in _REFUSED or (name == "ObjectLockEnabled" and templates.flag(properties[name])):
            raise ServiceError(
                "NotImplemented",
                f"Pileus does not implement the property {name} of AWS::S3::Bucket yet.",
                status=501,
            )
        if name not in _SETTINGS and name not in _PLAIN:
            raise ServiceError("ValidationError", f"Encountered unsupported property {name}")


def _described(call: StreamCall, name: str) -> Resource:
    region = call.region
    site = f"-{region}" if region in _DASHED_SITES else f".{region}"
    return Resource(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website{site}.amazonaws.com",
        },
    )


async def _create_bucket(call: StepCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    _check(properties)
    name = properties.get("BucketName") or request.generated_name(_NAME_MAX).lower()
    wire: dict[str, Any] = {"Bucket": name}
    if call.region != DEFAULT_REGION:
        wire["CreateBucketConfiguration"] = {"LocationConstraint": call.region}
    if properties.get("AccessControl"):
        wire["ACL"] = templates.canned_acl(properties["AccessControl"])
    for rule in (properties.get("OwnershipControls") or {}).get("Rules", ()):
        wire["ObjectOwnership"] = rule["ObjectOwnership"]
    if not call.is_answered("s3", "CreateBucket", wire):
        await _refuse_existing(call, name)
    await call.invoke("s3", "CreateBucket", wire)
    made = _described(call, name)
    with completing(made):
        for property_name in _SETTINGS:
            if property_name in properties:
                await _set(call, name, property_name, properties[property_name])
    return made


async def _refuse_existing(call: StreamCall, name: str) -> None:
    try:
        await call.invoke("s3", "HeadBucket", {"Bucket": name})
    except ServiceError as error:
        if error.code == "NoSuchBucket":
            return
        raise
    raise ServiceError("AlreadyExists", f"{name} already exists", status=409)


async def _set(call: StreamCall, bucket: str, name: str, given: Any) -> None:
    setting = _SETTINGS[name]
    if given is None:
        if setting.delete:
            await call.invoke("s3", setting.delete, {"Bucket": bucket})
            return
        value = setting.unset
    else:
        value = setting.wire(given, bucket)
    await call.invoke("s3", setting.operation, {"Bucket": bucket, setting.member: value})


async def _update_bucket(call: StreamCall, request: ResourceRequest) -> Resource:
    new, old = request.properties, request.old_properties
    _check(new)
    name = request.physical_id
    acl = templates.canned_acl(new.get("AccessControl") or "Private")
    is_other_acl = acl != templates.canned_acl(old.get("AccessControl") or "Private")
    # A public ACL has to go before the owner can own everything, and can only come after.
    if is_other_acl and acl == "private":
        await call.invoke("s3", "PutBucketAcl", {"Bucket": name, "ACL": acl})
    for property_name in _SETTINGS:
        if new.get(property_name) != old.get(property_name):
            await _set(call, name, property_name, new.get(property_name))
    if is_other_acl and acl != "private":
        await call.invoke("s3", "PutBucketAcl", {"Bucket": name, "ACL": acl})
    return _described(call, name)


async def _delete_bucket(call: StreamCall, request: ResourceRequest) -> None:
    try:
        await call.invoke("s3", "DeleteBucket", {"Bucket": request.physical_id})
    except ServiceError as error:
        if error.code != "NoSuchBucket":
            raise


# ---------------------------------------------------------------- AWS::S3::BucketPolicy


async def _put_policy(call: StreamCall, request: ResourceRequest) -> Resource:
    bucket = require(request, "Bucket")
    document = require(request, "PolicyDocument")
    text = document if isinstance(document, str) else orjson.dumps(document).decode()
    await call.invoke("s3", "PutBucketPolicy", {"Bucket": bucket, "Policy": text})
    return Resource(bucket)


async def _delete_policy(call: StreamCall, request: ResourceRequest) -> None:
    try:
        await call.invoke("s3", "DeleteBucketPolicy", {"Bucket": request.physical_id})
    except ServiceError as error:
        if error.code != "NoSuchBucket":
            raise


# ---------------------------------------------------------------- Pileus::S3::BucketNotification


class _Merges:
    """One merge into a bucket's configuration at a time: stacks make their resources in parallel."""

    def __init__(self) -> None:
        self.locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)


async def _put_notification(call: StreamCall, request: ResourceRequest) -> Resource:
    bucket = require(request, "Bucket")
    known = set(templates.NOTIFICATION_LISTS) | {"Bucket"}
    for name in request.properties:
        if name not in known:
            raise ServiceError("ValidationError", f"Encountered unsupported property {name}")
    id_prefix = request.physical_id.partition("|")[2] or request.generated_name(200)
    added = templates.notification(request.properties, id_prefix)
    await _merge(call, bucket, id_prefix, added)
    return Resource(f"{bucket}|{id_prefix}")


async def _delete_notification(call: StreamCall, request: ResourceRequest) -> None:
    bucket, _, id_prefix = request.physical_id.partition("|")
    try:
        await _merge(call, bucket, id_prefix, {})
    except ServiceError as error:
        if error.code != "NoSuchBucket":
            raise


async def _merge(
    call: StreamCall, bucket: str, id_prefix: str, added: Mapping[str, list[dict[str, Any]]]
) -> None:
    """Replace the entries whose ids begin with ``id_prefix`` by ``added``; leave the others."""
    async with call.own(_Merges).locks[(call.account, bucket)]:
        reply = await call.invoke("s3", "GetBucketNotificationConfiguration", {"Bucket": bucket})
        config = dict(reply.output)
        for kind, _ in templates.NOTIFICATION_LISTS.values():
            entries = [
                entry
                for entry in config.pop(kind, ())
                if not entry["Id"].startswith(f"{id_prefix}-")
            ]
            entries += added.get(kind, ())
            if entries:
                config[kind] = entries
        wire: dict[str, Any] = {"Bucket": bucket, "NotificationConfiguration": config}
        if not added:
            # Others' destinations may be gone already; that is not what is asked here.
            wire["SkipDestinationValidation"] = True
        await call.invoke("s3", "PutBucketNotificationConfiguration", wire)


RESOURCE_TYPES = {
    "AWS::S3::Bucket": ResourceType(
        create=_create_bucket,
        update=_update_bucket,
        delete=_delete_bucket,
        replaced_by=frozenset({"BucketName"}),
        taggable="Tags",
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        replaced_by=frozenset({"Bucket"}),
        properties=declared(
            "Bucket PolicyDocument",
        ),
    ),
    "Pileus::S3::BucketNotification": ResourceType(
        create=_put_notification,
        update=_put_notification,
        delete=_delete_notification,
        replaced_by=frozenset({"Bucket"}),
    ),
}
