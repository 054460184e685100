"""PutMedia under way: what comes goes to the source, and the producer hears how far its fragments are.

https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.media.tagged_chunks import ClusterTimes
from pileus.services.kinesisvideo import fragments, store
from pileus.services.kinesisvideo.limits import LIMITS
from pileus.services.kinesisvideo.model import Fragment, Stream
from pileus.values.body import Body, StreamBody
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.kinesisvideo")
_LOOK_EVERY_MS = 250
_INVALID_MKV, _INTERNAL = (4006, "INVALID_MKV_DATA"), (5000, "INTERNAL_ERROR")


class Putting:
    """One producer.

    Args:
        base_ms: what its clock shows at timecode 0.
    """

    def __init__(self, call: StreamCall, stream: Stream, base_ms: int) -> None:
        self._call, self._stream, self._base_ms = call, stream, base_ms
        self._clusters = ClusterTimes()
        self._begun: deque[int] = deque()
        self._open: deque[int] = deque()
        self._first: tuple[int, Fragment] | None = None
        self._from_ms = call.clock.now_ms()
        self._first_time: int | None = None

    async def acknowledged(self, body: Body) -> AsyncIterator[bytes]:
        """Acknowledgements as JSON, a line each, until the producer has ended and all is kept."""
        given, media = {"Name": self._stream.name}, StreamBody(self._watched(body))
        pushing = asyncio.ensure_future(self._call.invoke("media", "PushMedia", given, body=media))
        try:
            while not pushing.done():
                await self._call.clock.wait(pushing, self._call.clock.now_ms() + _LOOK_EVERY_MS)
                for line in await self._news():
                    yield line
            pushing.result()
            for line in await self._news():
                yield line
        except ServiceError as problem:
            _log.warning("the producer of %s is told: %s", self._stream.name, problem)
            error = _INVALID_MKV if problem.code == "SourceNotReadableException" else _INTERNAL
            yield _ack("ERROR", self._first_time or 0, ErrorId=error[0], ErrorCode=error[1])
        finally:
            pushing.cancel()
            with suppress(asyncio.CancelledError, ServiceError):
                await pushing

    async def _watched(self, body: Body) -> AsyncIterator[bytes]:
        async for piece in body:
            scale = self._clusters.scale_ns
            self._begun += [time * scale // 1_000_000 for time in self._clusters.feed(piece)]
            yield piece

    async def _news(self) -> list[bytes]:
        lines = []
        while self._begun:
            time_ms = self._begun.popleft()
            if self._first_time is None:
                self._first_time = time_ms
            self._open.append(time_ms)
            lines.append(_ack("BUFFERING", time_ms))
        given = {"FromMs": self._from_ms, "MaxResults": fragments.PAGE}
        found, _ = await fragments.page(self._call, self._stream, given)
        for each in found:
            self._from_ms = each.server_ms + 1
            lines += await self._kept(each)
        return lines

    async def _kept(self, one: Fragment) -> list[bytes]:
        """A fragment is on disk: whatever began up to its end is told so."""
        if self._first_time is None:
            return []
        if self._first is None:
            self._first = (self._first_time, one)
            await self._note_base(one)
        begin_ms, first = self._first
        end_ms = begin_ms + one.start_ms - first.start_ms + one.length_ms
        lines = []
        while self._open and self._open[0] < end_ms:
            time_ms = self._open.popleft()
            lines += [_ack(kind, time_ms, one.number) for kind in ("RECEIVED", "PERSISTED")]
        return lines

    async def _note_base(self, one: Fragment) -> None:
        """Remember what the producer's clock shows at the beginning of this life of the source."""
        base_ms = self._base_ms + (self._first_time or 0) - one.start_ms

        def step(write: WriteCall) -> None:
            raw = write.state.get(("stream", self._stream.name))
            found = self._stream if raw is None else store.STREAMS.decode(raw)
            lives = {**found.bases, one.stream: base_ms}
            found.bases = dict(list(lives.items())[-LIMITS.lives_max :])
            store.put(write, found)

        await self._call.write_at_last(step, f"times of stream {self._stream.name}")


def _ack(kind: str, time_ms: int, number: str = "", **more: Any) -> bytes:
    told: dict[str, Any] = {"EventType": kind, "FragmentTimecode": time_ms}
    if number:
        told["FragmentNumber"] = number
    return orjson.dumps({**told, **more}) + b"\n"
