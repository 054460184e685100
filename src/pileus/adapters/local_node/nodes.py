"""``Nodes`` with one member: this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.capabilities import Capabilities, Tier
from pileus.adapters.local_node.cgroups import Bounds
from pileus.adapters.local_node.fork_server import ForkServer
from pileus.adapters.local_node.fork_servers import ForkServers, Program
from pileus.adapters.local_node.image_roots import ImageRoots
from pileus.adapters.local_node.instance import Door, Instance
from pileus.adapters.local_node.interpreters import (
    Choice,
    Interpreter,
    choose_interpreter,
    find_interpreters,
    own_interpreter,
)
from pileus.adapters.local_node.node_interpreters import (
    NodeChoice,
    NodeJs,
    choose_node,
    find_nodes,
    is_node_runtime,
)
from pileus.adapters.local_node.node_sdk import NodeSdk
from pileus.adapters.local_node.probing import Prober
from pileus.adapters.local_node.snapshots import Snapshots
from pileus.adapters.local_node.starting import (
    RESTORE_MESSAGE,
    ignored_extensions,
    image_message,
    start_message,
    without_snapshot,
)
from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    ChangeKind,
    ExitReason,
    InitFailed,
    InstanceSpec,
    Lease,
    LeaseLost,
    Link,
    LogLine,
    LogSink,
    Member,
    MemberChange,
    NoCapacity,
    Restore,
    RestoreFailed,
    RuntimeUnavailable,
    SnapshotTaken,
)
from pileus.runtime import sandbox
from pileus.runtime.removal import remove_tree

_MIB = 1 << 20
_NS_PER_S = 1_000_000_000
_WATCH_EVERY_S = 0.05
_WATCH_SHARE = 20
_QUIET_LOOKS = 20
"""So many looks that find nobody at work end the looking until somebody begins."""
_TRIM_EVERY_S = 10.0
_NODE_NAME = "local"


class LocalNodeSettings(msgspec.Struct, frozen=True):
    """How this machine runs instances.

    Attributes:
        run_dir: scratch of this platform process (filters, skeletons).
        gateway_port: port at which instances reach the platform on 127.0.0.1; 0 for none.
        memory_mb: sum of the memory of all leases; 0 for no bound.
        tier: use this tier and no other; None for the strongest that works.
        required_tier: refuse to run functions when the probe finds a weaker one.
        is_runtime_strict: refuse a Python version that is not installed.
        interpreters: further Python executables to consider.
        blanks: how many blank instances to keep ready.
        cache_dir: what is installed once for many platforms (the AWS SDK for JavaScript); None for a
            folder in ``run_dir``.
    """

    run_dir: Path
    gateway_port: int = 0
    memory_mb: int = 0
    tier: Tier | None = None
    required_tier: Tier | None = None
    is_runtime_strict: bool = False
    interpreters: tuple[str, ...] = ()
    blanks: BlankTarget = msgspec.field(default_factory=BlankTarget)
    cache_dir: Path | None = None


class LocalNodes:
    """See ``pileus.ports.nodes.Nodes``. Starts no process before the first instance.

    Args:
        door: takes the listener that each instance has on the gateway's port inside its own
            network; None leaves instances without a gateway.
    """

    def __init__(self, settings: LocalNodeSettings, clock: Clock, door: Door | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._door = door
        self._found: list[Interpreter] = [own_interpreter()]
        self._has_searched = False
        self._nodes_found: list[NodeJs] | None = None
        self._sdk = NodeSdk(settings.cache_dir or settings.run_dir / "cache")
        self._forks = ForkServers(
            settings.run_dir, settings.gateway_port, clock, settings.blanks, settings.tier
        )
        self._image_roots = ImageRoots(settings.run_dir / "images")
        self._busy = asyncio.Event()
        self._snapshots = Snapshots(
            self._server_for,
            (door, self._note_busy),
            (clock, lambda: self._forks.prober.cgroups, settings.blanks),
        )
        self._leases: dict[int, Lease] = {}
        self._links: dict[int, Instance] = {}
        self._epoch = 0
        self._removals: set[asyncio.Future[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._trimmer: asyncio.Task[None] | None = None

    def members(self) -> tuple[Member, ...]:
        """This machine."""
        taken = self._taken_mb()
        total = self._settings.memory_mb or _machine_memory_mb()
        names = tuple(one.runtime for one in (*self._found, *(self._nodes_found or ())))
        free = max(0, total - taken)
        return (Member(_NODE_NAME, "unix", total, free, (*names, "provided")),)

    async def watch(self) -> AsyncIterator[MemberChange]:
        """This machine joins and never leaves."""
        yield MemberChange(ChangeKind.JOINED, self.members()[0])
        await asyncio.get_running_loop().create_future()

    async def probe(self) -> Capabilities:
        """The tier that works here, tried out with a real blank instance."""
        return await self._forks.prober.capabilities()

    @property
    def prober(self) -> Prober:
        """What knows the tier, the control groups and the filter of this machine."""
        return self._forks.prober

    @property
    def tier(self) -> Tier | None:
        """The tier that instances get; None until the first one made it worth trying out."""
        found = self._forks.prober.found
        return found.tier if found else None

    async def resolve_runtime(self, runtime: str) -> Choice | NodeChoice | None:
        """The interpreter for a Python or Node.js runtime name, with a warning where it is another
        version; None for a custom runtime. Raises RuntimeUnavailable."""
        if runtime.startswith("provided"):
            return None
        if is_node_runtime(runtime):
            if self._nodes_found is None:
                self._nodes_found = await asyncio.to_thread(find_nodes)
            is_strict = self._settings.is_runtime_strict
            found = choose_node(runtime, self._nodes_found, is_strict=is_strict)
            node = replace(found.interpreter, libraries=self._sdk.libraries)
            return replace(found, interpreter=node)
        choice = self._choose(runtime)
        if choice.warning and not self._has_searched:
            self._has_searched = True
            loop = asyncio.get_running_loop()
            names = self._settings.interpreters
            self._found = await loop.run_in_executor(None, find_interpreters, names)
            choice = self._choose(runtime)
        return choice

    async def prepare(self, spec: InstanceSpec) -> None:
        """Start the zygote and one blank instance; see the port."""
        await self._provide(spec)
        interpreter, tier = await self._surroundings(spec)
        await self._forks.prepare(spec, interpreter, tier)

    async def take_snapshot(self, spec: InstanceSpec, log: LogSink) -> SnapshotTaken:
        """See the port."""
        bound = self._settings.memory_mb
        if bound and self._taken_mb() + spec.memory_mb > bound:
            raise NoCapacity(f"{spec.memory_mb} MB asked for a snapshot of {spec.name}")
        return await self._snapshots.take(spec, log)

    async def drop_snapshots(self, name: str) -> None:
        """See the port."""
        await self._snapshots.drop(name)

    async def place(self, spec: InstanceSpec) -> Lease:
        """Reserve the memory. Raises NoCapacity, RuntimeUnavailable."""
        await self.resolve_runtime(spec.runtime)
        bound = self._settings.memory_mb
        taken = self._taken_mb()
        if bound and taken + spec.memory_mb > bound:
            raise NoCapacity(f"{spec.memory_mb} MB asked, {bound - taken} of {bound} MB left")
        self._epoch += 1
        lease = Lease(_NODE_NAME, "unix", self._epoch, spec.memory_mb)
        self._leases[lease.epoch] = lease
        return lease

    async def start(self, lease: Lease, spec: InstanceSpec, log: LogSink) -> Link:
        """Make the instance and run its init phase; see the port."""
        if lease.epoch not in self._leases or lease.epoch in self._links:
            raise LeaseLost(f"lease {lease.epoch} is not free to start on")
        for text in (await self._provide(spec), *ignored_extensions(spec)):
            if text:
                log([LogLine(self._clock.now_ms(), text)])
        if spec.snapshot:
            copy = await self._start_copy(lease, spec, log)
            if copy is not None:
                return copy
            obstacle = self._snapshots.obstacle(spec)
            text = f"SNAPSTART\tState: Off\tReason: {obstacle}"
            log([LogLine(self._clock.now_ms(), text)])
            spec = without_snapshot(spec)
        server = await self._server_for(spec)
        tmp_dir = self._settings.run_dir / f"tmp-{lease.epoch}"
        if spec.image is not None:
            folder = self._image_roots.folder(spec.image.lowers)
            message = image_message(spec, spec.image, folder)
        else:
            message = start_message(spec, server, tmp_dir)
        instance = await server.take()
        await self._settle_in(lease, spec, instance, tmp_dir)
        await instance.start(spec, message, log, self._door)
        self._forks.learn(spec, server, instance.shareable)
        return instance

    async def _start_copy(self, lease: Lease, spec: InstanceSpec, log: LogSink) -> Instance | None:
        """A copy of the snapshot; None where something stands against it."""
        began_ns = self._clock.mono_ns()
        while True:
            snapshot = await self._snapshots.find(spec, log)
            if snapshot is None:
                return None
            try:
                instance = await snapshot.take()
            except NoCapacity:
                if snapshot.is_alive:
                    raise
                continue  # it ended at this moment
            break
        tmp_dir = self._settings.run_dir / f"tmp-{lease.epoch}"
        await self._settle_in(lease, spec, instance, tmp_dir)
        try:
            await instance.start(spec, RESTORE_MESSAGE, log, self._door)
        except InitFailed as failed:
            raise RestoreFailed(
                failed.document, failed.exit, failed.duration_ns, failed.memory_peak_mb, str(failed)
            ) from failed
        duration_ns = self._clock.mono_ns() - began_ns
        instance.restore = Restore(duration_ns, min(duration_ns, instance.ready_ns))
        return instance

    async def _settle_in(
        self, lease: Lease, spec: InstanceSpec, instance: Instance, tmp_dir: Path
    ) -> None:
        """Bound an instance and note it under its lease. Raises LeaseLost."""
        if lease.epoch not in self._leases:
            await instance.stop()
            raise LeaseLost(f"lease {lease.epoch} was released meanwhile")
        self._links[lease.epoch] = instance
        instance.exited.add_done_callback(lambda _: self._forget(lease.epoch, tmp_dir))
        if instance.group is not None:
            # /tmp lives in memory here, but is not counted as memory on AWS.
            bound = (spec.memory_mb + spec.tmp_mb) * _MIB
            instance.group.limit(Bounds(bound, sandbox.PROCESSES_MAX, spec.memory_mb))
        instance.on_busy = self._note_busy

    def _note_busy(self) -> None:
        self._busy.set()
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_memory())

    def _taken_mb(self) -> int:
        leased = sum(lease.memory_mb for lease in self._leases.values())
        return leased + self._snapshots.memory_mb

    async def release(self, lease: Lease) -> None:
        """Stop what runs under the lease and give its memory back."""
        self._leases.pop(lease.epoch, None)
        instance = self._links.get(lease.epoch)
        if instance is not None:
            await instance.stop()

    async def close(self) -> None:
        """End every instance and every zygote."""
        for task in (self._watch, self._trimmer):
            if task is not None:
                task.cancel()
        self._leases.clear()
        await self._snapshots.close()
        await self._forks.close()
        self._forks.prober.close()
        await asyncio.gather(*self._removals)

    def fork_servers(self) -> Sequence[ForkServer]:
        """The zygotes alive now, for measuring."""
        return self._forks.servers

    def _forget(self, epoch: int, tmp_dir: Path) -> None:
        self._links.pop(epoch, None)
        if tmp_dir.exists():  # only where /tmp could not be a file system of its own
            removal = asyncio.get_running_loop().run_in_executor(None, remove_tree, tmp_dir)
            self._removals.add(removal)
            removal.add_done_callback(self._removals.discard)

    async def _server_for(self, spec: InstanceSpec) -> ForkServer:
        interpreter, tier = await self._surroundings(spec)
        return await self._forks.choose(spec, interpreter, tier)

    async def _surroundings(self, spec: InstanceSpec) -> tuple[Program, Tier]:
        choice = await self.resolve_runtime(spec.runtime)
        interpreter: Program = choice.interpreter if choice else self._found[0]
        capabilities = await self.probe()
        required = self._settings.required_tier
        if required is not None and capabilities.tier.value > required.value:
            why = "; ".join(capabilities.reasons)
            raise RuntimeUnavailable(
                f"sandbox tier {required.value} is required, {capabilities.tier.value} works: {why}"
            )
        what = "container images" if spec.image else "engines that speak HTTP" if spec.http else ""
        if what and capabilities.tier is not Tier.A:
            why = "; ".join(capabilities.reasons)
            raise RuntimeUnavailable(
                f"{what} need namespaces (sandbox tier A), and tier "
                f"{capabilities.tier.value} is what works here: {why}"
            )
        if self._trimmer is None:
            self._trimmer = asyncio.create_task(self._trim())
        return interpreter, capabilities.tier

    async def _provide(self, spec: InstanceSpec) -> str:
        """Have what the runtime brings along installed; a sentence for the log where that failed."""
        return await self._sdk.provide(spec) if is_node_runtime(spec.runtime) else ""

    def _choose(self, runtime: str) -> Choice:
        strict = self._settings.is_runtime_strict and self._has_searched
        return choose_interpreter(runtime, self._found, is_strict=strict)

    async def _watch_memory(self) -> None:
        """While user code runs, end the instances whose processes outgrow their memory."""
        quiet, took_ns = 0, 0
        while True:
            await self._busy.wait()
            await self._clock.sleep(watch_pause_s(took_ns))
            began_ns = self._clock.mono_ns()
            quiet += 1
            if quiet > _QUIET_LOOKS:
                self._busy.clear()
            for instance in [*self._links.values(), *self._snapshots.initialising]:
                spec = instance.spec
                if not instance.is_busy or spec is None:
                    continue
                quiet = 0
                self._busy.set()
                if instance.has_outgrown(spec.memory_mb * _MIB):
                    instance.memory_peak_mb = max(instance.memory_peak_mb, spec.memory_mb)
                    instance.kill(ExitReason.OUT_OF_MEMORY)
            took_ns = self._clock.mono_ns() - began_ns

    async def _trim(self) -> None:
        while True:
            await self._clock.sleep(_TRIM_EVERY_S)
            await self._snapshots.trim()
            await self._forks.trim()


def watch_pause_s(took_ns: int) -> float:
    """How long until instances are looked at again, after a look that took so long: however many there
    are, looking takes no more than a twentieth of a core. The kernel bounds them in between."""
    return max(_WATCH_EVERY_S, took_ns * _WATCH_SHARE / _NS_PER_S)


def _machine_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
