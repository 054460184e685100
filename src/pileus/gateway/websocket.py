"""WebSockets over wsproto, loaded only when the first one is opened (RFC 6455)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import ProtocolError

from pileus.gateway import wire
from pileus.protocols.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from pileus.gateway.server import WebSocketHandler

logger = logging.getLogger("pileus.gateway")

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
_BACKLOG_MAX = 64


def open_websocket(
    request: HttpRequest, handler: WebSocketHandler, transport: asyncio.Transport, rest: bytes
) -> asyncio.Task[None]:
    """Complete the handshake and run ``handler``; a malformed handshake is answered 400 or 426."""
    loop = asyncio.get_running_loop()
    refusal = _refusal(request)
    if refusal is not None:
        body = cast(bytes, refusal.body)
        extra = f"Connection: close\r\nContent-Length: {len(body)}\r\n"
        transport.write(wire.head(refusal, extra) + body)
        transport.close()
        return loop.create_task(asyncio.sleep(0))
    key = request.headers["sec-websocket-key"].strip().encode()
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept),
    ]
    offered = [
        each.strip() for each in request.headers.get("sec-websocket-protocol", "").split(",")
    ]
    if offered[0]:
        headers.append(("Sec-WebSocket-Protocol", offered[0]))
    transport.write(wire.head(HttpResponse(101, headers), ""))
    channel = Channel(transport)
    transport.set_protocol(channel)
    transport.resume_reading()
    if rest:
        channel.data_received(rest)
    return loop.create_task(_run(handler, channel))


async def _run(handler: WebSocketHandler, channel: Channel) -> None:
    try:
        await handler(channel)
    except ConnectionError:
        pass  # the peer went away while we were sending: nothing is left to do
    except Exception:
        logger.exception("a WebSocket handler failed")
        await channel.close(1011, "internal failure")
    finally:
        await channel.close(1001)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if request.method != "GET" or not request.headers.get("sec-websocket-key"):
        return wire.plain(400, "malformed WebSocket handshake")
    if request.headers.get("sec-websocket-version", "") != "13":
        response = wire.plain(426, "WebSocket version 13 is required")
        response.headers.append(("Sec-WebSocket-Version", "13"))
        return response
    return None


class Channel(asyncio.Protocol):
    """One open WebSocket. Messages wait in a short queue; beyond it the socket is not read."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._frames = Frames(ConnectionType.SERVER)
        self._messages: deque[str | bytes] = deque()
        self._partial: list[str | bytes] = []
        self._partial_bytes = 0
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_closed = False

    # ------------------------------------------------------------ the handler's side

    async def receive(self) -> str | bytes | None:
        """The next message; None once the peer has closed."""
        while not self._messages:
            if self._is_closed:
                return None
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        message = self._messages.popleft()
        if len(self._messages) == _BACKLOG_MAX - 1 and not self._is_closed:
            self._transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the peer is slow. ConnectionError when it is gone."""
        if self._is_closed or self._transport.is_closing():
            raise ConnectionResetError("the WebSocket is closed")
        event = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        self._transport.write(self._frames.send(event))
        if self._drained is not None:
            await self._drained

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say good-bye and end the connection; harmless when it is ended already."""
        if self._frames.state is ConnectionState.OPEN and not self._transport.is_closing():
            self._transport.write(self._frames.send(CloseConnection(code, reason or None)))
        self._transport.close()
        self._end()

    # ------------------------------------------------------------ the socket's side

    def data_received(self, data: bytes) -> None:
        if self._is_closed:
            return
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                self._take(event)
        except ProtocolError as problem:
            logger.info("a WebSocket peer broke the protocol: %s", problem)
            self._fail(1002)

    def _take(self, event: object) -> None:
        if isinstance(event, (TextMessage, BytesMessage)):
            self._partial.append(
                bytes(event.data) if isinstance(event, BytesMessage) else event.data
            )
            self._partial_bytes += len(event.data)
            if self._partial_bytes > MESSAGE_BYTES_MAX:
                self._fail(1009)
            elif event.message_finished:
                self._complete(isinstance(event, TextMessage))
        elif isinstance(event, Ping):
            self._transport.write(self._frames.send(event.response()))
        elif isinstance(event, CloseConnection):
            if self._frames.state is ConnectionState.REMOTE_CLOSING:
                self._transport.write(self._frames.send(event.response()))
            self._transport.close()
            self._end()

    def _complete(self, is_text: bool) -> None:
        if is_text:
            self._messages.append("".join(cast(list[str], self._partial)))
        else:
            self._messages.append(b"".join(cast(list[bytes], self._partial)))
        self._partial, self._partial_bytes = [], 0
        if len(self._messages) >= _BACKLOG_MAX:
            self._transport.pause_reading()
        self._wake()

    def _fail(self, code: int) -> None:
        if self._frames.state is ConnectionState.OPEN:
            self._transport.write(self._frames.send(CloseConnection(code)))
        self._transport.close()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _end(self) -> None:
        self._is_closed = True
        self._wake()
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_exception(ConnectionResetError("the WebSocket is closed"))

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, None
        if arrived is not None and not arrived.done():
            arrived.set_result(None)
