"""Sample values for botocore's shapes, and requests as botocore's serializers make them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import botocore.awsrequest
import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.model import OperationModel, Shape

from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import BytesBody

MOMENT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
_TEXTS = ["x", "a b&c<d>", 'é"q"', "plain", "", "+%2F"]
_DEPTH_MAX = 4
_SESSION = botocore.session.get_session()


def service_model(name: str) -> Any:
    return _SESSION.get_service_model(name)


class Sampler:
    """Values that cover every member of a shape, down to a depth."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, shape: Shape | None, depth: int = 0, location: str = "") -> Any:
        if shape is None:
            return {}
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, depth)
        if kind == "list":
            return [self.of(shape.member, depth + 1, location) for _ in range(2)]
        if kind == "map":
            keys = shape.key.enum[:2] or ["k e&y", "ключ"]
            if location:
                keys = ["key-1", "key-2"]
            return {key: self.of(shape.value, depth + 1, location) for key in keys}
        if kind == "string":
            return self._text(shape, location)
        plain = {"integer": 7, "long": 1 << 40, "float": 1.5, "double": -2.25, "boolean": True}
        return {**plain, "timestamp": MOMENT, "blob": b"\x00bytes\xff"}[kind]

    def _structure(self, shape: Shape, depth: int) -> Any:
        if shape.is_document_type:
            return {"a": [1, None, "x"]}
        members = {
            name: member
            for name, member in shape.members.items()
            if not member.serialization.get("eventstream")
        }
        if shape.is_tagged_union:
            leaves = [
                n for n, m in members.items() if m.type_name not in ("structure", "list", "map")
            ]
            chosen = self._random.choice(leaves or list(members))
            members = {chosen: members[chosen]}
        elif depth > _DEPTH_MAX:
            # Deep down only scalars: XML cannot tell an empty flattened list from none.
            members = {
                n: m for n, m in members.items() if m.type_name not in ("structure", "list", "map")
            }
        return {
            name: self.of(member, depth + 1, member.serialization.get("location") or "")
            for name, member in members.items()
        }

    def _text(self, shape: Shape, location: str) -> str:
        if shape.enum:
            return str(self._random.choice(shape.enum))
        if location in ("header", "headers"):
            return "a header value"
        if location == "uri":
            return "a b/c&d"
        return self._random.choice(_TEXTS)


def request_of(serialized: dict[str, Any], signing_name: str) -> tuple[HttpRequest, bytes]:
    """What a client would send for a serialized request."""
    body = serialized["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    if isinstance(body, str):
        body = body.encode()
    query = serialized["query_string"]
    if isinstance(query, dict):
        pairs = [
            (key, each)
            for key, value in query.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        query = urlencode(pairs, quote_via=quote)
    path, _, literal = serialized["url_path"].partition("?")
    query = "&".join(part for part in (literal, query) if part)
    headers = {key.lower(): str(value) for key, value in serialized["headers"].items()}
    headers["host"] = "127.0.0.1:4566"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential=KEY/20261121/us-east-1/{signing_name}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    request = HttpRequest(serialized["method"], path, query, headers, BytesBody(body))
    return request, body


def parsed_by_botocore(
    response: HttpResponse, operation: OperationModel, protocol: str, shape: Shape | None = None
) -> dict[str, Any]:
    """The answer as boto3 would understand it, with its metadata."""
    shape = shape or operation.output_shape
    body: Any = response.body
    payload = shape.serialization.get("payload") if shape is not None else None
    if response.status < 300 and payload and shape.members[payload].type_name == "blob":
        body = memoryview(body)  # boto3 sees a stream here, which its parser passes on
    parsed: dict[str, Any] = botocore.parsers.create_parser(protocol).parse(
        {
            "body": body,
            "headers": botocore.awsrequest.HeadersDict(response.headers),
            "status_code": response.status,
            "context": {},
        },
        shape,
    )
    if payload and isinstance(parsed.get(payload), memoryview):
        parsed[payload] = bytes(parsed[payload])
    return parsed
