"""A client of HTTP, against a server that says what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pileus.adapters.http_fetching import HttpFetching
from pileus.ports.fetching import FetchFailed


class Server:
    """Gives each connection the next of its answers, and hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.asked = list(answers), list[str]()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answers.pop(0))
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Server]:
    made = Server(*answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def read(url: str, **headers: str) -> tuple[int, bytes]:
    fetched = await HttpFetching().get(url, headers)
    try:
        return fetched.status, b"".join([piece async for piece in fetched.pieces()])
    finally:
        await fetched.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_bodies(answer: bytes) -> None:
    async with serving(answer) as server:
        assert await read(f"http://127.0.0.1:{server.port}/a?b=c") == (200, b"hello")
        assert server.asked[0].startswith("GET /a?b=c HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{server.port}\r\n" in server.asked[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "was lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "was lost"),
        (b"", "hung up"),
        (b"SSH-2.0-x\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "headers are over"),
    ],
)
async def test_answers_that_break_off(answer: bytes, words: str) -> None:
    async with serving(answer) as server:
        with pytest.raises(FetchFailed, match=words):
            await read(f"http://127.0.0.1:{server.port}/")


async def test_a_password_goes_to_its_own_host_only() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with serving(ok) as other:
        here = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
        place = f"http://127.0.0.1:{other.port}/x".encode()
        away = b"HTTP/1.1 307 Go\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n"
        async with serving(here, away) as server:
            url = f"http://me:a%20b@127.0.0.1:{server.port}/here"
            assert await read(url) == (200, b"ok")
        assert all("Authorization: Basic bWU6YSBi\r\n" in asked for asked in server.asked)
        assert "Authorization" not in other.asked[0]


async def test_redirections_that_go_round() -> None:
    again = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    async with serving(*[again] * 10) as server:
        with pytest.raises(FetchFailed, match="more than 5"):
            await read(f"http://127.0.0.1:{server.port}/")


async def test_nobody_listens() -> None:
    async with serving() as server:
        port = server.port
    with pytest.raises(FetchFailed, match="no connection to 127"):
        await read(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["ftp://h/x", "http:///x"])
async def test_other_addresses(url: str) -> None:
    with pytest.raises(FetchFailed, match="no address of HTTP"):
        await read(url)


async def test_line_breaks_make_no_headers() -> None:
    async with serving(b"") as server:
        with pytest.raises(FetchFailed, match="line break"):
            await read(f"http://127.0.0.1:{server.port}/", Last="1\r\nX: y")
