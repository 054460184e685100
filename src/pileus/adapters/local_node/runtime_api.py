"""The Lambda Runtime API over HTTP, one listener per instance.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. For custom bootstraps and the
official runtime interface clients.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from http import HTTPStatus
from typing import Any, cast

import httptools

from pileus.adapters.local_node.channels import Runtime
from pileus.ports.nodes import Invocation
from pileus.runtime import frames

_VERSION = "/2018-06-01/runtime/"
_EXTENSIONS = "/2020-01-01/extension/"
_INIT_IS_OVER = (
    "State transition from Ready to InitError failed for runtime. Error: State transition is not "
    "allowed"
)
_NO_EXTENSIONS = "Pileus runs no Lambda extensions; this one is ignored."
_BODY_BYTES_MAX = frames.RESPONSE_BYTES_MAX
_HEAD_BYTES_MAX = 64 * 1024
"""Of a request's line and headers."""
_CONNECTIONS_MAX = 128
"""Of one instance; a runtime that works on several things at once needs a few."""
_TOO_LARGE = "Function.ResponseSizeTooLarge"
_TOO_LARGE_TOLD = (
    f"Response payload size exceeded maximum allowed payload size ({_BODY_BYTES_MAX} bytes)."
)


def too_large() -> bytes:
    """The error document of an answer past the limit."""
    return f'{{"errorMessage":"{_TOO_LARGE_TOLD}","errorType":"{_TOO_LARGE}"}}'.encode()


class RuntimeApi:
    """The channel of an instance whose runtime speaks HTTP.

    The first ``next`` call ends the init phase. ``next`` waits until there is an event.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._is_ready = False
        self._queue: deque[Invocation] = deque()
        self._waiting: deque[_Connection] = deque()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._current: str = ""

    async def listen(self, listener: Any) -> None:
        """Serve on a listening socket, which is then owned by this channel."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=listener)

    def send(self, invocation: Invocation) -> None:
        """Queue one invocation for the runtime."""
        self._queue.append(invocation)
        self._serve_waiting()

    def hold(self, is_held: bool) -> None:
        """See :class:`~pileus.adapters.local_node.channels.Channel`."""
        for connection in self._connections:
            connection.hold(is_held)

    def close(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()

    def opened(self, connection: _Connection) -> None:
        """A connection came."""
        self._connections.add(connection)
        if len(self._connections) > _CONNECTIONS_MAX:
            connection.close()

    def closed(self, connection: _Connection) -> None:
        """A connection went."""
        self._connections.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)

    def handle(self, connection: _Connection, method: str, path: str, body: bytes) -> None:
        """Answer one request."""
        if path.startswith(_EXTENSIONS):
            connection.reply_error(HTTPStatus.FORBIDDEN, "Extension.NotSupported", _NO_EXTENSIONS)
            return
        if not path.startswith(_VERSION):
            connection.reply_error(HTTPStatus.NOT_FOUND, "InvalidRequest", f"No such path: {path}")
            return
        steps = path[len(_VERSION) :].split("/")
        if method == "GET" and steps == ["invocation", "next"]:
            self._next(connection)
        elif method == "POST" and steps == ["init", "error"] and self._is_ready:
            connection.reply_error(HTTPStatus.FORBIDDEN, "InvalidStateTransition", _INIT_IS_OVER)
        elif method == "POST" and steps == ["init", "error"]:
            connection.reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}\n')
            self._runtime.on_init_error(body, 0)
        elif method == "POST" and len(steps) == 3 and steps[0] == "invocation":
            self._answer(connection, steps[1], steps[2], body)
        else:
            detail = f"No such call: {method} {path}"
            connection.reply_error(HTTPStatus.NOT_FOUND, "InvalidRequest", detail)

    def _next(self, connection: _Connection) -> None:
        if connection in self._waiting:
            connection.close()  # an answer is due on it already
            return
        self._waiting.append(connection)
        if not self._is_ready:
            self._is_ready = True
            self._runtime.on_ready(0, ())
        self._serve_waiting()

    def _answer(self, connection: _Connection, request_id: str, verb: str, body: bytes) -> None:
        if verb not in ("response", "error"):
            connection.reply_error(HTTPStatus.NOT_FOUND, "InvalidRequest", f"No such call: {verb}")
        elif request_id != self._current:
            connection.reply_error(
                HTTPStatus.BAD_REQUEST, "InvalidRequestID", f"Invalid request ID: {request_id}"
            )
        else:
            self._current = ""
            connection.reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}\n')
            self._runtime.on_answer(request_id, body, verb == "error", 0)

    def part(self, connection: _Connection, path: str, content_type: str, data: bytes) -> None:
        """A piece of a streamed answer, as it comes."""
        request_id = _answered(path)
        if request_id and request_id == self._current:
            self._runtime.on_part(request_id, content_type, data, 0)

    def streamed(self, connection: _Connection, path: str, error: bytes) -> None:
        """A streamed answer came to its end; ``error`` is the document of its trailers, or empty."""
        request_id = _answered(path)
        if not request_id or request_id != self._current:
            detail = f"Invalid request ID: {request_id}"
            connection.reply_error(HTTPStatus.BAD_REQUEST, "InvalidRequestID", detail)
            return
        self._current = ""
        connection.reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}\n')
        self._runtime.on_answer(request_id, error, bool(error), 0)

    def body_too_large(self, connection: _Connection) -> None:
        """A response past the limit: refuse it and report it as the function's error."""
        connection.reply_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE, _TOO_LARGE_TOLD)
        request_id, self._current = self._current, ""
        if request_id:
            self._runtime.on_answer(request_id, too_large(), True, 0)

    def _serve_waiting(self) -> None:
        while self._queue and self._waiting:
            invocation = self._queue.popleft()
            self._current = invocation.request_id
            headers = [
                ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
                ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
                ("Lambda-Runtime-Invoked-Function-Arn", invocation.invoked_arn),
                ("Lambda-Runtime-Trace-Id", invocation.trace),
                ("Lambda-Runtime-Client-Context", invocation.client_context),
                ("Lambda-Runtime-Cognito-Identity", invocation.identity),
            ]
            connection = self._waiting.popleft()
            connection.reply(HTTPStatus.OK, invocation.payload, headers)


