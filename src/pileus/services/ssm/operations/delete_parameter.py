"""DeleteParameter. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import errors, policies, store


@write
def delete_parameter(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete a parameter and every version of it."""
    name = store.bare_name(request["Name"])
    if not store.remove(call.state, name):
        raise errors.parameter_not_found()
    policies.schedule(call, name, [])
