"""Machines that run instances: functions, models, engines, tasks."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from pileus.values.errors import PileusError


class NoCapacity(PileusError):
    """No node can take the instance now."""


class RuntimeUnavailable(PileusError):
    """No node has an interpreter for the runtime, the package lacks its bootstrap, or the image cannot
    be had."""


class LeaseLost(PileusError):
    """The lease's epoch is past: the instance was released, or its node was given up."""


class InstanceKind(enum.Enum):
    """What runs. Nodes treat all alike, but for what a Python instance is handed: a function gets
    JSON events, a model raw requests (``runtime.model_server``) with ``handler`` its script."""

    FUNCTION = "function"
    MODEL = "model"
    ENGINE = "engine"


class ImageRoot(msgspec.Struct, frozen=True):
    """The file system of a container image, and the program in it that speaks the Runtime API.

    Attributes:
        lowers: absolute paths of its unpacked layers, top first; they stay while the instance runs.
        entrypoint, command: together the program and its arguments.
        working_dir: where it starts; empty for ``/``.
    """

    lowers: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_dir: str = ""


class HttpProgram(msgspec.Struct, frozen=True):
    """An engine's program that serves HTTP (``runtime.http_engine``): a custom runtime's bootstrap, a Node.js
    script (``handler``), or an image's.

    Attributes:
        port: of 127.0.0.1 inside, at which it listens.
        ready_s: how long it may take until it is ready.
        rings_dir: absolute path of the folder below which pieces lie.
    """

    port: int
    ready_s: float
    rings_dir: str


class InstanceSpec(msgspec.Struct, frozen=True):
    """Everything a node must know to make one instance.

    Attributes:
        name: for people and logs, ``account/region/function:version``.
        runtime: AWS's identifier (``python3.12``, ``provided.al2023``).
        handler: ``package/module.function``, or the custom runtime's own.
        code_dir: absolute path of the unpacked package; shown read-only at ``/var/task``.
        layers_dir: absolute path of the merged layers, shown at ``/opt``; empty for none.
        shown: further absolute paths shown read-only at the same place (dependencies, models).
        python_path: folders put before the standard library on the module path, as seen
            inside; ``/var/task`` comes first in any case.
        environment: the variables the function sees, reserved ones included.
        memory_mb: 128 to 10,240; resident memory past it ends the instance.
        tmp_mb: size of ``/tmp``, 512 to 10,240.
        timeout_s: of one invocation, counted from its start.
        init_timeout_s: of the init phase.
        preload: modules imported before the fork, shared by all instances that ask the same.
        image: what the instance sees instead of ``code_dir``, ``layers_dir``, ``shown`` and the node's
            own programs, read-only but for ``/tmp``; ``runtime`` is then ``provided``.
        snapshot: not empty for instances that are copies of one initialised process (SnapStart):
            specs that agree in it are copies of the same one.
        http: of an engine that speaks HTTP, where ``runtime`` is not one of Python.
    """

    name: str
    runtime: str
    handler: str
    code_dir: str
    layers_dir: str = ""
    shown: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    memory_mb: int = 128
    tmp_mb: int = 512
    timeout_s: float = 3.0
    init_timeout_s: float = 10.0
    preload: tuple[str, ...] = ()
    kind: InstanceKind = InstanceKind.FUNCTION
    image: ImageRoot | None = None
    snapshot: str = ""
    http: HttpProgram | None = None


Hold = Callable[[bool], None]
"""``hold(True)`` keeps an instance from sending more until ``hold(False)``."""
TakePart = Callable[[str, bytes, Hold], None]
"""Takes a piece of a streamed answer: its content type (or empty), the bytes, and the brake."""


class Invocation(msgspec.Struct, frozen=True):
    """One call. ``deadline_ms`` is what the handler is told (wall time); the node enforces
    ``timeout_s``. Contexts are JSON texts or empty.

    ``take_part`` gets a streamed answer as it comes, and then the outcome's payload is what was not
    streamed; without it a streamed answer is collected and bounded as any other.
    """

    request_id: str
    payload: bytes
    invoked_arn: str
    deadline_ms: int
    timeout_s: float
    trace: str = ""
    client_context: str = ""
    identity: str = ""
    take_part: TakePart | None = None


class ExitReason(enum.Enum):
    """Why an instance ended."""

    STOPPED = "stopped"
    EXITED = "exited"
    KILLED = "killed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    PROTOCOL = "protocol"
    NOT_LAUNCHED = "not launched"
    LOST = "lost"


