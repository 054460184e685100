"""TransactWriteItems and TransactGetItems.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.dynamodb.attribute_values import Item, item_size_bytes, validated_item
from pileus.languages.dynamodb.errors import EmptyKey
from pileus.services.dynamodb import capacity, errors, requests, store, writing
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Table
from pileus.values.errors import ServiceError

_ACTS: dict[str, Callable[[Any, Table, Mapping[str, Any]], writing.Written]] = {
    "Put": writing.put,
    "Update": writing.update,
    "Delete": writing.delete,
    "ConditionCheck": writing.condition_check,
}
_EXPIRED_PER_CALL = 10


@write
def transact_write_items(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """All of the writes or none; the same client token within ten minutes acts once."""
    token = request.get("ClientRequestToken")
    digest = b""
    if token:
        digest = hashlib.sha256(msgspec.msgpack.encode(request["TransactItems"])).digest()
        _forget_tokens(call)
        known = _known_token(call, token)
        if known is not None and known[0] > call.now_ms:
            if known[1] != digest:
                raise errors.token_mismatch()
            return {}
    actions = _checked(call, request["TransactItems"])
    written = _write_all(call, actions)
    if token:
        until_ms = call.now_ms + LIMITS.token_s * 1000
        call.state.put(("token", token), b"%d/%b" % (until_ms, digest))
        call.state.put(("token_until", until_ms, token), b"")
    return _told(request, actions, written)


def _told(
    request: Mapping[str, Any], actions: list[Action], written: list[writing.Written]
) -> dict[str, Any]:
    """Consumed capacity and metrics of item collections, by table, where asked for."""
    output: dict[str, Any] = {}
    tables = {table.name: table for _, table, _ in actions}
    pairs = list(zip(actions, written, strict=True))
    if capacity.is_wanted(request):
        output["ConsumedCapacity"] = []
    for name, table in tables.items():
        mine = [(given, done) for (_, owner, given), done in pairs if owner.name == name]
        if capacity.is_wanted(request):
            costs = capacity.total(
                capacity.write_costs(table, done.old, done.new, is_transactional=True)
                for _, done in mine
            )
            told = capacity.consumed(request, table, costs, "WriteCapacityUnits")
            output["ConsumedCapacity"] += told.values()
        for given, _ in mine:
            metrics = capacity.collection(request, table, given.get("Item") or given["Key"])
            if metrics is not None:
                held = output.setdefault("ItemCollectionMetrics", {}).setdefault(name, [])
                if metrics not in held:
                    held.append(metrics)
    return output


def _forget_tokens(call: WriteCall) -> None:
    until = ("token_until", call.now_ms)
    for key, _ in call.state.range(("token_until",), stop=until, limit=_EXPIRED_PER_CALL):
        call.state.delete(key)
        known = _known_token(call, str(key[2]))
        # The token may have been used again since.
        if known is not None and known[0] == key[1]:
            call.state.delete(("token", key[2]))


def _known_token(call: WriteCall, token: str) -> tuple[int, bytes] | None:
    """Until when a token is known, and the digest of what it was used for."""
    raw = call.state.get(("token", token))
    if raw is None:
        return None
    until, _, digest = raw.partition(b"/")
    return int(until), digest


Action = tuple[str, Table, Mapping[str, Any]]


def _checked(call: WriteCall, items: list[Mapping[str, Any]]) -> list[Action]:
    """The actions, each on an item of its own.

    Raises what is wrong with the request itself, and TransactionCanceledException for keys that
    are not those of their tables.
    """
    actions: list[Action] = []
    seen: set[tuple[str, store.Place]] = set()
    reasons: list[dict[str, Any]] = []
    for item in items:
        kinds = [kind for kind in _ACTS if item.get(kind)]
        if len(kinds) != 1:
            raise errors.invalid(
                "TransactItems can only contain one of Check, Put, Update or Delete"
            )
        kind = kinds[0]
        given = item[kind]
        writing.check_expressions(kind, given)
        table = store.find_table(call.state, given["TableName"])
        key = validated_item(given["Item"] if kind == "Put" else given["Key"])
        place, reason = _place(table, key, is_key_only=kind != "Put")
        reasons.append(reason)
        if place is not None and (table.name, place) in seen:
            raise errors.invalid(
                "Transaction request cannot include multiple operations on one item"
            )
        if place is not None:
            seen.add((table.name, place))
        actions.append((kind, table, given))
    if any(reason["Code"] != "None" for reason in reasons):
        raise errors.transaction_cancelled(reasons)
    return actions


def _place(
    table: Table, key: Item, *, is_key_only: bool
) -> tuple[store.Place | None, dict[str, Any]]:
    """Where an action acts, and the reason for cancelling that its key is."""
    try:
        return store.place_of(table, key, is_key_only=is_key_only), {"Code": "None"}
    except EmptyKey:
        raise
    except ServiceError as error:
        return None, {"Code": "ValidationError", "Message": error.message}


def _write_all(call: WriteCall, actions: list[Action]) -> list[writing.Written]:
    """Raises TransactionCanceledException with a reason for each action if any one fails."""
    reasons: list[dict[str, Any]] = []
    written: list[writing.Written] = []
    for kind, table, given in actions:
        try:
            written.append(_ACTS[kind](call, table, given))
            reasons.append({"Code": "None"})
        except EmptyKey:
            raise
        except ServiceError as error:
            if error.code == "ConditionalCheckFailedException":
                reason = {"Code": "ConditionalCheckFailed", "Message": error.message}
            else:
                reason = {"Code": "ValidationError", "Message": error.message}
            reasons.append({**reason, **error.fields})
    if len(written) < len(actions):
        raise errors.transaction_cancelled(reasons)
    size = sum(item_size_bytes(done.new or done.old or {}) for done in written)
    if size > LIMITS.transaction_bytes_max:
        raise errors.invalid("The aggregate size of the items in the transaction exceeds 4 MB")
    return written


@read
def transact_get_items(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Items as they are at one moment."""
    responses: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    units: dict[str, float] = {}
    tables: dict[str, Table] = {}
    for each in request["TransactItems"]:
        given = each["Get"]
        held = requests.placeholders(given)
        project = requests.projection(given, held)
        held.check_all_used()
        table = store.find_table(call.state, given["TableName"])
        tables[table.name] = table
        place, reason = _place(table, validated_item(given["Key"]), is_key_only=True)
        reasons.append(reason)
        item = None if place is None else store.get_item(call.state, table, place)
        size = item_size_bytes(item) if item else 0
        cost = capacity.read_units(size, is_consistent=True, is_transactional=True)
        units[table.name] = units.get(table.name, 0.0) + cost
        if item is None:
            responses.append({})
        else:
            responses.append({"Item": item if project is None else project(item)})
    if any(reason["Code"] != "None" for reason in reasons):
        raise errors.transaction_cancelled(reasons)
    used = [
        told
        for name, table in tables.items()
        for told in capacity.consumed(
            request, table, {"": units[name]}, "ReadCapacityUnits"
        ).values()
    ]
    return {"Responses": responses, **({"ConsumedCapacity": used} if used else {})}
