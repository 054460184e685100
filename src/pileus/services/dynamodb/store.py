"""Where tables and items lie.

``table, name``                                       Table
``item, table, partition, sort``                      an item in wire form, msgpack
``index, table, index, partition, sort, item's key``  an item's place in an index
``expires, table, at_s, item's key``                  items with a time to live
``token, token``                                      digest and answer of a transaction, ten minutes
``token_until, expires_ms, token``                    the same in order of expiry

Partition and sort are order-preserving bytes of the key values.
"""

from __future__ import annotations

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
from pileus.services.dynamodb import errors
from pileus.services.dynamodb.model import Index, Table

TABLES = RecordCodec(Table)
_VERSION = b"\1"
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

    Raises:
        InvalidRequest: an index key has another type than the table says.
    """
    parts = []
    for name in (index.partition, index.sort):
        if not name:
            continue
        value: AttributeValue | None = item.get(name)
        if value is None:
            return None
        if type_of(value) != table.types[name]:
            raise errors.invalid_parameter(
                f"Type mismatch for Index Key {name} Expected: {table.types[name]} "
                f"Actual: {type_of(value)} IndexName: {index.name}"
            )
        check_key_value(name, value, is_partition=name == index.partition)
        parts.append(order_key(value))
    return (parts[0], parts[1] if index.sort else b"")


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
