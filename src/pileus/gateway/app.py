"""The port's first fork: our own pages by prefix, everything else to the AWS APIs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pileus.gateway.server import WebSocketHandler
from pileus.gateway.wire import plain
from pileus.protocols.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
WebSocketClaim = Callable[[HttpRequest], WebSocketHandler | None]

T = TypeVar("T")

OWN_PREFIX = "/_pileus/"


class GatewayApp:
    """An app of apps.

    Handlers are found by the longest registered prefix below ``/_pileus/``. Further ``claims``
    (API Gateway stages, function URLs) may look at any other request before the AWS front does.
    """

    def __init__(self, front: Handler) -> None:
        self._front = front
        self._handlers: dict[str, Handler] = {}
        self._websockets: dict[str, WebSocketClaim] = {}
        self._claims: list[tuple[Callable[[HttpRequest], bool], Handler]] = []

    def add_handler(self, prefix: str, handler: Handler) -> None:
        """Serve ``/_pileus/<prefix>…`` by ``handler``; an empty prefix takes what nobody else does.

        Raises:
            ValueError: when the prefix is taken.
        """
        _register(self._handlers, prefix, handler)

    def add_websocket(self, prefix: str, claim: WebSocketClaim) -> None:
        """Let ``claim`` choose a handler for upgrades below ``/_pileus/<prefix>``."""
        _register(self._websockets, prefix, claim)

    def add_claim(self, is_claimed: Callable[[HttpRequest], bool], handler: Handler) -> None:
        """Give ``handler`` the requests that are not ours and of which ``is_claimed``; the first
        that claims one gets it."""
        self._claims.append((is_claimed, handler))

    def __call__(self, request: HttpRequest) -> Awaitable[HttpResponse]:
        """Answer one request."""
        path = request.path
        if path.startswith(OWN_PREFIX) or path == OWN_PREFIX[:-1]:
            handler = _longest(self._handlers, path[len(OWN_PREFIX) :])
            return (handler or _nothing_there)(request)
        for is_claimed, handler in self._claims:
            if is_claimed(request):
                return handler(request)
        return self._front(request)

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        """The handler for an upgrade request; None where the path takes none."""
        if not request.path.startswith(OWN_PREFIX):
            return None
        claim = _longest(self._websockets, request.path[len(OWN_PREFIX) :])
        return None if claim is None else claim(request)


async def _nothing_there(request: HttpRequest) -> HttpResponse:
    return plain(404, f"nothing is served at {request.path}")


def _register(table: dict[str, T], prefix: str, entry: T) -> None:
    if prefix in table:
        raise ValueError(f"the prefix {prefix!r} is taken")
    table[prefix] = entry


def _longest(table: dict[str, T], path: str) -> T | None:
    best = max((p for p in table if path.startswith(p)), key=len, default=None)
    return None if best is None else table[best]
