"""The transaction engine that the embedded State adapters share.

Transactions run one after another on the event loop, against layers of not yet durable writes over
a base that is durable. What has gathered while the previous group was being written is the next
group: it reaches the base in one commit, on another thread, and only then do its members resume.
Decision 0002 tells why transactions run on the loop and not on the committing thread.

This file decides what a transaction sees and when it is acknowledged; it does no I/O itself.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from pileus.ports.state import Space, StateUnavailable
from pileus.values.keys import Key, decode_key, encode_key, prefix_stop

T = TypeVar("T")
Writes = dict[bytes, bytes | None]
"""Whole encoded key → value, or None where the key goes away."""
_FEW_KEYS = 8
"""So many are put into their places one by one; more are sorted in together."""


class Base(Protocol):
    """Durable storage under the engine. ``get`` and ``scan`` are called on the event loop."""

    def get(self, key: bytes) -> bytes | None: ...

    def scan(
        self, low: bytes, high: bytes, limit: int | None, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        """Pairs with ``low <= key < high`` in key order, or from the top down."""
        ...

    def count(self, low: bytes, high: bytes) -> int:
        """How many keys ``low <= key < high`` there are."""
        ...

    def begin_read(self) -> None:
        """Freeze what ``get`` and ``scan`` see until ``end_read``."""
        ...

    def end_read(self) -> None: ...

    def commit(self, writes: Writes, done: Callable[[BaseException | None], None]) -> None:
        """Make ``writes`` durable, then call ``done`` on the event loop."""
        ...

    def close(self) -> None: ...


class _Layer(msgspec.Struct):
    """Writes that shadow the base. Their order is made up when a range is first asked for: most
    transactions only put and get."""

    values: Writes = {}
    _keys: list[bytes] = []

    def between(self, low: bytes, high: bytes) -> Writes:
        keys, values = self._keys, self.values
        if len(keys) < len(values):
            self._put_in_order()
        first, last = bisect_left(keys, low), bisect_left(keys, high)
        return {key: values[key] for key in keys[first:last]} if first < last else {}

    def _put_in_order(self) -> None:
        # A dict keeps the order in which keys came, and none of these ever goes away.
        keys = self._keys
        fresh = list(islice(self.values, len(keys), None))
        if len(fresh) <= _FEW_KEYS:
            for key in fresh:
                insort(keys, key)
        else:
            keys += fresh
            keys.sort()


class _Group:
    """Transactions that become durable together."""

    __slots__ = ("layer", "members", "wakes")

    def __init__(self) -> None:
        self.layer = _Layer()
        self.members: list[asyncio.Future[None]] = []
        self.wakes: list[tuple[Space, Key]] = []


class _View:
    """Reads of one space over some layers and the base."""

    __slots__ = ("_base", "_layers", "_prefix")

    def __init__(self, prefix: bytes, base: Base, layers: tuple[_Layer, ...]) -> None:
        self._prefix = prefix
        self._base = base
        self._layers = layers

    def get(self, key: Key) -> bytes | None:
        raw = self._prefix + encode_key(key)
        for layer in self._layers:
            if raw in layer.values:
                return layer.values[raw]
        return self._base.get(raw)

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
        low, high = self._bounds(prefix, start, after, stop)
        if low >= high:
            return []
        cut = len(self._prefix)
        return [(decode_key(k[cut:]), v) for k, v in self._merged(low, high, limit, reverse)]

    def count(
        self,
        prefix: Key = (),
        *,
        start: Key | None = None,
        after: Key | None = None,
        stop: Key | None = None,
    ) -> int:
        low, high = self._bounds(prefix, start, after, stop)
        if low >= high:
            return 0
        shadow = self._shadow(low, high)
        if not shadow:
            return self._base.count(low, high)
        # The flushing layer may reach the base between two looks, and must not count twice.
        self._base.begin_read()
        try:
            total = self._base.count(low, high)
            for key, value in shadow.items():
                total += (value is not None) - (self._base.get(key) is not None)
        finally:
            self._base.end_read()
        return total

    def _bounds(
        self, prefix: Key, start: Key | None, after: Key | None, stop: Key | None
    ) -> tuple[bytes, bytes]:
        space = self._prefix
        low = space + encode_key(prefix)
        high = prefix_stop(low)
        if start is not None:
            low = max(low, space + encode_key(start))
        if after is not None:
            low = max(low, space + encode_key(after) + b"\0")
        if stop is not None:
            high = min(high, space + encode_key(stop))
        return low, high

    def _shadow(self, low: bytes, high: bytes) -> Writes:
        shadow: Writes = {}
        for layer in reversed(self._layers):
            if layer.values:
                shadow.update(layer.between(low, high))
        return shadow

    def _merged(
        self, low: bytes, high: bytes, limit: int | None, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        shadow = self._shadow(low, high)
        if not shadow:
            return self._base.scan(low, high, limit, reverse)
        # Every shadowed key may hide one row of the base, so that many more are asked for.
        wanted = None if limit is None else limit + len(shadow)
        found = self._base.scan(low, high, wanted, reverse)
        rows = [row for row in found if row[0] not in shadow]
        added = [(k, v) for k, v in shadow.items() if v is not None]
        if added and len(found) == wanted:
            # The base was cut short: added keys beyond the cut must not jump the queue.
            edge = found[-1][0]
            added = [row for row in added if (row[0] >= edge if reverse else row[0] <= edge)]
        if added:
            rows += added
            rows.sort(reverse=reverse)
        return rows if limit is None else rows[:limit]


class _Transaction(_View):
    """A view whose own layer takes writes until the engine adopts or drops them."""

    __slots__ = ("own", "wakes")

    def __init__(self, prefix: bytes, base: Base, layers: tuple[_Layer, ...]) -> None:
        self.own = own = _Layer()
        self.wakes: list[Key] = []
        self._prefix = prefix
        self._base = base
        self._layers = (own, *layers)

    def put(self, key: Key, value: bytes) -> None:
        self.own.values[self._prefix + encode_key(key)] = value

    def delete(self, key: Key) -> None:
        self.own.values[self._prefix + encode_key(key)] = None

    def delete_range(self, prefix: Key) -> int:
        low = self._prefix + encode_key(prefix)
        rows = self._merged(low, prefix_stop(low), None, False)
        for raw, _ in rows:
            self.own.values[raw] = None
        return len(rows)

    def wake(self, key: Key) -> None:
        self.wakes.append(key)


def encode_space(space: Space) -> bytes:
    """The prefix of every key of ``space``: its names as one string part."""
    return encode_key(("\x1f".join(space),))


def decode_space(raw: bytes) -> Space:
    """The space of a whole encoded key, and nothing more."""
    return tuple(str(decode_key(raw[: raw.index(b"\0") + 1])[0]).split("\x1f"))


class GroupCommitState:
    """State over a :class:`Base`; see ``ports/state.py`` for the contract."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._open = _Group()
        self._flushing: _Group | None = None
        self._is_flush_due = False
        self._prefixes: dict[Space, bytes] = {}
        self._waiters: dict[tuple[Space, Key], list[asyncio.Future[None]]] = defaultdict(list)
        self._idle: asyncio.Future[None] | None = None
        self.commits = 0
        self._spaces: set[Space] = set(self._stored_spaces())

    async def transact(self, space: Space, fn: Callable[[_Transaction], T]) -> T:
        # Every write of the platform comes through here: few calls, not many small functions.
        flushing, opened = self._flushing, self._open
        layers = (opened.layer, flushing.layer) if flushing else (opened.layer,)
        prefix = self._prefixes.get(space) or self._prefix(space)
        transaction = _Transaction(prefix, self._base, layers)
        result = fn(transaction)
        if writes := transaction.own.values:
            self._spaces.add(space)
            opened.layer.values.update(writes)
            if flushing is None and not self._is_flush_due:
                self._schedule_flush()
        # A transaction that only read may have seen writes that are not durable yet.
        group = opened if opened.layer.values else flushing
        for key in transaction.wakes:
            if group is opened:
                opened.wakes.append((space, key))
            else:
                self._wake([(space, key)])
        if group is not None:
            durable = asyncio.get_running_loop().create_future()
            group.members.append(durable)
            await durable
        return result

    def read(self, space: Space, fn: Callable[[_View], T]) -> T:
        self._base.begin_read()
        try:
            prefix = self._prefixes.get(space) or self._prefix(space)
            return fn(_View(prefix, self._base, ()))
        finally:
            self._base.end_read()

    def waiter(self, space: Space, key: Key) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiters[(space, key)]
        waiting.append(future)
        future.add_done_callback(lambda _: self._forget((space, key), future))
        return future

    def spaces(self) -> list[Space]:
        prefixes = ((space, encode_space(space)) for space in self._spaces)
        return sorted(
            space
            for space, prefix in prefixes
            # A space may have lost its last key, or not have its first one on the disk yet.
            if self._base.scan(prefix, prefix_stop(prefix), 1, False)
        )

    async def close(self) -> None:
        while self._flushing is not None or self._open.layer.values:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
        self._base.close()

    def _prefix(self, space: Space) -> bytes:
        prefix = self._prefixes[space] = encode_space(space)
        return prefix

    def _stored_spaces(self) -> Iterator[Space]:
        low = b""
        while rows := self._base.scan(low, b"\xff", 1, False):
            space = decode_space(rows[0][0])
            yield space
            low = prefix_stop(encode_space(space))

    def _forget(self, at: tuple[Space, Key], future: asyncio.Future[None]) -> None:
        waiting = self._waiters.get(at)
        if waiting and future in waiting:
            waiting.remove(future)
            if not waiting:
                del self._waiters[at]

    def _wake(self, wakes: list[tuple[Space, Key]]) -> None:
        for at in wakes:
            for future in self._waiters.pop(at, ()):
                if not future.done():
                    future.set_result(None)

    def _schedule_flush(self) -> None:
        self._is_flush_due = True
        # At the next turn of the loop, so that everything ready in this one joins the group.
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        group, self._open = self._open, _Group()
        self._flushing = group
        self._base.commit(group.layer.values, self._flushed)

    def _flushed(self, error: BaseException | None) -> None:
        group, self._flushing = self._flushing, None
        assert group is not None
        if error is not None:
            # The open group may have read what was just lost: it fails as well.
            lost, self._open = self._open, _Group()
            failure = StateUnavailable(f"the store could not commit: {error}")
            for member in (*group.members, *lost.members):
                if not member.done():
                    member.set_exception(failure)
        else:
            self.commits += 1
            for member in group.members:
                if not member.done():
                    member.set_result(None)
            self._wake(group.wakes)
        if self._open.layer.values:
            self._schedule_flush()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
