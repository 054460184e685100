"""GetParametersByPath. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import filters, shapes, store
from pileus.services.ssm.limits import LIMITS
from pileus.services.ssm.model import (
    check_path,
    is_below,
)
from pileus.values.page_tokens import page_token


@read
def get_parameters_by_path(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Values below a path in order of name, ten a page at most."""
    path, is_recursive = request["Path"], bool(request.get("Recursive"))
    check_path(path)
    holds = filters.compiled(request.get("ParameterFilters") or (), is_by_path=True)
    count = request.get("MaxResults") or LIMITS.by_path_page
    base = path.rstrip("/") + "/"
    after = store.after_token(request.get("NextToken"))
    rows = call.state.range(
        ("parameter",),
        start=("parameter", base if base != "/" else ""),
        after=("parameter", after) if after else None,
    )
    output: dict[str, Any] = {"Parameters": []}
    for _, raw in rows:
        found = store.PARAMETERS.decode(raw)
        if base != "/" and not found.name.startswith(base):
            break
        if not is_below(found.name, path, is_recursive=is_recursive):
            continue
        version = store.current(call.state, found)
        if not holds(found, version):
            continue
        if len(output["Parameters"]) == count:
            output["NextToken"] = page_token(output["Parameters"][-1]["Name"])
            break
        output["Parameters"].append(
            shapes.wire_value(call, found, version, "", bool(request.get("WithDecryption")))
        )
    return output
