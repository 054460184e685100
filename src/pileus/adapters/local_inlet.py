"""The platform's end of a pushed source's inlet: a pair of sockets, so that neither name nor stranger is in it."""

from __future__ import annotations

import asyncio
import socket

from pileus.ports.intakes import InletClosed
from pileus.values.inlet_frames import BEGIN, CUT, DATA, END, HEAD, OFFER


class LocalInlet:
    """See ``ports.intakes.Inlet``. ``other_end`` is for the process; close it here once it is handed over."""

    def __init__(self) -> None:
        self._socket, self.other_end = socket.socketpair()
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self) -> None:
        """Tell the process that a publisher has come."""
        await self._send(HEAD.pack(BEGIN, 0))

    async def offer(self, sdp: str) -> None:
        """Hand the process a publisher's offer."""
        raw = sdp.encode()
        await self._send(HEAD.pack(OFFER, len(raw)), raw)

    async def write(self, data: bytes) -> None:
        """Send bytes; waits while the process does not read them."""
        if data:
            await self._send(HEAD.pack(DATA, len(data)), data)

    async def end(self, *, is_clean: bool) -> None:
        """Tell the process how the publisher ended."""
        await self._send(HEAD.pack(END if is_clean else CUT, 0))

    async def _send(self, *parts: bytes) -> None:
        if self._writer is None:
            _, self._writer = await asyncio.open_connection(sock=self._socket)
        try:
            self._writer.writelines(parts)
            await self._writer.drain()
        except OSError as error:
            raise InletClosed("The process that reads the source is gone.") from error

    def close(self) -> None:
        """Let go of both ends. Idempotent."""
        self.other_end.close()
        if self._writer is not None:
            self._writer.close()
        else:
            self._socket.close()
