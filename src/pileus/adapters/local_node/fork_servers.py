"""All zygotes of this machine: which one an instance comes from, and when one is not needed.

The modules a function imports from folders that all instances see are told by its source, or noted
at its first start; a zygote that has imported them already is then made beside the call, and later instances come
from it. So a second cold start does not pay for the SDK again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.capabilities import Tier
from pileus.adapters.local_node.foreseeing import foreseen
from pileus.adapters.local_node.fork_server import ForkServer, Recipe
from pileus.adapters.local_node.interpreters import (
    Interpreter,
    own_interpreter,
    runtime_libraries,
)
from pileus.adapters.local_node.node_interpreters import SOURCE_DIR, NodeJs
from pileus.adapters.local_node.probing import Prober
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.ports.clock import Clock
from pileus.ports.nodes import InstanceSpec, NoCapacity
from pileus.runtime import sandbox

_IDLE_S = 600.0
_LEARN_AFTER_S = 0.2
_NS_PER_S = 1_000_000_000
_LEARNED_MAX = 10_000


Program = Interpreter | NodeJs
"""What runs a function: a Python (for custom runtimes the one whose zygote they come from), or Node."""
_Tree = tuple[Interpreter, tuple[str, ...], tuple[str, ...] | None]


class ForkServers:
    """Opens zygotes on demand.

    Args:
        run_dir: where their trees and filters lie.
        gateway_port: see ``LocalNodeSettings``.
        blanks: how many blanks each keeps, as a pattern.
        forced: the only tier to try, or None.
    """

    def __init__(
        self,
        run_dir: Path,
        gateway_port: int,
        clock: Clock,
        blanks: BlankTarget,
        forced: Tier | None,
    ) -> None:
        self._run_dir = run_dir
        self._gateway_port = gateway_port
        self._clock = clock
        self._blanks = blanks
        self.prober = Prober(run_dir, forced, self._open)
        self._servers: dict[Recipe, ForkServer] = {}
        self._skeletons: dict[_Tree, Skeleton] = {}
        self._learned: dict[tuple[str, str], tuple[str, ...]] = {}
        self._unsafe: set[Recipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def servers(self) -> Sequence[ForkServer]:
        """Those alive."""
        return list(self._servers.values())

    async def choose(self, spec: InstanceSpec, interpreter: Program, tier: Tier) -> ForkServer:
        """The zygote for an instance: one that knows its modules where that is ready."""
        plain = _recipe(spec, interpreter)
        learned = self._learned.get((spec.code_dir, spec.handler))
        if learned:
            server = self._servers.get(replace(plain, preload=learned))
            if server is not None and server.is_ready:
                return server
        return self._get(plain, tier)

    async def prepare(self, spec: InstanceSpec, interpreter: Program, tier: Tier) -> None:
        """Have a zygote and one blank ready, with what the function's source says it imports.

        Raises NoCapacity.
        """
        plain = _recipe(spec, interpreter)
        if spec.runtime.startswith("python") and spec.code_dir:
            names = await asyncio.to_thread(foreseen, spec)
            preload = (*plain.preload, *(name for name in names if name not in plain.preload))
            recipe = replace(plain, preload=preload)
            is_sensible = names and recipe not in self._unsafe and len(self._learned) < _LEARNED_MAX
            if is_sensible and await self._is_made_ready(recipe, tier):
                self._learned[(spec.code_dir, spec.handler)] = preload
                return
        await self._get(plain, tier).prepare()

    def learn(self, spec: InstanceSpec, server: ForkServer, modules: tuple[str, ...]) -> None:
        """Note what an instance imported in its init phase."""
        known = server.recipe.preload
        if set(modules) <= set(known) or len(self._learned) > _LEARNED_MAX:
            return
        preload = (*known, *(name for name in modules if name not in known))
        recipe = replace(server.recipe, preload=preload)
        if recipe in self._unsafe:
            return
        self._learned[(spec.code_dir, spec.handler)] = preload
        if recipe not in self._servers:
            task = asyncio.create_task(self._make_ready(recipe, Tier(server.plan.tier)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def trim(self) -> None:
        """Drop blanks not asked for and zygotes unused for long."""
        long_ago_ns = self._clock.mono_ns() - round(_IDLE_S * _NS_PER_S)
        for recipe, server in list(self._servers.items()):
            server.trim()
            if not server.is_alive or (server.is_idle and server.used_ns < long_ago_ns):
                del self._servers[recipe]
                await server.close()

    async def close(self) -> None:
        """End every instance and every zygote."""
        for task in self._tasks:
            task.cancel()
        for server in self.servers:
            await server.close()
        self._servers.clear()

    async def _make_ready(self, recipe: Recipe, tier: Tier) -> None:
        await self._clock.sleep(_LEARN_AFTER_S)
        await self._is_made_ready(recipe, tier)

    async def _is_made_ready(self, recipe: Recipe, tier: Tier) -> bool:
        server = self._get(recipe, tier)
        try:
            await server.prepare()
            return True
        except NoCapacity:  # a module that does not import alone or starts threads
            self._unsafe.add(recipe)
            if self._servers.get(recipe) is server:
                del self._servers[recipe]
                await server.close()
            return False

    def _get(self, recipe: Recipe, tier: Tier) -> ForkServer:
        server = self._servers.get(recipe)
        if server is None or not server.is_alive:
            server = self._servers[recipe] = self._open(recipe, tier)
        return server

    def _open(self, recipe: Recipe, tier: Tier) -> ForkServer:
        libraries = recipe.libraries
        key = (recipe.interpreter, recipe.shown, libraries)
        skeleton = self._skeletons.get(key)
        if skeleton is None:
            wanted = [recipe.interpreter.base_dir, *recipe.shown]
            if libraries is None:
                libraries = runtime_libraries(own_interpreter())
            skeleton = Skeleton(self._run_dir, wanted, libraries)
            self._skeletons[key] = skeleton
        cgroups = self.prober.cgroups
        plan = sandbox.Plan(
            tier=tier.value,
            root_dir=str(skeleton.root_dir),
            shown=skeleton.shown,
            libraries=skeleton.libraries,
            gateway_port=self._gateway_port,
            seccomp_path=self.prober.filter_path(tier),
            snapshot_seccomp_path=self.prober.snapshot_filter_path(tier),
            is_root=os.getuid() == 0,
            limit_processes=cgroups is None,
        )
        return ForkServer(recipe, plan, skeleton, (self._clock, cgroups, replace(self._blanks)))


def _recipe(spec: InstanceSpec, program: Program) -> Recipe:
    shown = tuple(sorted(spec.shown))
    if isinstance(program, NodeJs):
        shown = tuple(sorted({*shown, program.base_dir}))
        libraries = (SOURCE_DIR, *program.libraries)
        return Recipe(own_interpreter(), shown, node=program, libraries=libraries)
    is_custom = spec.runtime.startswith("provided")
    preload = () if is_custom else spec.preload
    return Recipe(program, shown, spec.python_path, preload)
