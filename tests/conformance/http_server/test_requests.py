"""The HTTP server on raw sockets: what no well-behaved client library would send as well."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from pileus.gateway.server import Server
from tests.conformance.http_server.sockets import WAIT_S, Client, Connect, Echo, FastClock

# pytest-asyncio has no other way yet to run one test on two kinds of loop.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the:pytest.PytestDeprecationWarning")


async def test_keep_alive_and_headers(connect: Connect, echo: Echo) -> None:
    client = await connect()
    for _ in range(3):
        client.send(
            b"POST /a%20b?c=%2F HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 2\r\n\r\nhi"
        )
        status, headers, body = await client.answer()
        assert (status, body, headers["x-path"]) == (200, b"hi", "/a%20b")
        assert headers["date"].endswith("GMT")
    request = echo.seen[0]
    assert (request.path, request.query, request.method) == ("/a%20b", "c=%2F", "POST")
    assert (request.headers["x-two"], request.peer, request.is_loopback) == (
        "1,2",
        "127.0.0.1",
        True,
    )


async def test_a_request_may_arrive_byte_by_byte(connect: Connect) -> None:
    client = await connect()
    for byte in b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
        client.send(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.answer())[2] == b"abc"


async def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    client = await connect()
    requests = [
        b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n%d" % (i, i % 10)
        for i in range(60)
    ]
    client.send(b"".join(requests))
    for i in range(60):
        _, headers, body = await client.answer()
        assert (headers["x-path"], body) == (f"/{i}", b"%d" % (i % 10))


async def test_a_pipelined_request_waits_for_a_slow_one(connect: Connect, echo: Echo) -> None:
    client = await connect()
    client.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    await asyncio.sleep(0.01)
    assert len(echo.seen) == 1
    echo.release.set()
    assert (await client.answer())[1]["x-path"] == "/wait"
    assert (await client.answer())[1]["x-path"] == "/next"


async def test_chunked_request_bodies(connect: Connect) -> None:
    client = await connect()
    client.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"3\r\nabc\r\n")
    await asyncio.sleep(0.01)
    client.send(b"4;ext=1\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n")
    assert (await client.answer())[2] == b"abcdefg"
    client.send(b"GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[0] == 200


async def test_large_bodies_stream_both_ways(connect: Connect) -> None:
    client = await connect()
    data = bytes(range(256)) * 8192
    client.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(data))
    client.send(data)
    assert (await client.answer())[2] == data


async def test_a_body_nobody_reads_is_not_taken_into_memory(
    connect: Connect, server: Server, echo: Echo
) -> None:
    client = await connect()
    client.send(b"PUT /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n")
    client.send(b"x" * 20_000_000)
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    await asyncio.sleep(0.05)
    body = echo.seen[0].body
    assert body.backlog_bytes < 2 * 1024 * 1024  # type: ignore[attr-defined]
    assert client.writer.transport.get_write_buffer_size() > 10_000_000


async def test_100_continue_is_sent_when_the_body_is_first_read(
    connect: Connect, echo: Echo
) -> None:
    client = await connect()
    client.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert await client.head() == (100, {})
    client.send(b"hello")
    assert (await client.answer())[2] == b"hello"


async def test_without_a_read_there_is_no_100_continue_and_the_connection_ends(
    connect: Connect,
) -> None:
    client = await connect()
    client.send(
        b"PUT /ignore HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    status, headers, _ = await client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.is_closed()


async def test_an_unread_body_is_drained_when_short_and_ends_the_connection_when_long(
    connect: Connect,
) -> None:
    client = await connect()
    client.send(b"PUT /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100)
    assert (await client.answer())[2] == b"ignored"
    client.send(b"x" * 99_900 + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[1]["x-path"] == "/next"
    client.send(
        b"PUT /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100
    )
    assert (await client.answer())[1]["connection"] == "close"
    assert await client.is_closed()


async def test_a_client_may_close_its_half(connect: Connect, echo: Echo) -> None:
    client = await connect()
    client.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
    client.writer.write_eof()
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    await asyncio.sleep(0.01)
    echo.release.set()
    assert (await client.answer())[0] == 200
    assert await client.is_closed()


async def test_a_client_that_goes_away_cancels_its_request(connect: Connect, echo: Echo) -> None:
    client = await connect()
    client.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    linger = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.get_extra_info("socket").setsockopt(*linger)
    client.writer.transport.abort()
    await asyncio.wait_for(echo.cancelled.wait(), WAIT_S)


async def test_streamed_answers(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
    _, headers, body = await client.answer()
    assert headers["transfer-encoding"] == "chunked"
    assert body == b"one" + b"two" * 1000
    client.send(b"GET /stream?3003 HTTP/1.1\r\nHost: h\r\n\r\n")
    _, headers, body = await client.answer()
    assert (headers["content-length"], len(body)) == ("3003", 3003)
    client.send(
        b"HEAD /stream?3003 HTTP/1.1\r\nHost: h\r\n\r\nGET /empty HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    assert (await client.head())[1]["content-length"] == "3003"
    assert (await client.head())[0] == 204
    client.send(b"GET /stream HTTP/1.0\r\n\r\n")
    assert "transfer-encoding" not in (await client.head())[1]
    assert len(await asyncio.wait_for(client.reader.read(), WAIT_S)) == 3003


async def test_a_stream_of_another_length_breaks_off(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /stream?5000 HTTP/1.1\r\nHost: h\r\n\r\n")
    await client.head()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(client.reader.readexactly(5000), WAIT_S)


async def test_a_stream_that_fails_is_not_taken_for_whole(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /broken HTTP/1.1\r\nHost: h\r\n\r\n")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, ValueError)):
        await client.answer()


async def test_the_length_is_that_of_what_is_sent(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /told HTTP/1.1\r\nHost: h\r\n\r\nHEAD /told HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[2] == b"four"
    assert (await client.head())[1]["content-length"] == "99"


async def test_http_1_0_ends_the_connection_unless_asked(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (await client.answer())[1]["connection"] == "keep-alive"
    client.send(b"GET /x HTTP/1.0\r\n\r\n")
    assert (await client.answer())[1]["connection"] == "close"
    assert await client.is_closed()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 600 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET /" + b"a" * 600, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 3000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % i for i in range(30)) + b"\r\n", 431),
    ],
)
async def test_what_is_no_request_is_refused(connect: Connect, raw: bytes, status: int) -> None:
    client = await connect()
    client.send(raw)
    assert (await client.answer())[0] == status
    assert await client.is_closed()


async def test_rubbish_after_a_request_does_not_cut_its_answer(
    connect: Connect, echo: Echo
) -> None:
    client = await connect()
    client.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\nrubbish\r\n\r\n")
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    await asyncio.sleep(0.01)
    echo.release.set()
    assert (await client.answer())[1]["x-path"] == "/wait"
    assert (await client.answer())[0] == 400
    assert await client.is_closed()


async def test_an_endless_header_is_refused(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(20):
        client.send(b"a" * 500)
        await client.writer.drain()
        await asyncio.sleep(0.001)
    assert (await client.answer())[0] == 431


async def test_a_failing_handler_ends_its_request_only(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /fail HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[0] == 500
    assert (await client.answer())[0] == 200


async def test_a_header_that_would_begin_another_is_never_written(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /inject HTTP/1.1\r\nHost: h\r\n\r\n")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.head()


async def test_slow_clients_are_let_go(connect: Connect, clock: FastClock, echo: Echo) -> None:
    idle, headers, body = [await connect() for _ in range(3)]
    headers.send(b"GET / HTTP/1.1\r\nX: ")
    body.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\nabc")
    await asyncio.sleep(0.02)
    clock.is_fast = True
    assert (await headers.answer())[0] == 408
    assert (await body.answer())[0] == 500  # Echo lets the body's ServiceError through
    assert await idle.is_closed()


async def test_closing_lets_running_requests_finish(
    connect: Connect, server: Server, echo: Echo
) -> None:
    client = await connect()
    client.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.wait_for(echo.arrived.wait(), WAIT_S)
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0.01)
    echo.release.set()
    assert (await client.answer())[1]["connection"] == "close"
    await closing


async def test_a_handed_over_listener_is_served_and_is_not_loopback(
    server: Server, echo: Echo
) -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    port = listening.getsockname()[1]
    await server.add_socket(listening, "sandbox-1")
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    client.send(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert (echo.seen[0].listener, echo.seen[0].is_loopback) == ("sandbox-1", False)
    server.remove_socket("sandbox-1")
    assert await client.is_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
