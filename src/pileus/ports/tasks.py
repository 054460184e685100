"""Machines that run container tasks: processes with a root of their own and no end in sight.

Beside ``ports.nodes``, whose instances live no longer than the platform: a task outlives it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from pileus.ports.nodes import Exit
from pileus.values.errors import PileusError

HOST_IMAGE = "pileus:host"
"""Stands for the node's own programs, read-only: no layers, ``ContainerSpec.lowers`` is empty."""


class TaskRefused(PileusError):
    """This node cannot run it: no namespaces, no room, no such device. The text says which."""


class Mount(msgspec.Struct, frozen=True):
    """Something shown inside at ``target``.

    Attributes:
        source: absolute path of a file or folder of the node; empty with ``volume`` or a tmpfs.
        volume: name of a folder of the task's own, empty at first, shared by its containers.
        size_mb: of the tmpfs that is mounted where neither source nor volume is given.
        options: of a tmpfs; ``noexec`` is heeded, the rest is always ``nosuid,nodev``.
    """

    target: str
    source: str = ""
    volume: str = ""
    is_writable: bool = False
    size_mb: int = 0
    options: str = ""


class Ulimit(msgspec.Struct, frozen=True):
    """A resource limit by its short name (``nofile``); -1 for none."""

    name: str
    soft: int
    hard: int


class ContainerSpec(msgspec.Struct, frozen=True):
    """One container of a task.

    Attributes:
        name: unique within the task; letters, digits, ``-`` and ``_``.
        lowers: absolute paths of the image's unpacked layers, top first; empty for the node's own
            programs.
        image: the image's name on the node's :class:`ImageShelf`, where that has one, in the place of
            ``lowers``.
        command: the whole of it, entry point and arguments.
        environment: as the program sees it; PATH, HOME and HOSTNAME are added where missing.
        user: ``name``, ``uid``, each with ``:group`` or ``:gid``; empty for root.
        memory_mb: past it the kernel ends processes of the container; 0 for the task's bound only.
        cpu_shares: weight among containers, 1,024 for a whole CPU; 0 for the least.
        shown: absolute folders of the node shown read-only at the same place.
        shared_memory_mb: size of ``/dev/shm``.
        upper_dir: absolute path of a folder that keeps what is written; empty for one that goes
            with the task.
        has_init: put a process 1 in front that reaps and passes signals on.
        gpus: how many of the node's GPUs it gets.
    """

    name: str
    command: tuple[str, ...]
    lowers: tuple[str, ...] = ()
    image: str = ""
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    working_dir: str = "/"
    user: str = ""
    hostname: str = "localhost"
    memory_mb: int = 0
    cpu_shares: int = 0
    ulimits: tuple[Ulimit, ...] = ()
    mounts: tuple[Mount, ...] = ()
    shown: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    """``(name, address)`` lines for ``/etc/hosts``."""
    shared_memory_mb: int = 64
    is_root_read_only: bool = False
    has_init: bool = False
    upper_dir: str = ""
    gpus: int = 0


class TaskSpec(msgspec.Struct, frozen=True):
    """What a task's containers share: a network of their own, and bounds.

    Attributes:
        id: unique for ever, letters, digits and ``-``; a second ``open`` finds the first task.
        name: for people and logs.
        memory_mb, cpu_units: bounds of all containers together; 1,024 units are one CPU; 0 for
            none.
        disk_mb: what all containers together may keep on disk; 0 for no bound.
        processes_max: of all containers together.
        has_doors: whether the platform and the metadata service are reached from inside.
        gpus: how many its containers will be given together; kept for it from the start.
    """

    id: str
    name: str
    memory_mb: int = 0
    cpu_units: int = 0
    disk_mb: int = 0
    processes_max: int = 4096
    has_doors: bool = True
    gpus: int = 0


