"""GetParameterHistory. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import errors, shapes, store
from pileus.services.ssm.limits import LIMITS
from pileus.values.page_tokens import page_token


@read
def get_parameter_history(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every kept version, oldest first."""
    found = store.parameter(call.state, store.bare_name(request["Name"]))
    count = request.get("MaxResults") or LIMITS.history_page
    after = store.after_token(request.get("NextToken"))
    if after and not after.isdigit():
        raise errors.invalid_next_token()
    kept = [v for v in store.versions(call.state, found.name) if v.number > int(after or 0)]
    is_decrypted = bool(request.get("WithDecryption"))
    output: dict[str, Any] = {
        "Parameters": [
            shapes.wire_history(call, found.name, version, is_decrypted) for version in kept[:count]
        ]
    }
    if len(kept) > count:
        output["NextToken"] = page_token(kept[count - 1].number)
    return output
