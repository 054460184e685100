"""Condition and filter expressions: meaning, and the sentences of refusal."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.dynamodb.conditions import compile_condition
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.placeholders import Placeholders

ITEM: dict[str, Any] = {
    "id": {"S": "a1"},
    "age": {"N": "30"},
    "bits": {"B": b"\x01\x02"},
    "ok": {"BOOL": True},
    "none": {"NULL": True},
    "tags": {"SS": ["red", "blue"]},
    "nums": {"NS": ["1", "2"]},
    "doc": {"M": {"parts": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}]}}},
    "name": {"S": "Ann"},
}
NAMES = {"#n": "name", "#d": "doc"}
VALUES: dict[str, Any] = {
    ":id": {"S": "a1"},
    ":a": {"S": "a"},
    ":30": {"N": "30.0"},
    ":20": {"N": "20"},
    ":40": {"N": "40"},
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":red": {"S": "red"},
    ":deep": {"S": "deep"},
    ":S": {"S": "S"},
    ":tags": {"SS": ["blue", "red"]},
    ":b": {"B": b"\x01"},
    ":t": {"BOOL": True},
    ":list": {"L": [{"N": "1.0"}, {"M": {"x": {"S": "deep"}}}]},
    ":x": {"S": "x"},
    ":zz": {"S": "zz"},
}


def check(text: str, item: dict[str, Any] = ITEM) -> bool:
    return compile_condition(text, Placeholders(NAMES, VALUES))(item)


@pytest.mark.parametrize(
    "text",
    [
        "id = :id",
        "id <> :a",
        "absent <> :a",
        "age = :30",
        "age < :40 AND age > :20",
        "age <= :30 and age >= :30",
        "age BETWEEN :20 AND :40",
        "age BETWEEN :20 AND :40 AND id = :id",
        "id IN (:a, :id)",
        "NOT id = :a",
        "NOT NOT id = :id",
        "id = :a OR age = :30",
        "id = :a AND id = :a OR age = :30",
        "age = :30 OR id = :a AND id = :a",
        "(id = :a OR age = :30) AND ok = :t",
        "(id) = (:id)",
        "attribute_exists(doc.#n) OR attribute_exists(#d.parts[1].x)",
        "attribute_not_exists(absent)",
        "attribute_not_exists(doc.parts[7])",
        "attribute_type(id, :S)",
        "begins_with(id, :a)",
        "begins_with(bits, :b)",
        "contains(tags, :red)",
        "contains(nums, :1)",
        "contains(doc.parts, :1)",
        "contains(id, :a)",
        "size(tags) = :2",
        "size(id) = size(bits)",
        "size(doc.parts) >= :2",
        "tags = :tags",
        "doc.parts = :list",
        "doc.parts[0] = :1",
        "doc . parts [ 1 ] . x = :deep",
        "ok = :t",
        "#n > :a OR id = :id",
        "NOT (age < :20)",
    ],
)
def test_holds(text: str) -> None:
    assert check(text)


@pytest.mark.parametrize(
    "text",
    [
        "absent = :a",
        "absent < :a",
        "id < :20",
        "age = :id",
        "age > :30",
        "size(age) = :1 OR size(absent) = :1",
        "attribute_exists(absent)",
        "begins_with(age, :a)",
        "contains(absent, :a)",
        "contains(age, :a)",
        "absent IN (:a)",
        "absent BETWEEN :20 AND :40",
        "NOT id = :id",
    ],
)
def test_does_not_hold(text: str) -> None:
    assert not check(text)


def test_an_absent_item_is_an_empty_one() -> None:
    assert check("attribute_not_exists(id)", {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("id = 4", 'Syntax error; token: "4", near: "= 4"'),
        ("id = ", 'Syntax error; token: "<EOF>", near: "="'),
        ("id == :a", 'Syntax error; token: "=", near: "== :a"'),
        ("id", 'Syntax error; token: "<EOF>", near: "id"'),
        ("a-b = :a", 'Syntax error; token: "-", near: "a-b"'),
        ("id = :a AND", 'Syntax error; token: "<EOF>", near: "AND"'),
        ("_id = :a", 'Syntax error; token: "_id", near: "_id ="'),
        ("((id = :a))", "The expression has redundant parentheses;"),
        ("((id)) = :a", "The expression has redundant parentheses;"),
        ("exists(id)", "Invalid function name; function: exists"),
        ("Contains(id, :a)", "Invalid function name; function: Contains"),
        (
            "contains(id, :a) = :a",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        (
            "size(id)",
            "The function is not allowed to be used this way in an expression; function: size",
        ),
        (
            "name = :a",
            "Attribute name is a reserved keyword; reserved keyword: name",
        ),
        (
            "id.Status = :a",
            "Attribute name is a reserved keyword; reserved keyword: Status",
        ),
        (
            "#nope = :a",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "id = :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        (
            "attribute_exists(id, :a)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "attribute_exists(:a)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(id, :1)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "size(:1) = :1",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "id < :t",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "attribute_type(id, :x)",
            "Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "id = id",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [id]",
        ),
        (
            "age BETWEEN :40 AND :20",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:40}, upper bound operand: AttributeValue: {N:20}",
        ),
        (
            "age BETWEEN :a AND :20",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:20}",
        ),
        (
            "id = :a" + " " * 5000,
            "Expression size has exceeded the maximum allowed size; expression size: 5007",
        ),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        compile_condition(text, Placeholders(NAMES, VALUES), kind="FilterExpression")
    assert caught.value.code == "ValidationException"
    assert caught.value.message == f"Invalid FilterExpression: {reason}"


def test_unused_placeholders_are_refused() -> None:
    placeholders = Placeholders({"#n": "name", "#u": "x"}, {":a": {"S": "a"}})
    compile_condition("#n = :a", placeholders)
    with pytest.raises(InvalidRequest) as caught:
        placeholders.check_all_used()
    assert caught.value.message == (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}"
    )
    values = Placeholders(None, {":x": {"S": "a"}, ":y": {"S": "a"}})
    with pytest.raises(InvalidRequest) as caught:
        values.check_all_used()
    assert caught.value.message == (
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x, :y}"
    )


@pytest.mark.parametrize(
    ("names", "values", "has_expressions", "message"),
    [
        ({}, None, True, "ExpressionAttributeNames must not be empty"),
        (None, {}, True, "ExpressionAttributeValues must not be empty"),
        (
            {"#a": "a"},
            None,
            False,
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            {"a": "a"},
            None,
            True,
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
        ),
        (
            None,
            {"a": {"S": "a"}},
            True,
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
        ),
        (
            None,
            {":a": {}},
            True,
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, "
            "must contain exactly one of the supported datatypes for key :a",
        ),
    ],
)
def test_bad_placeholders(names: Any, values: Any, has_expressions: bool, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Placeholders(names, values, has_expressions=has_expressions)
    assert caught.value.message == message
