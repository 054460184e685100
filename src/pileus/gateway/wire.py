"""Response heads as bytes."""

from __future__ import annotations

from http import HTTPStatus

from pileus.protocols.http import HttpResponse

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {phrase}\r\n" for code, phrase in _REASONS.items()}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset({204, 304})


class HeaderInjection(ValueError):
    """A header value holds a line break."""


def head(response: HttpResponse, extra: str) -> bytes:
    """The status line and headers, ``extra`` (whole lines) after them, and the empty line.

    Raises:
        HeaderInjection: when a value would begin a header of its own.
    """
    line = _STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"
    headers = response.headers
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise HeaderInjection("a response header holds a line break")
    return f"{line}{text}{extra}\r\n".encode()


def plain(status: int, message: str) -> HttpResponse:
    """A short answer for what never reaches an app: a malformed request, one too large."""
    return HttpResponse(
        status, [("Content-Type", "text/plain; charset=utf-8")], f"{message}\n".encode()
    )
