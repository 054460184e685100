"""Just enough of HTTP/1.1 (RFC 9112) to ask a program on this host, over connections that are kept.

Not ``http.client``: every zygote would carry it, and TLS with it, for the few instances that need this. Nothing
is imported late, since the root of an instance may be an image without a Python.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

OK, NO_CONTENT, NOT_MODIFIED, SERVICE_UNAVAILABLE = 200, 204, 304, 503
_FIRST_FINAL = 200
_HEAD_BYTES_MAX = 65_536
_READ_BYTES = 65_536
_STATUS_DIGITS = 3
_HEX = 16


class BrokenExchange(Exception):
    """The other side hung up, or what it says is no HTTP. ``was_silent``: it hung up before the first byte."""

    def __init__(self, words: str, *, was_silent: bool = False) -> None:
        super().__init__(words)
        self.was_silent = was_silent


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class Connection:
    """A connection to ``127.0.0.1:port``, opened when it is needed.

    Args:
        body_bytes_max: of a body no more than one byte beyond this is read.
    """

    def __init__(self, port: int, body_bytes_max: int) -> None:
        self._port, self._bytes_max = port, body_bytes_max
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    def ask(
        self, method: str, path: str, timeout_s: float, content_type: str = "", body: bytes = b""
    ) -> Answer:
        """One request and its answer; a kept connection that was closed meanwhile is opened anew.

        Raises:
            OSError: nobody listens, or ``timeout_s`` passed without a byte.
            BrokenExchange: see there.
        """
        request = self._request(method, path, content_type, body)
        is_kept = self._socket is not None
        try:
            return self._exchange(request, timeout_s)
        except (ConnectionResetError, BrokenPipeError):
            if not is_kept:
                raise
        except BrokenExchange as broken:
            if not (is_kept and broken.was_silent):
                raise
        return self._exchange(request, timeout_s)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer.clear()

    def _request(self, method: str, path: str, content_type: str, body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        if body:
            lines += [f"Content-Type: {content_type}", "Accept: application/json"]
            lines += [f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    def _exchange(self, request: bytes, timeout_s: float) -> Answer:
        try:
            if self._socket is None:
                self._socket = socket.socket()
                self._socket.settimeout(timeout_s)
                self._socket.connect(("127.0.0.1", self._port))
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(timeout_s)
            self._socket.sendall(request)
            return self._answer()
        except BaseException:
            self.close()
            raise

    def _answer(self) -> Answer:
        while True:
            status, fields = self._head()
            if status >= _FIRST_FINAL:
                break
        if status in (NO_CONTENT, NOT_MODIFIED):
            body, is_whole = b"", True
        elif fields.get("transfer-encoding", "").lower() == "chunked":
            body, is_whole = self._chunked()
        elif fields.get("content-length", "").isdigit():
            size = int(fields["content-length"])
            body = self._take(min(size, self._bytes_max + 1))
            is_whole = len(body) == size
        else:
            body, is_whole = self._rest(), False
        if not is_whole or fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, body)

    def _head(self) -> tuple[int, dict[str, str]]:
        """Status and fields, their names in small letters."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEAD_BYTES_MAX:
                raise BrokenExchange("a head of more than 64 KiB")
            if not self._read():
                was_silent = not self._buffer
                told = "the connection was closed without an answer"
                raise BrokenExchange(told, was_silent=was_silent)
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        words = lines[0].split(" ", 2)
        if not words[0].startswith("HTTP/1.") or not _is_status(words):
            raise BrokenExchange(f"what came is no HTTP: {lines[0][:80]!r}")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if words[0] == "HTTP/1.0" and fields.get("connection", "").lower() != "keep-alive":
            fields["connection"] = "close"
        return int(words[1]), fields

    def _chunked(self) -> tuple[bytes, bool]:
        """The body, and whether that is all of it (trailers are passed over)."""
        body = bytearray()
        while True:
            size_text = self._line().partition(b";")[0].strip()
            try:
                size = int(size_text, _HEX)
            except ValueError:
                raise BrokenExchange(f"no size of a chunk: {size_text[:20]!r}") from None
            if size == 0:
                break
            body += self._take(min(size, self._bytes_max + 1 - len(body)))
            if len(body) > self._bytes_max:
                return bytes(body), False
            self._take(2)
        while self._line():
            pass
        return bytes(body), True

    def _rest(self) -> bytes:
        """What comes until the other side hangs up."""
        while len(self._buffer) <= self._bytes_max and self._read():
            pass
        return bytes(self._buffer[: self._bytes_max + 1])

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _HEAD_BYTES_MAX or not self._read():
                raise BrokenExchange("the connection was closed within an answer")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._read():
                raise BrokenExchange("the connection was closed within an answer")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _read(self) -> bool:
        """More into the buffer; false at the end."""
        assert self._socket is not None
        data = self._socket.recv(_READ_BYTES)
        self._buffer += data
        return bool(data)


def _is_status(words: list[str]) -> bool:
    return len(words) > 1 and len(words[1]) == _STATUS_DIGITS and words[1].isdigit()
