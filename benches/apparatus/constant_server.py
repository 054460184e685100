"""The platform's own HTTP server with an app that always answers the same: the floor of the door."""

from __future__ import annotations

import asyncio

import uvloop

from pileus.adapters.clock_system import SystemClock
from pileus.gateway.server import Server, WebSocketHandler
from pileus.protocols.http import HttpRequest, HttpResponse

_BODY = b"x" * 400
"""About the size of GetCallerIdentity's answer."""


class _Constant:
    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [("Content-Type", "text/xml")], _BODY)

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        return None


async def _serve() -> None:
    server = Server(_Constant(), SystemClock())
    port = await server.start("127.0.0.1", 0)
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(_serve())
