"""Tags. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.services.cloudwatch import errors
from pileus.services.cloudwatch.limits import LIMITS


def merged(old: Mapping[str, str], given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """``old`` with what is given; raises InvalidParameterValue."""
    tags = {**old, **{tag["Key"]: tag["Value"] for tag in given}}
    if len(tags) > LIMITS.tags_max:
        raise errors.invalid_value(f"A resource can have no more than {LIMITS.tags_max} tags.")
    return tags
