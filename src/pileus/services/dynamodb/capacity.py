"""Capacity units, as DynamoDB counts them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.languages.dynamodb.attribute_values import Item, item_size_bytes
from pileus.services.dynamodb.limits import LIMITS


def read_units(size_bytes: int, *, is_consistent: bool, is_transactional: bool = False) -> float:
    """Units for reading ``size_bytes`` (at least one block)."""
    blocks = max(1, -(-size_bytes // LIMITS.read_unit_bytes))
    return blocks * (2.0 if is_transactional else 1.0 if is_consistent else 0.5)


def write_units(*items: Item | None, is_transactional: bool = False) -> float:
    """Units for writing: the larger of the item before and after counts."""
    size = max((item_size_bytes(item) for item in items if item), default=1)
    blocks = max(1, -(-size // LIMITS.write_unit_bytes))
    return blocks * (2.0 if is_transactional else 1.0)


def consumed(request: Mapping[str, Any], table: str, units: float) -> dict[str, Any]:
    """``{"ConsumedCapacity": …}`` where the request asks for it."""
    wanted = request.get("ReturnConsumedCapacity")
    if wanted not in ("TOTAL", "INDEXES"):
        return {}
    capacity: dict[str, Any] = {"TableName": table, "CapacityUnits": units}
    if wanted == "INDEXES":
        capacity["Table"] = {"CapacityUnits": units}
    return {"ConsumedCapacity": capacity}
