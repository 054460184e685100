"""BatchGetItem and BatchWriteItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.dynamodb.attribute_values import item_size_bytes, validated_item
from pileus.services.dynamodb import capacity, errors, requests, store, writing
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Table

_KEY_MEMBERS = {"PutRequest": "Item", "DeleteRequest": "Key"}
Act = Callable[[Any, Table, Mapping[str, Any]], writing.Written]


@read
def batch_get_item(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Up to a hundred items of any tables; what does not fit in 16 MiB is left to ask again."""
    wanted = request["RequestItems"]
    if sum(len(given["Keys"]) for given in wanted.values()) > LIMITS.batch_get_max:
        raise errors.invalid("Too many items requested for the BatchGetItem call")
    found: dict[str, list[Any]] = {}
    left: dict[str, Any] = {}
    used: list[dict[str, Any]] = []
    size = 0
    for name, given in wanted.items():
        table = store.find_table(call.state, name)
        held = requests.placeholders(given)
        project = requests.projection(given, held)
        held.check_all_used()
        places = [
            store.place_of(table, validated_item(key), is_key_only=True) for key in given["Keys"]
        ]
        if len(set(places)) < len(places):
            raise errors.invalid("Provided list of item keys contains duplicates")
        items = found.setdefault(name, [])
        units = 0.0
        for key, place in zip(given["Keys"], places, strict=True):
            if size > LIMITS.batch_get_bytes_max:
                left.setdefault(name, {**given, "Keys": []})["Keys"].append(key)
                continue
            item = store.get_item(call.state, table, place)
            item_size = item_size_bytes(item) if item else 0
            size += item_size
            units += capacity.read_units(item_size, is_consistent=bool(given.get("ConsistentRead")))
            if item is not None:
                items.append(item if project is None else project(item))
        used += capacity.consumed(request, table, {"": units}).values()
    output: dict[str, Any] = {"Responses": found, "UnprocessedKeys": left}
    return {**output, "ConsumedCapacity": used} if used else output


@write
def batch_write_item(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Up to twenty-five puts and deletes; all of them are made."""
    wanted = request["RequestItems"]
    count = sum(len(writes) for writes in wanted.values())
    if count > LIMITS.batch_write_max:
        raise errors.invalid("Too many items requested for the BatchWriteItem call")
    used: list[dict[str, Any]] = []
    metrics: dict[str, list[dict[str, Any]]] = {}
    for name, writes in wanted.items():
        table = store.find_table(call.state, name)
        costs: list[capacity.Costs] = []
        for kind, given, act in _distinct(table, writes):
            written = act(call, table, given)
            if capacity.is_wanted(request):
                costs.append(capacity.write_costs(table, written.old, written.new))
            told = capacity.collection(request, table, given[kind])
            if told is not None and told not in metrics.setdefault(name, []):
                metrics[name].append(told)
        used += capacity.consumed(request, table, capacity.total(costs)).values()
    output: dict[str, Any] = {"UnprocessedItems": {}}
    if metrics:
        output["ItemCollectionMetrics"] = metrics
    return {**output, "ConsumedCapacity": used} if used else output


def _distinct(
    table: Table, writes: list[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any], Act]]:
    """Each write with the member that has its key; raises unless each is of an item of its own."""
    found: list[tuple[str, Mapping[str, Any], Act]] = []
    seen: set[store.Place] = set()
    for each in writes:
        given = {name: each[name] for name in _KEY_MEMBERS if each.get(name) is not None}
        if not given:
            raise errors.invalid(
                "Supplied AttributeValue is empty, must contain exactly one of the supported "
                "datatypes"
            )
        if len(given) > 1:
            raise errors.invalid(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one "
                "of the supported datatypes"
            )
        ((name, asked),) = given.items()
        kind = _KEY_MEMBERS[name]
        key = validated_item(asked[kind])
        if kind == "Item":
            # A batch tells of a key in the item what it tells of a key alone.
            key = {name: key[name] for name in table.key_names if name in key}
        place = store.place_of(table, key, is_key_only=True)
        if place in seen:
            raise errors.invalid("Provided list of item keys contains duplicates")
        seen.add(place)
        found.append((kind, asked, writing.put if kind == "Item" else writing.delete))
    return iter(found)
