"""What listings have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.stepfunctions import errors
from pileus.services.stepfunctions.limits import LIMITS
from pileus.values.page_tokens import cut_page


def page_size(request: Mapping[str, Any]) -> int:
    """``maxResults``; 0 asks for the default."""
    return int(request.get("maxResults") or LIMITS.page_default)


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with nextToken where there is more."""
    try:
        found, token = cut_page(items, request.get("nextToken"), page_size(request))
    except ValueError:
        raise errors.invalid_token() from None
    return {name: found} | ({"nextToken": token} if token else {})
