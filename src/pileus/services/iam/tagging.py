"""Tags of whatever can have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.iam import errors
from pileus.services.iam.limits import LIMITS


def merged(current: Mapping[str, str], given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """``current`` with the given tags added; raises InvalidInput and LimitExceeded."""
    tags = dict(current)
    folded: set[str] = set()
    for tag in given or ():
        key = tag["Key"]
        if key.lower().startswith("aws:"):
            raise errors.reserved_tag()
        if key.lower() in folded:
            raise errors.duplicate_tags()
        folded.add(key.lower())
        for other in [name for name in tags if name.lower() == key.lower()]:
            del tags[other]
        tags[key] = tag["Value"]
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags(LIMITS.tags_max)
    return tags


def without(current: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """``current`` without some keys."""
    gone = {key.lower() for key in keys}
    return {key: value for key, value in current.items() if key.lower() not in gone}


def wire_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """A list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_page(tags: Mapping[str, str]) -> dict[str, Any]:
    """The answer of the List…Tags operations: fifty tags are always one page."""
    return {"Tags": wire_tags(tags), "IsTruncated": False}
