"""The console's HTTP routes and WebSockets, for a server to bind under ``/_pileus/``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import unquote

import orjson

from pileus.console.asking import Invoke
from pileus.console.assets import Assets
from pileus.console.exchange import Request, Response, Socket, json_response, text_response
from pileus.console.feed import Feed
from pileus.console.guard import SECURITY_HEADERS, Guard
from pileus.console.preview import (
    MJPEG_BOUNDARY,
    UNIT_BYTES_MAX,
    Previews,
    Unit,
    UnitRefused,
    mjpeg_parts,
    parse_unit,
)
from pileus.console.watch import Watcher
from pileus.ports.clock import Clock
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_ENDPOINT, DEFAULT_REGION
from pileus.values.errors import ServiceError

PREFIX = "/_pileus/"
SMS_BODY_BYTES_MAX = 16 << 10
SMS_TEXT_MAX = 1600
"""What Twilio takes in one message: https://www.twilio.com/docs/messaging/api/message-resource"""
PAGES_OPEN_MAX = 64
CLOSE_POLICY = 1008
CLOSE_TOO_MANY = 1013
_LENGTH_BYTES = 4
_PHONE = re.compile(r"\+?[0-9]{3,15}")
_PREVIEW = re.compile(r"preview/([^/]+)")
_INGEST = re.compile(r"ingest/([^/]+)")


