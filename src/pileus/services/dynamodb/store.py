"""Where tables and items lie.

``table, name``                                       Table
``item, table, partition, sort``                      an item in wire form, msgpack
``index, table, index, partition, sort, item's key``  an item's place in an index
``expires, table, at_s, item's key``                  items with a time to live
``token, token``                                      end and digest of a transaction, ten minutes
``stream, table, label``                              Stream
``change, table, label, number``                      Change, for 24 hours (``streams.py``)
``token_until, expires_ms, token``                    the same in order of expiry

Partition and sort are order-preserving bytes of the key values.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec

from pileus.kernel.records import RecordCodec
from pileus.languages.dynamodb.attribute_values import (
    AttributeValue,
    Item,
    check_key_value,
    order_key,
    type_of,
)
from pileus.languages.dynamodb.errors import INVALID_PARAMETERS
from pileus.services.dynamodb import errors
from pileus.services.dynamodb.model import Index, Table, index_key_names

TABLES = RecordCodec(Table)
_VERSION = b"\1"
_EMPTY: tuple[AttributeValue, ...] = ({"S": ""}, {"B": b""})
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode

Place = tuple[bytes, bytes]
"""An item's partition and sort bytes; the sort is empty in tables without a sort key."""


def encode_item(item: Item) -> bytes:
    return _VERSION + _encode(item)


def decode_item(raw: bytes) -> Item:
    return _decode(memoryview(raw)[1:])


def find_table(state: Any, given: str, *, is_data: bool = True) -> Table:
    """By name or ARN; raises ResourceNotFoundException as data or control operations word it."""
    name = given.rpartition("/")[2]
    raw = state.get(("table", name))
    if raw is None:
        raise errors.resource_not_found() if is_data else errors.table_not_found(name)
    return TABLES.decode(raw)


def put_table(state: Any, table: Table) -> None:
    state.put(("table", table.name), TABLES.encode(table))


def place_of(table: Table, key: Item, *, is_key_only: bool) -> Place:
    """Where the item with that key lies.

    Raises:
        InvalidRequest: a key attribute is missing, of another type, empty or too long; with
            ``is_key_only`` also for attributes that are not part of the key.
    """
    if is_key_only and (len(key) != len(table.key_names)):
        raise errors.key_mismatch()
    parts = []
    for name in table.key_names:
        value = key.get(name)
        if value is None:
            if is_key_only:
                raise errors.key_mismatch()
            raise errors.invalid_parameter(f"Missing the key {name} in the item")
        if type_of(value) != table.types[name]:
            if is_key_only:
                raise errors.key_mismatch()
            raise errors.invalid_parameter(
                f"Type mismatch for key {name} expected: {table.types[name]} "
                f"actual: {type_of(value)}"
            )
        check_key_value(name, value, is_partition=name == table.partition)
        parts.append(order_key(value))
    return (parts[0], parts[1] if table.sort else b"")


def index_place(table: Table, index: Index, item: Item) -> Place | None:
    """Where an item stands in an index, or None when it lacks the index's keys.

    A key of another type or without content counts as lacking: items from before the index may
    have one.
    """
    parts = []
    for name in (index.partition, index.sort):
        if not name:
            continue
        value: AttributeValue | None = item.get(name)
        if value is None or type_of(value) != table.types[name] or value in _EMPTY:
            return None
        parts.append(order_key(value))
    return (parts[0], parts[1] if index.sort else b"")


def check_index_keys(table: Table, item: Item, names: Container[str] | None = None) -> None:
    """Raise InvalidRequest for a value that a key of an index cannot have.

    Only the attributes in ``names`` are looked at, where given: what was there before an index was
    made may be of another type.
    """
    for _, index in sorted(table.indexes.items()):
        for name in filter(None, (index.partition, index.sort)):
            value = item.get(name)
            if value is None or (names is not None and name not in names):
                continue
            kind = type_of(value)
            if kind != table.types[name]:
                raise errors.IndexKeyType(
                    f"{INVALID_PARAMETERS}Type mismatch for Index Key {name} Expected: "
                    f"{table.types[name]} Actual: {kind} IndexName: {index.name}"
                )
            if kind in ("S", "B") and not value[kind]:
                raise errors.empty_index_key(kind, index.name, name)
            check_key_value(name, value, is_partition=name == index.partition)


def projected(table: Table, index: Index, item: Item) -> Item:
    """What an index holds of an item."""
    if index.projection == "ALL":
        return item
    names = {*index_key_names(table, index), *index.included}
    return {name: value for name, value in item.items() if name in names}


def get_item(state: Any, table: Table, place: Place) -> Item | None:
    raw = state.get(("item", table.name, *place))
    return None if raw is None else decode_item(raw)


def replace_item(
    state: Any, table: Table, place: Place, old: Item | None, new: Item | None
) -> None:
    """Put ``new`` where ``old`` was (None: nothing), and move its places in the indexes."""
    if new is None:
        state.delete(("item", table.name, *place))
    else:
        state.put(("item", table.name, *place), encode_item(new))
    for index in table.indexes.values():
        before = None if old is None else index_place(table, index, old)
        after = None if new is None else index_place(table, index, new)
        if before == after:
            continue
        if before is not None:
            state.delete(("index", table.name, index.name, *before, *place))
        if after is not None:
            state.put(("index", table.name, index.name, *after, *place), b"")
    if table.ttl_attribute:
        _move_expiry(state, table, place, old, new)


def _move_expiry(
    state: Any, table: Table, place: Place, old: Item | None, new: Item | None
) -> None:
    before, after = (expires_at_s(table, item) for item in (old, new))
    if before == after:
        return
    if before is not None:
        state.delete(("expires", table.name, before, *place))
    if after is not None:
        state.put(("expires", table.name, after, *place), b"")


def expires_at_s(table: Table, item: Item | None) -> int | None:
    """Epoch seconds at which an item expires, if its TTL attribute is a usable number."""
    value = (item or {}).get(table.ttl_attribute, {}).get("N")
    if value is None:
        return None
    at_s = int(float(value))
    return at_s if 0 <= at_s < 1 << 40 else None
