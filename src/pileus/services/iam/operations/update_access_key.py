"""UpdateAccessKey. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.credentials import (
    ACCESS_KEYS,
)
from pileus.kernel.operations import write
from pileus.services.iam import (
    keys,
)


@write
def update_access_key(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Make an access key active or inactive."""
    key = keys.key_of(call, request)
    key.is_active = request["Status"] == "Active"
    call.state.put(("access_key", key.id), ACCESS_KEYS.encode(key))
