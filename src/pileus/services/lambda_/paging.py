"""Pages of listings, as Lambda cuts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.compute.packages import UNZIPPED_BYTES_MAX
from pileus.services.lambda_ import errors
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Function
from pileus.values.page_tokens import cut_page


def page(name: str, items: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of ``items`` under ``name``, with NextMarker where there is more."""
    limit = min(request.get("MaxItems") or LIMITS.list_max, LIMITS.list_max)
    try:
        found, marker = cut_page(items, request.get("Marker"), limit)
    except ValueError:
        raise errors.invalid("Invalid pagination marker.") from None
    return {name: found} | ({"NextMarker": marker} if marker else {})


def account_limit(functions: Sequence[Function], concurrency: int) -> dict[str, int]:
    """AccountLimit: what is not reserved is left for all."""
    reserved = sum(function.reserved or 0 for function in functions)
    return {
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
        "CodeSizeZipped": LIMITS.zip_bytes_max,
        "ConcurrentExecutions": concurrency,
        "UnreservedConcurrentExecutions": concurrency - reserved,
    }
