"""TransactWriteItems and TransactGetItems.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.languages.dynamodb.attribute_values import validated_item
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
        known = call.state.get(("token", token))
        if known is not None:
            if known != digest:
                raise errors.token_mismatch()
            return {}
    actions = _checked(call, request["TransactItems"])
    written = _write_all(call, actions)
    if token:
        until_ms = call.now_ms + LIMITS.token_s * 1000
        call.state.put(("token", token), digest)
        call.state.put(("token_until", until_ms, token), b"")
    units: dict[str, float] = {}
    for (_, table, _), change in zip(actions, written, strict=True):
        cost = capacity.write_units(change.old, change.new, is_transactional=True)
        units[table.name] = units.get(table.name, 0.0) + cost
    used = [c for n, u in units.items() for c in capacity.consumed(request, n, u).values()]
    return {"ConsumedCapacity": used} if used else {}


def _forget_tokens(call: WriteCall) -> None:
    until = ("token_until", call.now_ms)
    for key, _ in call.state.range(("token_until",), stop=until, limit=_EXPIRED_PER_CALL):
        call.state.delete(key)
        call.state.delete(("token", key[2]))


Action = tuple[str, Table, Mapping[str, Any]]


def _checked(call: WriteCall, items: list[Mapping[str, Any]]) -> list[Action]:
    """The actions, each on an item of its own."""
    actions: list[Action] = []
    seen: set[tuple[str, store.Place]] = set()
    for item in items:
        kinds = [kind for kind in _ACTS if item.get(kind)]
        if len(kinds) != 1:
            raise errors.invalid(
                "TransactItems can only contain one of Check, Put, Update or Delete"
            )
        kind = kinds[0]
        given = item[kind]
        table = store.find_table(call.state, given["TableName"])
        key = given["Item"] if kind == "Put" else given["Key"]
        place = store.place_of(table, validated_item(key), is_key_only=kind != "Put")
        if (table.name, place) in seen:
            raise errors.invalid(
                "Transaction request cannot include multiple operations on one item"
            )
        seen.add((table.name, place))
        actions.append((kind, table, given))
    return actions


def _write_all(call: WriteCall, actions: list[Action]) -> list[writing.Written]:
    """Raises TransactionCanceledException with a reason for each action if any one fails."""
    reasons: list[dict[str, Any]] = []
    written: list[writing.Written] = []
    for kind, table, given in actions:
        try:
            written.append(_ACTS[kind](call.state, table, given))
            reasons.append({"Code": "None"})
        except ServiceError as error:
            if error.code == "ConditionalCheckFailedException":
                reason = {"Code": "ConditionalCheckFailed", "Message": error.message}
            else:
                reason = {"Code": "ValidationError", "Message": error.message}
            reasons.append({**reason, **error.fields})
    if len(written) < len(actions):
        raise errors.transaction_cancelled(reasons)
    return written


@read
def transact_get_items(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Items as they are at one moment."""
    responses: list[dict[str, Any]] = []
    units: dict[str, float] = {}
    for each in request["TransactItems"]:
        given = each["Get"]
        held = requests.placeholders(given)
        project = requests.projection(given, held)
        held.check_all_used()
        table = store.find_table(call.state, given["TableName"])
        place = store.place_of(table, validated_item(given["Key"]), is_key_only=True)
        item = store.get_item(call.state, table, place)
        size = len(orjson.dumps(item, default=str)) if item else 0
        cost = capacity.read_units(size, is_consistent=True, is_transactional=True)
        units[table.name] = units.get(table.name, 0.0) + cost
        if item is None:
            responses.append({})
        else:
            responses.append({"Item": item if project is None else project(item)})
    used = [c for n, u in units.items() for c in capacity.consumed(request, n, u).values()]
    return {"Responses": responses, **({"ConsumedCapacity": used} if used else {})}
