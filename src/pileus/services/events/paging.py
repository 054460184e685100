"""What listings and texts in requests have in common."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.services.events import errors
from pileus.services.events.limits import LIMITS

_EVENT_MEMBERS = ("id", "account", "source", "time", "region", "resources", "detail-type")


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with NextToken where there is more."""
    limit = request.get("Limit") or LIMITS.list_max
    at = 0
    if token := request.get("NextToken"):
        try:
            at = int(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError):
            raise errors.validation("NextToken is not valid.") from None
    output: dict[str, Any] = {name: list(items[at : at + limit])}
    if at + limit < len(items):
        output["NextToken"] = base64.b64encode(str(at + limit).encode()).decode()
    return output


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
