"""The node's side of one zygote: starts it, asks it for blank instances, keeps some ready."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec

import pileus
from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.cgroups import Cgroups
from pileus.adapters.local_node.instance import Instance
from pileus.adapters.local_node.interpreters import Interpreter
from pileus.adapters.local_node.node_interpreters import NodeJs
from pileus.adapters.local_node.nursery import Nursery
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.ports.clock import Clock
from pileus.ports.nodes import NoCapacity
from pileus.runtime import messages, sandbox

_LIBRARY_PATH = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"


class Recipe(msgspec.Struct, frozen=True):
    """What makes two zygotes the same.

    Attributes:
        shown: host folders every instance sees besides the interpreter.
        python_path: folders put before the runtime's own libraries.
        preload: modules imported before the forks.
        node: the program its instances become, for functions of Node.js; the zygote is Python then
            as well.
        libraries: host paths shown in ``/var/runtime``; None for what Python functions find there.
    """

    interpreter: Interpreter
    shown: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    node: NodeJs | None = None
    libraries: tuple[str, ...] | None = None


class ForkServer:
    """One zygote process.

    Args:
        plan: the sandbox its children get.
        skeleton: the tree they see.
        blanks: decides how many blank instances are kept ready.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: sandbox.Plan,
        skeleton: Skeleton,
        surroundings: tuple[Clock, Cgroups | None, BlankTarget],
    ) -> None:
        self.recipe = recipe
        self.plan = plan
        self.skeleton = skeleton
        is_walled = plan.tier == "A"
        self.runtime_dir = sandbox.RUNTIME_DIR if is_walled else skeleton.linked_libraries_dir
        self.is_alive = True
        self.library_path = _LIBRARY_PATH
        self._loop = asyncio.get_running_loop()
        self._configured: asyncio.Future[None] = self._loop.create_future()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = ours
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                _command(recipe.interpreter),
                stdin=theirs.fileno(),
                env=_environment(),
                start_new_session=True,
            )
        ours.setblocking(False)
        self._nursery = Nursery(
            ours, str(self._process.pid), surroundings, owns_namespaces=is_walled
        )
        self._loop.add_reader(ours.fileno(), self._on_message)
        messages.send(
            ours,
            {
                "plan": asdict(plan) | {"program": "", "snapshot_program": ""},
                "python_path": [
                    *recipe.python_path,
                    self.runtime_dir,
                    *recipe.interpreter.library_path,
                ],
                "preload": list(recipe.preload),
            },
        )

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has imported what it was asked to and can fork."""
        return self.is_alive and self._configured.done()

    @property
    def blank_count(self) -> int:
        """Blank instances ready or on their way."""
        return self._nursery.blank_count

    @property
    def used_ns(self) -> int:
        """When an instance was last taken, monotonic."""
        return self._nursery.used_ns

    @property
    def is_idle(self) -> bool:
        """No instance but blanks."""
        return self._nursery.is_idle

    async def take(self) -> Instance:
        """A blank instance, a ready one where there is one. Raises NoCapacity."""
        await asyncio.shield(self._configured)
        return await self._nursery.take()

    async def take_source(self) -> tuple[Instance, socket.socket]:
        """A blank instance to be a snapshot, and the channel on which its process 1 takes requests
        for copies. Raises NoCapacity."""
        await asyncio.shield(self._configured)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                request = {"op": "spawn", "keeps": True}
                return self._nursery.spawn((theirs.fileno(),), request), ours
            except NoCapacity:
                ours.close()
                raise

    async def prepare(self) -> None:
        """Let one blank instance be on its way."""
        await asyncio.shield(self._configured)
        self._nursery.prepare()

    async def wait_blank(self) -> None:
        """Return once a blank instance is ready; raises OSError when none can be made."""
        await asyncio.shield(self._configured)
        await self._nursery.prepare().blank

    def trim(self) -> None:
        """Drop blanks the target no longer asks for."""
        self._nursery.trim()

    async def close(self) -> None:
        """End every instance and the zygote."""
        self.is_alive = False
        await self._nursery.close()
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        await self._loop.run_in_executor(None, self._process.wait)
        await self._nursery.settle()
        if not self._configured.done():
            self._configured.set_exception(NoCapacity("the fork server was closed"))
            self._configured.exception()

    def _on_message(self) -> None:
        try:
            message, _ = messages.receive(self._channel)
        except BlockingIOError:
            return
        except OSError:
            message = None
        if message is not None and message["event"] == "configured":
            if not self._configured.done():
                self._configured.set_result(None)
            return
        self.is_alive = False
        self._loop.remove_reader(self._channel.fileno())
        if not self._configured.done():
            reason = message["reason"] if message else "it ended"
            self._configured.set_exception(NoCapacity(f"the fork server failed: {reason}"))


def _command(interpreter: Interpreter) -> list[str]:
    source_dir = str(Path(pileus.__file__).parents[1])
    program = (
        f"import sys; sys.path.insert(0, {source_dir!r}); "
        "from pileus.runtime.zygote import main; main()"
    )
    return [interpreter.executable, "-I", "-S", "-c", program]


def _environment() -> Mapping[str, str]:
    return {
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": _LIBRARY_PATH,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "TZ": ":UTC",
    }
