"""Pages of listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.ecs import errors
from pileus.services.ecs.limits import LIMITS


def page(name: str, found: Sequence[str], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of sorted texts under ``name``; the token is the last one told."""
    after = request.get("nextToken") or ""
    if after and after not in found:
        raise errors.invalid("Invalid token.")
    begin = list(found).index(after) + 1 if after else 0
    limit = min(request.get("maxResults") or LIMITS.list_default, LIMITS.list_default)
    told: dict[str, Any] = {name: list(found[begin : begin + limit])}
    if len(found) > begin + limit:
        told["nextToken"] = found[begin + limit - 1]
    return told
