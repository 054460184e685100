"""An HTTP/1.1 and WebSocket server just big enough to put a Console on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    TextMessage,
)
from wsproto.events import Request as Upgrade

from pileus.console.exchange import Request, Response
from pileus.console.routes import Console
from pileus.values.body import StreamBody

_CHUNK = 64 << 10


class SmallSocket:
    """``exchange.Socket`` over an accepted wsproto connection."""

    def __init__(self, machine: WSConnection, reader: asyncio.StreamReader, writer) -> None:
        self._machine = machine
        self._reader = reader
        self._writer = writer
        self._waiting: list[str | bytes] = []
        self._is_closed = False

    async def send(self, message: str | bytes) -> None:
        if self._is_closed:
            raise ConnectionError("closed")
        event = (
            TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message)
        )
        self._writer.write(self._machine.send(event))
        await self._writer.drain()

    async def receive(self) -> str | bytes | None:
        parts: list = []
        while not self._is_closed:
            for event in self._machine.events():
                if isinstance(event, TextMessage | BytesMessage):
                    parts.append(event.data)
                    if event.message_finished:
                        empty = "" if isinstance(event, TextMessage) else b""
                        return empty.join(parts)
                elif isinstance(event, Ping):
                    self._writer.write(self._machine.send(event.response()))
                elif isinstance(event, CloseConnection):
                    self._is_closed = True
            data = b"" if self._is_closed else await self._reader.read(_CHUNK)
            if not data:
                self._is_closed = True
                return None
            self._machine.receive_data(data)
        return None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._is_closed:
            self._is_closed = True
            self._writer.write(self._machine.send(CloseConnection(code=code, reason=reason)))
            await self._writer.drain()


class SmallServer:
    """Serves ``console`` on 127.0.0.1; use as an async context manager."""

    def __init__(self, console: Console, port: int = 0) -> None:
        self._console = console
        self._asked_port = port
        self._connections: set[asyncio.Task] = set()
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> SmallServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._asked_port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            while await self._one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one_request(self, reader: asyncio.StreamReader, writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {}
        for each in fields:
            if each:
                name, value = each.split(":", 1)
                headers[name.lower()] = value.strip()
        parts = urlsplit(target)
        body = StreamBody(_body(reader, int(headers.get("content-length", "0"))))
        request = Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
        if headers.get("upgrade", "").lower() == "websocket":
            await self._upgrade(request, head, reader, writer)
            return False
        return await _answer(writer, await self._console.handle(request), method)

    async def _upgrade(self, request: Request, head: bytes, reader, writer) -> None:
        refused = self._console.refusal(request)
        if refused is not None:
            await _answer(writer, refused, request.method)
            return
        machine = WSConnection(ConnectionType.SERVER)
        machine.receive_data(head)
        assert any(isinstance(event, Upgrade) for event in machine.events())
        writer.write(machine.send(AcceptConnection()))
        socket = SmallSocket(machine, reader, writer)
        await self._console.converse(request, socket)
        await socket.close()


async def _body(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size > 0:
        chunk = await reader.read(min(size, _CHUNK))
        if not chunk:
            raise ConnectionError("the body ended early")
        size -= len(chunk)
        yield chunk


async def _answer(writer, response: Response, method: str) -> bool:
    is_stream = not isinstance(response.body, bytes)
    lines = [f"HTTP/1.1 {response.status} X"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if is_stream:
        lines.append("connection: close")
    else:
        lines.append(f"content-length: {len(response.body)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    if is_stream:
        try:
            async for chunk in response.body:
                writer.write(chunk)
                await writer.drain()
        finally:
            await response.body.aclose()
        return False
    if method != "HEAD":
        writer.write(response.body)
    await writer.drain()
    return True
