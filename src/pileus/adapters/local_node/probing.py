"""Finds the strongest sandbox tier by making a blank instance in each until one stands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from pileus.adapters.local_node import seccomp_filter
from pileus.adapters.local_node.capabilities import Capabilities, Tier
from pileus.adapters.local_node.cgroups import Cgroups, find_cgroups
from pileus.adapters.local_node.fork_server import ForkServer, Recipe
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.ports.nodes import NoCapacity
from pileus.runtime import landlock, linux

OpenServer = Callable[[Recipe, Tier], ForkServer]


class Prober:
    """Asks the kernel once and remembers the answer.

    Args:
        run_dir: where the compiled filter is kept.
        forced: try only this tier.
        open_server: makes a zygote for a tier.
    """

    def __init__(self, run_dir: Path, forced: Tier | None, open_server: OpenServer) -> None:
        self._run_dir = run_dir
        self._candidates = (forced,) if forced else tuple(Tier)
        self._open_server = open_server
        self._asked: asyncio.Task[Capabilities] | None = None
        self._has_looked = False
        self._cgroups: Cgroups | None = None
        self._reasons: list[str] = []

    @property
    def cgroups(self) -> Cgroups | None:
        """Writable control groups, where there are any."""
        if not self._has_looked:
            self._has_looked = True
            self._cgroups, reason = find_cgroups()
            if reason:
                self._reasons.append(reason)
        return self._cgroups

    def close(self) -> None:
        """Take away the control group of all instances, once they are gone."""
        if self._cgroups is not None:
            self._cgroups.close()

    def filter_path(self, tier: Tier) -> str:
        """The seccomp program of a tier; empty for C. Raises OSError, ImportError."""
        if tier is Tier.C:
            return ""
        return str(seccomp_filter.filter_path(self._run_dir, has_namespaces=tier is Tier.A))

    def snapshot_filter_path(self, tier: Tier) -> str:
        """The program for snapshots; empty where there are none. Raises OSError, ImportError."""
        if tier is not Tier.A:
            return ""
        return str(
            seccomp_filter.filter_path(self._run_dir, has_namespaces=True, allows_setns=True)
        )

    @property
    def found(self) -> Capabilities | None:
        """The answer where it is known already; asks nothing."""
        asked = self._asked
        if asked is None or not asked.done() or asked.cancelled() or asked.exception():
            return None
        return asked.result()

    async def capabilities(self) -> Capabilities:
        """The answer; the first call takes some tens of milliseconds."""
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asked)

    async def _ask(self) -> Capabilities:
        for tier in self._candidates:
            try:
                await self._try(tier)
            except (OSError, ImportError, NoCapacity) as error:
                self._reasons.append(f"tier {tier.value}: {error}")
                continue
            cgroups = self.cgroups
            return Capabilities(
                tier=tier,
                reasons=tuple(self._reasons),
                landlock_abi=linux.landlock_abi(),
                cgroup_version=cgroups.version if cgroups else 0,
                uses_user_namespace=tier is Tier.A and os.getuid() != 0,
            )
        raise NoCapacity("no sandbox tier works: " + "; ".join(self._reasons))

    async def _try(self, tier: Tier) -> None:
        if tier is Tier.B and linux.landlock_abi() < landlock.ABI_WITH_PORTS:
            raise OSError(f"Landlock {linux.landlock_abi()} cannot restrict ports")
        server = self._open_server(Recipe(own_interpreter()), tier)
        try:
            await server.wait_blank()
        finally:
            await server.close()
