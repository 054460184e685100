"""GetParameter. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import shapes, store


@read
def get_parameter(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One value; the name may be an ARN and carry a version or a label."""
    found, version, selector = store.selected(call.state, request["Name"])
    is_decrypted = bool(request.get("WithDecryption"))
    return {"Parameter": shapes.wire_value(call, found, version, selector, is_decrypted)}