class SendSms(Protocol):
    """Hands a text to the app as if it had come over the air; answers its message id."""

    def __call__(self, account: str, sender: str, text: str, /) -> Awaitable[str]: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the composition root plugs in.

    Attributes:
        invoke: the door.
        send_sms: the handset's way in; ServiceError when no app takes messages.
        environments: ``[{"name": stage, "account": twelve digits}, …]`` for the switch.
        health: ``{"state": "ok" | "degraded" | "down", …}``; see ``README.md``.
    """

    clock: Clock
    invoke: Invoke
    send_sms: SendSms
    environments: Callable[[], Sequence[Mapping[str, str]]]
    health: Callable[[], Mapping[str, Any]]
    endpoint: str = DEFAULT_ENDPOINT
    version: str = ""
    guard: Guard = field(default_factory=Guard)


class Console:
    """The page and what it talks to.

    A server calls :meth:`handle` for plain requests below ``/_pileus/``; for a WebSocket it asks
    :meth:`refusal` before the upgrade and gives the accepted socket to :meth:`converse`.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.feed = Feed(hooks.clock)
        self.previews = Previews()
        self._assets = Assets()
        self._watcher = Watcher(self.feed, hooks.clock, hooks.invoke, hooks.health, hooks.endpoint)
        self._pages_open = 0

    async def run(self) -> None:
        """Keep open pages fresh until cancelled; start it under supervision."""
        await self._watcher.run()

    # -- requests ---------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Answer any request whose path begins ``/_pileus``."""
        response = self._hooks.guard.refusal(request)
        if response is None:
            try:
                response = await self._route(request)
            except UnitRefused as refused:
                response = text_response(400, f"{refused}\n")
        return replace(response, headers={**SECURITY_HEADERS, **response.headers})

    async def _route(self, request: Request) -> Response:
        if cookie := self._hooks.guard.entry_cookie(request):
            return Response(303, {"location": PREFIX, "set-cookie": cookie})
        if request.path == PREFIX.rstrip("/"):
            return Response(308, {"location": PREFIX})
        name = unquote(request.path.removeprefix(PREFIX))
        if request.method == "POST":
            return await self._post(name, request)
        if request.method not in ("GET", "HEAD"):
            return text_response(405, "The console knows GET and POST.\n", {"allow": "GET, POST"})
        if name == "api/overview":
            return json_response(self._hello(_account(request)))
        if name.endswith(".mjpeg") and (match := _PREVIEW.fullmatch(name.removesuffix(".mjpeg"))):
            content_type = f"multipart/x-mixed-replace; boundary={MJPEG_BOUNDARY}"
            headers = {"content-type": content_type, "cache-control": "no-store"}
            return Response(200, headers, mjpeg_parts(self.previews.of(match[1])))
        return self._assets.respond(name or "index.html", request)

    async def _post(self, name: str, request: Request) -> Response:
        if name == "api/sms":
            return await self._sms(request)
        if match := _INGEST.fullmatch(name):
            preview, taken = self.previews.of(match[1]), 0
            async for message in _length_prefixed(aiter(request.body)):
                preview.take(parse_unit(message))
                taken += 1
            return json_response({"units": taken})
        return text_response(404, f"The console has nothing to post to at {name!r}.\n")

    async def _sms(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return json_response({"error": "send application/json"}, 415)
        try:
            given = orjson.loads(await request.body.read(SMS_BODY_BYTES_MAX))
            sender, text = str(given["from"]), str(given["text"])
        except (ValueError, KeyError, TypeError):
            return json_response({"error": 'send {"from": number, "text": text}'}, 400)
        if not _PHONE.fullmatch(sender):
            return json_response({"error": "from is a phone number: + and 3 to 15 digits"}, 400)
        if not 0 < len(text) <= SMS_TEXT_MAX:
            return json_response({"error": f"text has 1 to {SMS_TEXT_MAX} characters"}, 400)
        account = str(given.get("account") or DEFAULT_ACCOUNT)
        try:
            message_id = await self._hooks.send_sms(account, sender, text)
        except ServiceError as error:
            return json_response({"error": error.message, "code": error.code}, error.status)
        return json_response({"id": message_id}, 202)

    # -- sockets ----------------------------------------------------------------------------

    def refusal(self, request: Request) -> Response | None:
        """Why a WebSocket may not be opened, or None when :meth:`converse` will take it."""
        refused = self._hooks.guard.refusal(request, is_socket=True)
        if refused is None and not self._conversation(request):
            return text_response(404, f"The console has no WebSocket at {request.path}.\n")
        return refused

    async def converse(self, request: Request, socket: Socket) -> None:
        """Serve an accepted WebSocket until either side ends it."""
        conversation = self._conversation(request)
        if conversation is None:
            await socket.close(CLOSE_POLICY, "no such socket")
            return
        if self._pages_open >= PAGES_OPEN_MAX:
            await socket.close(CLOSE_TOO_MANY, f"{PAGES_OPEN_MAX} sockets are open already")
            return
        self._pages_open += 1
        try:
            await conversation(socket)
        except UnitRefused as refused:
            await socket.close(CLOSE_POLICY, str(refused)[:120])
        except ConnectionError:
            pass  # the page was closed; nothing is owed to it
        finally:
            self._pages_open -= 1

    def _conversation(self, request: Request) -> Callable[[Socket], Awaitable[None]] | None:
        name = unquote(request.path.removeprefix(PREFIX))
        if name == "live":
            return lambda socket: self._live(_account(request), socket)
        if match := _PREVIEW.fullmatch(name):
            source = match[1]
            return lambda socket: self._show(source, socket)
        if match := _INGEST.fullmatch(name):
            source = match[1]
            return lambda socket: self._ingest(source, socket)
        return None

    async def _live(self, account: str, socket: Socket) -> None:
        subscription = self.feed.subscribe(account)
        try:
            hello = {"type": "hello", **self._hello(account)}
            first = {"sequence": 0, "messages": [hello], "dropped": {}}
            await socket.send(orjson.dumps(first).decode())

            async def push() -> None:
                while True:
                    frame = await subscription.next_frame()
                    await socket.send(orjson.dumps(frame).decode())

            await _until_closed(socket, push())
        finally:
            self.feed.unsubscribe(subscription)

    async def _show(self, source: str, socket: Socket) -> None:
        preview = self.previews.of(source)
        viewer = preview.join(wants_jpeg=False)

        async def push() -> None:
            async for unit in viewer.units():
                await socket.send(unit.message)

        try:
            await _until_closed(socket, push())
        finally:
            preview.leave(viewer)

    async def _ingest(self, source: str, socket: Socket) -> None:
        preview = self.previews.of(source)
        changed = asyncio.Event()
        undo = preview.on_demand(lambda _: changed.set())

        async def tell_demand() -> None:
            while True:
                await changed.wait()
                changed.clear()
                demand = {"type": "demand", **preview.demand()}
                await socket.send(orjson.dumps(demand).decode())

        try:
            await _until_closed(socket, tell_demand(), lambda unit: preview.take(unit))
        finally:
            undo()

    def _hello(self, account: str) -> dict[str, Any]:
        return {
            "protocol": 1,
            "version": self._hooks.version,
            "endpoint": self._hooks.endpoint,
            "region": DEFAULT_REGION,
            "account": account,
            "environments": [dict(one) for one in self._hooks.environments()],
            "now_ms": self._hooks.clock.now_ms(),
            "previews": self.previews.counts(),
            **self.feed.snapshot(account),
            "people": self._watcher.track_messages(account),
        }


async def _until_closed(
    socket: Socket,
    push: Any,
    take: Callable[[Unit], None] | None = None,
) -> None:
    """Run ``push`` beside reading, until the peer closes or either fails."""
    pushing = asyncio.ensure_future(push)
    reading = asyncio.ensure_future(_read(socket, take))
    try:
        done, _ = await asyncio.wait({pushing, reading}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (pushing, reading):
            task.cancel()
        await asyncio.gather(pushing, reading, return_exceptions=True)


async def _read(socket: Socket, take: Callable[[Unit], None] | None) -> None:
    while (message := await socket.receive()) is not None:
        if take is None:
            continue  # pages have nothing to say; what they send is ignored
        if not isinstance(message, bytes):
            raise UnitRefused("access units are binary messages")
        take(parse_unit(message))


async def _length_prefixed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Messages out of a byte stream in which each follows its length (u32, little endian)."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= _LENGTH_BYTES:
            size = int.from_bytes(waiting[:_LENGTH_BYTES], "little")
            if size > UNIT_BYTES_MAX:
                raise UnitRefused(f"a unit of {size} bytes is longer than {UNIT_BYTES_MAX}")
            if len(waiting) < _LENGTH_BYTES + size:
                break
            yield bytes(waiting[_LENGTH_BYTES : _LENGTH_BYTES + size])
            del waiting[: _LENGTH_BYTES + size]
    if waiting:
        raise UnitRefused("the stream ended in the middle of a unit")


def _account(request: Request) -> str:
    return request.query.get("account") or DEFAULT_ACCOUNT
