"""The few HTTP and WebSocket shapes the console speaks, so that it needs no particular server.

The gateway (a sibling, never imported here) hands requests over in this form; tests use a small
server of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from pileus.values.body import Body, BytesBody

TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        path: without the query string, still percent-encoded.
        query: first value of each parameter, decoded.
        headers: names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=lambda: BytesBody(b""))


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; a body given as an iterator is sent chunk by chunk as it comes."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes] = b""


class Socket(Protocol):
    """An accepted WebSocket. ``send`` returns once the transport took the bytes (back-pressure)."""

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message; ConnectionError when the peer is gone."""
        ...

    async def receive(self) -> str | bytes | None:
        """The next whole message, None once the peer has closed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; nothing happens when it is closed already."""
        ...


def text_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A plain-text answer."""
    return Response(status, {"content-type": TEXT_TYPE, **(headers or {})}, text.encode())


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON answer that no cache keeps."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status, headers, orjson.dumps(value))
