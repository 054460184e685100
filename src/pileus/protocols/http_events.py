"""HTTP requests as events for functions, and what functions answer as HTTP: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.times import utc

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
"""Content type of a streamed answer that begins with its status and headers."""
PRELUDE_END = bytes(8)
_TEXT = re.compile(
    r"text/|application/(?:json|xml|javascript|ecmascript|graphql|[\w.+-]+\+(?:json|xml))", re.I
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding"})
_STATUS_MIN, _STATUS_MAX = 100, 599


class BadAnswer(ValueError):
    """A function's answer is not what the payload format allows."""


class Caller(msgspec.Struct, frozen=True):
    """Who and what an event tells of beyond the request.

    Attributes:
        api_id: first part of the domain name.
        domain: the domain name the client used, without port.
        account: of the caller; ``anonymous`` where nobody signed.
        authorizer: what the authorizer adds; empty for none.
    """

    api_id: str
    domain: str
    request_id: str
    at_ms: int
    account: str = "anonymous"
    authorizer: Mapping[str, Any] = {}


def event_of(request: HttpRequest, path: str, body: bytes, caller: Caller) -> dict[str, Any]:
    """The event. ``path`` is the request's below the function's own address, percent-encoded."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    headers["x-forwarded-for"] = request.peer
    headers["x-forwarded-proto"] = request.scheme
    headers["x-forwarded-port"] = request.host.rpartition(":")[2] if ":" in request.host else "80"
    moment = utc(caller.at_ms)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": caller.account,
            "apiId": caller.api_id,
            "domainName": caller.domain,
            "domainPrefix": caller.api_id,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": caller.request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000",
            "timeEpoch": caller.at_ms,
        },
        "isBase64Encoded": False,
    }
    if caller.authorizer:
        event["requestContext"]["authorizer"] = dict(caller.authorizer)
    if cookies := request.headers.get("cookie"):
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";") if cookie.strip()]
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    if parameters:
        event["queryStringParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = _text_of(request, body)
    return event


def _text_of(request: HttpRequest, body: bytes) -> tuple[str, bool]:
    """The body as the event holds it, and whether that is Base64."""
    kind = request.headers.get("content-type", "text/plain")
    if _TEXT.match(kind) and "content-encoding" not in request.headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # text in another coding: its bytes are kept
    return base64.b64encode(body).decode(), True


def response_of(payload: bytes) -> HttpResponse:
    """The HTTP answer that a function's payload stands for.

    Without ``statusCode`` the payload itself is the body, as JSON. Raises BadAnswer.
    """
    head, end, rest = payload.partition(PRELUDE_END)
    if end and (opened := _decoded(head)) is not None:
        response = _opened(opened)
        response.body = rest
        return response
    document = _decoded(payload)
    if not isinstance(document, dict) or "statusCode" not in document:
        body = document.encode() if isinstance(document, str) else payload
        return HttpResponse(200, [("Content-Type", "application/json")], body)
    response = _opened(document)
    body_text = document.get("body")
    if body_text is None:
        return response
    if not isinstance(body_text, str):
        body_text = orjson.dumps(body_text).decode()
    response.body = body_text.encode()
    if document.get("isBase64Encoded"):
        try:
            response.body = base64.b64decode(body_text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadAnswer(f"the body is not Base64: {error}") from None
    return response


def opening_of(content_type: str, start: bytes) -> tuple[HttpResponse, bytes] | None:
    """Status and headers of a streamed answer by its first bytes, and what follows them.

    None while there are too few bytes to tell. Raises BadAnswer.
    """
    if content_type != PRELUDE_TYPE:
        kind = content_type or "application/octet-stream"
        return HttpResponse(200, [("Content-Type", kind)]), start
    head, end, rest = start.partition(PRELUDE_END)
    if not end:
        return None
    opened = _decoded(head)
    if not isinstance(opened, dict):
        raise BadAnswer("the prelude of the stream is not a JSON object")
    return _opened(opened), rest


def _opened(document: Any) -> HttpResponse:
    """Status, headers and cookies of an answer."""
    if not isinstance(document, dict):
        raise BadAnswer("the answer is not an object")
    status = document.get("statusCode", 200)
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or not _STATUS_MIN <= status <= _STATUS_MAX:
        raise BadAnswer(f"{status!r} is no status code")
    given = document.get("headers") or {}
    cookies = document.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise BadAnswer("headers must be an object and cookies a list")
    headers = [
        (str(name), _header_text(value))
        for name, value in given.items()
        if str(name).lower() not in _HOP_BY_HOP
    ]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    headers += [("Set-Cookie", _header_text(cookie)) for cookie in cookies]
    return HttpResponse(status, headers)


def _header_text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or "\r" in text:
        raise BadAnswer("a header holds a line break")
    return text


def _decoded(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
