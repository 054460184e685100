"""Media that clients push: ``/_pileus/media/<account>/<region>/<source>/push``.

``…/whip`` takes WebRTC (WHIP, RFC 9725).

``POST`` or ``PUT`` of Matroska, WebM, MPEG-TS or fragmented MP4, whole or chunked; or a WebSocket whose binary
messages are such bytes, as a browser's MediaRecorder makes them, and whose text message ``{"event": "end"}`` ends
it cleanly. To a source of records are pushed lines of JSON, by as many as like to; ``?end=true`` says that with them
the stream ends. Who pushes shows the source's push key (``Authorization: Bearer <key>`` or ``?key=<key>``) or signs the
request for the service ``media``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

import orjson

from pileus.gateway.server import WebSocket, WebSocketHandler
from pileus.ports.clock import Clock
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.sigv4 import Lookup, Verifier
from pileus.protocols.targets import Target
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

PATH = re.compile(r"/_pileus/media/([0-9]{12})/([a-z0-9-]+)/([^/]+)/(push|whip)(?:/([0-9a-f-]+))?")
_OFFER_BYTES_MAX = 64 * 1024
_GONE = 4000
"""WebSocket codes of our own: this plus the HTTP status, such as 4403."""
_REASON_BYTES_MAX = 120
"""A close frame's reason has at most 123 bytes (RFC 6455, section 5.5)."""


class Published(Protocol):
    """The media room's ``Publishing`` or ``RecordPublishing``; the latter takes text."""

    takes_text: bool

    async def take(self, pieces: AsyncIterable[bytes], /) -> Mapping[str, Any]: ...


class Pushes(Protocol):
    """The media room's ``Pushes``."""

    def check_key(self, place: Any, key: str, /) -> None: ...

    def check_principal(self, place: Any, principal: Principal, /) -> Awaitable[None]: ...

    def publish(
        self, place: Any, key: str = "", /, *, is_last: bool = False
    ) -> Awaitable[Published]: ...

    def offer(self, place: Any, sdp: str, key: str = "", /) -> Awaitable[tuple[str, str]]: ...

    def hang_up(self, place: Any, name: str, /) -> Awaitable[None]: ...


class PlaceMaker(Protocol):
    """Makes what the room calls a source by."""

    def __call__(self, account: str, region: str, source: str, /) -> Any: ...


