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
    text = _STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"
    lines = 1
    for name, value in response.headers:
        text += f"{name}: {value}\r\n"
        lines += 1
    if text.count("\n") != lines or text.count("\r") != lines:
        raise HeaderInjection("a response header holds a line break")
    return f"{text}{extra}\r\n".encode()


def plain(status: int, message: str) -> HttpResponse:
    """A short answer for what never reaches an app: a malformed request, one too large."""
    return HttpResponse(
        status, [("Content-Type", "text/plain; charset=utf-8")], f"{message}\n".encode()
    )
