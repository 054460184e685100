"""Who is told of changes in a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.s3 import destinations, notices, store
from pileus.values.errors import ServiceError


async def _prepare(call: StreamCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, checked against itself and its destinations."""
    bucket = call.read(lambda view: store.bucket_of(view, request))
    config = destinations.checked(request["NotificationConfiguration"], iter(call.new_id, ""))
    if not request.get("SkipDestinationValidation"):
        await destinations.check_targets(call, bucket.name, bucket.region, config)
    return config


@write(prepare=_prepare)
def put_bucket_notification_configuration(
    call: WriteCall, request: Mapping[str, Any], config: dict[str, Any]
) -> None:
    """Replace the configuration; queues and topics get a test event."""
    bucket = store.bucket_of(call, request)
    store.put_config(call.state, bucket.name, notices.KIND, config)
    bucket.has_notifications = bool(config)
    store.put_bucket(call.state, bucket)
    for kind, member in notices.TARGETS.items():
        if kind != "LambdaFunctionConfigurations":
            for target in dict.fromkeys(entry[member] for entry in config.get(kind, ())):
                notices.send_test_event(call, bucket, target)


@read
def get_bucket_notification_configuration(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration; empty where there is none."""
    bucket = store.bucket_of(call, request)
    found: dict[str, Any] = store.config(call.state, bucket.name, notices.KIND) or {}
    return found


@read
def get_bucket_notification(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The form before 2014, which AWS has deprecated."""
    raise _deprecated("GetBucketNotification")


@write
def put_bucket_notification(call: WriteCall, request: Mapping[str, Any]) -> None:
    """The form before 2014, which AWS has deprecated."""
    raise _deprecated("PutBucketNotification")


def _deprecated(name: str) -> ServiceError:
    return ServiceError(
        "NotImplemented",
        f"Pileus does not implement s3:{name}, which AWS has deprecated: use {name}Configuration.",
        status=501,
    )