def _answered(path: str) -> str:
    """The invocation that a path answers; empty when it answers none."""
    steps = path.removeprefix(_VERSION).split("/")
    return steps[1] if len(steps) == 3 and steps[::2] == ["invocation", "response"] else ""


class _Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes: int | None = 0
        """What came of the head under way; None between head and end of a request."""
        self._is_held = False
        self._is_blocked = False
        self._is_paused = False
        self._content_type, self._is_streaming = "", False
        self._error_type, self._error_body = "", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._api.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._api.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reply_error(HTTPStatus.BAD_REQUEST, "InvalidRequest", str(error))
            self.close()
            return
        if self._head_bytes is not None and self._head_bytes > _HEAD_BYTES_MAX:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.reply_error(status, "InvalidRequest", status.phrase)
            self.close()

    def pause_writing(self) -> None:
        """Whoever takes no answers asks no more questions."""
        self._is_blocked = True
        self._apply_pause()

    def resume_writing(self) -> None:
        self._is_blocked = False
        self._apply_pause()

    def on_message_begin(self) -> None:
        self._url, self._body, self._body_bytes = b"", [], 0
        self._content_type, self._is_streaming = "", False
        self._error_type, self._error_body = "", b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"expect" and value.lower() == b"100-continue":
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif lower == b"content-type":
            self._content_type = value.decode("latin-1")
        elif lower == b"lambda-runtime-function-response-mode":
            self._is_streaming = value.lower() == b"streaming"
        elif lower == b"lambda-runtime-function-error-type":
            self._error_type = value.decode("latin-1")
        elif lower == b"lambda-runtime-function-error-body":
            self._error_body = value

    def on_headers_complete(self) -> None:
        self._head_bytes = None

    def on_body(self, body: bytes) -> None:
        if self._is_streaming:
            self._api.part(self, self._path(), self._content_type, body)
            return
        self._body_bytes += len(body)
        if self._body_bytes <= _BODY_BYTES_MAX:
            self._body.append(body)

    def _path(self) -> str:
        return self._url.decode("ascii", "replace").partition("?")[0]

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        if self._is_streaming and _answered(self._path()):
            self._api.streamed(self, self._path(), self._trailing_error())
            return
        if self._body_bytes > _BODY_BYTES_MAX:
            self._api.body_too_large(self)
            return
        method = self._parser.get_method().decode("ascii", "replace")
        self._api.handle(self, method, self._path(), b"".join(self._body))

    def _trailing_error(self) -> bytes:
        """The error document that the trailers of a streamed answer hold; empty without one."""
        if not self._error_type:
            return b""
        try:
            document = base64.b64decode(self._error_body, validate=True)
        except binascii.Error:
            document = b""
        return document or json.dumps({"errorType": self._error_type}).encode()

    def reply(
        self, status: HTTPStatus, body: bytes, headers: list[tuple[str, str]] | None = None
    ) -> None:
        """Write one response; headers without a value are left out."""
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers or () if value]
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        self._transport.write("\r\n".join(lines).encode("latin-1", "replace") + body)

    def reply_error(self, status: HTTPStatus, kind: str, message: str) -> None:
        """Write the Runtime API's error document."""
        text = message.replace("\\", "\\\\").replace('"', '\\"')
        self.reply(status, f'{{"errorMessage":"{text}","errorType":"{kind}"}}'.encode())

    def hold(self, is_held: bool) -> None:
        """Read no more until the hold is lifted."""
        self._is_held = is_held
        self._apply_pause()

    def _apply_pause(self) -> None:
        is_paused = self._is_held or self._is_blocked
        if self._transport is not None and is_paused != self._is_paused:
            self._is_paused = is_paused
            transport = cast(asyncio.Transport, self._transport)
            (transport.pause_reading if is_paused else transport.resume_reading)()

    def close(self) -> None:
        """Drop the connection; what it was told already still goes out."""
        self._api.closed(self)
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def abort(self) -> None:
        """Drop the connection of an instance that is gone."""
        if self._transport is not None:
            self._transport.abort()
