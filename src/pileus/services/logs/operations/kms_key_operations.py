"""The key of a log group: kept and shown.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.logs import errors, store


@write
def associate_kms_key(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give a group another key."""
    _change(call, request, request["kmsKeyId"])


@write
def disassociate_kms_key(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Let a group go without a key of its own."""
    _change(call, request, "")


def _change(call: WriteCall, request: Mapping[str, Any], key: str) -> None:
    if request.get("resourceIdentifier"):
        raise errors.unsupported("keys of query results")
    group = store.asked_group(call, request)
    group.kms_key = key
    store.put_group(call.state, group)
