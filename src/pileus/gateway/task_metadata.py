"""The address every container task knows: its metadata and its role's keys, one server for all tasks.

Each task's network has a listener of its own for it, so nothing but tasks reaches it; which task asks is told by
an id in the path that nobody else knows. Tasks that podman or docker run in the machine's own network find the same
below a path of the gateway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from pileus.gateway.server import WebSocketHandler
from pileus.gateway.wire import plain
from pileus.protocols.http import HttpRequest, HttpResponse

Answer = Callable[[str], Awaitable[dict[str, Any] | None]]
"""From a path to a document; None where there is nothing."""


class TaskMetadata:
    """See ``gateway.server.App``.

    Args:
        below: of every path, the part that is not the metadata service's.
    """

    def __init__(self, answer: Answer, below: str = "") -> None:
        self._answer = answer
        self._below = below

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        document = await self._answer(request.path.removeprefix(self._below))
        if document is None:
            return plain(404, f"nothing is served at {request.path}")
        headers = [("Content-Type", "application/json")]
        return HttpResponse(200, headers, orjson.dumps(document))

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        """There are none."""
        return None
