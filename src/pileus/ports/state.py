"""Ordered, durable, transactional key space."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from pileus.values.errors import StoreUnavailable
from pileus.values.keys import Key

T = TypeVar("T")
Space = tuple[str, ...]
"""The unit of sharding: ``(account, region, room)``. A transaction names exactly one."""

VALUE_BYTES_MAX = 16 * 1024
"""Wished largest value; larger payloads go to Blobs with a reference here."""


class StateUnavailable(StoreUnavailable):
    """The store could not commit (disk full, I/O error); nothing of the group was kept."""


class Snapshot(Protocol):
    """A consistent view of one space."""

    def get(self, key: Key) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def range(
        self,
        prefix: Key = (),
        *,
        start: Key | None = None,
        after: Key | None = None,
        stop: Key | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[tuple[Key, bytes]]:
        """Keys (whole, in order) and values under ``prefix``.

        ``start`` is inclusive, ``after`` and ``stop`` are exclusive, all whole keys. ``after``
        skips exactly that key in forward order; with ``reverse`` results run from the last key
        down and ``after`` is still a lower, ``stop`` still an upper bound. ``limit`` bounds the
        number of pairs.
        """
        ...

    def count(
        self,
        prefix: Key = (),
        *,
        start: Key | None = None,
        after: Key | None = None,
        stop: Key | None = None,
    ) -> int:
        """How many keys :meth:`range` with the same bounds would give."""
        ...


class Transaction(Snapshot, Protocol):
    """A view that may be changed. Reads see the transaction's own writes."""

    def put(self, key: Key, value: bytes) -> None: ...

    def delete(self, key: Key) -> None:
        """Remove ``key``; nothing happens when it is absent."""
        ...

    def delete_range(self, prefix: Key) -> int:
        """Remove every key under ``prefix``; returns how many there were."""
        ...

    def wake(self, key: Key) -> None:
        """After the commit, resolve every waiter registered for ``key`` in this space."""
        ...


class State(Protocol):
    """The store.

    Atomicity: all of a transaction or nothing. Isolation: strictly serialisable per space.
    Durability: when ``transact`` returns, the change is on disk (survives ``kill -9`` and power
    loss as far as the disk tells the truth). If the commit fails, every transaction of the group
    raises StateUnavailable. Called from the event loop only.
    """

    commits: int
    """Grows after every commit: what was read stays true as long as it is the same."""

    async def transact(self, space: Space, fn: Callable[[Transaction], T]) -> T:
        """Run ``fn`` synchronously inside one transaction; return its result once durable.

        ``fn`` may be run again, so it must have no effect but on the transaction. What it raises
        is raised here and its writes are undone.
        """
        ...

    def read(self, space: Space, fn: Callable[[Snapshot], T]) -> T:
        """Run ``fn`` on a snapshot of what is durable. Never waits for a commit."""
        ...

    def waiter(self, space: Space, key: Key) -> asyncio.Future[None]:
        """A future resolved at the next ``wake(key)`` that commits in ``space``.

        Register before looking, so that no wake-up is lost; cancel it when no longer needed.
        """
        ...

    def spaces(self) -> list[Space]:
        """Every space that holds at least one key."""
        ...

    async def close(self) -> None:
        """Finish what is under way and close the store."""
        ...
