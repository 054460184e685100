"""A running platform, and its wings: what is imported and made when it is first wanted."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pileus import __version__
from pileus.adapters.disk import FolderLock
from pileus.gateway.app import GatewayApp, Handler
from pileus.gateway.server import Server
from pileus.kernel.kernel import Kernel
from pileus.kernel.settings import Settings
from pileus.protocols.http import HttpRequest, HttpResponse

_PACKAGE = __name__.rpartition(".")[0]
Close = Callable[[], Awaitable[object]]


class Closing(enum.IntEnum):
    """When a wing is closed: in the order opposite to starting."""

    TASKS = enum.auto()
    METADATA = enum.auto()
    POOLS = enum.auto()
    NODE = enum.auto()
    LAYERS = enum.auto()
    LOGS = enum.auto()


class Platform:
    """Everything that runs.

    A wing is a module of this package with ``build(platform)``, which adds parts to the kernel or
    gives something back. Its imports are paid for by whoever first needs it, not by every start.

    Attributes:
        settings: with the port that was really taken.
        url: where it answers.
        task_engine: the client of podman or docker where they run tasks, else None.
    """

    def __init__(
        self, settings: Settings, kernel: Kernel, server: Server, app: GatewayApp, lock: FolderLock
    ) -> None:
        self.settings = settings
        self.kernel = kernel
        self.server = server
        self.app = app
        self.url = kernel.endpoint
        self.task_engine: Any = None
        self.started_ms = kernel.clock.now_ms()
        self._lock = lock
        self._wings: dict[str, Any] = {}
        self._closing: list[tuple[Closing, Close]] = []

    def wing(self, name: str) -> Any:
        """What ``build`` of the wing gave, which is called once."""
        if name not in self._wings:
            self._wings[name] = importlib.import_module(f"{_PACKAGE}.{name}").build(self)
        return self._wings[name]

    def built(self, name: str) -> Any | None:
        """The same where it was wanted already; None where nobody did."""
        return self._wings.get(name)

    def parts_of(self, package: str, wing: str) -> None:
        """Have a wing add the parts whose classes lie in ``package`` once a room asks for one."""
        self.kernel.add_parts_later(package, lambda: self.wing(wing))

    def late(self, wing: str, make: str) -> Handler:
        """A handler that ``make(platform)`` of the wing's module makes at its first request."""
        handler: Handler | None = None

        async def answer(request: HttpRequest) -> HttpResponse:
            nonlocal handler
            if handler is None:
                handler = getattr(importlib.import_module(f"{_PACKAGE}.{wing}"), make)(self)
            assert handler is not None
            return await handler(request)

        return answer

    def at_close(self, when: Closing, close: Close) -> None:
        """Have a wing closed with the platform."""
        self._closing.append((when, close))

    async def close(self) -> None:
        """Stop in the order opposite to starting: no new calls, user code, the rest, the store."""
        await self.server.close()
        while self._closing:
            # One at a time: what is closed may be the first to need something that comes after it.
            soonest = min(self._closing, key=lambda one: one[0])
            self._closing.remove(soonest)
            await soonest[1]()
        await self.kernel.close()
        self._lock.release()


def boot_id() -> str:
    """Changes with every boot of the machine."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else __version__
