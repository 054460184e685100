"""Old results and records are forgotten: by age, and the oldest of what is too much.

The Log forgets in pieces (8 MiB of a lane's results on disk), so a little more is kept than asked for, and
the newest piece always is: a lane finds there where it was.
"""

from __future__ import annotations

import logging

from pileus.kernel.calls import StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.log import Log, LogUnavailable, OffsetOutOfRange, TopicNotFound
from pileus.services.media import store
from pileus.services.media.model import Source
from pileus.services.media.reading import first_since

_log = logging.getLogger("pileus.media")
_EVERY_S = 60.0
_Space = tuple[str, str]


class Retention:
    """Looks at every source's results and records once a minute, where one has a bound; the platform has one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._looked_after: set[_Space] = set()

    def look_after(self, call: StreamCall) -> None:
        """From now on, if a source of the space has a bound."""
        space = (call.account, call.region)
        if space not in self._looked_after and _bounded(call):
            self._looked_after.add(space)
            own = self._kernel.stream_call(call.space)
            self._kernel.supervisor.spawn("retention of results", self._run(own))

    async def _run(self, call: StreamCall) -> None:
        while sources := _bounded(call):
            for source in sources:
                try:
                    await _forget_old(call, source)
                except (LogUnavailable, OffsetOutOfRange, TopicNotFound) as problem:
                    # The disk is away, or the source was deleted meanwhile: the next round tells.
                    _log.warning("old results of %s are kept for now: %s", source.name, problem)
            await call.clock.sleep(_EVERY_S)
        self._looked_after.discard((call.account, call.region))


def _bounded(call: StreamCall) -> list[Source]:
    """Sources whose results have a bound, or whose records have."""
    found: list[Source] = call.read(lambda view: list(store.every(view.state, "source")))
    return [
        each
        for each in found
        if each.keep_results_s
        or each.keep_results_bytes
        or (each.records is not None and (each.keep_s or each.keep_bytes))
    ]


async def _forget_old(call: StreamCall, source: Source) -> None:
    prefix = store.topic(call.account, call.region, source.name, "")
    records = prefix + store.RECORDS
    for topic in [each for each in call.log.topics() if each.startswith(prefix)]:
        low, end = call.log.bounds(topic, 0)
        before, keep_s, keep_bytes = 0, source.keep_results_s, source.keep_results_bytes
        if topic == records:
            keep_s, keep_bytes = source.keep_s, source.keep_bytes
        if keep_s:
            horizon_ms = call.clock.now_ms() - keep_s * 1000
            before = await first_since(call.log, topic, low, end, horizon_ms)
        if keep_bytes:
            before = max(before, await _first_within(call.log, topic, keep_bytes))
        # The last record tells a lane where it was.
        before = min(before, end - 1)
        if before > low:
            await call.log.trim(topic, 0, before)


async def _first_within(log: Log, topic: str, bytes_max: int) -> int:
    """The first offset of the newest pieces that are so many bytes together, or fewer."""
    pieces = await log.pieces(topic, 0)
    left_bytes = sum(size_bytes for _, size_bytes in pieces)
    for first, size_bytes in pieces:
        if left_bytes <= bytes_max:
            return first
        left_bytes -= size_bytes
    return log.bounds(topic, 0)[1]
