"""The WebSocket the console speaks to; the gateway's has this form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol


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


async def until_closed(socket: Socket, push: Coroutine[Any, Any, None]) -> None:
    """Run ``push`` beside reading, until the peer closes or it fails."""
    pushing = asyncio.ensure_future(push)
    reading = asyncio.ensure_future(_read_out(socket))
    try:
        done, _ = await asyncio.wait({pushing, reading}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (pushing, reading):
            task.cancel()
        await asyncio.gather(pushing, reading, return_exceptions=True)


async def _read_out(socket: Socket) -> None:
    """Until the peer closes. Pages have nothing to say; what they send is ignored."""
    while await socket.receive() is not None:
        pass
