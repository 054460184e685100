"""Cross-origin rules of a function's address, which answer in place of the function.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.protocols.http import HttpRequest, HttpResponse

_PREFIX = "access-control-"


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks before it calls."""
    wanted = "access-control-request-method"
    return request.method == "OPTIONS" and "origin" in request.headers and wanted in request.headers


def preflight(request: HttpRequest, cors: Mapping[str, Any]) -> HttpResponse:
    """The answer to a preflight: what is allowed, or an answer that allows nothing."""
    headers = _allowing(request, cors)
    method = request.headers["access-control-request-method"]
    methods = cors.get("AllowMethods") or ()
    if headers and ("*" in methods or method in methods):
        wanted = request.headers.get("access-control-request-headers", "")
        headers.append(("Access-Control-Allow-Methods", ",".join(methods)))
        allowed = cors.get("AllowHeaders") or ()
        if allowed:
            told = wanted if "*" in allowed and wanted else ",".join(allowed)
            headers.append(("Access-Control-Allow-Headers", told))
        if cors.get("MaxAge"):
            headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
        return HttpResponse(200, headers)
    return HttpResponse(200)


def apply(response: HttpResponse, request: HttpRequest, cors: Mapping[str, Any]) -> None:
    """Put the rules' headers in place of what the function itself may have set."""
    if not cors:
        return
    kept = [(name, value) for name, value in response.headers if not _is_cors(name)]
    headers = _allowing(request, cors)
    if headers and cors.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
    response.headers = kept + headers


def _is_cors(name: str) -> bool:
    return name.lower().startswith(_PREFIX)


def _allowing(request: HttpRequest, cors: Mapping[str, Any]) -> list[tuple[str, str]]:
    origin = request.headers.get("origin")
    allowed = cors.get("AllowOrigins") or ()
    if origin is None or not ("*" in allowed or origin in allowed):
        return []
    told = "*" if "*" in allowed else origin
    headers = [("Access-Control-Allow-Origin", told)]
    if told != "*":
        headers.append(("Vary", "Origin"))
    if cors.get("AllowCredentials"):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return headers
