"""The console's way to live pictures, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any

import orjson

from pileus.media.preview import JPEG, KEY_PICTURE, pack
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

from .test_routes import FakeSocket, console, request

PATH = "media/000000000000/us-east-1/lobby/preview"
PICTURE = pack(KEY_PICTURE, 40, 90, b"unit")
JPEG_PICTURE = pack(JPEG, 40, 90, b"jpeg")


class Room:
    """Answers ``WatchSource`` with one picture, then waits; remembers whether the watch was closed."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.is_closed = False

    async def invoke(
        self, context: CallContext, service: str, operation: str, given: Mapping[str, Any]
    ) -> Any:
        assert (service, operation, context.source) == ("media", "WatchSource", "console")
        if given["Source"] != "lobby":
            raise ServiceError("ResourceNotFoundException", "There is no source x.", status=404)
        self.asked.append(given)
        return SimpleNamespace(output={"Pictures": self._events(given["Form"])}, body=None)

    async def _events(self, form: str) -> AsyncGenerator[dict[str, Any]]:
        try:
            yield {"Picture": {"Record": PICTURE if form == "h264" else JPEG_PICTURE}}
            await asyncio.Event().wait()
        finally:
            self.is_closed = True


async def test_records_over_a_socket_until_it_closes() -> None:
    room = Room()
    handler = console(invoke=room.invoke).websocket(request(PATH, upgrade="websocket"))
    assert handler is not None
    socket = FakeSocket()
    talking = asyncio.ensure_future(handler(socket))
    await socket.has_sent(1)
    assert socket.sent == [PICTURE]
    socket.gone.set()
    await talking
    assert room.is_closed


async def test_a_socket_for_no_source_is_told_why() -> None:
    path = PATH.replace("lobby", "x")
    handler = console(invoke=Room().invoke).websocket(request(path, upgrade="websocket"))
    assert handler is not None
    socket = FakeSocket()
    await handler(socket)
    assert socket.closed == (1008, "There is no source x.")


async def test_jpegs_in_parts_with_their_times() -> None:
    room = Room()
    response = await console(invoke=room.invoke).handle(request(f"{PATH}.mjpeg"))
    assert response.status == 200
    parts: Any = response.body
    part = await anext(aiter(parts))
    assert b"X-Pts-Ms: 40\r\nX-Captured-At-Ms: 90\r\n\r\njpeg\r\n" in part
    await aiter(parts).aclose()
    assert room.is_closed and room.asked == [{"Source": "lobby", "Form": "jpeg"}]


async def test_jpegs_of_no_source() -> None:
    response = await console(invoke=Room().invoke).handle(
        request(f"{PATH.replace('lobby', 'x')}.mjpeg")
    )
    assert response.status == 404
    told = orjson.loads(response.body)  # type: ignore[arg-type]
    assert told["code"] == "ResourceNotFoundException"
