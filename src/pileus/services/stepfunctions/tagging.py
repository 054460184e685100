"""Tags of state machines and activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pileus.services.stepfunctions import errors
from pileus.services.stepfunctions.limits import LIMITS


def added(arn: str, tags: Mapping[str, str], more: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags with others on top; TooManyTags past the limit."""
    found = {**tags, **{each["key"]: each.get("value", "") for each in more}}
    if len(found) > LIMITS.tags_max:
        raise errors.too_many_tags(arn)
    return found


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As the API lists them."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]
