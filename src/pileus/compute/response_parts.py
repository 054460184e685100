"""A streamed answer on its way from an instance to whoever asked for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from pileus.ports.nodes import Hold

_HIGH_BYTES = 1024 * 1024
_LOW_BYTES = 256 * 1024


class ResponseParts:
    """Holds what the instance has sent and the caller has not taken: about a megabyte, then the
    instance waits.

    Attributes:
        content_type: what the function said its answer is; empty before it did.
        size_bytes: all that has come so far.
    """

    def __init__(self) -> None:
        self.content_type = ""
        self.size_bytes = 0
        self._parts: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._hold: Hold | None = None
        self._is_ended = False
        self._is_unwanted = False

    def take(self, content_type: str, data: bytes, hold: Hold) -> None:
        """One piece; what ``ports.nodes.TakePart`` asks for."""
        self.content_type = self.content_type or content_type
        self.size_bytes += len(data)
        if self._is_unwanted:
            return
        self._parts.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _HIGH_BYTES and self._hold is None:
            self._hold = hold
            hold(True)
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._is_ended = True
        self._news.set()

    async def begun(self) -> None:
        """Wait until something came or nothing will."""
        await self._news.wait()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces until the end. A caller who goes away lets the function run on unheard."""
        try:
            while True:
                while self._parts:
                    data = self._parts.popleft()
                    self._taken(len(data))
                    if data:
                        yield data
                if self._is_ended:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._is_unwanted = True
            self._parts.clear()
            self._taken(self._waiting_bytes)

    def _taken(self, size_bytes: int) -> None:
        self._waiting_bytes -= size_bytes
        if self._hold is not None and self._waiting_bytes <= _LOW_BYTES:
            hold, self._hold = self._hold, None
            hold(False)
