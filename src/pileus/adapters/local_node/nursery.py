"""Instances from one process that forks them on request; some are kept ready."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.cgroups import Cgroups, Group, group_name
from pileus.adapters.local_node.instance import Instance
from pileus.adapters.local_node.instance_state import Ends, State
from pileus.ports.clock import Clock
from pileus.ports.nodes import ExitReason, NoCapacity
from pileus.runtime import messages

_REFILL_AFTER_S = 0.03
_REMOVE_GROUP_EVERY_S = 0.02
_REMOVE_GROUP_TRIES = 100
_FULL_EVERY_S = 0.002
_FULL_TRIES = 5000


class Nursery:
    """The node's side of a process that forks.

    Args:
        channel: where it takes requests.
        name: of its control groups, after the platform's own.
        surroundings: with the group maker, where there is one, and what decides how many wait.
        owns_namespaces: tier A: ending an instance's process 1 ends everything.
    """

    def __init__(
        self,
        channel: socket.socket,
        name: str,
        surroundings: tuple[Clock, Cgroups | None, BlankTarget],
        *,
        owns_namespaces: bool,
    ) -> None:
        self._clock, self._cgroups, self._blanks = surroundings
        self._channel = channel
        self._name = name
        self._owns_namespaces = owns_namespaces
        self.request: Mapping[str, Any] = {"op": "spawn"}
        """What it is told for each instance."""
        self.used_ns = self._clock.mono_ns()
        self.is_open = True
        self._ready: deque[Instance] = deque()
        self._instances: set[Instance] = set()
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._leftover = 0
        self._refill: asyncio.TimerHandle | None = None

    @property
    def blank_count(self) -> int:
        """Blank instances ready or on their way."""
        return len(self._ready)

    @property
    def is_idle(self) -> bool:
        """No instance but blanks."""
        return all(instance.spec is None for instance in self._instances)

    async def take(self) -> Instance:
        """A blank instance, a ready one where there is one. Raises NoCapacity."""
        self.used_ns = self._clock.mono_ns()
        while self._ready:
            instance = self._ready.popleft()
            if instance.state is not State.GONE:
                self._blanks.hit(self._clock.mono_ns())
                self._schedule_refill()
                return instance
        self._blanks.miss(self._clock.mono_ns())
        self._schedule_refill()
        return await self._spawn_in_turn()

    def prepare(self) -> Instance:
        """Let one blank instance be on its way; the first in line is given. Raises NoCapacity."""
        if not self._ready:
            self._ready.append(self.spawn())
        return self._ready[0]

    def trim(self) -> None:
        """Drop blanks the target no longer asks for."""
        target = self._blanks.count(self._clock.mono_ns())
        while len(self._ready) > target:
            self._ready.pop().kill(ExitReason.STOPPED)

    async def close(self) -> None:
        """Take no more requests and end every instance."""
        self.is_open = False
        if self._refill is not None:
            self._refill.cancel()
        for instance in list(self._instances):
            await instance.stop()

    async def settle(self) -> None:
        """Wait a while for the control groups of what has ended to be gone."""
        for _ in range(_REMOVE_GROUP_TRIES):
            if not self._leftover:
                return
            await self._clock.sleep(_REMOVE_GROUP_EVERY_S)

    async def _spawn_in_turn(self) -> Instance:
        """As :meth:`spawn`; waits while more requests are under way than the channel holds."""
        for _ in range(_FULL_TRIES):
            try:
                return self.spawn()
            except NoCapacity as full:
                if not isinstance(full.__cause__, BlockingIOError):
                    raise
                await self._clock.sleep(_FULL_EVERY_S)
        raise NoCapacity("the fork server is too busy")

    def spawn(
        self, passed_first: Sequence[int] = (), request: Mapping[str, Any] | None = None
    ) -> Instance:
        """An instance on its way. Raises NoCapacity.

        Args:
            passed_first: descriptors to hand over before those every instance gets.
            request: instead of the usual one.
        """
        self._count += 1
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link, their_link = socket.socketpair()
        log, their_log = os.pipe()
        os.fchmod(their_log, 0o622)  # a handler may open /dev/stdout by name
        group = None
        passed = [their_control.fileno(), their_link.fileno(), their_log]
        if self._cgroups is not None:
            group = self._cgroups.create(group_name(f"{self._name}-{self._count}"))
            passed += group.open_entrances()
        try:
            messages.send(self._channel, dict(request or self.request), [*passed_first, *passed])
        except OSError as error:
            for end in (control, link):
                end.close()
            os.close(log)
            if group is not None:
                group.remove()
            raise NoCapacity(f"the fork server does not answer: {error}") from error
        finally:
            their_control.close()
            their_link.close()
            for descriptor in passed[2:]:
                os.close(descriptor)
        link.setblocking(False)
        instance = Instance(
            Ends(control, link, log), self._clock, group, owns_namespaces=self._owns_namespaces
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
        if self._refill is None and self.is_open:
            self._refill = self._loop.call_later(_REFILL_AFTER_S, self._refill_one)

    def _refill_one(self) -> None:
        self._refill = None
        if self.is_open and len(self._ready) < self._blanks.count(self._clock.mono_ns()):
            try:
                self._ready.append(self.spawn())
            except NoCapacity:
                return  # the next start tells it, if it is still so
            self._schedule_refill()
