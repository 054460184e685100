"""Pages of listings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pileus.services.cloudformation import errors
from pileus.services.cloudformation.limits import LIMITS
from pileus.values.page_tokens import cut_page

T = TypeVar("T")


def page(
    name: str, items: Sequence[T], request: Mapping[str, Any], told: Callable[[T], Any]
) -> dict[str, Any]:
    """One page of ``items`` as ``told`` words each, under ``name``; NextToken where there is more."""
    try:
        found, token = cut_page(items, request.get("NextToken"), LIMITS.page)
    except ValueError:
        raise errors.validation("NextToken is invalid.") from None
    return {name: [told(item) for item in found]} | ({"NextToken": token} if token else {})
