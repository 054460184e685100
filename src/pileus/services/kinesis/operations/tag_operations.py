"""Tags and resource policies.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_AddTagsToStream.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.kinesis import errors, store, tagging
from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.model import Consumer, Stream


@write
def add_tags_to_stream(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags, or give them other values."""
    _add(call, store.stream_of(call, request), request["Tags"])


@write
def remove_tags_from_stream(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags; keys that are not there are no error."""
    _remove(call, store.stream_of(call, request), request["TagKeys"])


@read
def list_tags_for_stream(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's tags in the order of their keys."""
    found = store.stream_of(call, request)
    after = request.get("ExclusiveStartTagKey") or ""
    limit = request.get("Limit") or LIMITS.tags_max
    keys = sorted(key for key in found.tags if key > after)
    return {
        "Tags": [{"Key": key, "Value": found.tags[key]} for key in keys[:limit]],
        "HasMoreTags": len(keys) > limit,
    }


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a stream or a consumer."""
    _add(call, tagging.tagged(call, request["ResourceARN"]), request["Tags"])


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a stream or a consumer."""
    _remove(call, tagging.tagged(call, request["ResourceARN"]), request["TagKeys"])


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a stream or a consumer."""
    tags = tagging.tagged(call, request["ResourceARN"]).tags
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}


def _add(call: WriteCall, found: Stream | Consumer, tags: Mapping[str, str]) -> None:
    tagging.check_tags(tags, found.tags)
    found.tags = {**found.tags, **tags}
    _put(call, found)


def _remove(call: WriteCall, found: Stream | Consumer, keys: list[str]) -> None:
    found.tags = {key: value for key, value in found.tags.items() if key not in keys}
    _put(call, found)


def _put(call: WriteCall, found: Stream | Consumer) -> None:
    if isinstance(found, Stream):
        store.put_stream(call.state, found)
    else:
        key = ("consumer", found.stream, found.name)
        call.state.put(key, store.CONSUMERS.encode(found))


@write
def put_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Keep the policy of a stream or a consumer."""
    arn = request["ResourceARN"]
    tagging.tagged(call, arn)
    try:
        document = orjson.loads(request["Policy"])
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or "Statement" not in document:
        raise errors.invalid("The policy is not a valid JSON policy document.")
    call.state.put(("policy", arn), request["Policy"].encode())


@read
def get_resource_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of a stream or a consumer."""
    arn = request["ResourceARN"]
    tagging.tagged(call, arn)
    raw = call.state.get(("policy", arn))
    if raw is None:
        raise errors.not_found(f"No resource policy found for resource ARN {arn}")
    return {"Policy": raw.decode()}


@write
def delete_resource_policy(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove the policy of a stream or a consumer."""
    arn = request["ResourceARN"]
    tagging.tagged(call, arn)
    if call.state.get(("policy", arn)) is None:
        raise errors.not_found(f"No resource policy found for resource ARN {arn}")
    call.state.delete(("policy", arn))
