"""A live source's picture: H.264 over a WebSocket, or JPEG after JPEG, by ``WatchSource``.

``WS /_pileus/media/<account>/<region>/<source>/preview`` sends records of ``media/preview.py``, one a
message; ``GET …/preview.mjpeg`` is ``multipart/x-mixed-replace``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from pileus.console.answers import json_answer
from pileus.console.asking import Invoke, guest
from pileus.console.socket import Socket, SocketHandler, until_closed
from pileus.media.preview import JPEG, Record, unpack
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import StreamBody
from pileus.values.errors import ServiceError

WATCHERS_MAX = 64
CLOSE_REFUSED, CLOSE_TOO_MANY = 1008, 1013
MJPEG_BOUNDARY = "pileus-frame"
_PATH = re.compile(r"media/([0-9]{12})/([a-z0-9-]+)/([^/]+)/preview(\.mjpeg)?")
_TOO_MANY = f"{WATCHERS_MAX} pictures are looked at already"


class LivePictures:
    """Who looks at live sources.

    Args:
        invoke: the door.
        endpoint: where clients reach the platform.
    """

    def __init__(self, invoke: Invoke, endpoint: str) -> None:
        self._invoke, self._endpoint = invoke, endpoint
        self._watchers = 0

    async def respond(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """JPEG pictures without an end; None for another path."""
        found = _PATH.fullmatch(name)
        if found is None or not found[4]:
            return None
        try:
            if self._watchers >= WATCHERS_MAX:
                raise ServiceError("TooManyWatchers", _TOO_MANY, status=503)
            records = await self._records(found, "jpeg")
        except ServiceError as error:
            return json_answer({"error": error.message, "code": error.code}, error.status)
        return mjpeg_answer(self._jpegs(records))

    def socket(self, name: str) -> SocketHandler | None:
        """A WebSocket's handler; None for another path."""
        found = _PATH.fullmatch(name)
        if found is None or found[4]:
            return None
        return lambda socket: self._show(found, socket)

    async def _show(self, found: re.Match[str], socket: Socket) -> None:
        if self._watchers >= WATCHERS_MAX:
            await socket.close(CLOSE_TOO_MANY, _TOO_MANY)
            return
        self._watchers += 1
        try:
            await until_closed(socket, self._push(found, socket))
        except ServiceError as error:
            await socket.close(CLOSE_REFUSED, error.message[:120])
        finally:
            self._watchers -= 1

    async def _push(self, found: re.Match[str], socket: Socket) -> None:
        async with aclosing(await self._records(found, "h264")) as records:
            async for record in records:
                await socket.send(record)
        await socket.close()

    async def _jpegs(self, records: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
        self._watchers += 1
        try:
            async with aclosing(records):
                async for record in records:
                    for part in mjpeg_parts(record):
                        yield part
        finally:
            self._watchers -= 1

    async def _records(self, found: re.Match[str], form: str) -> AsyncGenerator[bytes]:
        """Raises ServiceError: there is no such source."""
        context = guest(found[1], found[2], self._endpoint)
        given = {"Source": found[3], "Form": form}
        told = (await self._invoke(context, "media", "WatchSource", given)).output
        return _of_events(told["Pictures"])


async def _of_events(events: AsyncGenerator[dict[str, dict[str, bytes]]]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            yield event["Picture"]["Record"]


def mjpeg_answer(parts: AsyncIterator[bytes]) -> HttpResponse:
    """An answer that goes on as long as there are pictures."""
    content_type = f"multipart/x-mixed-replace; boundary={MJPEG_BOUNDARY}"
    headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
    return HttpResponse(200, headers, StreamBody(parts))


def mjpeg_parts(records: bytes) -> list[bytes]:
    """The JPEG pictures of records; each part tells its times in headers."""
    return [_part(record) for record in unpack(records) if record.kind == JPEG]


def _part(record: Record) -> bytes:
    head = (
        f"--{MJPEG_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(record.data)}\r\n"
        f"X-Pts-Ms: {record.pts_ms}\r\nX-Captured-At-Ms: {record.captured_at_ms}\r\n\r\n"
    )
    return head.encode() + record.data + b"\r\n"
