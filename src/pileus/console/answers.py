"""Reading what a request asks for, and answering in text or JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson

from pileus.protocols.http import HttpRequest, HttpResponse


def query_of(request: HttpRequest) -> dict[str, str]:
    """The decoded parameters; of a repeated one the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def text_answer(
    status: int, text: str, headers: list[tuple[str, str]] | None = None
) -> HttpResponse:
    """A plain-text answer."""
    given = [("Content-Type", "text/plain; charset=utf-8"), *(headers or [])]
    return HttpResponse(status, given, text.encode())


def json_answer(value: Any, status: int = 200) -> HttpResponse:
    """A JSON answer that no cache keeps."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return HttpResponse(status, headers, orjson.dumps(value))
