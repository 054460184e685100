"""A client that works until the platform stops, and the platform that comes back.

Everything runs in memory under virtual time with seeded chance, so a failure repeats by its seed and
the number of the commit at which the power went.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pileus.testing.platform import Disks, MemoryPlatform, Preparation

_DOWN_MS = 10
_SOON_COMMITS, _SOON_MS = 12, 5_000


class PowerCut(Exception):
    """The platform stopped before it answered; the call may or may not have taken effect."""


class Simulation:
    """One life of a platform, cut short at a commit, and the next one over the same disks."""

    def __init__(
        self,
        seed: int,
        parts: dict[type, Any] | None = None,
        prepare: Preparation | None = None,
    ) -> None:
        self.seed = seed
        self.parts = parts
        self.prepare = prepare
        self.disks = Disks()
        self.platform: MemoryPlatform

    async def start(self, crash_at: int | None) -> None:
        """Begin the first life; commit number ``crash_at`` is the first that is not made."""
        self.disks.state.crash_at = crash_at
        self.platform = await MemoryPlatform.start(self.disks, self.seed, self.parts, self.prepare)

    async def __call__(self, service: str, operation: str, /, **given: Any) -> dict[str, Any]:
        """An acknowledged call, or PowerCut."""
        kernel = self.platform.kernel
        work = asyncio.ensure_future(
            kernel.invoke(self.platform.context, service, operation, given)
        )
        await self.platform.clock.settle()
        while not work.done():
            if self.disks.state.crashed.is_set():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                raise PowerCut
            await self.platform.clock.advance(50)
        return dict(work.result().output)

    async def rest(self, duration_ms: int) -> None:
        """Let background work go on; PowerCut when the power goes meanwhile."""
        await self.platform.clock.advance(duration_ms)
        if self.disks.state.crashed.is_set():
            raise PowerCut

    async def come_back(self, crash_after: int | None = None) -> None:
        """Begin the next life a moment later; it is cut after so many commits, or not at all."""
        await self.platform.crash()
        await self.platform.clock.advance(_DOWN_MS)
        state = self.disks.state
        state.crashed.clear()
        state.crash_at = None if crash_after is None else state.commits + crash_after
        # Each life has chance of its own: ids never repeat.
        self.seed += 1
        self.platform = await MemoryPlatform.start(self.disks, self.seed, self.parts, self.prepare)


Scenario = Callable[[Simulation, dict[str, Any]], Awaitable[None]]
"""Works through calls and notes in the dict what was acknowledged and what was asked."""
Check = Callable[[Simulation, dict[str, Any]], Awaitable[None]]
"""After the second life began: asserts that the notes hold."""


async def commits_of(
    scenario: Scenario,
    seed: int,
    parts: dict[type, Any] | None = None,
    prepare: Preparation | None = None,
) -> int:
    """How many commits a life without a crash makes."""
    simulation = Simulation(seed, parts, prepare)
    await simulation.start(None)
    await scenario(simulation, {})
    commits = simulation.disks.state.commits
    await simulation.platform.crash()
    return commits


async def crash_everywhere(
    scenario: Scenario,
    check: Check,
    seed: int,
    parts: dict[type, Any] | None = None,
    prepare: Preparation | None = None,
    is_cut_again: bool = False,
    every: int = 1,
) -> int:
    """Cut the power at every commit (at one of ``every``) in turn; how many lives were cut.

    With ``is_cut_again`` the next life is cut too, by chance soon after it began: what repairs must
    itself bear a cut.
    """
    chance = random.Random(seed)
    commits = await commits_of(scenario, seed, parts, prepare)
    moments = range(0, commits + 1, every)
    for crash_at in moments:
        simulation = Simulation(seed, parts, prepare)
        notes: dict[str, Any] = {}
        try:
            await simulation.start(crash_at)
            await scenario(simulation, notes)
        except PowerCut:
            pass
        if is_cut_again:
            await simulation.come_back(crash_after=chance.randrange(_SOON_COMMITS))
            await simulation.platform.clock.advance(_SOON_MS)
        await simulation.come_back()
        try:
            await check(simulation, notes)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, power cut at commit {crash_at}: {error}") from error
        finally:
            await simulation.platform.crash()
    return len(moments)
