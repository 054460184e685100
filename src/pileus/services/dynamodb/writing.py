"""Put, update and delete of one item; the operations and transactions share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.languages.dynamodb.attribute_values import Item, check_item_size, validated_item
from pileus.languages.dynamodb.legacy import compile_attribute_updates
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.updates import Update, compile_update
from pileus.services.dynamodb import errors, requests, store, streams
from pileus.services.dynamodb.model import Table


@dataclass(frozen=True, slots=True)
class Written:
    """The item before and after; ``update`` where an update made the difference."""

    old: Item | None
    new: Item | None
    update: Update | None = None


def _replace(
    call: WriteCall, table: Table, place: store.Place, old: Item | None, new: Item | None
) -> None:
    store.replace_item(call.state, table, place, old, new)
    streams.note(call, table, old, new)


def put(call: WriteCall, table: Table, request: Mapping[str, Any]) -> Written:
    """Replace the whole item, if the condition holds."""
    item = validated_item(request["Item"])
    given = requests.placeholders(request)
    test = requests.condition(request, given)
    given.check_all_used()
    place = store.place_of(table, item, is_key_only=False)
    store.check_index_keys(table, item)
    check_item_size(item)
    old = store.get_item(call.state, table, place)
    requests.check(test, old, request)
    _replace(call, table, place, old, item)
    return Written(old, item)


def delete(call: WriteCall, table: Table, request: Mapping[str, Any]) -> Written:
    """Remove the item, if the condition holds; one that is not there is no error."""
    given = requests.placeholders(request)
    test = requests.condition(request, given)
    given.check_all_used()
    place = store.place_of(table, validated_item(request["Key"]), is_key_only=True)
    old = store.get_item(call.state, table, place)
    requests.check(test, old, request)
    if old is not None:
        _replace(call, table, place, old, None)
    return Written(old, None)


def update(call: WriteCall, table: Table, request: Mapping[str, Any]) -> Written:
    """Change attributes of the item, or make it, if the condition holds."""
    given = requests.placeholders(request)
    change = _compiled_update(request, given)
    test = requests.condition(request, given)
    given.check_all_used()
    key = validated_item(request["Key"])
    place = store.place_of(table, key, is_key_only=True)
    if change is not None:
        for name in table.key_names:
            if name in change.names:
                raise errors.invalid_parameter(
                    f"Cannot update attribute {name}. This attribute is part of the key"
                )
    old = store.get_item(call.state, table, place)
    requests.check(test, old, request)
    base = old if old is not None else key
    new = base if change is None else change.apply(base)
    _check_updated_keys(table, new, change)
    check_item_size(new, "Item size to update")
    _replace(call, table, place, old, new)
    return Written(old, new, change)


def _check_updated_keys(table: Table, item: Item, change: Update | None) -> None:
    """Raise for an index key that the update changed to what it cannot be."""
    if change is None or not table.indexes:
        return
    for name in change.names:
        kind, value = table.types.get(name), item.get(name)
        if kind in ("S", "B") and value is not None and value.get(kind) in ("", b""):
            raise errors.empty_update_of_index_key(kind)
    store.check_index_keys(table, item, change.names)


def check_expressions(kind: str, request: Mapping[str, Any]) -> None:
    """Raise what is wrong with an action's expressions, whatever the item."""
    given = requests.placeholders(request)
    if kind == "Update":
        _compiled_update(request, given)
    requests.condition(request, given)
    given.check_all_used()


def _compiled_update(request: Mapping[str, Any], given: Placeholders) -> Update | None:
    if request.get("AttributeUpdates"):
        return compile_attribute_updates(request["AttributeUpdates"])
    text = request.get("UpdateExpression")
    return None if text is None else compile_update(text, given)


def condition_check(call: WriteCall, table: Table, request: Mapping[str, Any]) -> Written:
    """Check a condition and change nothing (TransactWriteItems)."""
    given = requests.placeholders(request)
    test = requests.condition(request, given)
    given.check_all_used()
    place = store.place_of(table, validated_item(request["Key"]), is_key_only=True)
    old = store.get_item(call.state, table, place)
    requests.check(test, old, request)
    return Written(old, old)
