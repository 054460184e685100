"""Attribute values: what is legal, how large, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.dynamodb.attribute_values import (
    check_key_value,
    item_size_bytes,
    order_key,
    validated,
    validated_item,
    value_size_bytes,
)
from pileus.languages.dynamodb.errors import InvalidRequest
from pileus.languages.dynamodb.reserved_words import RESERVED_WORDS


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("0", "0"), ("-0.0", "0"), ("007", "7"), ("1.50", "1.5"), ("1e3", "1000"),
        ("-1.5E-3", "-0.0015"), ("+4", "4"), (".5", "0.5"), ("1" + "0" * 60, "1" + "0" * 60),
        ("9.9E125", "99" + "0" * 124), ("1E-130", "0." + "0" * 129 + "1"),
    ],
)  # fmt: skip
def test_numbers_in_normal_form(text: str, normal: str) -> None:
    assert validated({"N": text}) == {"N": normal}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


WRONG = "One or more parameter values were invalid: "


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
        ({"N": ""}, "The parameter cannot be converted to a numeric value"),
        ({"N": "abc"}, "The parameter cannot be converted to a numeric value: abc"),
        ({"N": "NaN"}, "The parameter cannot be converted to a numeric value: NaN"),
        ({"N": "1_0"}, "The parameter cannot be converted to a numeric value: 1_0"),
        (
            {"N": "1e126"},
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            {"N": "1e-131"},
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"SS": []}, WRONG + "An string set  may not be empty"),
        ({"NS": []}, WRONG + "An number set  may not be empty"),
        ({"BS": []}, WRONG + "Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, WRONG + "Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        (
            {"BS": [b"\6", b"\6"]},
            WRONG + "Input collection [Bg==, Bg==]of type BS contains duplicates.",
        ),
        ({"NULL": False}, WRONG + "Null attribute value types must have the value of true"),
        ({"L": [{"N": "x"}]}, "The parameter cannot be converted to a numeric value: x"),
        (nested(33), "Nesting Levels have exceeded supported limits"),
    ],
)
def test_refusals(value: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validated(value)
    assert caught.value.message == message


def test_the_deepest_value_allowed() -> None:
    assert validated(nested(32)) == nested(32)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2), ({"N": "0"}, 1), ({"N": "12"}, 2), ({"N": "1.2"}, 3), ({"N": "-123"}, 4),
        ({"B": b"abc"}, 3), ({"BOOL": False}, 1), ({"NULL": True}, 1), ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "12"]}, 4), ({"L": []}, 3), ({"L": [{"S": "a"}]}, 5),
        ({"M": {"k": {"S": "ab"}}}, 7),
    ],
)  # fmt: skip
def test_sizes(value: dict[str, Any], size: int) -> None:
    assert value_size_bytes(value) == size


def test_items_hold_400_kilobytes() -> None:
    full = {"id": {"S": "x" * (400 * 1024 - 2)}}
    assert item_size_bytes(validated_item(full)) == 400 * 1024
    with pytest.raises(InvalidRequest, match="Item size has exceeded the maximum allowed size"):
        validated_item({"idx": full["id"]})


def test_order_keys_sort_as_values() -> None:
    numbers = ["-1e125", "-100.5", "-100", "-99", "-1", "-0.5", "-1e-130", "0", "1e-130", "0.5",
               "1", "1.2", "1.25", "1.3", "9", "10", "99.99", "100", "1e125"]  # fmt: skip
    keys = [order_key({"N": number}) for number in numbers]
    assert keys == sorted(keys)
    assert order_key({"N": "1.0"}) == order_key({"N": "1"})
    assert order_key({"S": "é"}) == "é".encode()
    assert order_key({"B": b"\xff"}) == b"\xff"
    with pytest.raises(ValueError, match="not a key type: BOOL"):
        order_key({"BOOL": True})


def test_key_values_have_lengths() -> None:
    check_key_value("id", {"S": "x" * 2048}, is_partition=True)
    with pytest.raises(InvalidRequest, match="maximum size limit of2048 bytes"):
        check_key_value("id", {"S": "x" * 2049}, is_partition=True)
    with pytest.raises(InvalidRequest, match="size limit of 1024 bytes"):
        check_key_value("id", {"B": b"x" * 1025}, is_partition=False)
    with pytest.raises(InvalidRequest, match="cannot contain an empty string value"):
        check_key_value("id", {"S": ""}, is_partition=True)


def test_all_reserved_words_are_there() -> None:
    assert len(RESERVED_WORDS) == 573
    assert {"ABORT", "NAME", "STATUS", "FLATTERN", "ZONE"} <= RESERVED_WORDS
