"""Update expressions: every clause, and the sentences of refusal."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.updates import Update, compile_update

ITEM: dict[str, Any] = {
    "id": {"S": "a1"},
    "n": {"N": "5"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"M": {"x": {"S": "y"}}}]},
    "m": {"M": {"a": {"N": "1"}}},
    "tags": {"SS": ["red", "blue"]},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":s": {"S": "text"},
    ":list": {"L": [{"S": "z"}]},
    ":red": {"SS": ["red"]},
    ":both": {"SS": ["red", "blue"]},
    ":green": {"SS": ["green", "red"]},
    ":map": {"M": {}},
}


def compiled(text: str) -> Update:
    return compile_update(text, Placeholders({"#name": "name"}, VALUES))


def updated(text: str) -> dict[str, Any]:
    before = copy.deepcopy(ITEM)
    after = compiled(text).apply(ITEM)
    assert before == ITEM, "the old item must stay as it was"
    return {name: after.get(name) for name in {*ITEM, *after} if after.get(name) != ITEM.get(name)}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("SET n = :one", {"n": {"N": "1"}}),
        ("set #name = :s, n = n + :one", {"name": {"S": "text"}, "n": {"N": "6"}}),
        ("SET n = :one - n", {"n": {"N": "-4"}}),
        ("SET n = (n + :one)", {"n": {"N": "6"}}),
        ("SET a = n, n = :one", {"a": {"N": "5"}, "n": {"N": "1"}}),
        ("SET a = if_not_exists(a, :s)", {"a": {"S": "text"}}),
        ("SET n = if_not_exists(n, :one) + :one", {"n": {"N": "6"}}),
        ("SET m.b = :s", {"m": {"M": {"a": {"N": "1"}, "b": {"S": "text"}}}}),
        ("SET l[2].x = :s", {"l": {"L": ITEM["l"]["L"][:2] + [{"M": {"x": {"S": "text"}}}]}}),
        ("SET l[9] = :s, l[8] = :one", {"l": {"L": [*ITEM["l"]["L"], {"N": "1"}, {"S": "text"}]}}),
        ("SET l = list_append(:list, l)", {"l": {"L": [{"S": "z"}, *ITEM["l"]["L"]]}}),
        ("REMOVE n, m.a, gone", {"n": None, "m": {"M": {}}}),
        ("REMOVE l[0], l[1], l[7]", {"l": {"L": ITEM["l"]["L"][2:]}}),
        ("REMOVE l[0], l[2].x", {"l": {"L": [{"N": "1"}, {"M": {}}]}}),
        ("ADD n :one, count_ :one", {"n": {"N": "6"}, "count_": {"N": "1"}}),
        ("ADD tags :green", {"tags": {"SS": ["red", "blue", "green"]}}),
        ("ADD fresh :red", {"fresh": {"SS": ["red"]}}),
        ("DELETE tags :red", {"tags": {"SS": ["blue"]}}),
        ("DELETE tags :both, gone :red", {"tags": None}),
        (
            "SET a = :s REMOVE n ADD m.a :one",
            {"a": {"S": "text"}, "n": None, "m": {"M": {"a": {"N": "2"}}}},
        ),
    ],
)
def test_applies(text: str, changes: dict[str, Any]) -> None:
    assert updated(text) == changes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "SET a = gone",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        ("SET a = id + :one", "An operand in the update expression has an incorrect data type"),
        (
            "SET a = list_append(n, :list)",
            "An operand in the update expression has an incorrect data type",
        ),
        ("ADD id :one", "An operand in the update expression has an incorrect data type"),
        ("DELETE n :red", "An operand in the update expression has an incorrect data type"),
        (
            "SET gone.x = :s",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET n[0] = :s",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "REMOVE gone.x",
            "The document path provided in the update expression is invalid for update",
        ),
    ],
)
def test_refuses_items(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        compiled(text).apply(ITEM)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("PUT a = :s", 'Syntax error; token: "PUT", near: "PUT a"'),
        ("SET a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("SET a = :s,", 'Syntax error; token: "<EOF>", near: ","'),
        ("SET a = :s, REMOVE n", 'Syntax error; token: "REMOVE", near: ", REMOVE n"'),
        ("ADD a b", 'Syntax error; token: "b", near: "a b"'),
        ("SET name = :s", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("SET a = size(n)", "Invalid function name; function: size"),
        (
            "SET a = :s SET b = :s",
            'The "SET" section can only be used once in an update expression;',
        ),
        (
            "SET #no = :s",
            "An expression attribute name used in the document path is not defined; attribute name: #no",
        ),
        (
            "SET a = :no",
            "An expression attribute value used in expression is not defined; attribute value: :no",
        ),
        (
            "SET a = :s, a.b = :s",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
        ),
        (
            "SET a.b = :s REMOVE a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
        ),
        (
            "ADD a :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :one",
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
        (
            "SET a = n + :s",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET a = list_append(l, :s)",
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "SET a = if_not_exists(a)",
            "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
        ),
        (
            "SET a = if_not_exists(:s, :s)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        compiled(text)
    assert caught.value.message == f"Invalid UpdateExpression: {reason}"


def test_what_an_update_touches() -> None:
    update = compiled("SET m.b = :s REMOVE l[0] ADD n :one")
    assert update.names == {"m", "l", "n"}
    assert update.touched(ITEM) == {"l": {"L": [{"N": "0"}]}, "n": {"N": "5"}}
    assert update.touched(update.apply(ITEM))["m"] == {"M": {"b": {"S": "text"}}}


def test_sums_stay_exact_and_in_range() -> None:
    big = {"n": {"N": "9" * 38}}
    update = compile_update("ADD n :v", Placeholders(None, {":v": {"N": "1"}}))
    assert update.apply(big)["n"]["N"] == "1" + "0" * 38
    with pytest.raises(InvalidRequest, match="more than 38 significant digits"):
        update.apply({"n": {"N": "1" + "0" * 38}})
    overflow = compile_update("SET n = n + n", Placeholders())
    with pytest.raises(InvalidRequest, match="Number overflow"):
        overflow.apply({"n": {"N": "9" + "0" * 125}})
