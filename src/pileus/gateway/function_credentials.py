"""Where functions and engines without keys in their environment fetch those of their role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from pileus.gateway.wire import plain
from pileus.protocols.http import HttpRequest, HttpResponse

Documents = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""From a token to the keys; None for a token that is nobody's."""


class FunctionCredentials:
    """Answers ``GET`` with the token as ``Authorization``, as the SDKs' container provider asks."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """The keys; 403 without a good token."""
        if request.method != "GET":
            return plain(405, "only GET is served here")
        document = await self._documents(request.headers.get("authorization", ""))
        if document is None:
            return plain(403, "the token is nobody's")
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        return HttpResponse(200, headers, orjson.dumps(document))
