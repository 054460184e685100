"""An HTTP/1.1 client on the event loop (RFC 9112), parsed by httptools."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import httptools

from pileus.ports.fetching import FetchFailed

_CONNECT_S, _ANSWER_S = 10.0, 30.0
_READ_BYTES = 64 * 1024
_HEAD_BYTES_MAX = 64 * 1024
_REDIRECTIONS_MAX = 5
_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
)
"""Seconds, seconds and tries: a server that vanished without a word is noticed after a minute."""


class HttpFetching:
    """Opens a connection for every request."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpFetched:
        """See :class:`~pileus.ports.fetching.Fetching`."""
        given = dict(headers)
        for _ in range(_REDIRECTIONS_MAX + 1):
            parts = urlsplit(url)
            fetched = await self._ask(parts, given)
            place = fetched.headers.get("location", "")
            if fetched.status not in _REDIRECTED or not place:
                return fetched
            await fetched.close()
            url = _followed(parts, place)
        raise FetchFailed(f"more than {_REDIRECTIONS_MAX} redirections")

    async def _ask(self, parts: SplitResult, headers: Mapping[str, str]) -> HttpFetched:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchFailed(f"{parts.scheme}: is no address of HTTP with a host")
        host, is_tls = parts.hostname, parts.scheme == "https"
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_connection(
                    host, parts.port or (443 if is_tls else 80), ssl=self._context(is_tls)
                )
        except TimeoutError:
            raise FetchFailed(f"no connection to {host} within {_CONNECT_S:g} s") from None
        except (OSError, UnicodeError) as problem:
            raise FetchFailed(f"no connection to {host}: {_why(problem)}") from None
        fetched = HttpFetched(reader, writer)
        try:
            _keep_alive(writer)
            writer.write(_request(parts, headers))
            async with asyncio.timeout(_ANSWER_S):
                await fetched.begin()
        except TimeoutError:
            await fetched.close()
            raise FetchFailed(f"{host} does not answer within {_ANSWER_S:g} s") from None
        except BaseException:
            await fetched.close()
            raise
        return fetched

    def _context(self, is_tls: bool) -> ssl.SSLContext | None:
        if is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls if is_tls else None


class HttpFetched:
    """See :class:`~pileus.ports.fetching.Fetched`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._has_head = self._is_whole = False
        self._head_bytes = 0
        self.status = 0
        self.headers: dict[str, str] = {}

    async def begin(self) -> None:
        """Read the head of the answer. Raises FetchFailed."""
        while not self._has_head:
            data = await self._read()
            if not data:
                raise FetchFailed("the server hung up before it answered")
            self._head_bytes += len(data)
            self._feed(data)
            if not self._has_head and self._head_bytes > _HEAD_BYTES_MAX:
                raise FetchFailed(f"the answer's headers are over {_HEAD_BYTES_MAX} bytes")

    async def pieces(self) -> AsyncGenerator[bytes]:
        """See :class:`~pileus.ports.fetching.Fetched`."""
        while True:
            body, self._body = self._body, []
            for piece in body:
                yield piece
            if self._is_whole:
                return
            data = await self._read()
            if data:
                self._feed(data)
            elif self._is_framed:
                raise FetchFailed("the connection was lost")
            else:
                return  # it tells no length: the end of the connection is its end

    async def close(self) -> None:
        """See :class:`~pileus.ports.fetching.Fetched`."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass  # it is closed, whatever the other side thinks of it

    @property
    def _is_framed(self) -> bool:
        """Whether the answer itself tells where it ends (RFC 9112, section 6.3)."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_READ_BYTES)
        except OSError as problem:
            raise FetchFailed(f"the connection was lost: {_why(problem)}") from None

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            if not self._is_whole:
                raise FetchFailed(f"the answer is no HTTP: {problem}") from None

    # -- what the parser calls ------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """The head is read; of an interim answer (1xx) another one follows."""
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if not self._has_head:
            self.headers = {}

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """All of it is read."""
        self._is_whole = self._has_head


def _request(parts: SplitResult, headers: Mapping[str, str]) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    told = {"Host": host, "User-Agent": "pileus", "Accept-Encoding": "identity", **headers}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        told["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    text = "\r\n".join([*lines, "Connection: close", "", ""])
    if any(character in line for line in lines for character in "\r\n"):
        raise FetchFailed("an address or header holds a line break")
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise FetchFailed("an address or header holds characters that are not ASCII") from None


def _followed(parts: SplitResult, place: str) -> str:
    """Where a redirection leads; the password goes nowhere but to its own host."""
    found = urlsplit(
        urljoin(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), place)
    )
    is_same = (found.scheme, found.netloc) == (parts.scheme, parts.netloc.rpartition("@")[2])
    if is_same and "@" in parts.netloc:
        found = found._replace(netloc=parts.netloc)
    return found.geturl()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _why(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
