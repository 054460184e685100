"""GetItem, PutItem, UpdateItem, DeleteItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.dynamodb.attribute_values import item_size_bytes, validated_item
from pileus.services.dynamodb import capacity, errors, requests, store, writing
from pileus.services.dynamodb.model import Table


@read
def get_item(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One item by its key."""
    given = requests.placeholders(request)
    project = requests.projection(request, given)
    given.check_all_used()
    table = store.find_table(call.state, request["TableName"])
    place = store.place_of(table, validated_item(request["Key"]), is_key_only=True)
    item = store.get_item(call.state, table, place)
    size = item_size_bytes(item) if item else 0
    units = capacity.read_units(size, is_consistent=bool(request.get("ConsistentRead")))
    output = capacity.consumed(request, table, {"": units})
    if item is not None:
        output["Item"] = item if project is None else project(item)
    return output


@write
def put_item(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Replace an item."""
    wanted = requests.returned(request, ("NONE", "ALL_OLD"))
    table = store.find_table(call.state, request["TableName"])
    written = writing.put(call, table, request)
    return _answer(request, table, written, wanted)


@write
def delete_item(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove an item."""
    wanted = requests.returned(request, ("NONE", "ALL_OLD"))
    table = store.find_table(call.state, request["TableName"])
    written = writing.delete(call, table, request)
    return _answer(request, table, written, wanted)


@write
def update_item(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change attributes of an item, or make it."""
    wanted = requests.returned(
        request, ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
    )
    table = store.find_table(call.state, request["TableName"])
    try:
        written = writing.update(call, table, request)
    except errors.IndexKeyType:
        if request.get("UpdateExpression") is None:
            raise
        raise errors.update_of_index_key() from None
    return _answer(request, table, written, wanted)


def _answer(
    request: Mapping[str, Any], table: Table, written: writing.Written, wanted: str
) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if capacity.is_wanted(request):
        costs = capacity.write_costs(table, written.old, written.new)
        output = capacity.consumed(request, table, costs)
    metrics = capacity.collection(request, table, request.get("Item") or request["Key"])
    if metrics is not None:
        output["ItemCollectionMetrics"] = metrics
    item = written.new if wanted.endswith("NEW") else written.old
    if wanted != "NONE" and item:
        if wanted.startswith("UPDATED"):
            item = written.update.touched(item) if written.update else {}
        if item:
            output["Attributes"] = item
    return output
