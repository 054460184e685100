"""What listings and texts in requests have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.services.events import errors
from pileus.services.events.limits import LIMITS
from pileus.values.page_tokens import cut_page

_EVENT_MEMBERS = ("id", "account", "source", "time", "region", "resources", "detail-type")


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with NextToken where there is more."""
    limit = request.get("Limit") or LIMITS.list_max
    try:
        found, token = cut_page(items, request.get("NextToken"), limit)
    except ValueError:
        raise errors.validation("NextToken is not valid.") from None
    return {name: found} | ({"NextToken": token} if token else {})


def parse_event(text: str) -> dict[str, Any]:
    """An event as TestEventPattern takes it; raises ValidationException."""
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise errors.validation("Parameter Event is not valid.")
    for name in _EVENT_MEMBERS:
        if name not in event:
            raise errors.validation(f"Parameter Event is not valid. Reason: {name} is missing.")
    return event
