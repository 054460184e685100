"""One source of records being read: what it tells goes to the Log, and from there to its lanes."""

from __future__ import annotations

import asyncio
from collections import Counter

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.ports.intakes import PUSHED, Intakes
from pileus.ports.log import LogUnavailable
from pileus.services.media import push_keys, store, telling
from pileus.services.media.figures import Figures
from pileus.services.media.following import Known, note_finished
from pileus.services.media.lane_set import LaneSet
from pileus.services.media.model import CONNECTING, ENDED, RecordFormat, Source
from pileus.services.media.records.feed_state import FeedState
from pileus.services.media.records.places import KINESIS, stream_of
from pileus.services.media.records.pulling import HttpFeed
from pileus.services.media.records.pushing import RecordPublishing
from pileus.services.media.records.shards import ShardFeed
from pileus.services.media.records.writing import RecordWriter

_PAUSE_S = 1.0
_NOBODY = "Nobody has pushed since the platform was started."


class RecordFollowing:
    """A source of records. A life of it goes on through restarts of the platform, until its end is told.

    Attributes:
        is_over: its end was told; engines may still be at the last records.
    """

    def __init__(self, call: StreamCall, name: str, intakes: Intakes) -> None:
        self._call, self._name = call, name
        self._figures = call.part(Figures).source(store.key_of(call, name))
        self._counts: Counter[str] = Counter()
        self.known = Known()
        self._writer = RecordWriter(call, name, self._counts)
        self._state = FeedState(call, name, self._counts, self.known, self._figures)
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._publishers: list[RecordPublishing] = []
        self.is_over = False
        self.lanes = LaneSet(call, name, intakes)
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the stream has ended, the source is switched off, or the platform ends."""
        try:
            source = await self._begin()
            if source is None:
                return
            await self._open_log(source)
            self._figures.begun()
            await self.lanes.begin(source, None)
            if source.state != ENDED:
                await self._read(source)
            self.is_over = True
            await self._state.note("ended")
            await self.lanes.drain(is_forced=False)
            await note_finished(self._call, self._name, source.stream)
        finally:
            self._figures.ended()
            self.lanes.close()
            if not self._open.done():
                self._open.cancel()

    async def _open_log(self, source: Source) -> None:
        while True:
            try:
                await self._writer.open(source)
                return
            except LogUnavailable as problem:
                await self._state.note("failed", f"Its records cannot be kept: {problem}")
                await self._call.clock.sleep(_PAUSE_S)

    async def _begin(self) -> Source | None:
        """Name this life of the source, or go on with one that has not come to its end."""

        def step(write: WriteCall) -> Source | None:
            source: Source | None = store.find(write.state, "source", self._name)
            if source is None or not source.is_enabled:
                return None
            if source.finished == source.stream:
                now_ms = max(write.now_ms, int(source.stream or 0) + 1)
                source.stream = f"{now_ms:015d}"
                source.state = CONNECTING
            if source.state == ENDED:
                return source  # everything was read, and not everything looked at
            source.begun_ms = source.begun_ms or write.now_ms
            before, source.state, source.reason = source.state, CONNECTING, ""
            if source.url == PUSHED:
                source.reason = _NOBODY
            store.put(write.state, "source", source)
            telling.source_changed(write, source, before)
            return source

        return await self._call.write_at_last(step, f"source {self._name}")

    async def _read(self, source: Source) -> None:
        """Until the source tells its end."""
        writing = asyncio.ensure_future(self._writer.run())
        reading = asyncio.ensure_future(self._feed(source))
        self._open.set_result(None)
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            for each in (writing, reading):
                if each.done():
                    each.result()
        finally:
            for each in (writing, reading):
                each.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)

    async def _feed(self, source: Source) -> None:
        told = source.records or RecordFormat()
        if source.url == PUSHED:
            await self._be_pushed(told)
        elif told.format == KINESIS:
            stream = stream_of(self._call, source.url)
            await ShardFeed(self._call, source, stream, self._writer, self._state).run()
        else:
            await HttpFeed(self._call, source, self._writer, self._state).run()

    async def _be_pushed(self, told: RecordFormat) -> None:
        """Until a publisher says that this is the end; silence is noticed."""
        ended = asyncio.ensure_future(self._ended.wait())
        silence_ms = round(told.silence_s * 1000)
        try:
            if not silence_ms:
                await ended
                return
            until_ms = self._call.clock.now_ms() + silence_ms
            while not await self._call.clock.wait(ended, until_ms):
                until_ms = self._state.heard_ms + silence_ms
                if until_ms <= (now_ms := self._call.clock.now_ms()):
                    if self._counts["records"]:
                        await self._state.note("stalled", f"No record for {told.silence_s:g} s.")
                    until_ms = now_ms + silence_ms
        finally:
            ended.cancel()

    async def publish(self, *, is_last: bool) -> RecordPublishing:
        """Take records of somebody; ``is_last``: with them the stream ends."""
        await asyncio.shield(self._open)
        self._publishers = [each for each in self._publishers if not each.is_ended]
        end = self._ended.set if is_last else None
        made = RecordPublishing(self._name, self._writer, self._state, end)
        self._publishers.append(made)
        return made

    async def check_key(self) -> None:
        """Cut publishers off whose key is good no more."""
        source = self._call.read(lambda view: store.find(view.state, "source", self._name))
        for each in self._publishers:
            if each.key and not push_keys.is_good(source, each.key, self._call.clock.now_ms()):
                each.revoke()

    async def check_key_after(self, grace_s: int) -> None:
        """The same once a key has ended."""
        await self._call.clock.sleep(grace_s)
        await self.check_key()
