"""Filter policies: the operators and limits of the SNS developer guide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.languages.filter_policy import InvalidFilterPolicy, compile_filter_policy

ATTRIBUTES = {
    "store": {"DataType": "String", "StringValue": "example_corp"},
    "price": {"DataType": "Number", "StringValue": "210.75"},
    "zip": {"DataType": "String", "StringValue": "210"},
    "interests": {"DataType": "String.Array", "StringValue": '["soccer", "rugby", true, 5]'},
    "broken": {"DataType": "String.Array", "StringValue": "[soccer"},
    "blob": {"DataType": "Binary", "BinaryValue": b"x"},
    "source_ip": {"DataType": "String", "StringValue": "10.0.0.77"},
}


@pytest.mark.parametrize(
    ("policy", "accepted"),
    [
        ({}, True),
        ({"store": ["example_corp"]}, True),
        ({"store": [{"anything-but": ["a", 5]}]}, True),
        ({"store": [{"anything-but": {"prefix": "example"}}]}, False),
        ({"store": [{"prefix": "ex"}], "price": [{"numeric": [">", 200, "<", 300]}]}, True),
        ({"store": [{"suffix": "corp"}]}, True),
        ({"store": [{"equals-ignore-case": "EXAMPLE_CORP"}]}, True),
        ({"price": [210.75]}, True),
        ({"price": ["210.75"]}, False),
        ({"zip": [210]}, False),
        ({"interests": ["rugby"]}, True),
        ({"interests": [True]}, True),
        ({"interests": [5]}, True),
        ({"interests": ["chess"]}, False),
        ({"broken": [{"exists": True}]}, False),
        ({"blob": [{"exists": True}]}, False),
        ({"absent": [{"exists": False}]}, True),
        ({"source_ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"$or": [{"store": ["x"]}, {"zip": ["210"]}]}, True),
    ],
    ids=str,
)
def test_attributes(policy: dict[str, Any], accepted: bool) -> None:
    assert compile_filter_policy(policy)("", ATTRIBUTES) is accepted


def test_the_body_may_nest() -> None:
    accepts = compile_filter_policy(
        {"store": ["a"], "item": {"size": [{"numeric": [">=", 2]}]}}, "MessageBody"
    )
    assert accepts(json.dumps({"store": "a", "item": [{"size": 1}, {"size": 3}]}), {})
    assert not accepts(json.dumps({"store": "a"}), {})
    assert not accepts("plain text", {})
    assert not accepts("[1]", {})


@pytest.mark.parametrize(
    ("policy", "scope", "reason"),
    [
        ('{"a": "x"}', "MessageAttributes", 'FilterPolicy: "a" must be an object or an array'),
        ('{"a": []}', "MessageAttributes", "FilterPolicy: Empty arrays are not allowed"),
        (
            '{"a": {"b": ["x"]}}',
            "MessageAttributes",
            "Filter policy scope MessageAttributes does not support nested filter policy",
        ),
        (
            json.dumps({f"k{i}": ["x"] for i in range(6)}),
            "MessageAttributes",
            "FilterPolicy: Filter policy can not have more than 5 keys",
        ),
        (
            json.dumps({"a": list(range(13)), "b": list(range(12))}),
            "MessageAttributes",
            "FilterPolicy: Filter policy is too complex",
        ),
        (
            json.dumps({"a": {"b": {"c": list(range(51))}}}),
            "MessageBody",
            "FilterPolicy: Filter policy is too complex",
        ),
        (
            '{"a": [{"numeric": [">", 2000000000]}]}',
            "MessageAttributes",
            "FilterPolicy: Value must be between -1.0E9 and 1.0E9, inclusive",
        ),
    ],
)
def test_refuses_with_the_sentence_of_aws(policy: str, scope: Any, reason: str) -> None:
    with pytest.raises(InvalidFilterPolicy) as caught:
        compile_filter_policy(policy, scope)
    assert caught.value.code == "InvalidParameter"
    assert caught.value.message.startswith(f"Invalid parameter: {reason}")


def test_subscribe_names_the_parameter_differently() -> None:
    with pytest.raises(InvalidFilterPolicy, match="Attributes Reason: FilterPolicy: Empty arrays"):
        compile_filter_policy('{"a": []}', operation_prefix="Attributes Reason: ")


def test_the_largest_policies_allowed() -> None:
    compile_filter_policy({"a": list(range(15)), "b": list(range(10))})
    compile_filter_policy({"a": {"b": {"c": list(range(50))}}}, "MessageBody")
