"""HTTP requests and responses as the house passes them; no sockets here."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.values.body import Body, BytesBody


class HttpRequest(msgspec.Struct):
    """One request as it came in.

    Attributes:
        method: upper case.
        path: as sent, still percent-encoded, without the query; begins with ``/``.
        query: as sent, still percent-encoded, without ``?``.
        headers: names in lower case; repeated headers are joined by a comma.
        peer: the caller's address, ``127.0.0.1``.
        listener: which of the server's listeners took it: ``port`` or the name of a sandbox.
        outlives_client: set by whoever answers: the work goes on when the client has gone away.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Body = msgspec.field(default_factory=lambda: BytesBody(b""))
    peer: str = "127.0.0.1"
    is_loopback: bool = True
    listener: str = "port"
    scheme: str = "http"
    outlives_client: bool = False

    @property
    def host(self) -> str:
        """The Host header, port included; empty when there is none."""
        return self.headers.get("host", "")

    def changed(self, **fields: Any) -> HttpRequest:
        """The same request with other headers or another body."""
        return replace(self, **fields)


class HttpResponse:
    """One answer. A ``Body`` is streamed, ``bytes`` are sent in one piece.

    The server adds ``Content-Length`` (or chunked coding), ``Date`` and ``Connection``; a
    ``Content-Length`` given here is kept only for answers without a body (HEAD, 304).
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]] | None = None,
        body: bytes | Body = b"",
    ) -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {self.headers!r}, {self.body!r})"
