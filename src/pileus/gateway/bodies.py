"""A request body as it comes off a socket, with back-pressure."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from pileus.values.errors import ServiceError


class Flow(Protocol):
    """What a body needs from its connection."""

    def body_wanted(self) -> None:
        """The first read: an expected ``100 Continue`` goes out now."""
        ...

    def backlog_changed(self) -> None:
        """The backlog grew past the window or shrank below half of it."""
        ...


class SocketBody:
    """The bytes of one request, fed by its connection and read once by its handler.

    A connection that breaks off raises ServiceError: IncompleteBody or RequestTimeout.
    """

    __slots__ = (
        "_error",
        "_flow",
        "_is_asked_for",
        "_pieces",
        "_waiter",
        "backlog_bytes",
        "is_complete",
        "is_discarded",
        "received_bytes",
        "size_bytes",
        "window_bytes",
    )

    def __init__(self, flow: Flow, size_bytes: int | None, window_bytes: int) -> None:
        self._flow = flow
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: ServiceError | None = None
        self._is_asked_for = False
        self.size_bytes = size_bytes
        self.window_bytes = window_bytes
        self.backlog_bytes = 0
        self.received_bytes = 0
        self.is_complete = False
        self.is_discarded = False

    @property
    def is_full(self) -> bool:
        """True while the connection is to leave further bytes in the socket."""
        return self.backlog_bytes > self.window_bytes

    # ------------------------------------------------------------ the connection's side

    def feed(self, piece: bytes) -> None:
        """Take in bytes."""
        self.received_bytes += len(piece)
        if self.is_discarded:
            return
        self._pieces.append(piece)
        self.backlog_bytes += len(piece)
        self._wake()
        if self.is_full:
            self._flow.backlog_changed()

    def end(self, error: ServiceError | None = None) -> None:
        """No byte follows; with ``error`` the body broke off."""
        self.is_complete = True
        self._error = error
        self._wake()

    def discard(self) -> None:
        """Nobody reads on: what still comes is thrown away."""
        self.is_discarded = True
        self._pieces.clear()
        self.backlog_bytes = 0
        self._flow.backlog_changed()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ------------------------------------------------------------ the handler's side

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._is_asked_for:
            self._is_asked_for = True
            self._flow.body_wanted()
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self.is_complete or self.is_discarded:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        was_full = self.is_full
        piece = self._pieces.popleft()
        self.backlog_bytes -= len(piece)
        if was_full and not self.is_full:
            self._flow.backlog_changed()
        return piece

    async def read(self, limit_bytes: int | None = None) -> bytes:
        """All bytes at once; ValueError past ``limit_bytes``."""
        parts, total = [], 0
        async for piece in self:
            total += len(piece)
            if limit_bytes is not None and total > limit_bytes:
                raise ValueError(f"body exceeds {limit_bytes} bytes")
            parts.append(piece)
        return b"".join(parts)


def broken_off() -> ServiceError:
    """The client went away before its body was complete."""
    return ServiceError(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


def timed_out() -> ServiceError:
    """The client sent nothing for too long."""
    return ServiceError(
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout "
        "period. Idle connections will be closed.",
    )
