"""Pages of listings."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pileus.services.cloudformation import errors
from pileus.services.cloudformation.limits import LIMITS

T = TypeVar("T")


def page(
    name: str, items: Sequence[T], request: Mapping[str, Any], told: Callable[[T], Any]
) -> dict[str, Any]:
    """One page of ``items`` as ``told`` words each, under ``name``; NextToken where there is more."""
    at = 0
    if token := request.get("NextToken"):
        try:
            at = int(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError):
            raise errors.validation("NextToken is invalid.") from None
    end = at + LIMITS.page
    output: dict[str, Any] = {name: [told(item) for item in items[at:end]]}
    if end < len(items):
        output["NextToken"] = base64.b64encode(str(end).encode()).decode()
    return output
