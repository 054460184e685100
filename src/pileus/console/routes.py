"""The console's HTTP routes and WebSockets, for the gateway to bind under ``/_pileus/``."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
import orjson

from pileus.console.answers import json_answer, query_of, text_answer
from pileus.console.asking import Invoke
from pileus.console.assets import Assets
from pileus.console.feed import Feed
from pileus.console.guard import SECURITY_HEADERS, Guard
from pileus.console.live_pictures import LivePictures, mjpeg_answer, mjpeg_parts
from pileus.console.live_results import LiveResults
from pileus.console.media_desk import MediaDesk
from pileus.console.recordings import Recordings
from pileus.console.socket import Socket, SocketHandler, until_closed
from pileus.console.watch import Watcher
from pileus.media.preview import (
    BATCH_BYTES_MAX,
    PreviewHub,
    PreviewRefused,
)
from pileus.ports.clock import Clock
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_ENDPOINT, DEFAULT_REGION
from pileus.values.errors import ServiceError

PREFIX = "/_pileus/"
SMS_BODY_BYTES_MAX = 16 << 10
SMS_TEXT_MAX = 1600
SOCKETS_MAX = 64
CLOSE_TOO_MANY = 1013
_NUMBER = re.compile(r"\+?[1-9][0-9]{3,14}")
_PREVIEW = re.compile(r"preview/([^/]+)")
_INGEST = re.compile(r"media/([^/]+)/preview")


class SendSms(Protocol):
    """Hands a text to the app as if it had come over the air; answers its message id."""

    def __call__(self, account: str, sender: str, text: str, /) -> Awaitable[str]: ...


class Hooks(msgspec.Struct, frozen=True):
    """What the composition root plugs in.

    Attributes:
        invoke: the door.
        send_sms: the handset's way in; ServiceError when no app takes messages.
        environments: ``[{"name": stage, "account": twelve digits}, …]`` for the switch.
        health: ``{"state": "ok" | "degraded" | "down", …}``; see ``README.md``.
        endpoint: where clients reach the platform.
    """

    clock: Clock
    invoke: Invoke
    send_sms: SendSms
    environments: Callable[[], Sequence[Mapping[str, str]]]
    health: Callable[[], Mapping[str, Any]]
    endpoint: str = DEFAULT_ENDPOINT
    region: str = DEFAULT_REGION
    version: str = ""
    guard: Guard = msgspec.field(default_factory=Guard)


class Console:
    """The page and what it talks to; ``feed.observe`` takes the kernel's records.

    Args:
        feed: one that has listened before there was a page; None for a new one.
    """

    def __init__(self, hooks: Hooks, feed: Feed | None = None) -> None:
        self._hooks = hooks
        self.feed = feed or Feed(hooks.clock)
        self.previews = PreviewHub()
        self._assets = Assets()
        self._watcher = Watcher(self.feed, hooks.clock, hooks.invoke, self.previews, hooks.health)
        self._results = LiveResults(hooks.invoke, hooks.endpoint)
        self._pictures = LivePictures(hooks.invoke, hooks.endpoint)
        self._recordings = Recordings(hooks.invoke, hooks.endpoint)
        self._desk = MediaDesk(hooks.invoke, hooks.region, hooks.endpoint)
        self._sockets_open = 0

    async def run(self) -> None:
        """Keep open pages fresh until cancelled; start it under supervision."""
        await self._watcher.run(self._hooks.region, self._hooks.endpoint)

    # -- requests ---------------------------------------------------------------------------

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer any request whose path begins ``/_pileus``; also an upgrade nobody claimed."""
        is_socket = request.headers.get("upgrade", "").lower() == "websocket"
        response = self._hooks.guard.refusal(request, is_socket=is_socket)
        if response is None:
            try:
                response = await self._route(request)
            except PreviewRefused as refused:
                response = text_answer(400, f"{refused}\n")
        response.headers.extend(SECURITY_HEADERS)
        return response

    async def _route(self, request: HttpRequest) -> HttpResponse:
        if cookie := self._hooks.guard.entry_cookie(request):
            return HttpResponse(303, [("Location", PREFIX), ("Set-Cookie", cookie)])
        if request.path == PREFIX.rstrip("/"):
            return HttpResponse(308, [("Location", PREFIX)])
        name = unquote(request.path.removeprefix(PREFIX))
        if request.method == "POST":
            return await self._post(name, request)
        if request.method not in ("GET", "HEAD"):
            return text_answer(405, "The console knows GET and POST.\n", [("Allow", "GET, POST")])
        if name == "api/overview":
            return json_answer(self._hello(_account(request)))
        if name.endswith(".mjpeg") and (match := _PREVIEW.fullmatch(name.removesuffix(".mjpeg"))):
            return mjpeg_answer(self._jpegs(match[1]))
        for media in (self._desk, self._pictures, self._recordings, self._results):
            if answer := await media.respond(name, request):
                return answer
        return self._assets.respond(name or "index.html", request)

    async def _post(self, name: str, request: HttpRequest) -> HttpResponse:
        if name == "api/sms":
            return await self._sms(request)
        if match := _INGEST.fullmatch(name):
            try:
                batch = await request.body.read(BATCH_BYTES_MAX)
            except ValueError as error:
                raise PreviewRefused(str(error)) from error
            return json_answer(self.previews.feed(match[1], batch))
        if acted := await self._desk.act(name, request):
            return acted
        return text_answer(404, f"The console has nothing to post to at {name!r}.\n")

    async def _sms(self, request: HttpRequest) -> HttpResponse:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return json_answer({"error": "send application/json"}, 415)
        try:
            given = orjson.loads(await request.body.read(SMS_BODY_BYTES_MAX))
            sender, text = str(given["from"]), str(given["text"])
        except (ValueError, KeyError, TypeError):
            return json_answer({"error": 'send {"from": number, "text": text}'}, 400)
        if not _NUMBER.fullmatch(sender):
            return json_answer({"error": "from is a phone number: + and 4 to 15 digits"}, 400)
        if not 0 < len(text) <= SMS_TEXT_MAX:
            return json_answer({"error": f"text has 1 to {SMS_TEXT_MAX} characters"}, 400)
        account = str(given.get("account") or DEFAULT_ACCOUNT)
        try:
            message_id = await self._hooks.send_sms(account, sender, text)
        except ServiceError as error:
            return json_answer({"error": error.message, "code": error.code}, error.status)
        return json_answer({"id": message_id}, 202)

    # -- sockets ----------------------------------------------------------------------------

    def websocket(self, request: HttpRequest) -> SocketHandler | None:
        """The handler of an upgrade; None where there is none or the guard refuses.

        A refused one is then answered by :meth:`handle`, with the reason.
        """
        if self._hooks.guard.refusal(request, is_socket=True) is not None:
            return None
        name = unquote(request.path.removeprefix(PREFIX))
        if name == "live":
            account = _account(request)
            return lambda socket: self._bounded(socket, self._live(account, socket))
        if match := _PREVIEW.fullmatch(name):
            source = match[1]
            return lambda socket: self._bounded(socket, self._show(source, socket))
        return self._pictures.socket(name) or self._results.socket(name, request)

    async def _bounded(self, socket: Socket, conversation: Coroutine[Any, Any, None]) -> None:
        if self._sockets_open >= SOCKETS_MAX:
            conversation.close()
            await socket.close(CLOSE_TOO_MANY, f"{SOCKETS_MAX} sockets are open already")
            return
        self._sockets_open += 1
        try:
            await conversation
        except PreviewRefused as refused:
            await socket.close(CLOSE_TOO_MANY, str(refused)[:120])
        finally:
            self._sockets_open -= 1

    async def _live(self, account: str, socket: Socket) -> None:
        subscription = self.feed.subscribe(account)

        async def push() -> None:
            hello = {"type": "hello", **self._hello(account)}
            first = {"sequence": 0, "messages": [hello], "dropped": {}}
            await socket.send(orjson.dumps(first).decode())
            while True:
                frame = await subscription.next_frame()
                await socket.send(orjson.dumps(frame).decode())

        try:
            await until_closed(socket, push())
        finally:
            self.feed.unsubscribe(subscription)

    async def _show(self, source: str, socket: Socket) -> None:
        watch = self.previews.watch(source)

        async def push() -> None:
            async for record in watch:
                await socket.send(record)

        try:
            await until_closed(socket, push())
        finally:
            self.previews.leave(source, watch)

    async def _jpegs(self, source: str) -> AsyncIterator[bytes]:
        """Parts of ``multipart/x-mixed-replace``; each tells its times in headers."""
        watch = self.previews.watch(source, wants_jpeg=True)
        try:
            async for raw in watch:
                for part in mjpeg_parts(raw):
                    yield part
        finally:
            self.previews.leave(source, watch)

    def _hello(self, account: str) -> dict[str, Any]:
        return {
            "protocol": 1,
            "version": self._hooks.version,
            "endpoint": self._hooks.endpoint,
            "region": self._hooks.region,
            "account": account,
            "environments": [dict(one) for one in self._hooks.environments()],
            "now_ms": self._hooks.clock.now_ms(),
            "previews": [known["source"] for known in self.previews.sources()],
            **self.feed.snapshot(account),
            "people": self._watcher.people(account),
        }


def _account(request: HttpRequest) -> str:
    return query_of(request).get("account") or DEFAULT_ACCOUNT
