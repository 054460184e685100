"""What engines say, as it is said, and records as they come: server-sent events and WebSockets over
``ListResults`` and ``ListRecords``.

``GET /_pileus/media/<account>/<region>/<source>/results?engine=<name>``, or ``…/records``, with any of ``after=<offset>``,
``last=<count>``, ``from=<ms>`` and ``to=<ms>`` (the source's clock). Server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html) have the offset as their id, so that a
client that lost its connection goes on by itself. A page of results is asked for once the one before it has
been taken: a slow reader holds one page in memory, and nothing is left out for it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import orjson

from pileus.console.answers import json_answer, query_of
from pileus.console.asking import Invoke
from pileus.console.feed import CONSOLE_SOURCE
from pileus.console.socket import Socket, SocketHandler, until_closed
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import StreamBody
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

READERS_MAX = 128
CLOSE_REFUSED, CLOSE_TOO_MANY = 1008, 1013
WAIT_S = 15
"""Also how often a reader with nothing new hears that the connection is alive."""
_RETRY_MS = 1000
_PAGE = 100
_PATH = re.compile(r"media/([0-9]{12})/([a-z0-9-]+)/([^/]+)/(results|records)")
_NUMBERS = {"after": "AfterOffset", "last": "Last", "from": "FromMs", "to": "ToMs"}
_ALIVE = b": nothing new\n\n"
_TOO_MANY = f"{READERS_MAX} readers of results are there already"


class Reader(msgspec.Struct, frozen=True):
    """Which results of which lane, or which records, a request asks for.

    Attributes:
        given: members of ``ListResults`` or ``ListRecords``.
    """

    account: str
    region: str
    operation: str
    given: dict[str, Any]


def reader_of(request: HttpRequest, name: str) -> Reader | None:
    """What is asked for at a path below the page's prefix; None where it is not a lane's results.

    Raises:
        ServiceError: a parameter is missing or not a number.
    """
    found = _PATH.fullmatch(name)
    if found is None:
        return None
    query = query_of(request)
    given: dict[str, Any] = {"Source": found[3]}
    if found[4] == "results":
        if not query.get("engine"):
            raise ServiceError("ValidationException", "Say whose results: ?engine=<name>.")
        given["Engine"] = query["engine"]
    for parameter, member in _NUMBERS.items():
        if parameter in query:
            given[member] = _number(parameter, query[parameter])
    # A browser that comes back tells where it was, by the same address as before.
    if last_id := request.headers.get("last-event-id"):
        given["AfterOffset"] = _number("Last-Event-ID", last_id)
        given.pop("Last", None)
    return Reader(found[1], found[2], f"List{found[4].capitalize()}", given)


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise ServiceError("ValidationException", f"{name} is a whole number, not {value!r}.")
    return int(value)


class _Page(msgspec.Struct, frozen=True):
    """Some results, or none; ``is_end``: nothing more comes unless the source is read again."""

    results: list[Mapping[str, Any]]
    is_end: bool


class LiveResults:
    """Readers of results as they come.

    Args:
        invoke: the door.
        endpoint: where clients reach the platform.
    """

    def __init__(self, invoke: Invoke, endpoint: str) -> None:
        self._invoke, self._endpoint = invoke, endpoint
        self._readers = 0

    async def respond(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """Server-sent events: one for a document, ``end`` when the source has ended; None for another path."""
        try:
            reader = reader_of(request, name)
            if reader is None:
                return None
            if self._readers >= READERS_MAX:
                raise ServiceError("TooManyReaders", _TOO_MANY, status=503)
            pages = self._pages(reader)
            first = await anext(pages)
        except ServiceError as error:
            return json_answer({"error": error.message, "code": error.code}, error.status)
        headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
        return HttpResponse(200, headers, StreamBody(self._events(first, pages)))

    def socket(self, name: str, request: HttpRequest) -> SocketHandler | None:
        """A WebSocket's handler: ``{"offset", "document"}`` a text, ``{"end": true}`` when the source has
        ended. None for another path, and where the question is malformed, which :meth:`respond` tells."""
        try:
            reader = reader_of(request, name)
        except ServiceError:
            return None
        return None if reader is None else lambda socket: self._talk(reader, socket)

    async def _talk(self, reader: Reader, socket: Socket) -> None:
        if self._readers >= READERS_MAX:
            await socket.close(CLOSE_TOO_MANY, _TOO_MANY)
            return
        self._readers += 1
        try:
            await until_closed(socket, self._push(reader, socket))
        except ServiceError as error:
            await socket.close(CLOSE_REFUSED, error.message[:120])
        finally:
            self._readers -= 1

    async def _push(self, reader: Reader, socket: Socket) -> None:
        async with aclosing(self._pages(reader)) as pages:
            async for page in pages:
                for each in page.results:
                    await socket.send(
                        f'{{"offset":{each["Offset"]},"document":{each["Document"]}}}'
                    )
                if page.is_end:
                    await socket.send('{"end":true}')
        await socket.close()

    async def _events(self, first: _Page, pages: AsyncGenerator[_Page]) -> AsyncIterator[bytes]:
        self._readers += 1
        try:
            async with aclosing(pages):
                yield b"retry: %d\n\n" % _RETRY_MS + _event_bytes(first)
                async for page in pages:
                    yield _event_bytes(page) or _ALIVE
        except ServiceError as error:
            told = orjson.dumps({"code": error.code, "error": error.message})
            yield b"event: failed\ndata: %b\n\n" % told
        finally:
            self._readers -= 1

    async def _pages(self, reader: Reader) -> AsyncGenerator[_Page]:
        """What there is, at once, then what comes; it ends behind ``to``. Raises ServiceError."""
        given = {**reader.given, "MaxResults": _PAGE}
        context = CallContext(
            account=reader.account,
            region=reader.region,
            principal=Principal.root(reader.account),
            source=CONSOLE_SOURCE,
            endpoint=self._endpoint,
        )
        is_end = False
        while True:
            told = (await self._invoke(context, "media", reader.operation, given)).output
            was_end, is_end = is_end, bool(told.get("Complete"))
            found = told["Results" if reader.operation == "ListResults" else "Records"]
            yield _Page(found, is_end and not was_end)
            if is_end and "ToMs" in given:
                return
            given.pop("Last", None)
            given["AfterOffset"] = told["LastOffset"]
            given["WaitSeconds"] = WAIT_S


def _event_bytes(page: _Page) -> bytes:
    # A document is JSON in one line.
    said = [f"id: {each['Offset']}\ndata: {each['Document']}\n\n" for each in page.results]
    if page.is_end:
        said.append("event: end\ndata: {}\n\n")
    return "".join(said).encode()
