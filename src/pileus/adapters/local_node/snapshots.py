"""Snapshots: processes that have initialised a function and are copied for every instance (SnapStart).

One is an instance like any other, in the function's sandbox, whose process 1 makes room for copies
(``runtime.snapshot_keeper``). It holds memory for as long as it is used now and then; after that it is
ended and made again when it is asked for. Nothing of it outlives the platform.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.cgroups import Bounds, Cgroups
from pileus.adapters.local_node.fork_server import ForkServer
from pileus.adapters.local_node.instance import Door, Instance
from pileus.adapters.local_node.nursery import Nursery
from pileus.adapters.local_node.starting import start_message
from pileus.ports.clock import Clock
from pileus.ports.nodes import ExitReason, InstanceSpec, LogSink, NoCapacity, SnapshotTaken
from pileus.runtime import messages, sandbox

INIT_S_MIN = 130.0
"""A snapshot may take so long to initialise, or as long as the function's timeout when that is longer."""
_IDLE_S = 3600.0
_OBSTACLES_MAX = 10_000
_MIB = 1 << 20
_NS_PER_S = 1_000_000_000
_WEAKER_TIER = "it needs sandbox tier A, and this machine gives tier {tier}"

ChooseServer = Callable[[InstanceSpec], Awaitable[ForkServer]]


class Snapshot:
    """One initialised process and its copies.

    Args:
        source: the process, ready.
        channel: to its process 1.
        nursery: which asks there for copies.
    """

    def __init__(
        self, spec: InstanceSpec, source: Instance, channel: socket.socket, nursery: Nursery
    ) -> None:
        self.spec = spec
        self.source = source
        self.nursery = nursery
        self.init_ns = source.init_ns
        self.base_bytes = source.resident_bytes()
        self.is_alive = True
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel.fileno(), self._on_message)
        source.exited.add_done_callback(lambda _: self._end())

    async def take(self) -> Instance:
        """A copy, blank. Raises NoCapacity."""
        copy = await self.nursery.take()
        copy.base_bytes = self.base_bytes
        return copy

    async def close(self) -> None:
        """End it and every copy."""
        self._end()
        await self.nursery.close()
        await self.source.stop()
        await self.nursery.settle()

    def _on_message(self) -> None:
        """Process 1 says one thing only: that the snapshot has ended, while copies live on."""
        try:
            messages.receive(self._channel)
        except BlockingIOError:
            return
        except OSError:
            pass  # its end is gone: the same
        self._loop.remove_reader(self._channel.fileno())
        self.is_alive = False

    def _end(self) -> None:
        self.is_alive = False
        self.nursery.is_open = False
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel.fileno())
            self._channel.close()


