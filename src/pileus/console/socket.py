"""The WebSocket the console speaks to; the gateway's has this form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Socket(Protocol):
    """An accepted WebSocket."""

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the peer is slow. ConnectionError when it is gone."""
        ...

    async def receive(self) -> str | bytes | None:
        """The next whole message, None once the peer has closed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; nothing happens when it is closed already."""
        ...


SocketHandler = Callable[[Socket], Awaitable[None]]
