"""Records out of an answer over HTTP: JSON lines, server-sent events, or JSON.

What follows a record is asked for where the server can be asked: by ``Last-Event-ID`` (server-sent events with
ids), by ``Range`` (JSON lines of a server that serves ranges, RFC 9110, section 14), or by going past what the
same version of a document told before (its entity tag, or when it was last modified). The mark for it is in the record. Of any other server comes what it tells now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import orjson

from pileus.kernel.calls import StreamCall
from pileus.languages.record_text import Events, Line, Lines
from pileus.ports.fetching import Fetched, FetchFailed, Fetching
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import RecordFormat, Source
from pileus.services.media.records.feed_state import FeedState
from pileus.services.media.records.places import JSON, JSONL, SSE
from pileus.services.media.records.writing import Incoming, RecordWriter

_PAUSE_FIRST_S, _PAUSE_LAST_S = 1.0, 30.0
_AT_ONCE = 500
_FOREVER_MS = 1 << 50
_OK, _NO_CONTENT, _PARTIAL, _NOT_MODIFIED, _NOT_SATISFIABLE = 200, 204, 206, 304, 416
_ACCEPT = {
    "": "text/event-stream, application/x-ndjson, application/json;q=0.9, */*;q=0.5",
    SSE: "text/event-stream",
    JSON: "application/json",
    JSONL: "application/x-ndjson, application/jsonl, */*;q=0.5",
}


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where reading goes on.

    Attributes:
        id: of the last server-sent event.
        version: of the document: its entity tag, or when it was last modified.
        at: bytes of its lines, or records of its array, that were had.
        is_ranged: the server gives what lies behind these bytes.
    """

    id: str = ""
    version: str = ""
    at: int = 0
    is_ranged: bool = False


