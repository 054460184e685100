"""A whole platform in memory, under virtual time and seeded chance, for tests of rooms and apps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pileus.adapters.chance_seeded import SeededChance
from pileus.adapters.clock_virtual import VirtualClock
from pileus.compute.images.parts import add_image_store
from pileus.kernel.kernel import Kernel
from pileus.kernel.operations import Reply
from pileus.kernel.rooms import Registry
from pileus.testing.memory import MemoryBase, MemoryState
from pileus.testing.memory_blobs import MemoryBlobs
from pileus.testing.memory_log import MemoryLog
from pileus.values.body import BytesBody
from pileus.values.context import CallContext

_REGISTRY = Registry()


@dataclass
class Disks:
    """What survives a crash of the platform."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    state: MemoryBase = field(default_factory=MemoryBase)
    log: MemoryLog = field(default_factory=MemoryLog)
    blobs: MemoryBlobs = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.blobs = self.blobs or MemoryBlobs(self.clock)


class MemoryPlatform:
    """Rooms without a wire::

    platform = await MemoryPlatform.start()
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await platform.clock.advance(30_000)
    platform = await platform.restart()
    """

    def __init__(self, disks: Disks, seed: int) -> None:
        self.disks = disks
        self.seed = seed
        self.clock = disks.clock
        self.context = CallContext(request_id="test")
        self.records: list[dict[str, Any]] = []
        self.kernel = Kernel(
            state=MemoryState(disks.state),
            blobs=disks.blobs,
            log=disks.log,
            clock=disks.clock,
            chance=SeededChance(seed),
            registry=_REGISTRY,
        )
        add_image_store(self.kernel)
        self.forget_records = self.kernel.add_observer(self.records.append)
        self._parts: dict[type, Any] = {}
        self._prepare: Preparation | None = None

    @staticmethod
    async def start(
        disks: Disks | None = None,
        seed: int = 1,
        parts: dict[type, Any] | None = None,
        prepare: Preparation | None = None,
    ) -> MemoryPlatform:
        """A started platform.

        ``parts`` are offered to rooms and ``prepare`` is called before it starts; a restart does
        both again.
        """
        platform = MemoryPlatform(disks or Disks(), seed)
        platform._parts, platform._prepare = parts or {}, prepare
        for kind, part in platform._parts.items():
            platform.kernel.add_part(kind, part)
        if prepare is not None:
            prepare(platform)
        await platform.kernel.start()
        return platform

    async def __call__(
        self, service: str, operation: str, body: bytes | None = None, **input: Any
    ) -> dict[str, Any]:
        """Call an operation; its output members. Time moves on while the call waits for it."""
        reply = await self.reply(service, operation, body, **input)
        return dict(reply.output)

    async def reply(
        self, service: str, operation: str, body: bytes | None = None, **input: Any
    ) -> Reply:
        """The same with the reply whole."""
        stream = None if body is None else BytesBody(body)
        work = self.kernel.invoke(self.context, service, operation, input, stream)
        return await self.clock.run(work)

    async def crash(self) -> None:
        """Stop as a power cut does: nothing more is written, nobody is told."""
        self.disks.state.crashed.set()
        await self.kernel.supervisor.close()

    async def restart(self, seed: int | None = None) -> MemoryPlatform:
        """A new platform over what the crashed one had made durable."""
        await self.crash()
        self.disks.state.crashed.clear()
        self.disks.state.crash_at = None
        seed = self.seed + 1 if seed is None else seed
        return await MemoryPlatform.start(self.disks, seed, self._parts, self._prepare)


Preparation = Callable[[MemoryPlatform], None]
"""Adds to a platform what it needs before it starts (``testing.compute.ScriptedCompute``)."""
