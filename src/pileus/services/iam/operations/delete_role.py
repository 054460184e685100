"""DeleteRole. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    identities,
    store,
)


@write
def delete_role(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a role that has no policies and is in no instance profile."""
    record = identities.given(call, "role", request)
    identities.check_modifiable(record)
    if call.state.count(("profile_of", store.fold(record.name))):
        raise errors.is_in_profile()
    identities.removed(call, record)
