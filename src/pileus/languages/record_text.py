"""Records in text, as it comes: JSON lines, server-sent events, and the times that records tell.

JSON lines: https://jsonlines.org. Server-sent events:
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

_BREAK = re.compile(rb"\r\n|\n|\r")
_SECONDS_MAX, _MS_MAX, _US_MAX = 1e11, 1e14, 1e17
"""A number of seconds is below the first until the year 5138, one of milliseconds above it since 1973."""


class Line(NamedTuple):
    """A line that is not blank.

    Attributes:
        number: counts from 1, blank lines with it.
        data: the JSON text; empty where ``reason`` tells why it is none.
        stop: bytes up to the end of the line, its break included.
        value: the JSON text, read.
    """

    number: int
    data: bytes
    reason: str
    stop: int
    value: Any


class Lines:
    """Cuts bytes into lines and reads each as JSON.

    Args:
        bytes_max: of a line; the rest of a longer one is passed over, not kept.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._rest: list[bytes] = []
        self._rest_bytes = self._number = self._stop = 0

    def feed(self, data: bytes) -> list[Line]:
        """Lines that are whole now."""
        found = []
        *whole, rest = data.split(b"\n")
        for each in whole:
            self._keep(each)
            if (line := self._line(b"\n")) is not None:
                found.append(line)
        self._keep(rest)
        return found

    def end(self) -> list[Line]:
        """The last line, which nothing ends."""
        line = self._line(b"")
        return [] if line is None else [line]

    def _keep(self, part: bytes) -> None:
        self._rest_bytes += len(part)
        if self._rest_bytes <= self._bytes_max:
            self._rest.append(part)

    def _line(self, broken_by: bytes) -> Line | None:
        size_bytes = self._rest_bytes
        data = b"".join(self._rest).strip()
        self._rest, self._rest_bytes = [], 0
        self._number += 1
        self._stop += size_bytes + len(broken_by)
        if size_bytes > self._bytes_max:
            reason = f"longer than {self._bytes_max} bytes"
            return Line(self._number, b"", reason, self._stop, None)
        if not data:
            return None
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as problem:
            return Line(self._number, b"", f"no JSON: {problem}", self._stop, None)
        return Line(self._number, data, "", self._stop, value)


class Event(NamedTuple):
    """A server-sent event; ``id`` is the last one told until then, ``reason`` why its data is not kept."""

    data: bytes
    id: str
    reason: str = ""


class Events:
    """Reads server-sent events.

    Args:
        bytes_max: of an event's data; that of a longer one is passed over, not kept.

    Attributes:
        last_id: what a client that comes back shows as ``Last-Event-ID``.
        retry_ms: the server's wish how long to wait before coming back; None: it has none.
    """

    def __init__(self, bytes_max: int, last_id: str = "") -> None:
        self._bytes_max = bytes_max
        self._rest = b""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._is_too_long = self._is_passing_over = False
        self._is_first = True
        self.last_id = self._id = last_id
        self.retry_ms: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Events that are whole now."""
        self._rest += data
        if self._is_first and len(self._rest) >= len(_MARK):
            self._rest, self._is_first = self._rest.removeprefix(_MARK), False
        found, begin = [], 0
        for match in _BREAK.finditer(self._rest):
            if match[0] == b"\r" and match.end() == len(self._rest):
                break  # its line feed may be still to come
            event = self._line(self._rest[begin : match.start()])
            begin = match.end()
            if event is not None:
                found.append(event)
        self._rest = self._rest[begin:]
        if len(self._rest) > self._bytes_max + _NAME_BYTES:
            self._rest = b""
            self._is_passing_over = self._is_too_long = True
        return found

    def _line(self, line: bytes) -> Event | None:
        if self._is_passing_over:
            self._is_passing_over = False
            return None
        if not line:
            return self._event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data_bytes += len(value)
            self._is_too_long |= self._data_bytes > self._bytes_max
            self._data = [] if self._is_too_long else [*self._data, value]
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value)
        return None

    def _event(self) -> Event | None:
        """What a blank line ends."""
        data, self._data, self._data_bytes = self._data, [], 0
        self.last_id = self._id  # of an event that broke off it does not count
        if self._is_too_long:
            self._is_too_long = False
            return Event(b"", self.last_id, f"longer than {self._bytes_max} bytes")
        return Event(b"\n".join(data), self.last_id) if data else None


_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
"""A byte order mark may stand before a stream of events."""
_NAME_BYTES = len("data: ")


def member(document: Any, path: str) -> Any:
    """What a document holds below names joined by dots; None where it has no such member."""
    for name in path.split("."):
        if not isinstance(document, Mapping) or name not in document:
            return None
        document = document[name]
    return document


def time_ms(value: Any) -> int | None:
    """Epoch milliseconds of a time as records tell it; None where it is none.

    Numbers (also as text) are seconds, milliseconds, micro- or nanoseconds, by their size; text is ISO 8601,
    in UTC where it names no zone.
    """
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value.strip())
        except ValueError:
            pass
        else:
            return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value < _US_MAX * 1000:
        return None
    if value < _SECONDS_MAX:
        return round(value * 1000)
    if value < _MS_MAX:
        return round(value)
    return round(value / 1000) if value < _US_MAX else round(value / 1_000_000)
