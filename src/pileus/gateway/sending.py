"""The writing half of a connection: answers as bytes, with back-pressure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from pileus.gateway import wire
from pileus.protocols.http import HttpResponse
from pileus.values.body import Body
from pileus.values.errors import ServiceError

logger = logging.getLogger("pileus.gateway")

_LENGTH = ("Content-Length", "content-length")


class Outlet:
    """Writes answers to one transport, one after the other.

    Attributes:
        is_blocked: the peer does not take our bytes as fast as we have them.
        has_moved: set with every piece written; the sweep clears it.
    """

    __slots__ = ("_drained", "_transport", "has_moved")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._drained: asyncio.Future[None] | None = None
        self.has_moved = False

    @property
    def is_blocked(self) -> bool:
        return self._drained is not None

    def block(self) -> None:
        """The transport's buffer is full."""
        self._drained = asyncio.get_running_loop().create_future()

    def unblock(self) -> None:
        """The transport's buffer is empty enough, or the connection is gone."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def write_bytes(
        self, response: HttpResponse, content: bytes, extra: str, is_head: bool
    ) -> None:
        """Write an answer that is all there.

        Raises:
            HeaderInjection: before anything is written.
        """
        told = None
        for name, value in response.headers:
            if name in _LENGTH:
                told = value
        if is_head or response.status in wire.BODILESS:
            content = b""
            if response.status == 204 or told is not None:
                self._transport.write(wire.head(response, extra))
                return
        elif told is not None:
            _drop_length(response)
        head = wire.head(response, f"Content-Length: {len(content)}\r\n{extra}")
        self._transport.write(head + content if content else head)

    async def write_stream(
        self, response: HttpResponse, content: Body, extra: str, *, is_head: bool, is_http_1_0: bool
    ) -> bool:
        """Stream an answer; False when the connection cannot be used for another one.

        Raises:
            HeaderInjection: before anything is written.
        """
        size = content.size_bytes
        is_chunked = size is None and not is_http_1_0
        pieces = aiter(content)
        try:
            if is_head or response.status in wire.BODILESS:
                if size is not None and response.header("content-length") is None:
                    extra = f"Content-Length: {size}\r\n{extra}"
                self._transport.write(wire.head(response, extra))
                return True
            _drop_length(response)
            if size is not None:
                extra = f"Content-Length: {size}\r\n{extra}"
            elif is_chunked:
                extra = f"Transfer-Encoding: chunked\r\n{extra}"
            self._transport.write(wire.head(response, extra))
            sent = await self._write_pieces(pieces, is_chunked)
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
        if sent < 0 or (size is not None and sent != size):
            self._transport.abort()
            return False
        return size is not None or is_chunked

    async def _write_pieces(self, pieces: AsyncIterator[bytes], is_chunked: bool) -> int:
        """Bytes sent; -1 where the body broke off."""
        write, sent = self._transport.write, 0
        try:
            async for piece in pieces:
                if not piece:
                    continue
                sent += len(piece)
                write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                self.has_moved = True
                if self._drained is not None:
                    await self._drained
        except ServiceError as error:
            # The head is out: all that is left is to break off, so that nobody takes it for whole.
            logger.warning("a response body broke off: %s", error)
            return -1
        if is_chunked:
            write(b"0\r\n\r\n")
        return sent


def _drop_length(response: HttpResponse) -> None:
    """What is really sent decides, not what an operation says of it."""
    response.headers = [pair for pair in response.headers if pair[0].lower() != "content-length"]
