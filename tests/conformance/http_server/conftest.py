"""A server before an echo on a free port, on both kinds of loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from pileus.gateway.limits import Limits
from pileus.gateway.server import Server
from pileus.gateway.websocket import open_websocket
from pileus.ports.clock import Clock
from tests.conformance.http_server.sockets import Client, Connect, Echo, FastClock


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """The platform runs on uvloop; users' own tests of it may run on asyncio's loop."""
    if request.param == "uvloop":
        return uvloop.EventLoopPolicy()
    return asyncio.DefaultEventLoopPolicy()


@pytest.fixture
def limits() -> Limits:
    return Limits(
        url_bytes=500, header_bytes=2000, header_count=20, window_bytes=64 * 1024, grace_s=0.5
    )


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def clock() -> FastClock:
    return FastClock()


@pytest.fixture
async def server(echo: Echo, limits: Limits, clock: Clock) -> AsyncIterator[Server]:
    running = Server(echo, clock, limits=limits, open_websocket=open_websocket)
    yield running
    await running.close()


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Connect]:
    port = await server.start("127.0.0.1", 0)
    opened: list[Client] = []

    async def open_client() -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.writer.close()
