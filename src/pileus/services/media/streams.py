"""Sources being read: a process each, its segments kept, its pieces handed to lanes."""

from __future__ import annotations

import asyncio
from typing import Any

from pileus.kernel.calls import Call, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.intakes import PUSHED, Intakes
from pileus.services.media import recording, store
from pileus.services.media.engines import Engines
from pileus.services.media.figures import Figures
from pileus.services.media.following import CUT_SHORT, Following, Known, note_state
from pileus.services.media.model import ENDED, STOPPED, Source
from pileus.services.media.previews import Previews
from pileus.services.media.publishing import Publishing
from pileus.services.media.records.following import RecordFollowing
from pileus.services.media.records.pushing import RecordPublishing
from pileus.services.media.spools import Spools

_Key = tuple[str, str, str]


class Streams:
    """Every source being read; the platform has one."""

    def __init__(self, kernel: Kernel, intakes: Intakes) -> None:
        self._kernel, self._intakes = kernel, intakes
        self._spools = Spools(intakes)
        self._running: dict[_Key, Following | RecordFollowing] = {}
        self.previews = Previews()
        self._known: dict[_Key, Known] = {}

    async def recover(self, call: StreamCall) -> None:
        """Store what a killed platform had not, then read every source of a space that is enabled; no file
        that was read to its end."""
        await self._spools.recover(call)
        for source in call.read(lambda view: list(store.every(view.state, "source"))):
            is_media = source.records is None
            if is_media and source.url == PUSHED and source.state in CUT_SHORT:
                reason = "The platform was started anew; nobody pushes now."
                await note_state(call, source.name, ENDED, reason)
            if not source.is_done:
                self.follow(call, source.name)

    async def prepare(self, call: StreamCall, name: str) -> None:
        """Make sure that a new source finds nothing of an older one of its name."""
        await self._spools.forget(call, name)

    def follow(self, call: StreamCall, name: str) -> None:
        """Read a source from now on, if it is enabled."""
        key = store.key_of(call, name)
        own = self._kernel.stream_call(call.space)
        source = own.read(lambda view: store.find(view.state, "source", name))
        if source is None or not source.is_enabled or key in self._running:
            return
        # Records that were pushed may be still to be looked at.
        if source.url != PUSHED or (source.records and source.finished != source.stream):
            self._begin(key, own, source)

    def _begin(self, key: _Key, own: StreamCall, source: Source) -> Following | RecordFollowing:
        """Start reading a source."""
        name = key[2]
        following: Following | RecordFollowing
        if source.records is not None:
            following = RecordFollowing(own, name, self._intakes)
        else:
            following = Following(own, name, self._intakes, self._spools, self.previews)
        self._running[key] = following
        self._known[key] = following.known
        following.task = self._kernel.supervisor.spawn(f"source {name}", following.run())
        following.task.add_done_callback(lambda _: self._ended(key, following))
        return following

    async def publish(
        self, call: StreamCall, source: Source, *, is_last: bool = False
    ) -> Publishing | RecordPublishing:
        """Let somebody push to a source that may be pushed to; a process begins where none waits.

        ``is_last``: of records, with these the stream ends; media always ends with its publisher.

        Raises ResourceInUseException: somebody does already.
        """
        key = store.key_of(call, source.name)
        while (following := self._running.get(key)) is not None and following.is_over:
            assert following.task is not None
            await asyncio.wait({following.task})  # engines are at the last pieces of the one before
            self._ended(key, following)
        if following is None:
            following = self._begin(key, self._kernel.stream_call(call.space), source)
        if isinstance(following, RecordFollowing):
            return await following.publish(is_last=is_last)
        return following.publish()

    async def keys_changed(self, call: StreamCall, name: str, grace_s: int) -> None:
        """A source has a new key, and the one before it ends after so long: who came with it ends then."""
        following = self._running.get(store.key_of(call, name))
        if following is None:
            return
        if grace_s:
            own = self._kernel.stream_call(call.space)
            own.spawn(f"the old key of source {name}", following.check_key_after(grace_s))
        else:
            await following.check_key()

    def _ended(self, key: _Key, following: Following | RecordFollowing) -> None:
        if self._running.get(key) is following:
            del self._running[key]

    async def stop(self, call: StreamCall, name: str) -> None:
        """Read a source no more; returns when its process is gone."""
        following = self._running.pop(store.key_of(call, name), None)
        if following is not None and following.task is not None:
            following.task.cancel()
            await asyncio.gather(following.task, return_exceptions=True)

    async def restart(self, call: StreamCall, name: str) -> None:
        """Read a source as it is configured now."""
        await self.stop(call, name)
        await self._spools.store(self._kernel.stream_call(call.space), name)
        await note_state(self._kernel.stream_call(call.space), name, STOPPED, "")
        self.follow(call, name)

    async def forget(self, call: StreamCall, name: str) -> None:
        """Delete what is left of a source."""
        await self.stop(call, name)
        key = store.key_of(call, name)
        self.previews.forget(key)
        self._known.pop(key, None)
        call.part(Figures).forget(key)
        own = self._kernel.stream_call(call.space)
        await self._spools.forget(own, name)
        await recording.forget(own, name)
        prefix = store.topic(call.account, call.region, name, "")
        for topic in [each for each in call.log.topics() if each.startswith(prefix)]:
            await call.log.delete_topic(topic)

    async def lanes_changed(self, call: StreamCall, source: str) -> None:
        """A pipeline of the source was made, changed or deleted."""
        following = self._running.get(store.key_of(call, source))
        if following is not None:
            await following.lanes.align(is_joining=True)

    async def engine_changed(self, call: StreamCall, engine: str) -> None:
        """An engine is configured anew: instances and lanes of the old one go."""
        await call.part(Engines).retire(call, engine)
        for key, following in list(self._running.items()):
            if key[:2] == (call.account, call.region):
                await following.lanes.align()

    def reading(self, call: Call, source: str) -> asyncio.Task[None] | None:
        """The work of reading a source, to wait for its end; None where it is not read."""
        following = self._running.get(store.key_of(call, source))
        return following.task if following is not None else None

    def known(self, call: Call, source: str) -> Known:
        """What the source's last life turned out to hold; nothing since the platform started: nothing."""
        return self._known.get(store.key_of(call, source), Known())

    def lane(self, call: StreamCall, source: str, engine: str) -> dict[str, Any] | None:
        """What DescribeLane tells; None where the engine was not on the source since the platform started."""
        key = store.key_of(call, source)
        following = self._running.get(key)
        lane = following.lanes.get(engine) if following else None
        if lane is not None:
            return lane.shown()
        before = call.part(Figures).lane_before(key, engine)
        return before.shown(self._kernel.clock.now_ms()) if before is not None else None
