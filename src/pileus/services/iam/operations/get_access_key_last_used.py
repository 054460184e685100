"""GetAccessKeyLastUsed. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.credentials import (
    ACCESS_KEYS,
)
from pileus.kernel.operations import read
from pileus.services.iam import (
    errors,
)


@read
def get_access_key_last_used(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Whose key it is; uses are not recorded."""
    raw = call.state.get(("access_key", request["AccessKeyId"]))
    if raw is None:
        raise errors.no_such_access_key(request["AccessKeyId"])
    return {
        "UserName": ACCESS_KEYS.decode(raw).user,
        "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }
