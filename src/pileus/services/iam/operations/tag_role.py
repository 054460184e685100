"""TagRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html"""

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
def tag_role(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a role, replacing those with the same keys."""
    record = identities.given(call, "role", request)
    record.tags = tagging.merged(record.tags, request["Tags"])
    store.put_identity(call.state, record)
