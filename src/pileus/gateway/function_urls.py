"""Functions' own addresses on the gateway's one port.

``http://<id>.lambda-url.<region>.localhost:PORT/…`` by the Host header, and
``/_pileus/lambda-url/<id>/…`` for clients that cannot resolve such names.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from pileus.gateway.app import OWN_PREFIX
from pileus.gateway.claims import FUNCTION_HOST, FUNCTION_URLS
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.protocols import http_events, url_cors
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.protocols.http_events import BadAnswer, Caller
from pileus.protocols.sigv4 import Lookup, Verifier
from pileus.protocols.targets import Target
from pileus.values.body import StreamBody
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

_PATH = re.compile(re.escape(OWN_PREFIX + FUNCTION_URLS) + r"([a-z0-9]{32})(/.*)?")
_BODY_BYTES_MAX = 6 * 1024 * 1024
_ANONYMOUS = Principal("anonymous", "")
_TROUBLE = "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
_FORBIDDEN = f"Forbidden. For troubleshooting Function URL authorization issues, see: {_TROUBLE}"
_THROTTLED = 429
_NS_PER_US = 1000
_FAILED = 502


class Place(Protocol):
    """What an address leads to."""

    @property
    def account(self) -> str: ...


class Asked(Protocol):
    """An address as it is configured now."""

    @property
    def place(self) -> Place: ...

    @property
    def auth(self) -> str: ...

    @property
    def mode(self) -> str: ...

    @property
    def cors(self) -> Mapping[str, Any]: ...


class Answer(Protocol):
    """What a function came to."""

    @property
    def payload(self) -> bytes: ...

    @property
    def is_error(self) -> bool: ...

    @property
    def content_type(self) -> str: ...

    @property
    def events(self) -> AsyncIterator[Mapping[str, Any]] | None: ...


class Urls(Protocol):
    """The lambda room's ``FunctionUrls``."""

    def find(self, url_id: str, /) -> Any | None: ...

    def may_use(self, asked: Any, principal: Principal, /) -> bool: ...

    def invoke(
        self, asked: Any, payload: bytes, request_id: str, principal: Principal, /
    ) -> Awaitable[Answer]: ...

    def note(self, asked: Any, status: int, latency_ms: float, /) -> None: ...


class FunctionUrlFront:
    """Turns requests into events and answers into responses.

    Args:
        lookup: access key and session token → Credential, for addresses that want a signature.
    """

    def __init__(self, urls: Urls, lookup: Lookup, clock: Clock, chance: Chance) -> None:
        self._urls = urls
        self._verifier = Verifier(lookup)
        self._clock = clock
        self._chance = chance

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        match = FUNCTION_HOST.fullmatch(request.host)
        if match is not None:
            return await self._answer(request, match[1], request.path)
        match = _PATH.fullmatch(request.path)
        if match is None:
            return _told(404, "Not Found")
        return await self._answer(request, match[1], match[2] or "/")

    async def _answer(self, request: HttpRequest, url_id: str, path: str) -> HttpResponse:
        asked = self._urls.find(url_id)
        if asked is None:
            return _told(404, "Not Found")
        if asked.cors and url_cors.is_preflight(request):
            return url_cors.preflight(request, asked.cors)
        began_ns = self._clock.mono_ns()
        request_id = self._new_id()
        caller = Caller(url_id, _domain(request), request_id, self._clock.now_ms())
        response = await self._called(request, asked, caller, path)
        url_cors.apply(response, request, asked.cors)
        response.headers.append(("x-amzn-RequestId", request_id))
        latency_ms = (self._clock.mono_ns() - began_ns) // _NS_PER_US / 1000
        self._urls.note(asked, response.status, latency_ms)
        return response

    async def _called(
        self, request: HttpRequest, asked: Asked, caller: Caller, path: str
    ) -> HttpResponse:
        try:
            body = await request.body.read(_BODY_BYTES_MAX)
        except ValueError:
            return _told(413, "Request Too Long")
        try:
            principal = self._principal(request, asked, body)
        except ServiceError as error:
            return _told(403, error.message, error.code)
        if principal is None or not self._urls.may_use(asked, principal):
            return _told(403, _FORBIDDEN, "AccessDeniedException")
        if asked.auth == "AWS_IAM":
            caller = _signed(caller, principal)
        event = http_events.event_of(request, path, body, caller)
        request.outlives_client = True
        try:
            answer = await self._urls.invoke(
                asked, json.dumps(event).encode(), caller.request_id, principal
            )
        except ServiceError as error:
            if error.status == _THROTTLED:
                return _throttled(error)
            return _told(_FAILED, "Internal Server Error", error.code)
        return await _response(answer)

    def _principal(self, request: HttpRequest, asked: Asked, body: bytes) -> Principal | None:
        """Who asks; None where a signature is wanted and there is none."""
        if asked.auth != "AWS_IAM":
            return _ANONYMOUS
        target = Target("lambda", "InvokeFunctionUrl", "rest-json", method=request.method)
        verified = self._verifier.verify(request, target, body, self._clock.now_ms())
        if verified is None:
            return None
        credential = verified.credential
        if credential.is_loopback_only and not request.is_loopback:
            return None
        return credential.principal

    def _new_id(self) -> str:
        raw = self._chance.random_bytes(16).hex()
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def _domain(request: HttpRequest) -> str:
    return request.host.partition(":")[0]


