"""UntagRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagRole.html"""

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
def untag_role(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags from a role."""
    record = identities.given(call, "role", request)
    record.tags = tagging.without(record.tags, request["TagKeys"])
    store.put_identity(call.state, record)
