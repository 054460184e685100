"""Projection expressions, key conditions, and the parameters older than expressions."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.dynamodb import legacy
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.key_conditions import KeyRange, SortCondition, compile_key_condition
from pileus.languages.dynamodb.placeholders import Placeholders
from pileus.languages.dynamodb.projections import attributes_to_get, compile_projection

ITEM: dict[str, Any] = {
    "id": {"S": "a"},
    "n": {"N": "5"},
    "doc": {"M": {"x": {"S": "1"}, "l": {"L": [{"N": "0"}, {"N": "1"}, {"M": {"y": {"S": "z"}}}]}}},
    "tags": {"SS": ["a", "b"]},
}
TYPES = {"pk": "S", "sk": "N", "ss": "S"}
VALUES: dict[str, Any] = {
    ":p": {"S": "P"},
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":s": {"S": "S"},
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("id, n", {"id": ITEM["id"], "n": ITEM["n"]}),
        ("#i, gone", {"id": ITEM["id"]}),
        ("doc.x", {"doc": {"M": {"x": {"S": "1"}}}}),
        (
            "doc.l[2].y, doc.l[0]",
            {"doc": {"M": {"l": {"L": [{"N": "0"}, {"M": {"y": {"S": "z"}}}]}}}},
        ),
        ("doc.gone, id.x, doc.l[9]", {}),
    ],
)
def test_projection(text: str, result: dict[str, Any]) -> None:
    names = {"#i": "id"} if "#i" in text else None
    assert compile_projection(text, Placeholders(names))(ITEM) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("id,", 'Syntax error; token: "<EOF>", near: ","'),
        ("name", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "a.b, a",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
        ),
    ],
)
def test_refused_projections(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        compile_projection(text, Placeholders())
    assert caught.value.message == f"Invalid ProjectionExpression: {reason}"


def test_attributes_to_get() -> None:
    assert attributes_to_get(["id", "gone"])(ITEM) == {"id": ITEM["id"]}
    with pytest.raises(InvalidRequest, match="Duplicate value in attribute name: id"):
        attributes_to_get(["id", "id"])


def resolve(text: str) -> KeyRange:
    return compile_key_condition(text, Placeholders(None, VALUES)).resolve("pk", "sk", TYPES)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("pk = :p", None),
        (":p = pk", None),
        ("pk = :p AND sk < :1", SortCondition("<", ({"N": "1"},))),
        ("(pk = :p) AND (:1 < sk)", SortCondition(">", ({"N": "1"},))),
        ("sk BETWEEN :1 AND :2 AND pk = :p", SortCondition("BETWEEN", ({"N": "1"}, {"N": "2"}))),
    ],
)
def test_key_conditions(text: str, sort: SortCondition | None) -> None:
    assert resolve(text) == KeyRange({"S": "P"}, sort)


def test_sort_conditions_accept() -> None:
    between = SortCondition("BETWEEN", ({"N": "1"}, {"N": "10"}))
    assert between.accepts({"N": "9"})
    assert not between.accepts({"N": "11"})
    assert SortCondition("begins_with", ({"S": "a"},)).accepts({"S": "ab"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "pk <> :p",
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: <>",
        ),
        (
            "pk = :p OR sk = :1",
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR",
        ),
        (
            "contains(pk, :p)",
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: contains",
        ),
        (
            "((pk = :p))",
            "Invalid KeyConditionExpression: The expression has redundant parentheses;",
        ),
        ("size(pk) = :1", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.a = :p", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = :p AND pk = :p", "KeyConditionExpressions must only contain one condition per key"),
        ("pk = :p AND sk = :1 AND ss = :s", "Conditions can be of length 1 or 2 only"),
        (":p = :s", "Invalid condition in KeyConditionExpression: No key attribute specified"),
        (
            "pk = sk",
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
        ),
        ("sk = :1", "Query condition missed key schema element: pk"),
        ("pk = :p AND ss = :s", "Query condition missed key schema element: sk"),
        ("pk > :p", "Query key condition not supported"),
        (
            "pk = :1",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
    ],
)
def test_refused_key_conditions(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("EQ", [{"N": "5.0"}], True), ("NE", [{"N": "5"}], False), ("IN", [{"N": "4"}, {"N": "5"}], True),
        ("LT", [{"N": "6"}], True), ("LE", [{"N": "5"}], True), ("GT", [{"N": "5"}], False),
        ("GE", [{"N": "5"}], True), ("BETWEEN", [{"N": "1"}, {"N": "9"}], True),
        ("NULL", [], False), ("NOT_NULL", [], True), ("CONTAINS", [{"N": "5"}], False),
        ("NOT_CONTAINS", [{"N": "5"}], True), ("BEGINS_WITH", [{"S": "5"}], False),
    ],
)  # fmt: skip
def test_legacy_operators(operator: str, values: list[Any], holds: bool) -> None:
    condition = {"n": {"ComparisonOperator": operator, "AttributeValueList": values}}
    assert legacy.compile_filter(condition)(ITEM) is holds


def test_legacy_conditions_join() -> None:
    conditions = {
        "id": {"Value": {"S": "a"}},
        "n": {"Exists": False},
    }
    assert not legacy.compile_expected(conditions)(ITEM)
    assert legacy.compile_expected(conditions, "OR")(ITEM)


WRONG = "One or more parameter values were invalid: "


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"Exists": True}, WRONG + "Value must be provided when Exists is true for Attribute: a"),
        ({}, WRONG + "Value must be provided when Exists is null for Attribute: a"),
        (
            {"Exists": False, "Value": {"S": "x"}},
            WRONG + "Value cannot be used when Exists is false for Attribute: a",
        ),
        (
            {"ComparisonOperator": "EQ", "Exists": True},
            WRONG + "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"AttributeValueList": [{"S": "x"}]},
            WRONG
            + "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"ComparisonOperator": "EQ", "AttributeValueList": []},
            WRONG + "Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"N": "1"}]},
            WRONG + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
    ],
)
def test_refused_expectations(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        legacy.compile_expected({"a": condition})
    assert caught.value.message == message


def test_legacy_updates() -> None:
    update = legacy.compile_attribute_updates(
        {
            "n": {"Action": "ADD", "Value": {"N": "2"}},
            "tags": {"Action": "DELETE", "Value": {"SS": ["a"]}},
            "id": {"Action": "DELETE"},
            "new": {"Value": {"S": "x"}},
            "list": {"Action": "ADD", "Value": {"L": [{"S": "x"}]}},
        }
    )
    assert update.apply(ITEM) == {
        "n": {"N": "7"},
        "doc": ITEM["doc"],
        "tags": {"SS": ["b"]},
        "new": {"S": "x"},
        "list": {"L": [{"S": "x"}]},
    }


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (
            {"Action": "PUT"},
            WRONG + "Only DELETE action is allowed when no attribute value is specified",
        ),
        (
            {"Action": "ADD", "Value": {"S": "x"}},
            WRONG + "ADD action is not supported for the type S",
        ),
        (
            {"Action": "DELETE", "Value": {"S": "x"}},
            WRONG + "DELETE action with value is not supported for the type S",
        ),
        ({"Action": "ADD", "Value": {"N": "1"}}, "Type mismatch for attribute to update"),
    ],
)
def test_refused_legacy_updates(update: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        legacy.compile_attribute_updates({"id": update}).apply(ITEM)
    assert caught.value.message == message


def test_legacy_key_conditions() -> None:
    conditions = {
        "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "P"}]},
        "sk": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "1"}]},
    }
    resolved = legacy.compile_key_conditions(conditions).resolve("pk", "sk", TYPES)
    assert resolved == KeyRange({"S": "P"}, SortCondition(">=", ({"N": "1"},)))
    with pytest.raises(InvalidRequest, match="not an indexable operation"):
        legacy.compile_key_conditions({"pk": {"ComparisonOperator": "NOT_NULL"}})


def test_the_two_kinds_do_not_mix() -> None:
    with pytest.raises(InvalidRequest) as caught:
        legacy.check_not_mixed(["Expected"], ["ConditionExpression"])
    assert caught.value.message == (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"
    )