def _signed(caller: Caller, principal: Principal) -> Caller:
    """The same with what an event tells of a caller who signed."""
    iam = {
        "accessKey": principal.access_key,
        "accountId": principal.account,
        "callerId": principal.user_id or principal.account,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": principal.arn,
        "userId": principal.user_id or principal.account,
    }
    return Caller(
        caller.api_id,
        caller.domain,
        caller.request_id,
        caller.at_ms,
        principal.account,
        {"iam": iam},
    )


async def _response(answer: Answer) -> HttpResponse:
    try:
        if answer.events is not None:
            return await _streamed(answer.content_type, answer.events)
        if answer.is_error:
            return _failed()
        return http_events.response_of(answer.payload)
    except BadAnswer:
        return _failed()


async def _streamed(content_type: str, events: AsyncIterator[Mapping[str, Any]]) -> HttpResponse:
    """The response of a stream of events; begun when its head is known."""
    start = b""
    opened = None
    async for event in events:
        if "InvokeComplete" in event:
            if event["InvokeComplete"].get("ErrorCode"):
                return _failed()
            opened = http_events.opening_of(content_type, start)
            if opened is None:
                raise BadAnswer("the stream ended before its prelude did")
            opened[0].body = opened[1]
            return opened[0]
        start += event["PayloadChunk"]["Payload"]
        opened = http_events.opening_of(content_type, start)
        if opened is not None:
            break
    if opened is None:
        return _failed()
    response, rest = opened
    response.body = StreamBody(_rest(rest, events))
    return response


async def _rest(start: bytes, events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    try:
        if start:
            yield start
        async for event in events:
            complete = event.get("InvokeComplete")
            if complete is None:
                yield event["PayloadChunk"]["Payload"]
            elif complete.get("ErrorCode"):
                # The head is sent: a broken connection is the only way left to tell.
                raise ServiceError(complete["ErrorCode"], "the function failed", status=_FAILED)
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _failed() -> HttpResponse:
    return HttpResponse(_FAILED, [("Content-Type", "text/plain")], b"Internal Server Error")


def _throttled(error: ServiceError) -> HttpResponse:
    reason = dict(error.fields or {}).get("Reason", "")
    body = json.dumps({"Reason": reason, "Type": "User", "message": error.message}).encode()
    return HttpResponse(_THROTTLED, [("Content-Type", "application/json")], body)


def _told(status: int, message: str, kind: str = "") -> HttpResponse:
    headers = [("Content-Type", "application/json")]
    if kind:
        headers.append(("x-amzn-ErrorType", kind))
    return HttpResponse(status, headers, json.dumps({"Message": message}).encode())
