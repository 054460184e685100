"""The node's side of one zygote: starts it, asks it for blank instances, keeps some ready."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec

import pileus
from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.cgroups import Cgroups, Group, group_name
from pileus.adapters.local_node.instance import Ends, Instance, State
from pileus.adapters.local_node.interpreters import Interpreter
from pileus.adapters.local_node.node_interpreters import NodeJs
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.ports.clock import Clock
from pileus.ports.nodes import ExitReason, NoCapacity
from pileus.runtime import messages, sandbox

_LIBRARY_PATH = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_REFILL_AFTER_S = 0.03
_REMOVE_GROUP_EVERY_S = 0.02
_REMOVE_GROUP_TRIES = 100


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
        clock, cgroups, blanks = surroundings
        self.recipe = recipe
        self.plan = plan
        self.skeleton = skeleton
        is_walled = plan.tier == "A"
        self.runtime_dir = sandbox.RUNTIME_DIR if is_walled else skeleton.linked_libraries_dir
        self.used_ns = clock.mono_ns()
        self.is_alive = True
        self.library_path = _LIBRARY_PATH
        self._clock = clock
        self._cgroups = cgroups
        self._blanks = blanks
        self._ready: deque[Instance] = deque()
        self._instances: set[Instance] = set()
        self._loop = asyncio.get_running_loop()
        self._configured: asyncio.Future[None] = self._loop.create_future()
        self._count = 0
        self._leftover = 0
        self._refill: asyncio.TimerHandle | None = None
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
        self._loop.add_reader(ours.fileno(), self._on_message)
        messages.send(
            ours,
            {
                "plan": asdict(plan) | {"program": ""},
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
        return len(self._ready)

    async def take(self) -> Instance:
        """A blank instance, a ready one where there is one. Raises NoCapacity."""
        self.used_ns = self._clock.mono_ns()
        await asyncio.shield(self._configured)
        while self._ready:
            instance = self._ready.popleft()
            if instance.state is not State.GONE:
                self._blanks.hit(self._clock.mono_ns())
                self._schedule_refill()
                return instance
        self._blanks.miss(self._clock.mono_ns())
        self._schedule_refill()
        return self._spawn()

    async def prepare(self) -> None:
        """Let one blank instance be on its way."""
        await asyncio.shield(self._configured)
        if not self._ready:
            self._ready.append(self._spawn())

    async def wait_blank(self) -> None:
        """Return once a blank instance is ready; raises OSError when none can be made."""
        await self.prepare()
        await self._ready[0].blank

    def trim(self) -> None:
        """Drop blanks the target no longer asks for."""
        target = self._blanks.count(self._clock.mono_ns())
        while len(self._ready) > target:
            self._ready.pop().kill(ExitReason.STOPPED)

    @property
    def is_idle(self) -> bool:
        """No instance but blanks."""
        return all(instance.spec is None for instance in self._instances)

    async def close(self) -> None:
        """End every instance and the zygote."""
        self.is_alive = False
        if self._refill is not None:
            self._refill.cancel()
        for instance in list(self._instances):
            await instance.stop()
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        await self._loop.run_in_executor(None, self._process.wait)
        for _ in range(_REMOVE_GROUP_TRIES):
            if not self._leftover:
                break
            await self._clock.sleep(_REMOVE_GROUP_EVERY_S)
        if not self._configured.done():
            self._configured.set_exception(NoCapacity("the fork server was closed"))
            self._configured.exception()

    def _spawn(self) -> Instance:
        self._count += 1
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link, their_link = socket.socketpair()
        log, their_log = os.pipe()
        os.fchmod(their_log, 0o622)  # a handler may open /dev/stdout by name
        group = None
        passed = [their_control.fileno(), their_link.fileno(), their_log]
        if self._cgroups is not None:
            group = self._cgroups.create(group_name(f"{self.pid}-{self._count}"))
            passed += group.open_entrances()
        try:
            messages.send(self._channel, {"op": "spawn"}, passed)
        except OSError as error:
            raise NoCapacity(f"the fork server does not answer: {error}") from error
        finally:
            their_control.close()
            their_link.close()
            for descriptor in passed[2:]:
                os.close(descriptor)
        link.setblocking(False)
        instance = Instance(
            Ends(control, link, log), self._clock, group, owns_namespaces=self.plan.tier == "A"
        )
        self._instances.add(instance)
        instance.exited.add_done_callback(lambda _: self._forget(instance))
        return instance

    def _forget(self, instance: Instance) -> None:
        self._instances.discard(instance)
        if instance in self._ready:
            self._ready.remove(instance)
        if instance.group is not None:
            self._leftover += 1
            self._remove(instance.group)

    def _remove(self, group: Group) -> None:
        """A group can be removed only some time after its last process ended."""
        if group.remove():
            self._leftover -= 1
        else:
            self._loop.call_later(_REMOVE_GROUP_EVERY_S, self._remove, group)

    def _schedule_refill(self) -> None:
        if self._refill is None and self.is_alive:
            self._refill = self._loop.call_later(_REFILL_AFTER_S, self._refill_one)

    def _refill_one(self) -> None:
        self._refill = None
        if self.is_alive and len(self._ready) < self._blanks.count(self._clock.mono_ns()):
            self._ready.append(self._spawn())
            self._schedule_refill()

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
