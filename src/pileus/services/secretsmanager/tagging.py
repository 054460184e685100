"""Tags. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.services.secretsmanager import errors
from pileus.services.secretsmanager.limits import LIMITS


def merged(old: Mapping[str, str], given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """``old`` with what is given; raises InvalidParameterException."""
    tags = dict(old)
    for tag in given:
        key = tag.get("Key") or ""
        if key.lower().startswith("aws:"):
            raise errors.reserved_tag(key)
        tags[key] = tag.get("Value") or ""
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags(LIMITS.tags_max)
    return tags
