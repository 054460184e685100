"""A thin HTTP/1.1 server: parsing by httptools, everything else here and in ``connection``.

It knows nothing of AWS. https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from pileus.gateway.connection import Connection
from pileus.gateway.limits import Limits
from pileus.ports.clock import Clock
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.timestamps import http_date
from pileus.values.times import utc

logger = logging.getLogger("pileus.gateway")

PORT_LISTENER = "port"
_SWEEP_S = 1.0


class WebSocket(Protocol):
    """An open WebSocket, as its handler sees it."""

    async def receive(self) -> str | bytes | None:
        """The next message; None once the peer has closed."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the peer is slow. ConnectionError when it is gone."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


WebSocketHandler = Callable[[WebSocket], Awaitable[None]]


class App(Protocol):
    """What the server serves."""

    def __call__(self, request: HttpRequest) -> Awaitable[HttpResponse]:
        """Answer one request. What it raises is logged and answered with 500."""
        ...

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        """The handler for an upgrade request; None where the path takes none."""
        ...


WebSocketOpener = Callable[
    [HttpRequest, WebSocketHandler, asyncio.Transport, bytes], "asyncio.Task[None]"
]


class Server:
    """Listens, and hands requests to ``app``. Used from one event loop.

    Args:
        clock: for time-outs and the ``Date`` header.
        open_websocket: performs the handshake (``websocket.open_websocket``); without it every
            upgrade is answered as an ordinary request.
    """

    def __init__(
        self,
        app: App,
        clock: Clock,
        *,
        limits: Limits | None = None,
        open_websocket: WebSocketOpener | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.is_closing = False
        self.loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]
        self.coarse_ns = clock.mono_ns()
        self.date_line = ""
        self.app = app
        self._clock = clock
        self._opener = open_websocket
        self._listeners: dict[str, asyncio.Server] = {}
        self._door_counts: dict[str, int] = {}
        self._websockets: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._loopback: dict[str, bool] = {"": True}

    # ------------------------------------------------------------ life

    async def start(self, host: str, port: int) -> int:
        """Listen on ``host:port`` (0: a free one) and return the port.

        Raises:
            OSError: when the address cannot be bound.
        """
        self._begin()
        listener = await self.loop.create_server(
            lambda: Connection(self, PORT_LISTENER), host, port, backlog=1024
        )
        self._listeners[PORT_LISTENER] = listener
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def add_socket(self, listening: socket.socket, name: str) -> None:
        """Serve a listening socket handed over by a sandbox, until :meth:`remove_socket`."""
        self._begin()
        self._door_counts[name] = 0
        self._listeners[name] = await self.loop.create_server(
            lambda: Connection(self, name), sock=listening
        )

    def remove_socket(self, name: str) -> None:
        """Close a listener added under ``name`` and its connections; unknown names are ignored."""
        listener = self._listeners.pop(name, None)
        self._door_counts.pop(name, None)
        if listener is not None:
            listener.close()
            for connection in [each for each in self.connections if each.listener == name]:
                connection.abort()

    async def close(self) -> None:
        """Stop listening, let running requests finish within the grace time, then end them."""
        self.is_closing = True
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        for task in list(self._websockets):
            task.cancel()
        for connection in list(self.connections):
            connection.close_when_idle()
        end_ns = self._clock.mono_ns() + int(self.limits.grace_s * 1e9)
        while any(each.is_busy for each in self.connections) and self._clock.mono_ns() < end_ns:
            await self._clock.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        # Aborted transports tell their protocols at the next turn.
        await asyncio.sleep(0)

    def _begin(self) -> None:
        if self._sweeper is None:
            self.loop = asyncio.get_running_loop()
            self._tick()
            self._sweeper = self.loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(_SWEEP_S)
            self._tick()
            for connection in list(self.connections):
                connection.sweep(self.coarse_ns)

    def _tick(self) -> None:
        self.coarse_ns = self._clock.mono_ns()
        self.date_line = f"Date: {http_date(utc(self._clock.now_ms()))}\r\n"

    # ------------------------------------------------------------ for connections

    def opened(self, connection: Connection) -> bool:
        """Note a new connection; False where its door has too many: a sandbox must not use up the
        descriptors that all others need."""
        self.connections.add(connection)
        count = self._door_counts.get(connection.listener)
        if count is None:
            return True
        self._door_counts[connection.listener] = count + 1
        return count < self.limits.door_connections

    def closed(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self.connections.discard(connection)
        count = self._door_counts.get(connection.listener)
        if count is not None:
            self._door_counts[connection.listener] = count - 1

    def open_websocket(
        self, request: HttpRequest, transport: asyncio.Transport, rest: bytes
    ) -> bool:
        """Hand an upgrade over to its handler; False where nobody claims it."""
        is_websocket = request.headers.get("upgrade", "").lower() == "websocket"
        handler = self.app.websocket(request) if is_websocket and self._opener else None
        if handler is None or self._opener is None:
            return False
        task = self._opener(request, handler, transport, rest)
        self._websockets.add(task)
        task.add_done_callback(self._websockets.discard)
        return True

    def is_loopback(self, peer: str, listener: str) -> bool:
        """Whether a request comes from this machine itself: not from a sandbox, not from outside."""
        if listener != PORT_LISTENER:
            return False
        known = self._loopback.get(peer)
        if known is None:
            known = ipaddress.ip_address(peer.partition("%")[0]).is_loopback
            if len(self._loopback) < 4096:
                self._loopback[peer] = known
        return known
