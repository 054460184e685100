"""One HTTP/1.1 connection: bytes in, requests to the app, answers out in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from pileus.gateway import wire
from pileus.gateway.bodies import SocketBody, broken_off, timed_out
from pileus.gateway.sending import Outlet
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import BytesBody, Conversation

if TYPE_CHECKING:
    from pileus.gateway.server import Server

logger = logging.getLogger("pileus.gateway")

_EMPTY = BytesBody(b"")


class _Exchange:
    """One request and what its answer needs to know."""

    __slots__ = ("body", "is_http_1_0", "keeps_alive", "request", "waits_for_continue")

    def __init__(self, request: HttpRequest, keeps_alive: bool, is_http_1_0: bool) -> None:
        self.request = request
        self.keeps_alive = keeps_alive
        self.is_http_1_0 = is_http_1_0
        self.body: SocketBody | None = None
        self.waits_for_continue = False


class Connection(asyncio.Protocol):
    """Parses requests, runs the app one request at a time, and writes answers in order.

    A client whose connection breaks cancels the request under way, unless it says that it outlives
    its client: a long poll must not take a message for nobody. One that closes only its sending
    half still gets its answers.
    """

    __slots__ = (
        "_arriving",
        "_header_bytes",
        "_headers",
        "_idle",
        "_is_half_closed",
        "_is_linger",
        "_is_loopback",
        "_is_paused",
        "_outlet",
        "_parser",
        "_parts",
        "_pending",
        "_refusal",
        "_rejection",
        "_server",
        "_serving",
        "_since_ns",
        "_task",
        "_transport",
        "_upgrade",
        "_url",
        "listener",
        "peer",
    )

    def __init__(self, server: Server, listener: str) -> None:
        self._server = server
        self.listener = listener
        self.peer = ""
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = -1  # -1: between requests
        self._parts: list[bytes] = []
        self._arriving: _Exchange | None = None
        self._pending: deque[_Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._serving: HttpRequest | None = None
        self._rejection: HttpResponse | None = None
        self._upgrade: _Exchange | None = None
        self._outlet: Outlet = None  # type: ignore[assignment]
        self._refusal: HttpResponse | None = None
        self._is_paused = False
        self._is_half_closed = False
        self._is_linger = False
        self._is_loopback = False
        self._since_ns = server.coarse_ns

    # ------------------------------------------------------------ transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._outlet = Outlet(self._transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) and peer else ""
        self._is_loopback = self._server.is_loopback(self.peer, self.listener)
        if not self._server.opened(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.closed(self)
        if self._arriving is not None and self._arriving.body is not None:
            self._arriving.body.end(broken_off())
        self._pending.clear()
        self._outlet.unblock()
        if self._task is not None and not (self._serving and self._serving.outlives_client):
            self._task.cancel()

    def eof_received(self) -> bool:
        arriving = self._arriving
        if arriving is not None and arriving.body is not None and not arriving.body.is_complete:
            arriving.body.end(broken_off())
            self._arriving = None
        # A client may close its half and still wait for the answers it asked for.
        self._is_half_closed = True
        return self.is_busy or bool(self._pending)

    def data_received(self, data: bytes) -> None:
        if self._is_linger or self._refusal is not None:
            return
        self._since_ns = self._server.coarse_ns
        before = self._header_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as problem:
            self._refuse(wire.plain(400, f"malformed request: {problem}"))
            return
        if self._header_bytes >= 0 and before >= 0 and self._arriving is None:
            # Neither name nor value was complete in this piece; the parser holds it back.
            self._header_bytes += len(data)
            if self._header_bytes > 2 * self._server.limits.header_bytes:
                self._refuse(wire.plain(431, "request header fields too large"))
                return
        if self._rejection is not None:
            self._refuse(self._rejection)

    def pause_writing(self) -> None:
        self._outlet.block()

    def resume_writing(self) -> None:
        self._outlet.unblock()

    # ------------------------------------------------------------ parser events

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._server.limits.url_bytes:
            self._rejection = wire.plain(414, "request URI too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        # Once for every header of every request: nothing here that can be told at the end of them.
        self._header_bytes += len(name) + len(value)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = _text(value)
        key = _NAMES.get(name) or _header_name(name)
        headers = self._headers
        if key not in headers:
            headers[key] = text
        elif key == "host":
            self._rejection = wire.plain(400, "more than one Host header")
        else:
            headers[key] = f"{headers[key]},{text}"

    def on_headers_complete(self) -> None:
        limits = self._server.limits
        if self._header_bytes > limits.header_bytes or len(self._headers) > limits.header_count:
            self._rejection = wire.plain(431, "request header fields too large")
        if self._rejection is not None:
            return
        path, _, query = _text(self._url).partition("?")
        if not path.startswith("/"):
            path = _origin_form(path)
        parser, headers = self._parser, self._headers
        request = HttpRequest(
            parser.get_method().decode("latin-1"),
            path,
            query,
            headers,
            _EMPTY,
            self.peer,
            self._is_loopback,
            self.listener,
        )
        exchange = _Exchange(
            request, parser.should_keep_alive(), parser.get_http_version() == "1.0"
        )
        self._arriving = exchange
        self._parts = []
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() else None
        expects = headers.get("expect", "").lower() == "100-continue"
        is_chunked = "transfer-encoding" in headers
        if parser.should_upgrade():
            self._upgrade = exchange
        elif is_chunked or (size and (expects or size > self._server.limits.buffered_bytes)):
            body = SocketBody(self, None if is_chunked else size, self._server.limits.window_bytes)
            exchange.body = body
            exchange.waits_for_continue = expects and not exchange.is_http_1_0
            request.body = body
            self._take(exchange)

    def on_body(self, piece: bytes) -> None:
        arriving = self._arriving
        if arriving is None:
            return
        if arriving.body is not None:
            arriving.waits_for_continue = False
            arriving.body.feed(piece)
        else:
            self._parts.append(piece)

    def on_message_complete(self) -> None:
        self._header_bytes = -1
        arriving, self._arriving = self._arriving, None
        if arriving is None or self._rejection is not None or arriving is self._upgrade:
            return
        if arriving.body is not None:
            arriving.body.end()
            return
        parts = self._parts
        if parts:
            arriving.request.body = BytesBody(parts[0] if len(parts) == 1 else b"".join(parts))
        self._take(arriving)

    # ------------------------------------------------------------ flow

    def body_wanted(self) -> None:
        """Send ``100 Continue`` when the client waits for it."""
        for exchange in (self._arriving, *self._pending):
            if exchange is not None and exchange.waits_for_continue:
                exchange.waits_for_continue = False
                self._transport.write(wire.CONTINUE)
                return

    def backlog_changed(self) -> None:
        """Leave bytes in the socket while a body or the queue of requests is full."""
        arriving = self._arriving
        is_full = len(self._pending) >= self._server.limits.pipelined or (
            arriving is not None and arriving.body is not None and arriving.body.is_full
        )
        if self._transport.is_closing():
            return
        if is_full and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        elif not is_full and self._is_paused:
            self._is_paused = False
            self._since_ns = self._server.coarse_ns
            self._transport.resume_reading()

    # ------------------------------------------------------------ answering

    def _take(self, exchange: _Exchange) -> None:
        self._pending.append(exchange)
        if self._task is None:
            self._task = self._server.loop.create_task(self._serve())
        elif self._idle is not None:
            idle, self._idle = self._idle, None
            idle.set_result(None)
        elif len(self._pending) >= self._server.limits.pipelined:
            self.backlog_changed()

    async def _serve(self) -> None:
        """Answer what is pending, in order, and wait for more; ends with the connection.

        One task for all the requests of a connection: making one for each is a tenth of what the
        cheapest answer takes.
        """
        try:
            while True:
                if not self._pending:
                    if self._refusal is not None:
                        self._send_refusal(self._refusal)
                        return
                    self._idle = self._server.loop.create_future()
                    await self._idle
                # In a coroutine of its own, so that an idle connection holds on to no request.
                if not await self._answer(self._pending.popleft()):
                    return
                self._since_ns = self._server.coarse_ns
        except Exception:
            logger.exception("an answer could not be written; the connection is dropped")
            self._transport.abort()
        finally:
            self._task = self._idle = None

    async def _answer(self, exchange: _Exchange) -> bool:
        """Answer one request; False when the connection ends with it."""
        if self._is_paused:
            self.backlog_changed()
        self._serving = request = exchange.request
        try:
            response = await self._server.app(request)
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            response = wire.plain(500, "internal failure")
        self._serving = None
        return not self._transport.is_closing() and await self._send(exchange, response)

    async def _send(self, exchange: _Exchange, response: HttpResponse) -> bool:
        """Write one answer; False when the connection ends with it."""
        keeps_alive = exchange.keeps_alive and not self._server.is_closing
        if self._is_half_closed and not self._pending:
            keeps_alive = False
        body, content = exchange.body, response.body
        if isinstance(content, Conversation):
            keeps_alive = False
        elif body is not None and not body.is_complete:
            left = (body.size_bytes or 1 << 62) - body.received_bytes
            if exchange.waits_for_continue or left > self._server.limits.drained_bytes:
                keeps_alive = False
            body.discard()
        if keeps_alive and exchange.is_http_1_0:
            extra = f"Connection: keep-alive\r\n{self._server.date_line}"
        elif keeps_alive:
            extra = self._server.date_line
        else:
            extra = f"Connection: close\r\n{self._server.date_line}"
        is_head = exchange.request.method == "HEAD"
        if isinstance(content, bytes):
            self._outlet.write_bytes(response, content, extra, is_head)
        else:
            is_reusable = await self._outlet.write_stream(
                response, content, extra, is_head=is_head, is_http_1_0=exchange.is_http_1_0
            )
            keeps_alive = keeps_alive and is_reusable
            if isinstance(content, Conversation) and body is not None:
                body.discard()
        if keeps_alive:
            return True
        self._finish(is_linger=body is not None and not body.is_complete)
        return False

    def _finish(self, *, is_linger: bool) -> None:
        """End the connection; a client still sending gets time to read the answer."""
        if is_linger and not self._transport.is_closing() and self._transport.can_write_eof():
            self._is_linger = True
            self._since_ns = self._server.coarse_ns
            self._is_paused = False
            self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()

    def _refuse(self, response: HttpResponse) -> None:
        """Answer what never became a request, after what came before it, and end the connection."""
        self._arriving = None
        self._rejection = None
        self._refusal = response
        if not self.is_busy:
            self._send_refusal(response)

    def _send_refusal(self, response: HttpResponse) -> None:
        if not self._transport.is_closing():
            extra = f"Connection: close\r\n{self._server.date_line}"
            self._outlet.write_bytes(response, cast(bytes, response.body), extra, False)
        self._finish(is_linger=True)

    # ------------------------------------------------------------ upgrade

    def _upgraded(self, rest: bytes) -> None:
        exchange, self._upgrade = self._upgrade, None
        if exchange is None:
            self._refuse(wire.plain(400, "malformed upgrade"))
            return
        self._header_bytes = -1
        if not self.is_busy and self._server.open_websocket(
            exchange.request, self._transport, rest
        ):
            self._server.closed(self)
            if self._task is not None:
                self._task.cancel()
            return
        # Not claimed: an ordinary answer, after which the bytes that follow mean nothing to us.
        exchange.keeps_alive = False
        self._take(exchange)

    # ------------------------------------------------------------ time

    def sweep(self, now_ns: int) -> None:
        """Called about once a second: end what waits too long."""
        limits = self._server.limits
        if self._outlet.has_moved:
            self._outlet.has_moved = False
            self._since_ns = now_ns
        waited_s = (now_ns - self._since_ns) / 1e9
        arriving = self._arriving
        if self._is_linger:
            if waited_s > limits.grace_s:
                self._transport.abort()
        elif self._outlet.is_blocked:
            if waited_s > limits.body_s:
                self._transport.abort()
        elif arriving is not None and not self._is_paused:
            if waited_s > limits.body_s:
                self._stalled(arriving)
        elif self._header_bytes >= 0:
            if waited_s > limits.header_s:
                self._refuse(wire.plain(408, "request timeout"))
        elif not self.is_busy and waited_s > limits.idle_s:
            self._transport.close()

    def _stalled(self, arriving: _Exchange) -> None:
        if arriving.body is None:
            self._refuse(wire.plain(408, "request timeout"))
            return
        arriving.keeps_alive = False
        self._arriving = None
        arriving.body.end(timed_out())

    def close_when_idle(self) -> None:
        """Part of closing the server: an idle connection ends now, a busy one with its answer."""
        if not self.is_busy:
            self._transport.close()

    def abort(self) -> None:
        """End the connection whatever it is doing."""
        self._transport.abort()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._task is not None and self._idle is None


_NAMES: dict[bytes, str] = {}
_NAMES_MAX = 1024


def _header_name(name: bytes) -> str:
    """The name in lower case; clients send the same few thousands of times."""
    key = name.decode("latin-1").lower()
    if len(_NAMES) < _NAMES_MAX and len(name) <= 64:
        _NAMES[name] = key
    return key


def _text(raw: bytes) -> str:
    """UTF-8 as AWS's clients send it, or else Latin-1 as RFC 9110 has it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _origin_form(target: str) -> str:
    """``http://host/path`` as proxies send it, cut down to the path."""
    _, separator, rest = target.partition("://")
    if not separator:
        return f"/{target}" if target != "*" else "/"
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"
