"""The page: a guest of public operations, told of what happens by the feed, which is there from the
start."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pileus import __version__
from pileus.adapters.local_node.processes import proportional_bytes
from pileus.console.feed import Feed
from pileus.console.routes import Console, Hooks
from pileus.deploy.accounts import DEFAULT_STAGE, ENVIRONMENTS_PREFIX
from pileus.kernel.kernel import Kernel
from pileus.platform import texts
from pileus.platform.running import Platform
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION, CallContext

_ENVIRONMENTS_EVERY_S = 10.0
_MEMORY_EVERY_MS = 5_000


def build(platform: Platform) -> Console:
    """The page over the platform's feed."""
    kernel, settings = platform.kernel, platform.settings
    environments = _Environments(kernel)

    async def send_sms(account: str, sender: str, text: str) -> str:
        return await texts.receive(platform, account, sender, text)

    console = Console(
        Hooks(
            clock=kernel.clock,
            invoke=kernel.invoke,
            send_sms=send_sms,
            environments=lambda: environments.known,
            health=_Vitals(platform).tell,
            endpoint=kernel.endpoint,
            region=settings.region,
            version=__version__,
        ),
        kernel.part(Feed),
    )
    kernel.supervisor.spawn("console", console.run())
    kernel.supervisor.spawn("environments", environments.run())
    return console


class _Vitals:
    """How the platform fares, for the page. Memory is measured beside the event loop, and only
    while somebody asks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._kernel = platform.kernel
        self._measured_ms = 0
        self._memory_bytes = 0

    def tell(self) -> dict[str, Any]:
        """What is known now."""
        now_ms = self._kernel.clock.now_ms()
        if now_ms - self._measured_ms >= _MEMORY_EVERY_MS:
            self._measured_ms = now_ms
            self._kernel.supervisor.spawn("vitals", self._measure())
        nodes = self._platform.built("node")
        tier = nodes.tier if nodes else None
        return {
            "state": "ok",
            "deliveries_pending": self._kernel.outbox.pending,
            "uptime_s": max(0, now_ms - self._platform.started_ms) // 1000,
            "memory_bytes": self._memory_bytes,
            "sandbox": f"tier {tier.value}" if tier else "not tried yet",
        }

    async def _measure(self) -> None:
        self._memory_bytes = await asyncio.to_thread(proportional_bytes, os.getpid())


class _Environments:
    """The stages that something was deployed to, for the page's switch; looked up now and then."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.known: list[dict[str, str]] = [{"name": DEFAULT_STAGE, "account": DEFAULT_ACCOUNT}]

    async def run(self) -> None:
        """Look every few seconds, for ever; the first time at once, as the page is being asked for."""
        context = CallContext(
            region=DEFAULT_REGION, source="console", endpoint=self._kernel.endpoint
        )
        while True:
            given = {"Path": ENVIRONMENTS_PREFIX}
            reply = await self._kernel.invoke(context, "ssm", "GetParametersByPath", given)
            found = [
                {
                    "name": parameter["Name"].removeprefix(ENVIRONMENTS_PREFIX),
                    "account": parameter["Value"],
                }
                for parameter in reply.output["Parameters"]
            ]
            self.known = [self.known[0], *found]
            await self._kernel.clock.sleep(_ENVIRONMENTS_EVERY_S)
