"""Tells queues, topics, functions and the event bus what happened to an object.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import orjson

from pileus.kernel.calls import Call, WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.services.s3 import store
from pileus.services.s3.model import Bucket, Version, canonical_id
from pileus.values.arns import Arn
from pileus.values.times import iso8601

SERVICE_PRINCIPAL = "service:s3.amazonaws.com"
KIND = "notification"
TARGETS = {
    "TopicConfigurations": "TopicArn",
    "QueueConfigurations": "QueueArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
"""The lists of a configuration, and the member of their entries that names the target."""
_LATER_EVENTS = ("ObjectTagging", "ObjectAcl")
"""Kinds told in a later version of the record, which has no ``sequencer``."""
_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectAcl:Put": "Object ACL Updated",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
    "LifecycleExpiration:Delete": "Lifecycle Expiration",
    "LifecycleExpiration:DeleteMarkerCreated": "Lifecycle Expiration",
}
# The gateway does not hand the peer's address down; every peer is on loopback.
_PEER = "127.0.0.1"


def announce(call: WriteCall, bucket: Bucket, event: str, key: str, version: Version) -> None:
    """Emit ``event`` (``ObjectCreated:Put``) about ``version`` to whoever asked for it."""
    if not bucket.has_notifications:
        return
    config = store.config(call.state, bucket.name, KIND) or {}
    for kind, member in TARGETS.items():
        for entry in config.get(kind) or ():
            if _is_wanted(entry, event, key):
                text = _records(call, bucket, entry["Id"], event, key, version)
                call.emit(delivery(entry[member], text))
    if config.get("EventBridgeConfiguration") is not None:
        _to_event_bus(call, bucket, event, key, version)


def delivery(target: str, text: str) -> Delivery:
    """The delivery of ``text`` to a queue, topic or function."""
    arn = Arn.parse(target)
    options = {"Subject": "Amazon S3 Notification"} if arn.service == "sns" else {}
    service, operation, given = call_for(target, text, **options)
    return Delivery(
        service=service,
        operation=operation,
        input=given,
        principal=SERVICE_PRINCIPAL,
        account=arn.account,
        region=arn.region,
    )


def send_test_event(call: WriteCall, bucket: Bucket, target: str) -> None:
    """What queues and topics get when they are configured."""
    told = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso8601(call.now_ms),
        "Bucket": bucket.name,
        "RequestId": call.context.request_id,
        "HostId": host_id(call),
    }
    call.emit(delivery(target, orjson.dumps(told).decode()))


def host_id(call: Call) -> str:
    """The extended request id, as the response's ``x-amz-id-2`` has it."""
    return f"{call.context.request_id}/pileus"


def _is_wanted(entry: Mapping[str, Any], event: str, key: str) -> bool:
    if not any(_covers(pattern, event) for pattern in entry["Events"]):
        return False
    for rule in ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        value = unquote_plus(rule.get("Value") or "")
        is_prefix = rule["Name"].lower() == "prefix"
        if not (key.startswith(value) if is_prefix else key.endswith(value)):
            return False
    return True


def _covers(pattern: str, event: str) -> bool:
    wanted = pattern.removeprefix("s3:")
    return event == wanted or (wanted.endswith("*") and event.startswith(wanted[:-1]))


def _records(
    call: WriteCall, bucket: Bucket, config_id: str, event: str, key: str, version: Version
) -> str:
    principal = call.context.principal
    is_service = principal.arn.startswith("service:")
    who = principal.arn.removeprefix("service:") if is_service else principal.user_id
    record = {
        "eventVersion": "2.3" if event.startswith(_LATER_EVENTS) else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso8601(call.now_ms),
        "eventName": event,
        "userIdentity": {"principalId": f"AWS:{who or call.account}"},
        "requestParameters": {"sourceIPAddress": _PEER},
        "responseElements": {
            "x-amz-request-id": call.context.request_id,
            "x-amz-id-2": host_id(call),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": config_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": canonical_id(call.account)},
                "arn": bucket.arn,
            },
            "object": _object(call, bucket, event, key, version),
        },
    }
    return orjson.dumps({"Records": [record]}).decode()


def _object(
    call: WriteCall, bucket: Bucket, event: str, key: str, version: Version
) -> dict[str, Any]:
    told: dict[str, Any] = {"key": quote_plus(key, safe="/")}
    if event.startswith("ObjectCreated"):
        told["size"] = version.size_bytes
    if event.endswith("DeleteMarkerCreated"):
        told["eTag"] = _EMPTY_MD5
    elif event not in ("ObjectRemoved:Delete", "LifecycleExpiration:Delete"):
        told["eTag"] = version.etag
    if bucket.has_versions and version.version_id:
        told["versionId"] = version.version_id
    if not event.startswith(_LATER_EVENTS):
        told["sequencer"] = _sequencer(call)
    return told


def _sequencer(call: WriteCall) -> str:
    """Grows with every event, so that consumers can order those of one key."""
    return f"{call.sequence():018X}"


def _to_event_bus(call: WriteCall, bucket: Bucket, event: str, key: str, version: Version) -> None:
    detail_type = _DETAIL_TYPES.get(event) or _DETAIL_TYPES[event.partition(":")[0]]
    told: dict[str, Any] = {"key": key}
    if detail_type == "Object Created":
        told["size"] = version.size_bytes
    if not version.is_delete_marker:
        told["etag"] = version.etag
    if bucket.has_versions:
        told["version-id"] = version.version_id
    if detail_type in ("Object Created", "Object Deleted"):
        told["sequencer"] = _sequencer(call)
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": told,
        "request-id": call.context.request_id,
        "requester": call.account,
        "source-ip-address": _PEER,
    }
    if event in _REASONS:
        detail["reason"] = _REASONS[event]
    if detail_type == "Object Deleted":
        is_marker = event.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if is_marker else "Permanently Deleted"
    entry = {
        "Source": "aws.s3",
        "DetailType": detail_type,
        "Detail": orjson.dumps(detail).decode(),
        "Resources": [bucket.arn],
    }
    call.emit(
        Delivery(
            service="events",
            operation="PutEvents",
            input={"Entries": [entry]},
            principal=SERVICE_PRINCIPAL,
            region=bucket.region,
        )
    )
