"""Tag sets of buckets and objects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-managing.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.s3 import errors
from pileus.services.s3.limits import LIMITS

_RESERVED = (
    "System tags cannot be added/updated by requester",
    "Your TagKey cannot be prefixed with aws:",
)
"""Of buckets, of objects."""
_TEXT = re.compile(r"[\w\s_.:/=+\-@]*")


def checked(tags: Sequence[Mapping[str, Any]], count_max: int) -> dict[str, str]:
    """The set as a mapping.

    Raises:
        ServiceError: BadRequest (too many), InvalidTag.
    """
    if len(tags) > count_max:
        raise errors.too_many_tags(count_max)
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag["Key"], tag.get("Value") or ""
        if key in found:
            raise errors.invalid_tag("Cannot provide multiple Tags with the same key", key)
        if key.startswith("aws:"):
            raise errors.invalid_tag(_RESERVED[count_max == LIMITS.object_tags_max], key)
        if not 1 <= len(key) <= LIMITS.tag_key_max or not _TEXT.fullmatch(key):
            raise errors.invalid_tag("The TagKey you have provided is invalid", key)
        if len(value) > LIMITS.tag_value_max or not _TEXT.fullmatch(value):
            raise errors.invalid_tag("The TagValue you have provided is invalid", key, value)
        found[key] = value
    return found


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The set as S3 shows it."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
