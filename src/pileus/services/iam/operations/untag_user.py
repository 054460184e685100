"""UntagUser. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagUser.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    identities,
    store,
    tagging,
)


@write
def untag_user(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a user."""
    record = identities.given(call, "user", request)
    record.tags = tagging.without(record.tags, request["TagKeys"])
    store.put_identity(call.state, record)
