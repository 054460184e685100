"""Lifecycle rules.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.s3 import errors, lifecycle, store
from pileus.values.body import Body

_MINIMUM = "all_storage_classes_128K"


@stream
async def put_bucket_lifecycle_configuration(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Replace the rules; they are carried out at every midnight UTC."""
    config = lifecycle.checked(request.get("LifecycleConfiguration") or {}, iter(call.new_id, ""))
    config["Minimum"] = request.get("TransitionDefaultMinimumObjectSize") or _MINIMUM

    def step(write: WriteCall) -> None:
        bucket = store.bucket_of(write, request)
        store.put_config(write.state, bucket.name, lifecycle.KIND, config)
        bucket.has_lifecycle = True
        store.put_bucket(write.state, bucket)

    await call.write(step)
    lifecycle.ensure(call)
    return {"TransitionDefaultMinimumObjectSize": config["Minimum"]}


@read
def get_bucket_lifecycle_configuration(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """The rules."""
    bucket = store.bucket_of(call, request)
    config = store.config(call.state, bucket.name, lifecycle.KIND)
    if config is None:
        raise errors.not_set(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
            bucket.name,
        )
    return {"Rules": config["Rules"], "TransitionDefaultMinimumObjectSize": config["Minimum"]}


@write
def delete_bucket_lifecycle(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove the rules; none is no error."""
    bucket = store.bucket_of(call, request)
    call.state.delete(("config", bucket.name, lifecycle.KIND))
    bucket.has_lifecycle = False
    store.put_bucket(call.state, bucket)
