"""Deletes blobs that nothing refers to any more.

A commit that drops the last reference leaves a ``garbage`` record; the blob goes afterwards, then
the record. What a crash leaves is finished at the next start. Blobs that are being read wait.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.ports.blobs import BlobsUnavailable
from pileus.ports.state import Space, StateUnavailable
from pileus.services.s3 import store

_ROWS_PER_ROUND = 256
_RETRY_S = 5.0
_LOOK_EVERY_MS = 3_600_000


class _Reader(Protocol):
    @property
    def blobs(self) -> frozenset[str]: ...


class Collector:
    """What the platform knows in memory.

    Attributes:
        readers: bodies that are being sent.
        writing: blobs whose upload began since the platform started and is not settled.
        running: spaces whose garbage is being seen to.
    """

    def __init__(self) -> None:
        self.writing: set[str] = set()
        self.readers: WeakSet[_Reader] = WeakSet()
        self.running: set[Space] = set()

    def read_now(self) -> frozenset[str]:
        """Blobs that some reader has not finished with."""
        return frozenset().union(*(reader.blobs for reader in self.readers))


def blob_name(account: str, blob: str) -> str:
    """The name in Blobs of what records call ``blob``."""
    return f"{account}/s3/{blob}"


def protect(call: StreamCall, reader: _Reader) -> None:
    """Keep the reader's blobs as long as it lives."""
    call.own(Collector).readers.add(reader)


def ensure(call: StreamCall) -> None:
    """See to it that the garbage of this space goes from now on; returns at once.

    Called at start-up and whenever a blob is made: without blobs there is no garbage.
    """
    collector = call.own(Collector)
    if call.space not in collector.running:
        collector.running.add(call.space)
        call.spawn("s3 garbage", _run(call, collector))


async def _run(call: StreamCall, collector: Collector) -> None:
    while True:
        blobs = await call.until(store.GARBAGE, call.clock.now_ms() + _LOOK_EVERY_MS, _garbage)
        busy = collector.read_now()
        free = [blob for blob in blobs or () if blob not in busy]
        if blobs and not (free and await _delete(call, free)):
            await call.clock.sleep(_RETRY_S)


def _garbage(call: ReadCall) -> list[str] | None:
    rows = call.state.range(store.GARBAGE, limit=_ROWS_PER_ROUND)
    return [str(key[1]) for key, _ in rows] or None


async def _delete(call: StreamCall, blobs: list[str]) -> bool:
    """Delete blobs, then their records; False when the stores cannot do it now."""

    def forget(write: WriteCall) -> None:
        for blob in blobs:
            write.state.delete(("garbage", blob))

    try:
        for blob in blobs:
            await call.blobs.delete(blob_name(call.account, blob))
        await call.write(forget)
    except (BlobsUnavailable, StateUnavailable):
        return False
    return True
