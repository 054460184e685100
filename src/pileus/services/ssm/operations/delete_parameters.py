"""DeleteParameters. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import policies, store


@write
def delete_parameters(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete up to ten parameters; those that are not there are told."""
    output: dict[str, list[str]] = {"DeletedParameters": [], "InvalidParameters": []}
    for given in dict.fromkeys(request["Names"]):
        name = store.bare_name(given)
        is_gone = store.remove(call.state, name)
        if is_gone:
            policies.schedule(call, name, [])
        output["DeletedParameters" if is_gone else "InvalidParameters"].append(given)
    return output
