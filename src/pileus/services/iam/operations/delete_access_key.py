"""DeleteAccessKey. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    keys,
    store,
)


@write
def delete_access_key(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete an access key."""
    key = keys.key_of(call, request)
    call.state.delete(("access_key", key.id))
    call.state.delete(("key_of", store.fold(key.user), key.id))
