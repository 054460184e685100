"""GetParameters. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import shapes, store
from pileus.values.errors import ServiceError


@read
def get_parameters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Up to ten values; names that lead to nothing are told in InvalidParameters."""
    is_decrypted = bool(request.get("WithDecryption"))
    output: dict[str, list[Any]] = {"Parameters": [], "InvalidParameters": []}
    for name in dict.fromkeys(request["Names"]):
        try:
            found, version, selector = store.selected(call.state, name)
        except ServiceError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            output["InvalidParameters"].append(name)
            continue
        output["Parameters"].append(shapes.wire_value(call, found, version, selector, is_decrypted))
    return output