class HttpFeed:
    """Asks an address for records until it tells its end."""

    def __init__(
        self, call: StreamCall, source: Source, writer: RecordWriter, state: FeedState
    ) -> None:
        self._call, self._source = call, source
        self._writer, self._state = writer, state
        self._format = source.records or RecordFormat()
        self._mark = _mark_of(writer.marks)
        self._is_all_had = False
        self._retry_s = _PAUSE_FIRST_S
        self._pause_s = _PAUSE_FIRST_S

    async def run(self) -> None:
        """Return at the end of the feed; come back with growing pauses where it fails."""
        while True:
            try:
                is_over = await self._ask()
            except FetchFailed as problem:
                await self._state.note("failed", f"{problem}.")
                await self._call.clock.sleep(self._pause_s)
                self._pause_s = min(self._pause_s * 2, _PAUSE_LAST_S)
                continue
            if is_over and not self._format.every_s:
                return
            pause_s = self._format.every_s if is_over else self._retry_s
            await self._call.clock.sleep(pause_s)

    async def _ask(self) -> bool:
        """One answer, whole; True where that was all there is. Raises FetchFailed."""
        fetching: Fetching = self._call.part(Fetching)  # type: ignore[type-abstract]
        fetched = await fetching.get(self._source.url, self._asked())
        try:
            if fetched.status == _NOT_SATISFIABLE and self._mark.at:
                self._forget()  # it has become shorter: it is another document
                self._retry_s = 0.0
                return False
            if fetched.status in (_NO_CONTENT, _NOT_MODIFIED):
                await self._came()
                return True
            if fetched.status not in (_OK, _PARTIAL):
                raise FetchFailed(f"the server answers {fetched.status}")
            await self._came()
            self._state.connected()
            return await self._take(fetched)
        finally:
            await fetched.close()

    def _asked(self) -> dict[str, str]:
        """Headers of the request."""
        mark, told = (
            self._mark,
            {"Accept": _ACCEPT[self._format.format], "Cache-Control": "no-store"},
        )
        if agent := self._source.options.get("user_agent"):
            told["User-Agent"] = agent
        if mark.id:
            told["Last-Event-ID"] = mark.id
        if mark.is_ranged and mark.at:
            # One byte back: a line break lies there, or it is another document.
            told["Range"] = f"bytes={mark.at - 1}-"
        elif mark.version and self._is_all_had:
            is_tag = mark.version.endswith('"')
            told["If-None-Match" if is_tag else "If-Modified-Since"] = mark.version
        return told

    async def _take(self, fetched: Fetched) -> bool:
        self._is_all_had = False
        form = self._format.format or _form_of(fetched.headers)
        if form == SSE:
            await self._take_events(fetched)
            return False  # its server says otherwise by 204
        if form == JSON:
            await self._take_json(fetched)
        elif not await self._take_lines(fetched):
            return False
        self._is_all_had = True
        return True

    async def _came(self) -> None:
        self._pause_s = _PAUSE_FIRST_S
        await self._state.live()

    def _forget(self) -> None:
        self._mark, self._is_all_had = Mark(), False

    # -- server-sent events ---------------------------------------------------------------------

    async def _take_events(self, fetched: Fetched) -> None:
        events = Events(LIMITS.record_bytes_max, self._mark.id)
        self._retry_s = _PAUSE_FIRST_S
        async with aclosing(self._pieces(fetched, lambda: bool(events.last_id))) as pieces:
            async for piece in pieces:
                found = []
                for event in events.feed(piece):
                    value, reason = (None, event.reason) if event.reason else _read(event.data)
                    mark = Mark(id=event.id) if event.id else None
                    found.append((Line(0, event.data, reason, 0, value), mark))
                await self._keep(found)
                if events.last_id != self._mark.id:
                    self._mark = Mark(id=events.last_id)
                if events.retry_ms is not None:
                    self._retry_s = min(events.retry_ms / 1000, _PAUSE_LAST_S)

    # -- lines ----------------------------------------------------------------------------------

    async def _take_lines(self, fetched: Fetched) -> bool:
        """False where it is another document than before, to be asked for from its beginning."""
        version = _version(fetched.headers)
        is_ranged = "bytes" in fetched.headers.get("accept-ranges", "")
        is_part = fetched.status == _PARTIAL
        is_known = bool(version) and version == self._mark.version
        base = self._mark.at if is_part or is_known else 0
        if not base:
            self._forget()
        # A part begins a byte early; the whole of what is known, with all that was had.
        passed = 1 if is_part else base
        mark = Mark(version=version, is_ranged=is_ranged or is_part)
        lines = Lines(LIMITS.record_bytes_max)
        async with aclosing(self._pieces(fetched, lambda: mark.is_ranged)) as pieces:
            async for piece in pieces:
                if is_part and passed and not piece.startswith(b"\n"):
                    self._forget()
                    self._retry_s = 0.0
                    return False
                rest, passed = piece[passed:], max(0, passed - len(piece))
                await self._keep_lines(lines.feed(rest), mark, base)
        if not (self._format.every_s and mark.is_ranged):
            await self._keep_lines(lines.end(), mark, base)
        return True

    async def _keep_lines(self, lines: Sequence[Line], mark: Mark, base: int) -> None:
        is_marked = mark.is_ranged or mark.version
        await self._keep(
            [
                (line, msgspec.structs.replace(mark, at=base + line.stop) if is_marked else None)
                for line in lines
            ]
        )

    # -- a document -----------------------------------------------------------------------------

    async def _take_json(self, fetched: Fetched) -> None:
        """Each member of an array, or the one thing that it is."""
        version = _version(fetched.headers)
        parts, size_bytes = [], 0
        async with aclosing(self._pieces(fetched, lambda: True)) as pieces:
            async for piece in pieces:
                size_bytes += len(piece)
                if size_bytes > LIMITS.document_bytes_max:
                    raise FetchFailed(f"a JSON document over {LIMITS.document_bytes_max} bytes")
                parts.append(piece)
        try:
            told = orjson.loads(b"".join(parts))
        except orjson.JSONDecodeError as problem:
            raise FetchFailed(f"the answer is no JSON: {problem}") from None
        every = told if isinstance(told, list) else [told]
        had = self._mark.at if version and version == self._mark.version else 0
        found = []
        for number, value in enumerate(every[had:], had + 1):
            data = orjson.dumps(value)
            is_long = len(data) > LIMITS.record_bytes_max
            reason = f"longer than {LIMITS.record_bytes_max} bytes" if is_long else ""
            mark = Mark(version=version, at=number) if version else None
            found.append((Line(number, data, reason, 0, value), mark))
        for at in range(0, len(found), _AT_ONCE):
            await self._keep(found[at : at + _AT_ONCE])

    # -- what all have in common ----------------------------------------------------------------

    async def _keep(self, found: Sequence[tuple[Line, Mark | None]]) -> None:
        """Append what are records, and count the rest."""
        good = [
            Incoming(
                line.data, line.value, resume=None if mark is None else msgspec.to_builtins(mark)
            )
            for line, mark in found
            if not line.reason
        ]
        if refused := len(found) - len(good):
            self._state.refused(refused)
        if good:
            await self._writer.add(good)
            self._state.counted()
        if found and (last := found[-1][1]) is not None:
            self._mark = last

    async def _pieces(self, fetched: Fetched, resumes: Any) -> AsyncGenerator[bytes]:
        """The answer's bytes. Silence is told, and ends an answer that can be asked for again.

        Args:
            resumes: tells whether what follows can be asked for. Raises FetchFailed.
        """
        silence_s = self._format.silence_s
        async with aclosing(fetched.pieces()) as pieces:
            while True:
                coming = asyncio.ensure_future(anext(pieces, None))
                try:
                    until_ms = self._call.clock.now_ms() + (round(silence_s * 1000) or _FOREVER_MS)
                    if not await self._call.clock.wait(coming, until_ms):
                        reason = f"Nothing came for {silence_s:g} s."
                        await self._state.note("stalled", reason)
                        if resumes():
                            raise FetchFailed(f"nothing came for {silence_s:g} s")
                    piece = await coming
                finally:
                    if not coming.done():
                        coming.cancel()
                        await asyncio.gather(coming, return_exceptions=True)
                if piece is None:
                    return
                await self._state.live()
                yield piece


def _mark_of(marks: Sequence[Mapping[str, Any]]) -> Mark:
    """The newest that is one of an answer over HTTP."""
    found = next((each for each in marks if "shard" not in each), {})
    return msgspec.convert(found, Mark)


def _version(headers: Mapping[str, str]) -> str:
    return headers.get("etag") or headers.get("last-modified") or ""


def _form_of(headers: Mapping[str, str]) -> str:
    """What the server says that it answers. Raises FetchFailed for what holds no records."""
    told = headers.get("content-type", "").partition(";")[0].strip().lower()
    if told == "text/event-stream":
        return SSE
    if told == "application/json" or told.endswith("+json"):
        return JSON
    if told in ("text/html", "application/xml", "text/xml") or told.startswith(
        ("image/", "video/")
    ):
        raise FetchFailed(f"the server answers {told}, which holds no records")
    return JSONL


def _read(data: bytes) -> tuple[Any, str]:
    """What JSON text says, and why it is none."""
    try:
        return orjson.loads(data), ""
    except orjson.JSONDecodeError as problem:
        return None, f"no JSON: {problem}"
