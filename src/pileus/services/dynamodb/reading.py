"""Query and Scan: one walk over a table or an index, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.languages.dynamodb.attribute_values import (
    Item,
    item_size_bytes,
    order_key,
    validated_item,
)
from pileus.languages.dynamodb.key_conditions import KeyRange
from pileus.services.dynamodb import capacity, errors, requests, store
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Index, Table, index_key_names, segment_of
from pileus.values.errors import ServiceError
from pileus.values.keys import Key

_ROWS = 128
_INVALID_START = "The provided starting key is invalid"


@dataclass(frozen=True, slots=True)
class Walk:
    """Which keys are walked, from where, in which direction.

    ``prefix`` is the table's or index's, with the partition for a query; ``start`` is inclusive,
    ``stop`` exclusive, ``after`` exclusive in the direction of the walk. ``is_whole`` is for
    local indexes, which fetch from the table what they do not hold.
    """

    table: Table
    index: Index | None
    prefix: Key
    start: Key | None = None
    stop: Key | None = None
    after: Key | None = None
    is_reverse: bool = False
    segment: tuple[int, int] | None = None
    is_whole: bool = False


def walk(state: Any, plan: Walk) -> Iterator[Item]:
    """The items, in order."""
    cursor = plan.after
    while True:
        bounds: dict[str, Any] = {"start": plan.start, "stop": plan.stop}
        if cursor is not None:
            bounds["stop" if plan.is_reverse else "after"] = cursor
        rows = state.range(plan.prefix, limit=_ROWS, reverse=plan.is_reverse, **bounds)
        for key, raw in rows:
            cursor = key
            if (
                plan.segment
                and segment_of(_partition(plan, key), plan.segment[1]) != plan.segment[0]
            ):
                continue
            if plan.index is None:
                yield store.decode_item(raw)
            else:
                item = store.get_item(state, plan.table, (key[-2], key[-1]))
                assert item is not None
                yield item if plan.is_whole else store.projected(plan.table, plan.index, item)
        if len(rows) < _ROWS:
            return


def _partition(plan: Walk, key: Key) -> bytes:
    part = key[2] if plan.index is None else key[3]
    assert isinstance(part, bytes)
    return part


def wants_whole(request: Mapping[str, Any], index: Index | None) -> bool:
    """Whether a read of a local index asks for more than the index holds."""
    if index is None or index.is_global:
        return False
    wants = request.get("ProjectionExpression") or request.get("AttributesToGet")
    return bool(wants) or request.get("Select") == "ALL_ATTRIBUTES"


def base_of(table: Table, index: Index | None) -> Key:
    """The prefix of a table's items or of an index's places."""
    return ("item", table.name) if index is None else ("index", table.name, index.name)


def index_named(table: Table, request: Mapping[str, Any]) -> Index | None:
    """The index a request reads, or None for the table itself."""
    name = request.get("IndexName")
    if name is None:
        return None
    index = table.indexes.get(name)
    if index is None:
        raise errors.invalid(f"The table does not have the specified index: {name}")
    if index.is_global and request.get("ConsistentRead"):
        raise errors.invalid("Consistent reads are not supported on global secondary indexes")
    if index.status == "CREATING":
        raise errors.invalid(f"Cannot read from backfilling global secondary index: {name}")
    return index


def start_after(table: Table, index: Index | None, request: Mapping[str, Any]) -> Key | None:
    """ExclusiveStartKey as a key of the walk."""
    given = request.get("ExclusiveStartKey")
    if not given:
        return None
    item = validated_item(given)
    names = table.key_names if index is None else index_key_names(table, index)
    if index is not None and set(item) != set(names):
        raise errors.invalid(_INVALID_START)
    try:
        key = {n: item[n] for n in table.key_names} if index is not None else item
        place = store.place_of(table, key, is_key_only=True)
    except ServiceError as error:
        raise errors.invalid(f"{_INVALID_START}: {error.message}") from None
    if index is None:
        return (*base_of(table, None), *place)
    where = store.index_place(table, index, item)
    if where is None:
        raise errors.invalid(_INVALID_START)
    return (*base_of(table, index), *where, *place)


def query_walk(
    table: Table, index: Index | None, keys: KeyRange, request: Mapping[str, Any]
) -> Walk:
    """The walk over one partition, narrowed by the condition on the sort key."""
    prefix = (*base_of(table, index), order_key(keys.partition))
    start, stop = _sort_bounds(prefix, keys)
    after = start_after(table, index, request)
    if after is not None and after[: len(prefix)] != prefix:
        raise errors.invalid(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    is_reverse = request.get("ScanIndexForward") is False
    is_whole = wants_whole(request, index)
    return Walk(table, index, prefix, start, stop, after, is_reverse, is_whole=is_whole)


def _sort_bounds(prefix: Key, keys: KeyRange) -> tuple[Key | None, Key | None]:
    if keys.sort is None:
        return None, None
    operator = keys.sort.operator
    values = [order_key(value) for value in keys.sort.values]
    low, high = values[0], values[-1]
    # A zero byte appended gives the least byte string that is greater.
    start = {
        "=": low, "BETWEEN": low, "begins_with": low, ">=": low, ">": low + b"\0",
    }.get(operator)  # fmt: skip
    stop = {"=": high + b"\0", "BETWEEN": high + b"\0", "<=": high + b"\0", "<": high}.get(operator)
    if operator == "begins_with":
        stop = _after_prefix(low)
    return (
        None if start is None else (*prefix, start),
        None if stop is None else (*prefix, stop),
    )


def _after_prefix(raw: bytes) -> bytes | None:
    """The least byte string greater than all that begin with ``raw``; None when there is none."""
    trimmed = raw.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


def page(
    state: Any,
    plan: Walk,
    request: Mapping[str, Any],
    test: requests.ItemTest | None,
    project: requests.Projection | None,
) -> dict[str, Any]:
    """One page: at most Limit items and 1 MiB are looked at; the filter comes after."""
    limit = request.get("Limit")
    items: list[Item] = []
    looked = kept = size = 0
    last: Item | None = None
    for item in walk(state, plan):
        looked += 1
        size += item_size_bytes(item)
        if test is None or test(item):
            kept += 1
            if request.get("Select") != "COUNT":
                items.append(item if project is None else project(item))
        if looked == limit or size >= LIMITS.page_bytes_max:
            last = item
            break
    output: dict[str, Any] = {"Count": kept, "ScannedCount": looked}
    if request.get("Select") != "COUNT":
        output["Items"] = items
    if last is not None:
        names = plan.table.key_names
        if plan.index is not None:
            names = index_key_names(plan.table, plan.index)
        output["LastEvaluatedKey"] = {name: last[name] for name in names}
    units = capacity.read_units(size, is_consistent=bool(request.get("ConsistentRead")))
    costs = {"": units} if plan.index is None else {"": 0.0, plan.index.name: units}
    return {**output, **capacity.consumed(request, plan.table, costs)}


def check_select(request: Mapping[str, Any], index: Index | None) -> None:
    """Raise for contradictions between Select and a projection."""
    select = request.get("Select")
    has_projection = bool(request.get("ProjectionExpression") or request.get("AttributesToGet"))
    if select == "SPECIFIC_ATTRIBUTES" and not has_projection:
        raise errors.invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    if has_projection and select not in (None, "SPECIFIC_ATTRIBUTES"):
        raise errors.invalid(f"Cannot specify the AttributesToGet when choosing to get {select}")
    is_partial = index is not None and index.is_global and index.projection != "ALL"
    if select == "ALL_ATTRIBUTES" and is_partial:
        assert index is not None
        raise errors.invalid_parameter(
            "Select type ALL_ATTRIBUTES is not supported for global secondary index "
            f"{index.name} because its projection type is not ALL"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise errors.invalid(
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        )
    if (limit := request.get("Limit")) is not None and limit < 1:
        raise errors.invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"
        )
