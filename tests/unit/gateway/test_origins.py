"""What a page from elsewhere may have without credentials: nothing."""

from __future__ import annotations

import pytest

from pileus.gateway import origins
from pileus.protocols.http import HttpRequest
from pileus.values.body import BytesBody


def _request(**headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method="GET", path="/films/a", query="", headers=named, body=BytesBody(b""))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566"},
        {"host": "localhost:4566"},
        {"host": "[::1]:4566"},
        {"host": "films.localhost:4566"},
        {"host": "films.s3.us-east-1.amazonaws.com"},
        {"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:4566"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "same-origin"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "none"},
    ],
)
def test_ours_are_let_in(headers: dict[str, str]) -> None:
    assert origins.may_be_unsigned(_request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:4566", "origin": "http://evil.example:4566"},
        {"host": "localhost.evil.example"},
        {"host": ""},
        {"host": "127.0.0.1:4566", "origin": "http://evil.example"},
        {"host": "127.0.0.1:4566", "origin": "null"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "cross-site"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "same-site"},
    ],
)
def test_strangers_are_not(headers: dict[str, str]) -> None:
    assert not origins.may_be_unsigned(_request(**headers))
