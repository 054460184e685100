"""Where finished segments wait to be stored: they outlive the processes that wrote them."""

from __future__ import annotations

import asyncio
import logging

from pileus.kernel.calls import Call, StreamCall
from pileus.ports.blobs import BlobsUnavailable
from pileus.ports.intakes import Intakes
from pileus.services.media import recording, store
from pileus.services.media.limits import LIMITS
from pileus.values.errors import StoreUnavailable

_log = logging.getLogger("pileus.media")


def spool_of(call: Call, source: str) -> str:
    """The name of a source's spool."""
    return f"{_below(call)}/{source}"


def _below(call: Call) -> str:
    return f"{call.account}/{call.region}"


class Spools:
    """Empties spools into recordings. The platform has one."""

    def __init__(self, intakes: Intakes) -> None:
        self._intakes = intakes
        self._storing: dict[str, asyncio.Lock] = {}

    async def recover(self, call: StreamCall) -> None:
        """Store what a killed platform had not; what is left of deleted sources goes."""
        names = call.read(lambda view: [each.name for each in store.every(view.state, "source")])
        sources = {spool_of(call, name): name for name in names}
        for spool in await self._intakes.spools(_below(call)):
            if spool in sources:
                await self.store(call, sources[spool])
            else:
                await self._intakes.clear_spool(spool)

    async def store(self, call: StreamCall, name: str) -> None:
        """Store what waits in a source's spool, oldest first, then delete what is kept too long.

        What cannot be stored now waits for the next time, up to a bound: the disk is not the spool's alone.
        """
        spool = spool_of(call, name)
        async with self._storing.setdefault(spool, asyncio.Lock()):
            waiting = await self._intakes.spooled(spool)
            try:
                for segment in waiting:
                    await recording.keep(call, name, segment, self._intakes.read(segment))
                    await self._intakes.drop(segment)
                await recording.evict(call, name)
            except (BlobsUnavailable, StoreUnavailable) as problem:
                _log.warning("segments of source %s wait to be recorded: %s", name, problem)
                left = await self._intakes.spooled(spool)
                for segment in left[: -LIMITS.spooled_max]:
                    _log.warning("source %s loses %s: too many wait", name, segment.path)
                    await self._intakes.drop(segment)

    async def forget(self, call: StreamCall, name: str) -> None:
        """Delete what waits of a source that is no more."""
        spool = spool_of(call, name)
        async with self._storing.setdefault(spool, asyncio.Lock()):
            await self._intakes.clear_spool(spool)
        self._storing.pop(spool, None)
