"""ListQueues."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sqs import errors
from pileus.services.sqs.limits import LIMITS
from pileus.values.keys import Key


@read
def list_queues(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses of queues in order of name; paged only when MaxResults is given, as on AWS."""
    prefix = request.get("QueueNamePrefix") or ""
    limit = request.get("MaxResults")
    if limit is not None and not 1 <= limit <= LIMITS.list_results_max:
        raise errors.invalid_parameter(
            "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer "
            "between 1 and 1000."
        )
    count = limit or LIMITS.list_results_max
    after: Key | None = None
    if token := request.get("NextToken"):
        after = ("queue", _name_of(token))
    rows = call.state.range(("queue",), start=("queue", prefix), after=after, limit=count + 1)
    names = [str(key[1]) for key, _ in rows if str(key[1]).startswith(prefix)]
    output: dict[str, Any] = {}
    if names:
        base = f"{call.context.endpoint}/{call.account}/"
        output["QueueUrls"] = [base + name for name in names[:count]]
    if limit is not None and len(names) > count:
        output["NextToken"] = base64.b64encode(names[count - 1].encode()).decode()
    return output


def _name_of(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise errors.invalid_parameter("Invalid NextToken value.") from None
