"""Packages of functions and layers for whoever holds a link that was signed for them."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from pileus.gateway.wire import plain
from pileus.ports.blobs import Blobs
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import StreamBody

IsValid = Callable[[str, tuple[str, str]], bool]
"""``(blob, (expires, signature))``: whether the link is ours and still good."""


class CodeDownloads:
    """The handler of ``<prefix><blob>?expires=…&signature=…``.

    Args:
        prefix: the whole path before the blob's name.
    """

    def __init__(self, blobs: Blobs, prefix: str, is_valid: IsValid) -> None:
        self._blobs = blobs
        self._prefix = prefix
        self._is_valid = is_valid

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """The archive; 403 for a link that is not good, 404 for a package that is gone."""
        if request.method not in ("GET", "HEAD"):
            return plain(405, "only GET and HEAD are served here")
        query = parse_qs(request.query)
        given = (query.get("expires", [""])[0], query.get("signature", [""])[0])
        blob = unquote(request.path.removeprefix(self._prefix))
        if not self._is_valid(blob, given):
            return plain(403, "the link has expired or was not made here")
        info = await self._blobs.head(blob)
        if info is None:
            return plain(404, "the package is gone")
        headers = [("Content-Type", "application/zip")]
        if request.method == "HEAD":
            headers.append(("Content-Length", str(info.size_bytes)))
            return HttpResponse(200, headers)
        return HttpResponse(200, headers, StreamBody(self._blobs.get(blob), info.size_bytes))
