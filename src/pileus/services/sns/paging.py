"""Pages of a hundred, as SNS lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.sns import errors
from pileus.services.sns.limits import LIMITS
from pileus.values.page_tokens import cut_page


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with NextToken where there is more."""
    try:
        found, token = cut_page(items, request.get("NextToken"), LIMITS.page)
    except ValueError:
        raise errors.invalid("NextToken") from None
    return {name: found} | ({"NextToken": token} if token else {})
