"""Pages of queues by name: only where MaxResults is given, as on AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.sqs import errors
from pileus.services.sqs.limits import LIMITS
from pileus.values.page_tokens import page_token, parse_page_token


def limit_of(request: Mapping[str, Any]) -> int | None:
    """MaxResults; raises InvalidParameterValue unless it is from 1 to 1000."""
    limit: int | None = request.get("MaxResults")
    if limit is not None and not 1 <= limit <= LIMITS.list_results_max:
        raise errors.invalid_parameter(
            "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer "
            "between 1 and 1000."
        )
    return limit


def after(request: Mapping[str, Any]) -> str:
    """The last name of the page before; empty for the first page."""
    try:
        return parse_page_token(request.get("NextToken"))
    except ValueError:
        raise errors.invalid_parameter("Invalid NextToken value.") from None


def page(names: Sequence[str], limit: int | None) -> tuple[Sequence[str], dict[str, str]]:
    """The names of one page, and ``{"NextToken": …}`` where there are more."""
    names = names[: LIMITS.list_results_max + 1]
    if limit is None:
        return names[: LIMITS.list_results_max], {}
    if len(names) <= limit:
        return names, {}
    return names[:limit], {"NextToken": page_token(names[limit - 1])}
