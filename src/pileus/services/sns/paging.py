"""Pages of a hundred, as SNS lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.sns import errors
from pileus.services.sns.limits import LIMITS


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with NextToken where there is more."""
    at = 0
    if token := request.get("NextToken"):
        try:
            at = int(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError):
            raise errors.invalid("NextToken") from None
    output: dict[str, Any] = {name: list(items[at : at + LIMITS.page])}
    if at + LIMITS.page < len(items):
        output["NextToken"] = base64.b64encode(str(at + LIMITS.page).encode()).decode()
    return output
