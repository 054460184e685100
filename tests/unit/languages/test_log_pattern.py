"""Filter patterns of CloudWatch Logs; the examples follow the documentation's page."""

from __future__ import annotations

import json

import pytest

from pileus.languages.log_pattern import InvalidLogPattern, compile_pattern

LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "bandwidth": 7.5,
        "code": "404",
        "user": {"id": 1, "email-x": "j@x"},
    }
)

TERMS = [
    ("", "anything", True),
    ("   ", "anything", True),
    ("ERROR", "[ERROR 400] BAD", True),
    ("ERROR", "error 400", False),
    ("ERROR ARGUMENTS", "ERROR 419 MISSING ARGUMENTS", True),
    ("ERROR ARGUMENTS", "ERROR 400", False),
    ("?ERROR ?WARN", "WARN x", True),
    ("?ERROR ?WARN", "INFO x", False),
    ('?ERROR ?WARN "REQUEST"', "BAD REQUEST", True),
    ("ERROR -EXITING", "ERROR x", True),
    ("ERROR -EXITING", "ERROR EXITING", False),
    ('"INTERNAL SERVER ERROR"', "x INTERNAL SERVER ERROR y", True),
    ('"INTERNAL SERVER ERROR"', "SERVER ERROR", False),
    ('-"a b"', "a c", True),
    (r'"say \"hi\""', 'they say "hi"', True),
    ("%4[0-9]{2}%", "status 404", True),
    ("%4[0-9]{2}%", "status 504", False),
    ("-%4[0-9]{2}%", "status 504", True),
]
JSON = [
    ('{ $.eventType = "UpdateTrail" }', True),
    ('{ $.eventType != "UpdateTrail" }', False),
    ("{ $.eventType = UpdateTrail }", True),
    ('{ $.eventType = "Update*" }', True),
    ("{ $.sourceIPAddress != 123.123.* }", True),
    ('{ $.arrayKey[0] = "value" }', True),
    ('{ $.arrayKey[1] = "value" }', False),
    ('{ $.arrayKey[*] = "another*" }', True),
    ("{ $.objectList[1].id = 2 }", True),
    ("{ $.objectList[*].id > 1 }", True),
    ("{ $.SomeObject IS NULL }", True),
    ("{ $.SomeOtherObject NOT EXISTS }", True),
    ("{ $.SomeObject NOT EXISTS }", False),
    ("{ $.ThisFlag IS TRUE }", True),
    ("{ $.ThisFlag is false }", False),
    ("{ $.bandwidth > 7 && $.bandwidth <= 7.5e0 }", True),
    ("{ $.bandwidth < 7 || $.bandwidth = 7.5 }", True),
    ("{ $.code = 404 }", True),
    ("{ $.code >= 400 }", True),
    ('{ ($.user.id = 2 || $.user.id = 1) && $.user["email-x"] = "j@x" }', True),
    ("{ $.user.email-x = j@x }", True),
    ("{ $.user.id = 2 || $.user.id = 1 && $.code = 1 }", False),
    ("{ $.missing != 1 }", False),
    ("{ $.user = x }", False),
    ("{ $.eventType = %^Update% }", True),
]
FIELDS = [
    ("[ip, user, username, timestamp, request, status_code, bytes]", True),
    ("[ip, user, username]", False),
    ("[ip, ..., bytes]", True),
    ("[..., status_code = 4*, bytes]", True),
    ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", True),
    ("[ip, user, username, timestamp, request, status_code = 404 || status_code = 410, b]", True),
    ("[..., status != 404, bytes]", False),
    ("[..., status > 400 && status < 500, bytes > 1500]", True),
    ("[..., status, bytes > 2000]", False),
    ("[ip != 127.*, ...]", False),
    ('[ip, user, username = "frank", ...]', True),
    ("[...]", True),
]


@pytest.mark.parametrize(("pattern", "message", "expected"), TERMS)
def test_terms(pattern: str, message: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(message) is expected


@pytest.mark.parametrize(("pattern", "expected"), JSON)
def test_json(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(EVENT) is expected
    assert compile_pattern(pattern).matches("no json") is False


@pytest.mark.parametrize(("pattern", "expected"), FIELDS)
def test_fields(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(LINE) is expected


def test_values_are_extracted() -> None:
    assert compile_pattern("[ip, ..., status, bytes]").extract(LINE) == {
        "$ip": "127.0.0.1",
        "$status": "404",
        "$bytes": "1534",
    }
    assert compile_pattern("{ $.user.id = 1 && $.nope = 2 }").extract(EVENT) == {"$.user.id": "1"}
    assert compile_pattern("ERROR").extract("ERROR") == {}


@pytest.mark.parametrize(
    "pattern",
    [
        "a.b",
        '"open',
        "{ $.a = 1",
        "{ a = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a ~ 1 }",
        "{ $.a IS 1 }",
        "{ $.a > x }",
        "{ ($.a = 1 }",
        "{ $.a = 1 } }",
        "{" + "(" * 40 + "$.a = 1" + ")" * 40 + "}",
        "[a",
        "[..., ...]",
        "[a = 1 b]",
        "[a = 1 || b = 2]",
        "%(a+)+%",
        "%[%",
        "x" * 1025,
    ],
)
def test_what_cannot_be_read_is_told(pattern: str) -> None:
    with pytest.raises(InvalidLogPattern):
        compile_pattern(pattern)