class Snapshots:
    """Every snapshot of this machine, by ``InstanceSpec.snapshot``.

    Args:
        choose: the zygote a spec's instances come from.
        doors: see ``LocalNodes``; and what is called when user code is about to run.
        surroundings: with the group maker and how many blank copies each keeps, as a pattern.
    """

    def __init__(
        self,
        choose: ChooseServer,
        doors: tuple[Door | None, Callable[[], object]],
        surroundings: tuple[Clock, Callable[[], Cgroups | None], BlankTarget],
    ) -> None:
        self._choose = choose
        self._door, self._on_busy = doors
        self._clock, self._cgroups, self._blanks = surroundings
        self._kept: dict[str, Snapshot] = {}
        self._making: dict[str, asyncio.Task[Snapshot | None]] = {}
        self._left: list[Snapshot] = []
        """Ended ones with copies that live on."""
        self._initialising: set[Instance] = set()
        self._obstacles: dict[str, str] = {}

    @property
    def memory_mb(self) -> int:
        """What is promised to snapshots."""
        return sum(each.spec.memory_mb for each in self._kept.values())

    @property
    def initialising(self) -> list[Instance]:
        """The processes whose init phase is under way."""
        return [*self._initialising]

    async def take(self, spec: InstanceSpec, log: LogSink) -> SnapshotTaken:
        """See ``Nodes.take_snapshot``; one blank copy is on its way afterwards."""
        was_there = spec.snapshot in self._kept
        snapshot = await self.find(spec, log)
        if snapshot is None:
            return SnapshotTaken(0, self.obstacle(spec))
        snapshot.nursery.prepare()
        return SnapshotTaken(0 if was_there else snapshot.init_ns)

    def obstacle(self, spec: InstanceSpec) -> str:
        """Why there is no snapshot; empty where nothing is known against it."""
        return self._obstacles.get(spec.snapshot, "")

    async def find(self, spec: InstanceSpec, log: LogSink) -> Snapshot | None:
        """The snapshot, made now where it is not there; None where something stands against it.

        Raises InitFailed, NoCapacity, RuntimeUnavailable.
        """
        kept = self._kept.get(spec.snapshot)
        if kept is not None and kept.is_alive:
            return kept
        if spec.snapshot in self._obstacles:
            return None
        making = self._making.get(spec.snapshot)
        if making is None:
            making = asyncio.create_task(self._make(spec, log))
            self._making[spec.snapshot] = making
            making.add_done_callback(lambda task: self._made(spec.snapshot, task))
        return await asyncio.shield(making)

    async def drop(self, name: str) -> None:
        """See ``Nodes.drop_snapshots``."""
        for each in (*self._kept.values(), *self._left):
            own = each.spec.name
            if own == name or (name.endswith(":") and own.startswith(name)):
                self._forget(each)
                await each.close()

    async def trim(self) -> None:
        """End the blank copies nobody asks for, and snapshots unused for long."""
        long_ago_ns = self._clock.mono_ns() - round(_IDLE_S * _NS_PER_S)
        for each in (*self._kept.values(), *self._left):
            each.nursery.trim()
            is_unused = not each.is_alive or each.nursery.used_ns < long_ago_ns
            if each.nursery.is_idle and is_unused:
                self._forget(each)
                await each.close()

    async def close(self) -> None:
        """End them all."""
        for making in self._making.values():
            making.cancel()
        for each in (*self._kept.values(), *self._left):
            self._forget(each)
            await each.close()

    def _forget(self, snapshot: Snapshot) -> None:
        if self._kept.get(snapshot.spec.snapshot) is snapshot:
            del self._kept[snapshot.spec.snapshot]
        if snapshot in self._left:
            self._left.remove(snapshot)

    def _made(self, key: str, task: asyncio.Task[Snapshot | None]) -> None:
        self._making.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; nobody may wait any more

    async def _make(self, spec: InstanceSpec, log: LogSink) -> Snapshot | None:
        ended = self._kept.pop(spec.snapshot, None)
        if ended is not None:
            self._left.append(ended)
        server = await self._choose(spec)
        if server.plan.tier != "A":
            self._refuse(spec, _WEAKER_TIER.format(tier=server.plan.tier))
            return None
        source, channel = await server.take_source()
        source.on_busy = self._on_busy
        self._initialising.add(source)
        try:
            if source.group is not None:
                bound = (spec.memory_mb + spec.tmp_mb) * _MIB
                source.group.limit(Bounds(bound, sandbox.PROCESSES_MAX, spec.memory_mb))
            message = start_message(spec, server, server.skeleton.root_dir)
            limit_s = max(INIT_S_MIN, spec.timeout_s)
            await source.start(replace(spec, init_timeout_s=limit_s), message, log, self._door)
        except BaseException:
            channel.close()
            source.kill(ExitReason.STOPPED)
            raise
        finally:
            self._initialising.discard(source)
        if source.obstacle:
            channel.close()
            await source.stop()
            self._refuse(spec, source.obstacle)
            return None
        surroundings = (self._clock, self._cgroups(), replace(self._blanks))
        nursery = Nursery(
            channel, f"{server.pid}s{channel.fileno()}", surroundings, owns_namespaces=True
        )
        nursery.request = {
            "op": "spawn",
            "tmp_mb": spec.tmp_mb,
            "late_shown": message["late_shown"],
        }
        snapshot = Snapshot(spec, source, channel, nursery)
        try:
            await nursery.prepare().blank
        except (NoCapacity, OSError) as error:
            await snapshot.close()
            self._refuse(spec, f"no copy of it can be made here: {error}")
            return None
        self._kept[spec.snapshot] = snapshot
        return snapshot

    def _refuse(self, spec: InstanceSpec, obstacle: str) -> None:
        if len(self._obstacles) < _OBSTACLES_MAX:
            self._obstacles[spec.snapshot] = obstacle
