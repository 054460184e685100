"""Cross-origin rules of the AWS port: our own page may call, pages from elsewhere may not, but for
what a bucket's own rules let them do (``bucket_cors``).

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pileus.protocols.http import HttpRequest, HttpResponse

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OUR_DOMAINS = (".localhost", ".amazonaws.com")
"""Buckets have names below these; no stranger can make one of them point here."""


def is_own(request: HttpRequest, origin: str) -> bool:
    """Whether ``origin`` is this port under any of its names."""
    ours = urlsplit(f"{request.scheme}://{request.host}")
    theirs = urlsplit(origin)
    if theirs.scheme != ours.scheme or _port(theirs.port) != _port(ours.port):
        return False
    if theirs.hostname == ours.hostname:
        return True
    return theirs.hostname in _LOOPBACK_NAMES and ours.hostname in _LOOPBACK_NAMES


def may_be_unsigned(request: HttpRequest) -> bool:
    """Whether a request without credentials may be looked at: not one a foreign page sent.

    Such a page shows itself by its ``Origin`` or by ``Sec-Fetch-Site``; one that rebound its own
    name to this machine only by that name in ``Host``.
    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    name = urlsplit(f"//{request.host}").hostname or ""
    if name not in _LOOPBACK_NAMES and not name.endswith(_OUR_DOMAINS):
        return False
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    return "origin" not in request.headers or is_own(request, request.headers["origin"])


def preflight(request: HttpRequest, origin: str) -> HttpResponse:
    """The answer to our own page when its browser asks before it calls."""
    headers = [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("Access-Control-Max-Age", "600"),
        ("Vary", "Origin, Access-Control-Request-Headers"),
    ]
    wanted = request.headers.get("access-control-request-headers")
    if wanted:
        headers.append(("Access-Control-Allow-Headers", wanted))
    return HttpResponse(204, headers)


def refusal() -> HttpResponse:
    """The answer to every other page's browser."""
    return HttpResponse(403, [("Content-Type", "text/plain")], b"origin not allowed\n")


def allow(response: HttpResponse, request: HttpRequest, origin: str) -> None:
    """Let our own page read the answer."""
    if is_own(request, origin):
        response.headers.append(("Access-Control-Allow-Origin", origin))
        response.headers.append(("Access-Control-Expose-Headers", "*"))
        response.headers.append(("Vary", "Origin"))


def _port(port: int | None) -> int:
    return 80 if port is None else port
