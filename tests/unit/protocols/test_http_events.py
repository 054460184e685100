"""Requests as events of payload format 2.0, answers as HTTP, cross-origin rules."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pileus.protocols import url_cors
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.http_events import (
    PRELUDE_END,
    PRELUDE_TYPE,
    BadAnswer,
    Caller,
    event_of,
    opening_of,
    response_of,
)

CALLER = Caller("abc", "abc.lambda-url.us-east-1.localhost", "id-1", 1_583_348_638_390)


def _event(body: bytes = b"", query: str = "", **headers: str) -> dict[str, Any]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest("POST", "/x/y", query, {"host": "h:4566", **given})
    return event_of(request, "/y", body, CALLER)


def test_the_parts_of_a_request() -> None:
    event = _event(query="a=1&a=2&b=", cookie="c=1;d=2", user_agent="me")
    assert event["rawPath"] == "/y"
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert event["cookies"] == ["c=1", "d=2"]
    assert event["headers"]["x-forwarded-port"] == "4566"
    context = event["requestContext"]
    assert (context["time"], context["timeEpoch"]) == ("04/Mar/2020:19:03:58 +0000", CALLER.at_ms)
    assert context["http"]["userAgent"] == "me"
    bare = _event()
    assert not {"body", "cookies", "queryStringParameters"} & set(bare)
    assert "authorizer" not in context


@pytest.mark.parametrize(
    ("kind", "body", "is_text"),
    [
        ("text/plain; charset=utf-8", "ä".encode(), True),
        ("application/json", b"{}", True),
        ("application/problem+json", b"{}", True),
        ("application/x-www-form-urlencoded", b"a=1", False),
        ("image/png", b"\x89", False),
        ("text/plain", b"\xff", False),
    ],
)
def test_text_comes_as_text_and_the_rest_in_base64(kind: str, body: bytes, is_text: bool) -> None:
    event = _event(body, content_type=kind)
    assert event["isBase64Encoded"] is not is_text
    found = event["body"].encode() if is_text else base64.b64decode(event["body"])
    assert found == body


@pytest.mark.parametrize(
    ("payload", "status", "kind", "body"),
    [
        ({"message": "hi"}, 200, "application/json", b'{"message":"hi"}'),
        ("text", 200, "application/json", b"text"),
        (None, 200, "application/json", b"null"),
        ([1], 200, "application/json", b"[1]"),
        ({"statusCode": 204}, 204, "application/json", b""),
        ({"statusCode": "201", "body": "b"}, 201, "application/json", b"b"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, "application/json", b'{"a":1}'),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True, "headers": {"Content-Type": "x/y"}}, 200, "x/y", b"hi"),
    ],
)  # fmt: skip
def test_answers(payload: Any, status: int, kind: str, body: bytes) -> None:
    response = response_of(json.dumps(payload, separators=(",", ":")).encode())
    assert (response.status, response.header("content-type"), response.body) == (status, kind, body)


def test_headers_and_cookies_of_answers() -> None:
    answer = {"statusCode": 200, "headers": {"a": 1, "b": True, "Content-Length": 99}, "cookies": ["x=1"]}  # fmt: skip
    headers = dict(response_of(json.dumps(answer).encode()).headers)
    assert headers == {
        "a": "1",
        "b": "true",
        "Set-Cookie": "x=1",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "cookies": "a"},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_answers_that_are_none(answer: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        response_of(json.dumps(answer).encode())


def test_the_prelude_of_a_stream() -> None:
    prelude = json.dumps({"statusCode": 201, "headers": {"a": "b"}}).encode()
    assert opening_of(PRELUDE_TYPE, prelude) is None, "it has not ended yet"
    opened = opening_of(PRELUDE_TYPE, prelude + PRELUDE_END + b"rest")
    assert opened is not None
    assert (opened[0].status, opened[0].header("a"), opened[1]) == (201, "b", b"rest")
    plain = opening_of("", b"data")
    assert plain is not None
    assert (plain[0].header("content-type"), plain[1]) == ("application/octet-stream", b"data")
    whole = response_of(prelude + PRELUDE_END + b"rest")
    assert (whole.status, whole.body) == (201, b"rest")
    with pytest.raises(BadAnswer):
        opening_of(PRELUDE_TYPE, b"no json" + PRELUDE_END)


def _cors(cors: dict[str, Any], **headers: str) -> dict[str, str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest("OPTIONS", "/", "", given)
    if url_cors.is_preflight(request):
        return dict(url_cors.preflight(request, cors).headers)
    response = HttpResponse(200, [("Access-Control-Allow-Origin", "own"), ("a", "b")])
    url_cors.apply(response, request, cors)
    return dict(response.headers)


def test_cross_origin_rules() -> None:
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"], "MaxAge": 5}
    asked = {"origin": "http://o", "access_control_request_method": "PUT"}
    assert _cors(cors, **asked, access_control_request_headers="x-a") == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "*",
        "Access-Control-Allow-Headers": "x-a",
        "Access-Control-Max-Age": "5",
    }
    assert _cors({"AllowOrigins": ["http://p"], "AllowMethods": ["*"]}, **asked) == {}
    assert "Access-Control-Allow-Methods" not in _cors(
        {"AllowOrigins": ["*"], "AllowMethods": ["GET"]}, **asked
    )
    assert _cors({}, origin="http://o") == {"Access-Control-Allow-Origin": "own", "a": "b"}
    assert _cors({"AllowOrigins": ["http://o"], "ExposeHeaders": ["x"]}, origin="http://o") == {
        "a": "b",
        "Access-Control-Allow-Origin": "http://o",
        "Access-Control-Expose-Headers": "x",
        "Vary": "Origin",
    }