class MediaPush:
    """Takes what is pushed, and says in words why it does not.

    Args:
        lookup: access key and session token → Credential, for requests that are signed.
    """

    def __init__(self, pushes: Pushes, place: PlaceMaker, lookup: Lookup, clock: Clock) -> None:
        self._pushes, self._place = pushes, place
        self._verifier = Verifier(lookup)
        self._clock = clock

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """200 when all was read; 403, 404, 409 (somebody pushes already), 422 (it cannot be read)."""
        match = PATH.fullmatch(request.path)
        if match is not None and match[4] == "whip":
            return await self._whip(request, match[5] or "")
        if request.method not in ("POST", "PUT"):
            return _told(405, "MethodNotAllowed", "Media is POSTed here, or sent over a WebSocket.")
        # It is told below when the client goes away: what came before is kept.
        request.outlives_client = True
        try:
            place, key = await self._checked(request)
            publishing = await self._pushes.publish(place, key, is_last=_is_last(request))
            told = await publishing.take(request.body)
        except ServiceError as error:
            return _told(error.status, error.code, error.message)
        is_refused = bool(told.get("Refused")) and not told.get("Taken")
        return HttpResponse(422 if is_refused else 200, list(_JSON), orjson.dumps(told))

    async def _whip(self, request: HttpRequest, session: str) -> HttpResponse:
        """RFC 9725: an offer is POSTed, the session that comes of it DELETEd."""
        if request.method != ("DELETE" if session else "POST"):
            return _told(405, "MethodNotAllowed", "Offers are POSTed here, sessions DELETEd.")
        try:
            place, key = await self._checked(request)
            if session:
                await self._pushes.hang_up(place, session)
                return HttpResponse(200)
            if request.headers.get("content-type", "").partition(";")[0] != "application/sdp":
                return _told(415, "UnsupportedMediaType", "An offer is application/sdp.")
            offer = (await request.body.read(_OFFER_BYTES_MAX)).decode()
            name, answer = await self._pushes.offer(place, offer, key)
        except ServiceError as error:
            return _told(error.status, error.code, error.message)
        except ValueError:
            return _told(400, "ValidationException", "An offer is text of at most 64 KiB.")
        headers = [("Content-Type", "application/sdp"), ("Location", f"{request.path}/{name}")]
        return HttpResponse(201, headers, answer.encode())

    def websocket(self, request: HttpRequest) -> WebSocketHandler | None:
        """The handler of an upgrade; a refusal is told by the close frame, which a browser can see."""
        match = PATH.fullmatch(request.path)
        if match is None or match[4] != "push":
            return None

        async def handle(socket: WebSocket) -> None:
            try:
                place, key = await self._checked(request)
                publishing = await self._pushes.publish(place, key, is_last=_is_last(request))
                told = await publishing.take(_messages(socket, publishing.takes_text))
                if publishing.takes_text:
                    await socket.send(orjson.dumps(told).decode())
            except ServiceError as error:
                reason = error.message.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
                await socket.close(_GONE + error.status, reason)
                return
            await socket.close()

        return handle

    async def _checked(self, request: HttpRequest) -> tuple[Any, str]:
        """The source's name and the key that was shown, empty for a signature; raises ServiceError unless the
        caller may push to it."""
        match = PATH.fullmatch(request.path)
        if match is None:
            raise ServiceError("NotFound", f"Nothing is served at {request.path}.", status=404)
        place = self._place(match[1], match[2], unquote(match[3]))
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("AWS4-") or "X-Amz-Signature=" in request.query:
            await self._pushes.check_principal(place, self._principal(request, match[2]))
            return place, ""
        key = authorization.removeprefix("Bearer ") or parse_qs(request.query).get("key", [""])[0]
        self._pushes.check_key(place, key)
        return place, key

    def _principal(self, request: HttpRequest, region: str) -> Principal:
        # A streamed body declares its hash, which may be UNSIGNED-PAYLOAD; an upgrade has none.
        body = b"" if request.method == "GET" else None
        target = Target("media", "PushMedia", "rest-json", method=request.method)
        verified = self._verifier.verify(request, target, body, self._clock.now_ms())
        assert verified is not None
        credential = verified.credential
        if credential.is_loopback_only and not request.is_loopback:
            raise ServiceError(
                "AccessDeniedException", "These keys are for this machine.", status=403
            )
        return credential.principal


async def _messages(socket: WebSocket, takes_text: bool) -> AsyncIterator[bytes]:
    """Messages up to the end that the client states; one that just goes away was cut off. Of text, each is
    whole lines."""
    while (message := await socket.receive()) is not None:
        if takes_text:
            text = message if isinstance(message, bytes) else message.encode()
            if _says_end(text):
                return
            yield text + b"\n"
        elif isinstance(message, bytes):
            yield message
        elif _is_end(message):
            return
    raise ServiceError("IncompleteBody", "The WebSocket was closed without an end.")


def _is_last(request: HttpRequest) -> bool:
    """Whether the publisher says that with its end the source's stream ends; of media it always does."""
    return parse_qs(request.query).get("end", [""])[0] in ("1", "true")


def _says_end(message: bytes) -> bool:
    try:
        return bool(orjson.loads(message) == {"event": "end"})
    except orjson.JSONDecodeError:
        return False


def _is_end(message: str) -> bool:
    if not _says_end(message.encode()):
        raise ServiceError(
            "ValidationException", 'Media is binary messages; the one text is {"event": "end"}.'
        )
    return True


_JSON = [("Content-Type", "application/json")]


def _told(status: int, code: str, message: str) -> HttpResponse:
    body = orjson.dumps({"Error": code, "Message": message})
    return HttpResponse(status, list(_JSON), body)
