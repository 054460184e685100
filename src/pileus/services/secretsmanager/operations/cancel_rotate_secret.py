"""CancelRotateSecret. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.secretsmanager import rotation, shapes, store


@write
def cancel_rotate_secret(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Turn rotation off; one that is under way does no further step and leaves its labels."""
    found = store.active(call, request["SecretId"])
    output = shapes.wire_id(call, found)
    if found.rotation is None:
        return output
    if found.rotation.token:
        output["VersionId"] = found.rotation.token
    found.rotation.is_enabled, found.rotation.token = False, ""
    call.cancel_timer("retry_rotation", found.name)
    rotation.rearm(call, found)
    return output
