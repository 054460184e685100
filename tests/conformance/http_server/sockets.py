"""The HTTP server before an echo, and a client that is a socket: what several modules share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from pileus.adapters.clock_system import SystemClock
from pileus.gateway.server import WebSocket, WebSocketHandler
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import StreamBody

WAIT_S = 60.0


class Echo:
    """Answers with the body it gets; ``seen`` holds the requests."""

    def __init__(self) -> None:
        self.seen: list[HttpRequest] = []
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.seen.append(request)
        self.arrived.set()
        if request.path == "/ignore":
            return HttpResponse(200, [], b"ignored")
        if request.path == "/wait":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if request.path == "/fail":
            raise RuntimeError("a handler's fault")
        if request.path == "/inject":
            return HttpResponse(200, [("X", "a\r\nSet-Cookie: b")])
        if request.path.startswith("/stream"):
            return HttpResponse(200, [], StreamBody(self._pieces(), _size(request.query)))
        if request.path == "/empty":
            return HttpResponse(204)
        if request.path == "/broken":
            return HttpResponse(200, [], StreamBody(self._broken()))
        if request.path == "/told":
            return HttpResponse(200, [("Content-Length", "99")], b"four")
        return HttpResponse(200, [("X-Path", request.path)], await request.body.read())

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"two" * 1000):
            yield piece

    async def _broken(self) -> AsyncIterator[bytes]:
        yield b"some"
        raise RuntimeError("the handler's fault, too late for a 500")

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        return _echo_socket if request.path == "/socket" else None


def _size(query: str) -> int | None:
    return int(query) if query else None


async def _echo_socket(channel: WebSocket) -> None:
    while (message := await channel.receive()) is not None:
        await channel.send(message)


class Client:
    """A socket with just enough HTTP to read answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_S)
        first, *lines = raw.decode().strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split(" ")[1]), {name.lower(): value for name, value in headers.items()}

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, await self._chunks()
        size = int(headers.get("content-length", "0"))
        return status, headers, await asyncio.wait_for(self.reader.readexactly(size), WAIT_S)

    async def _chunks(self) -> bytes:
        found = b""
        while size := int(await asyncio.wait_for(self.reader.readline(), WAIT_S), 16):
            found += (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readline() == b"\r\n"
        return found

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(1), WAIT_S) == b""


Connect = Callable[[], Awaitable[Client]]


class FastClock(SystemClock):
    """Real time, but the server's sweep runs as often as it can and each sweep is a minute."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_ns = 0
        self.is_fast = False

    def mono_ns(self) -> int:
        return super().mono_ns() + self.passed_ns

    async def sleep(self, duration_s: float) -> None:
        if self.is_fast:
            self.passed_ns += 61 * 10**9
        await super().sleep(0.01)
