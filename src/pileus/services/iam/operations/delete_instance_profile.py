"""DeleteInstanceProfile. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
    store,
)


@write
def delete_instance_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete an instance profile that has no role."""
    record = store.profile(call.state, request["InstanceProfileName"])
    if record.role:
        raise errors.is_in_profile()
    call.state.delete(("profile", store.fold(record.name)))
