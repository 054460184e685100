"""Event patterns: every operator as the EventBridge user guide documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.languages.event_pattern import InvalidPattern, compile_pattern

EVENT: dict[str, Any] = {
    "source": "aws.ec2",
    "detail-type": "EC2 Instance State-change Notification",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111", "arn:x"],
    "detail": {
        "state": "running",
        "count": 5,
        "ratio": 3.018e2,
        "ok": True,
        "nothing": None,
        "empty": "",
        "none": [],
        "ip": "10.0.0.123",
        "path": "dir/a/lib/app.jar",
        "FileName": "photo.PNG",
        "records": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}],
    },
}

MATCHING: list[dict[str, Any]] = [
    {"source": ["aws.ec2"]},
    {"source": ["aws.s3", "aws.ec2"]},
    {"resources": ["arn:x"]},
    {"detail": {"ok": [True], "nothing": [None], "empty": [""]}},
    {"detail": {"ratio": [301.8], "count": [5.0]}},
    {"region": [{"prefix": "us-"}]},
    {"region": [{"prefix": {"equals-ignore-case": "US-"}}]},
    {"detail": {"FileName": [{"suffix": ".PNG"}]}},
    {"detail": {"FileName": [{"suffix": {"equals-ignore-case": ".png"}}]}},
    {"detail": {"state": [{"equals-ignore-case": "RUNNING"}]}},
    {"detail": {"state": [{"anything-but": "stopped"}]}},
    {"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}},
    {"detail": {"count": [{"anything-but": [100, 200]}]}},
    {"detail": {"count": [{"anything-but": "5"}]}},
    {"detail": {"ok": [{"anything-but": "x"}]}},
    {"detail": {"state": [{"anything-but": {"prefix": "stop"}}]}},
    {"detail": {"state": [{"anything-but": {"suffix": ["ped", "ded"]}}]}},
    {"detail": {"state": [{"anything-but": {"equals-ignore-case": ["Stopped"]}}]}},
    {"detail": {"path": [{"anything-but": {"wildcard": "*/bin/*"}}]}},
    {"detail": {"count": [{"numeric": [">", 0, "<=", 5]}]}},
    {"detail": {"count": [{"numeric": ["=", 5]}]}},
    {"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}},
    {"detail": {"path": [{"wildcard": "dir/*/lib/*.jar"}]}},
    {"detail": {"state": [{"exists": True}], "missing": [{"exists": False}]}},
    {"detail": {"none": [{"exists": False}]}},
    {"detail": {"deep": {"missing": [{"exists": False}]}}},
    {"detail": {"state": [{"exists": False}, "running"]}},
    {"detail": {"records": {"kind": ["b"], "size": [2]}}},
    {"$or": [{"source": ["aws.s3"]}, {"region": ["us-east-1"]}]},
    {"detail": {"$or": [{"state": ["x"]}, {"count": [{"numeric": ["<", 9]}]}]}},
    {"resources": [{"anything-but": "arn:x"}]},
]
NOT_MATCHING: list[dict[str, Any]] = [
    {"source": ["aws.ec"]},
    {"missing": ["x"]},
    {"missing": [None]},
    {"detail": ["x"]},
    {"detail": [{"exists": True}]},
    {"detail": {"count": ["5"]}},
    {"detail": {"count": [True]}},
    {"detail": {"ok": [1]}},
    {"detail": {"missing": [{"anything-but": "x"}]}},
    {"detail": {"state": [{"anything-but": ["running"]}]}},
    {"detail": {"state": [{"anything-but": {"prefix": "run"}}]}},
    {"detail": {"count": [{"numeric": [">", 5]}]}},
    {"detail": {"state": [{"numeric": [">", 0]}]}},
    {"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}},
    {"detail": {"path": [{"wildcard": "dir/*/bin/*"}]}},
    {"detail": {"records": {"kind": ["a"], "size": [2]}}},
    {"detail": {"records": {"kind": [{"exists": False}]}}},
    {"$or": [{"source": ["aws.s3"]}, {"region": ["eu"]}]},
    {"detail": {"none": [{"exists": True}]}},
]


@pytest.mark.parametrize("pattern", MATCHING, ids=json.dumps)
def test_matches(pattern: dict[str, Any]) -> None:
    assert compile_pattern(pattern)(EVENT)


@pytest.mark.parametrize("pattern", NOT_MATCHING, ids=json.dumps)
def test_does_not_match(pattern: dict[str, Any]) -> None:
    assert not compile_pattern(json.dumps(pattern))(EVENT)


def test_wildcard_escapes_stand_for_themselves() -> None:
    matcher = compile_pattern({"a": [{"wildcard": r"x\*\\*"}]})
    assert matcher({"a": "x*\\tail"})
    assert not matcher({"a": "xy\\tail"})


def test_addresses_compare_by_meaning() -> None:
    matcher = compile_pattern({"a": ["2001:db8::1"]})
    assert matcher({"a": "2001:0db8:0:0:0:0:0:1"})
    assert compile_pattern({"a": [{"cidr": "2001:db8::/64"}]})({"a": "2001:db8::9"})


REFUSED: list[tuple[str, str]] = [
    ('["x"]', "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"a": "x"}', '"a" must be an object or an array'),
    ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
    ('{"a": [{}]}', "Match expression name not found"),
    ('{"a": [{"like": "x"}]}', "Unrecognized match type like"),
    ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
    ('{"a": [{"suffix": ["x"]}]}', "suffix match pattern must be a string"),
    ('{"a": [{"prefix": {"suffix": "x"}}]}', "Unsupported prefix pattern: suffix"),
    ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
    ('{"a": [{"numeric": 1}]}', "Value of numeric must be an array."),
    ('{"a": [{"numeric": []}]}', "Invalid member in numeric match: ]"),
    ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator: ~"),
    ('{"a": [{"numeric": ["=", "1"]}]}', "Value of equals must be numeric"),
    ('{"a": [{"numeric": [">", 1, ">", 2]}]}', "Bad numeric range operator: >"),
    ('{"a": [{"numeric": ["<", 1, ">", 2]}]}', "Too many elements in numeric expression"),
    ('{"a": [{"numeric": [">", 3, "<", 2]}]}', "Bottom must be less than top"),
    (
        '{"a": [{"numeric": ["<", 6000000000]}]}',
        "Value must be between -5.0E9 and 5.0E9, inclusive",
    ),
    ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false."),
    (
        '{"a": [{"anything-but": ["x", 1]}]}',
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        '{"a": [{"anything-but": [true]}]}',
        "Inside anything but list, start|null|boolean is not supported.",
    ),
    ('{"a": [{"anything-but": {"exists": true}}]}', "Unsupported anything-but pattern: exists"),
    ('{"a": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
    ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
    ('{"a": [{"cidr": "10.0.0.0/32"}]}', "IPv4 mask bits must be < 32"),
    ('{"a": [{"cidr": "bad/3"}]}', "Nonstandard IP address: bad"),
    ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 2"),
    ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 2"),
    ('{"$or": {"a": ["x"]}}', "It must be an Array followed with $or."),
    ('{"$or": [{"a": ["x"]}]}', "There must have at least 2 Objects in $or relationship."),
    ('{"$or": ["x", "y"]}', "Only JSON object is allowed in array of $or relationship."),
    (
        '{"$or": [{"prefix": ["x"]}, {"a": ["x"]}]}',
        "prefix is Ruler reserved fieldName which cannot be used inside $or.",
    ),
    ('{"a": ["x"], "a": ["y"]}', "Path `a` cannot be allowed multiple times"),
    ("{a}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refuses_with_the_sentence_of_aws(text: str, reason: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(text)
    assert caught.value.code == "InvalidEventPatternException"
    assert caught.value.message.startswith(f"Event pattern is not valid. Reason: {reason}\n at [S")


def test_the_place_is_just_behind_the_opening_quote_of_an_unread_string() -> None:
    text = '{\n  "detail": {\n    "pipeline": {\n      "slug": "some-pipeline"\n    }\n  }\n}'
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(text)
    assert caught.value.message.endswith("; line: 4, column: 16]")


def test_long_patterns_are_shown_shortened() -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern('{"a": "' + "x" * 600 + '"}')
    assert '"[truncated 109 chars]; line: 1, column: 8]' in caught.value.message


def test_too_many_wildcards_are_refused_and_few_are_not() -> None:
    names = [{"wildcard": f"*:stack/{name}/*"} for name in ("alpha", "beta", "gamma", "delta")]
    compile_pattern({"stack-id": names[:3]})
    with pytest.raises(InvalidPattern, match="Rule is too complex - try using fewer wildcard"):
        compile_pattern({"stack-id": names})


def test_or_unfolds_to_at_most_a_thousand_branches() -> None:
    choice = [{f"a{i}": ["x"]} for i in range(11)]
    nested = {f"f{i}": {"$or": choice} for i in range(3)}
    with pytest.raises(InvalidPattern, match="too complex"):
        compile_pattern(nested)
