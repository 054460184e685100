"""Choice rules: every operator, and what is compared with what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.languages.asl.playing import play

VALUES: dict[str, Any] = {
    "s": "foo",
    "t": "bar",
    "n": 5,
    "f": 5.0,
    "m": 7,
    "yes": True,
    "no": False,
    "null": None,
    "at": "2016-03-14T01:59:00Z",
    "same": "2016-03-14T03:59:00+02:00",
    "later": "2016-03-14T01:59:00.001Z",
    "log": "log-2026.txt",
    "star": "a*b",
    "list": [1],
}


def _route(rule: dict[str, Any], value: Any = VALUES) -> str:
    machine = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
            "Yes": {"Type": "Succeed"},
            "No": {"Type": "Succeed"},
        },
    }
    played = play(machine, value)
    return played.path[1] if played.status == "SUCCEEDED" else str(played.cause)


@pytest.mark.parametrize(
    ("path", "operator", "operand"),
    [
        ("$.s", "StringEquals", "foo"),
        ("$.s", "StringGreaterThan", "bar"),
        ("$.s", "StringGreaterThanEquals", "foo"),
        ("$.t", "StringLessThan", "foo"),
        ("$.t", "StringLessThanEquals", "bar"),
        ("$.n", "NumericEquals", 5.0),
        ("$.f", "NumericEquals", 5),
        ("$.n", "NumericLessThan", 5.5),
        ("$.n", "NumericLessThanEquals", 5),
        ("$.n", "NumericGreaterThan", 4),
        ("$.n", "NumericGreaterThanEquals", 5),
        ("$.yes", "BooleanEquals", True),
        ("$.no", "BooleanEquals", False),
        ("$.at", "TimestampEquals", "2016-03-14T02:59:00+01:00"),
        ("$.at", "TimestampLessThan", "2016-03-14T01:59:01Z"),
        ("$.at", "TimestampLessThanEquals", "2016-03-14T01:59:00Z"),
        ("$.later", "TimestampGreaterThan", "2016-03-14T01:59:00Z"),
        ("$.at", "TimestampGreaterThanEquals", "2016-03-14T01:59:00Z"),
        ("$.s", "StringEqualsPath", "$.s"),
        ("$.n", "NumericLessThanPath", "$.m"),
        ("$.at", "TimestampEqualsPath", "$.same"),
        ("$.yes", "BooleanEqualsPath", "$.yes"),
        ("$.log", "StringMatches", "log-*.txt"),
        ("$.star", "StringMatches", r"a\*b"),
        ("$.s", "StringMatches", "*"),
        ("$.null", "IsNull", True),
        ("$.s", "IsNull", False),
        ("$.s", "IsPresent", True),
        ("$.gone", "IsPresent", False),
        ("$.null", "IsPresent", True),
        ("$.n", "IsNumeric", True),
        ("$.yes", "IsNumeric", False),
        ("$.s", "IsString", True),
        ("$.no", "IsBoolean", True),
        ("$.n", "IsBoolean", False),
        ("$.at", "IsTimestamp", True),
        ("$.s", "IsTimestamp", False),
        ("$$.State.Name", "StringEquals", "C"),
    ],
)
def test_rules_that_hold(path: str, operator: str, operand: Any) -> None:
    assert _route({"Variable": path, operator: operand}) == "Yes"


@pytest.mark.parametrize(
    ("path", "operator", "operand"),
    [
        ("$.n", "StringEquals", "5"),
        ("$.s", "NumericEquals", 5),
        ("$.yes", "NumericEquals", 1),
        ("$.n", "BooleanEquals", True),
        ("$.s", "TimestampEquals", "2016-03-14T01:59:00Z"),
        ("$.star", "StringMatches", r"a\*c"),
        ("$.log", "StringMatches", "log-*"[:-1]),
        ("$.n", "StringMatches", "*"),
        ("$.null", "StringEquals", "null"),
        ("$.s", "IsPresent", False),
        ("$.n", "StringLessThanPath", "$.s"),
        ("$.n", "BooleanEqualsPath", "$.n"),
    ],
)
def test_rules_that_do_not_hold(path: str, operator: str, operand: Any) -> None:
    assert _route({"Variable": path, operator: operand}) == "No"


def test_rules_of_rules() -> None:
    foo, five = {"Variable": "$.s", "StringEquals": "foo"}, {"Variable": "$.n", "NumericEquals": 6}
    assert _route({"And": [foo, five]}) == "No"
    assert _route({"Or": [five, foo]}) == "Yes"
    assert _route({"Not": five}) == "Yes"
    assert _route({"And": [{"Not": five}, {"Or": [foo, five]}]}) == "Yes"


def test_a_path_to_nothing_ends_the_execution() -> None:
    prefix = "An error occurred while executing the state 'C' (entered at the event id #2). "
    told = "Invalid path '$.gone': The choice state's condition path references an invalid value."
    assert _route({"Variable": "$.gone", "StringEquals": "x"}) == prefix + told
    assert _route({"Variable": "$.s", "StringEqualsPath": "$.gone"}) == prefix + told
    # What stands behind a rule that does not hold is not looked at.
    guarded = {
        "And": [{"Variable": "$.gone", "IsPresent": True}, {"Variable": "$.gone", "IsNull": True}]
    }
    assert _route(guarded) == "No"


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("a*b", "ab", True),
        ("a*b", "a", False),
        ("ab*ba", "aba", False),
        ("*a*", "xay", True),
        ("*a*b", "ab a", False),
        ("**", "", True),
        ("", "", True),
        ("a\\\\*", "a\\x", True),
        ("a\\q", "a\\q", True),
        ("*" + "a*" * 40 + "b", "a" * 20_000, False),
    ],
)
def test_wildcards(pattern: str, text: str, is_match: bool) -> None:
    rule = {"Variable": "$.v", "StringMatches": pattern}
    assert _route(rule, {"v": text}) == ("Yes" if is_match else "No")
