"""Capacity units, as DynamoDB counts them, and the size of item collections.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.languages.dynamodb.attribute_values import Item, item_size_bytes
from pileus.services.dynamodb import store
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Index, Table

Costs = dict[str, float]
"""Units by what they are spent on: an index's name, or the empty string for the table."""


def is_wanted(request: Mapping[str, Any]) -> bool:
    """Whether the request asks for what it consumed."""
    return request.get("ReturnConsumedCapacity") in ("TOTAL", "INDEXES")


def read_units(size_bytes: int, *, is_consistent: bool, is_transactional: bool = False) -> float:
    """Units for reading ``size_bytes`` (at least one block)."""
    blocks = max(1, -(-size_bytes // LIMITS.read_unit_bytes))
    return blocks * (2.0 if is_transactional else 1.0 if is_consistent else 0.5)


def write_units(*items: Item | None, is_transactional: bool = False) -> float:
    """Units for writing: the larger of the item before and after counts."""
    size = max((item_size_bytes(item) for item in items if item), default=1)
    blocks = max(1, -(-size // LIMITS.write_unit_bytes))
    return blocks * (2.0 if is_transactional else 1.0)


def write_costs(
    table: Table, old: Item | None, new: Item | None, *, is_transactional: bool = False
) -> Costs:
    """What replacing ``old`` by ``new`` costs in the table and in each index it touches."""
    costs = {"": write_units(old, new, is_transactional=is_transactional)}
    for index in table.indexes.values():
        units = _index_units(table, index, old, new)
        if units:
            costs[index.name] = units * (2.0 if is_transactional else 1.0)
    return costs


def _index_units(table: Table, index: Index, old: Item | None, new: Item | None) -> float:
    before, after = (
        None if item is None else store.index_place(table, index, item) for item in (old, new)
    )
    was, is_now = (
        None if item is None or place is None else store.projected(table, index, item)
        for item, place in ((old, before), (new, after))
    )
    if before == after:
        return 0.0 if was == is_now else write_units(was, is_now)
    # A moved entry is deleted in one place and put in another.
    return sum(write_units(entry) for entry in (was, is_now) if entry is not None)


def total(many: Iterable[Costs]) -> Costs:
    """The sum of costs in one table."""
    summed: Costs = {}
    for costs in many:
        for name, units in costs.items():
            summed[name] = summed.get(name, 0.0) + units
    return summed


def consumed(
    request: Mapping[str, Any], table: Table, costs: Costs, kind: str = ""
) -> dict[str, Any]:
    """``{"ConsumedCapacity": …}`` where the request asks for it.

    ``kind`` is ``ReadCapacityUnits`` or ``WriteCapacityUnits`` in transactions, which tell it too.
    """
    if not is_wanted(request):
        return {}

    def told(units: float) -> dict[str, float]:
        return {"CapacityUnits": units, **({kind: units} if kind else {})}

    capacity: dict[str, Any] = {"TableName": table.name, **told(sum(costs.values()))}
    if request["ReturnConsumedCapacity"] == "INDEXES":
        capacity["Table"] = told(costs.get("", 0.0))
        for member, is_global in (
            ("LocalSecondaryIndexes", False),
            ("GlobalSecondaryIndexes", True),
        ):
            shown = {
                name: told(units)
                for name, units in costs.items()
                if name and table.indexes[name].is_global is is_global
            }
            if shown:
                capacity[member] = shown
    return {"ConsumedCapacity": capacity}


def collection(request: Mapping[str, Any], table: Table, item: Item) -> dict[str, Any] | None:
    """Metrics of the item's collection where asked for; only tables with local indexes have any."""
    has_collections = any(not index.is_global for index in table.indexes.values())
    if request.get("ReturnItemCollectionMetrics") != "SIZE" or not has_collections:
        return None
    return {
        "ItemCollectionKey": {table.partition: item[table.partition]},
        "SizeEstimateRangeGB": [0.0, 1.0],
    }
