"""ListAccessKeys. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    keys,
    shapes,
    store,
)


@read
def list_access_keys(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A user's access keys, without the secrets."""
    record = store.identity(call.state, "user", keys.user_name(call, request))
    found = keys.user_keys(call.state, record.name)
    return {"AccessKeyMetadata": [shapes.wire_key(key) for key in found], "IsTruncated": False}