class Exit(msgspec.Struct, frozen=True):
    """``code`` goes with EXITED, ``signal`` with KILLED and OUT_OF_MEMORY, ``error_type`` and ``detail``
    with NOT_LAUNCHED: the program of an image that could not be started, in Lambda's words."""

    reason: ExitReason
    code: int = 0
    signal: int = 0
    error_type: str = ""
    detail: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of an invocation.

    Attributes:
        payload: the response, or the error document when ``is_error``; empty when the instance
            ended first.
        duration_ns: from handing the event over to the answer, or to the end.
        memory_peak_mb: highest resident memory of the instance so far.
        exit: set when the instance ended before answering; the link is then dead.
    """

    payload: bytes
    is_error: bool
    duration_ns: int
    memory_peak_mb: int
    exit: Exit | None = None


class LogLine(msgspec.Struct, frozen=True):
    """One record of output, without its final newline; ``at_ms`` is wall time."""

    at_ms: int
    text: str


LogSink = Callable[[Sequence[LogLine]], None]


class InitFailed(PileusError):
    """The init phase did not end well; the instance is gone.

    Attributes:
        document: the error document the runtime reported; empty when it could not.
        exit: how it ended (EXITED follows a reported error; TIMED_OUT after ``init_timeout_s``).
    """

    def __init__(
        self,
        document: bytes,
        exit: Exit,
        duration_ns: int,
        memory_peak_mb: int,
        detail: str = "",
    ) -> None:
        super().__init__(f"init failed: {detail or exit.reason.value}")
        self.document = document
        self.exit = exit
        self.duration_ns = duration_ns
        self.memory_peak_mb = memory_peak_mb


class RestoreFailed(InitFailed):
    """A copy of a snapshot did not come to life: what the function does after a restore raised (then
    there is a document), took too long, or ended the process."""


class Restore(msgspec.Struct, frozen=True):
    """How a copy of a snapshot came to life.

    Attributes:
        duration_ns: from the request for it to its readiness.
        billed_ns: of these, what its own runtime and the function's hooks took.
    """

    duration_ns: int
    billed_ns: int


class SnapshotTaken(msgspec.Struct, frozen=True):
    """An initialised process that is kept.

    Attributes:
        init_ns: its init phase; 0 when it was there already.
        obstacle: why instances are initialised one by one instead, as a sentence's end; or empty.
    """

    init_ns: int
    obstacle: str = ""


class Member(msgspec.Struct, frozen=True):
    """A node. ``memory_free_mb`` counts what leases have not taken of ``memory_mb``."""

    node: str
    address: str
    memory_mb: int
    memory_free_mb: int
    runtimes: tuple[str, ...]


class Lease(msgspec.Struct, frozen=True):
    """The right to run one instance on a node until released. ``epoch`` grows with every lease,
    so that a node tells a late message of an earlier one."""

    node: str
    address: str
    epoch: int
    memory_mb: int


class ChangeKind(enum.Enum):
    """What happened to a member."""

    JOINED = "joined"
    LEFT = "left"


class MemberChange(msgspec.Struct, frozen=True):
    """A node came or went; the links of one that went have ended with LOST."""

    kind: ChangeKind
    member: Member


class Link(Protocol):
    """A started instance. One invocation at a time; a second one meanwhile is a ValueError."""

    init_ns: int
    """Duration of the init phase."""
    restore: Restore | None
    """Set for a copy of a snapshot, which has no init phase."""
    exited: asyncio.Future[Exit]
    """Resolved once, when every process of the instance is gone."""

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Hand over one event and wait for its outcome.

        Never raises for what user code does: an instance that dies, hangs past ``timeout_s`` or
        answers nonsense yields an Outcome with ``exit``. Output written before the answer
        reaches the log sink before this returns. Cancelling the caller stops the instance,
        because nothing else can stop the handler. LeaseLost when it had ended before.
        """
        ...

    async def stop(self) -> None:
        """End every process of the instance now. Idempotent; returns when they are gone."""
        ...


class Nodes(Protocol):
    """The machines. Called from the event loop only.

    ``place`` is a promise of resources, ``start`` uses it, ``release`` returns it. Releasing
    stops what runs. A node that vanishes ends its links with LOST within seconds; its leases
    must still be released. Nothing is durable here: after a restart of the platform there are
    no leases and no instances.
    """

    def members(self) -> tuple[Member, ...]:
        """The nodes known now."""
        ...

    async def prepare(self, spec: InstanceSpec) -> None:
        """A hint that such an instance will soon be started: a node may do beforehand what
        does not depend on the function. Raises RuntimeUnavailable."""
        ...

    async def take_snapshot(self, spec: InstanceSpec, log: LogSink) -> SnapshotTaken:
        """Initialise the function of ``spec.snapshot`` once, in the sandbox its instances will have,
        and keep the process; nothing where it is kept already.

        A hint that costs memory: the node may end it at any time, and makes it again when an instance
        is started. ``log`` gets the output. Raises InitFailed, NoCapacity, RuntimeUnavailable.
        """
        ...

    async def drop_snapshots(self, name: str) -> None:
        """End those of specs of this name, or whose names begin so when it ends with a colon. Their
        copies end as well."""
        ...

    async def place(self, spec: InstanceSpec) -> Lease:
        """Choose a node. Raises NoCapacity, RuntimeUnavailable."""
        ...

    async def start(self, lease: Lease, spec: InstanceSpec, log: LogSink) -> Link:
        """Make the instance and run its init phase.

        ``log`` gets the output in order, also between invocations. With ``spec.snapshot`` the
        instance is a copy, where that is possible. Raises InitFailed (RestoreFailed of a copy),
        LeaseLost, RuntimeUnavailable. One instance per lease; cancelling stops it.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Stop what runs under the lease and give its resources back. Idempotent."""
        ...

    def watch(self) -> AsyncIterator[MemberChange]:
        """Changes from now on; the present members come first, as JOINED."""
        ...

    async def close(self) -> None:
        """End every instance and helper process."""
        ...
