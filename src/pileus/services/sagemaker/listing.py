"""Pages of listings, as SageMaker sorts, filters and cuts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from pileus.services.sagemaker import errors
from pileus.services.sagemaker.limits import LIMITS
from pileus.values.page_tokens import page_token, parse_page_token
from pileus.values.times import epoch_ms

_BOUNDS: tuple[tuple[str, str, bool], ...] = (
    ("CreationTimeAfter", "created_ms", True),
    ("CreationTimeBefore", "created_ms", False),
    ("LastModifiedTimeAfter", "modified_ms", True),
    ("LastModifiedTimeBefore", "modified_ms", False),
)


def page(
    name: str,
    records: Sequence[Any],
    request: Mapping[str, Any],
    shown: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """One page of ``records`` under ``name``, with NextToken where there is more.

    A token names the last entry told, so that changes in between lose and repeat nothing else.
    """
    sort_by = request.get("SortBy") or "CreationTime"

    def place(record: Any) -> tuple[Any, str]:
        by = {"CreationTime": "created_ms", "Status": "status"}.get(sort_by)
        return (getattr(record, by) if by else record.name, record.name)

    is_descending = (request.get("SortOrder") or "Descending") == "Descending"
    chosen = sorted(
        (record for record in records if _matches(record, request)),
        key=place,
        reverse=is_descending,
    )
    if request.get("NextToken"):
        last = _parse(request["NextToken"])
        chosen = [
            one for one in chosen if (place(one) < last if is_descending else place(one) > last)
        ]
    limit = request.get("MaxResults") or LIMITS.list_default
    output: dict[str, Any] = {name: [shown(record) for record in chosen[:limit]]}
    if len(chosen) > limit:
        place_after = orjson.dumps([sort_by, *place(chosen[limit - 1])])
        output["NextToken"] = page_token(place_after.decode())
    return output


def _matches(record: Any, request: Mapping[str, Any]) -> bool:
    if (request.get("NameContains") or "").lower() not in record.name.lower():
        return False
    if request.get("StatusEquals") and record.status != request["StatusEquals"]:
        return False
    for member, attribute, is_after in _BOUNDS:
        if request.get(member) is not None:
            difference = getattr(record, attribute) - epoch_ms(request[member])
            if difference < 0 if is_after else difference > 0:
                return False
    return True


def _parse(token: str) -> tuple[Any, str]:
    try:
        _, value, name = orjson.loads(parse_page_token(token))
    except ValueError:
        raise errors.invalid("Invalid pagination token.") from None
    return value, str(name)