class ContainerStatus(enum.Enum):
    """Where a container is in its life."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    ENDED = "ENDED"
    FAILED = "FAILED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in (ContainerStatus.ENDED, ContainerStatus.FAILED)


class ContainerState(msgspec.Struct, frozen=True):
    """What is known of a container. ``exit`` comes with ENDED; ``detail`` says why it FAILED to
    start, or why the node ended it."""

    status: ContainerStatus
    started_ms: int = 0
    ended_ms: int = 0
    exit: Exit | None = None
    detail: str = ""


class OutputPiece(msgspec.Struct, frozen=True):
    """Bytes of standard output and error as they came, and the wall time they came at."""

    at_ms: int
    data: bytes


class Capacity(msgspec.Struct, frozen=True):
    """What a node has: ``memory_free_mb`` and ``gpus_free`` count what open tasks have not taken."""

    memory_mb: int
    memory_free_mb: int
    gpus: int
    gpus_free: int


def gpu_refusal(wanted: int, free: int, total: int) -> str:
    """Why so many GPUs cannot be had, where ``free`` of ``total`` are left."""
    if not total:
        return "no GPU on any node"
    if wanted > total:
        return f"{wanted} GPUs asked, {total} on the node that has most"
    return f"{wanted} GPUs asked, {free} of {total} left"


class TaskHandle(Protocol):
    """An open task. Called from the event loop only."""

    id: str
    on_change: Callable[[], None]
    """Called after a container's state changed, output came, or the task was lost; set by its user."""

    @property
    def is_lost(self) -> bool:
        """The node has lost hold of it (its keeper was killed, the machine went down): nothing of it
        runs any more, and no container can be started."""
        ...

    def containers(self) -> Mapping[str, ContainerState]:
        """Every container that was started, by name. In a lost task those that had not ended have
        ended with LOST."""
        ...

    async def start(self, spec: ContainerSpec) -> None:
        """Start a container; one of that name that was started before is left as it is.

        Returns once it runs, ended or failed, as its state tells. TaskRefused when the node cannot,
        or the task is lost.
        """
        ...

    def gpus(self, container: str) -> tuple[str, ...]:
        """Ids of the GPUs that a container was given when it started; no other container has them
        until the task is closed."""
        ...

    def signal(self, container: str, number: int) -> None:
        """Send a signal to the program; SIGKILL ends every process of the container. Nothing
        happens where it does not run."""
        ...

    async def execute(self, container: str, command: Sequence[str], timeout_s: float) -> int:
        """Run a command inside a running container under the same walls.

        Returns its exit status; negative for a signal (it is killed after ``timeout_s``) and where
        the container does not run.
        """
        ...

    def read_output(self, container: str, position: int) -> tuple[list[OutputPiece], int]:
        """Pieces from ``position`` on, a bounded number, and where they end. The same position is
        returned when there is nothing. A piece is whole lines, but for the last one of a container.
        What came before the container's end is there when its state says that it ended."""
        ...

    def forgotten_output(self, container: str) -> int:
        """The position last given to :meth:`forget_output`, also by an earlier platform; 0 at
        first."""
        ...

    def forget_output(self, container: str, position: int) -> None:
        """Nobody will ask for what lies before ``position`` again; asks to be told of what follows.

        A container whose output nobody forgets waits in its writes at some point.
        """
        ...

    def leave_answers(self, answers: Mapping[str, str]) -> None:
        """What the node itself answers at the metadata address, path → JSON, while no platform is
        there. Kept in memory, in place of what was left before."""
        ...

    async def close(self) -> None:
        """End every process and remove everything the task left on the node. Idempotent."""
        ...


class ImageShelf(Protocol):
    """Images as a node keeps them itself, by name, where it does not take unpacked layers."""

    async def has(self, reference: str) -> bool:
        """Whether an image of this name is there."""
        ...

    async def load(self, archive: str) -> None:
        """Take the image of a tar archive (an absolute path), which is an OCI layout and what ``docker save`` writes, under
        the name that it has there. Raises TaskRefused."""
        ...


class TaskNodes(Protocol):
    """Where tasks run. Called from the event loop only.

    A task is durable here: after the platform was killed it runs on, and ``open`` finds it by its
    id. After a reboot of the machine it is lost, and ``open`` says so.
    """

    def capacity(self) -> Capacity:
        """What there is now."""
        ...

    async def found(self) -> tuple[str, ...]:
        """Ids of the tasks that are on the node, whoever opened them."""
        ...

    async def open(self, spec: TaskSpec) -> TaskHandle:
        """Make the task, or take hold of the one that has its id. Raises TaskRefused."""
        ...

    async def close(self) -> None:
        """Let go of every task; they run on."""
        ...
