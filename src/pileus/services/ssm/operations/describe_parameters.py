"""DescribeParameters. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.ssm import errors, filters, shapes, store
from pileus.services.ssm.limits import LIMITS
from pileus.values.page_tokens import page_token


@read
def describe_parameters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about parameters, not their values, in order of name."""
    old, new = request.get("Filters") or (), request.get("ParameterFilters") or ()
    if old and new:
        raise errors.two_kinds_of_filters()
    holds = filters.compiled([*old, *new])
    count = request.get("MaxResults") or LIMITS.describe_page
    after = store.after_token(request.get("NextToken"))
    output: dict[str, Any] = {"Parameters": []}
    if request.get("Shared"):
        # Nothing can be shared between accounts here, so that there is never one.
        return output
    rows = call.state.range(("parameter",), after=("parameter", after) if after else None)
    for _, raw in rows:
        found = store.PARAMETERS.decode(raw)
        version = store.current(call.state, found)
        if not holds(found, version):
            continue
        if len(output["Parameters"]) == count:
            output["NextToken"] = page_token(output["Parameters"][-1]["Name"])
            break
        output["Parameters"].append(shapes.wire_metadata(call, found.name, version))
    return output
