"""The records that pools exchange with rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from pileus.compute.images.model import Image
from pileus.compute.scaling import Load
from pileus.ports.nodes import InstanceSpec, LogLine, Restore, TakePart


class Target(msgspec.Struct, frozen=True):
    """One version of a function (or model) as it is configured now.

    Attributes:
        scope: ``account/region``: whose concurrency it uses.
        function: unique name within the scope; reserved concurrency and figures go by it.
        version: ``$LATEST`` or a number, as START prints it.
        revision: changes whenever code or configuration do; instances of another one drain.
        spec: how to make an instance, without credentials and log stream.
        reserved: reserved concurrency, or None.
        role: ARN of the role whose keys its instances get; empty for none.
        image: whose layers its instances see, where ``spec.image`` is set.
    """

    scope: str
    function: str
    version: str
    revision: str
    spec: InstanceSpec
    reserved: int | None = None
    role: str = ""
    image: Image | None = None


class Call(msgspec.Struct, frozen=True):
    """One invocation as a room asks for it. Contexts are JSON texts or empty; ``take_part`` is for
    callers who want a streamed answer as it comes. ``is_queued``: it was accepted before, so that
    no quota of requests per second applies to it."""

    request_id: str
    payload: bytes
    invoked_arn: str
    trace: str = ""
    client_context: str = ""
    identity: str = ""
    take_part: TakePart | None = None
    is_queued: bool = False


class Result(msgspec.Struct, frozen=True):
    """What the caller gets.

    Attributes:
        function_error: empty, or ``Unhandled`` (the header ``X-Amz-Function-Error``).
        init_ns: the init phase, when this call waited for it.
        restore: the same for an instance that is a copy of a snapshot.
        written: the invocation's records, from START to REPORT, as they were written.
        log_stream: name of the instance's log stream.
    """

    payload: bytes
    function_error: str
    duration_ns: int
    init_ns: int | None
    memory_peak_mb: int
    written: Sequence[Sequence[LogLine]]
    log_stream: str
    restore: Restore | None = None

    @property
    def log(self) -> list[str]:
        """The texts of what was written."""
        return [line.text for lines in self.written for line in lines]

    @property
    def is_cold(self) -> bool:
        """Whether this call waited for a new instance."""
        return self.init_ns is not None or self.restore is not None


class Usage(msgspec.Struct, frozen=True, gc=False):
    """One finished or refused invocation, for metering.

    ``throttle`` is the reason of a refusal, and then nothing ran. ``load`` is how busy function and
    account were at its end, ``busy`` and ``provisioned`` the version's busy and provisioned
    instances at its beginning, itself included.
    """

    target: Target
    at_ms: int
    is_cold: bool = False
    is_error: bool = False
    throttle: str = ""
    duration_ns: int = 0
    init_ns: int = 0
    billed_ms: int = 0
    memory_peak_mb: int = 0
    invoked_arn: str = ""
    load: Load = Load()
    busy: int = 0
    provisioned: int = 0

    @property
    def concurrency(self) -> int:
        """Executions of the function."""
        return self.load.running

    @property
    def has_spilled(self) -> bool:
        """Whether all provisioned instances were busy with others."""
        return self.busy > self.provisioned

    @property
    def gigabyte_seconds(self) -> float:
        """Memory size times billed duration."""
        return self.target.spec.memory_mb / 1024 * self.billed_ms / 1000


class ImageLayers(Protocol):
    """Where instances find the layers of images."""

    async def unpacked(self, image: Image, holder: str) -> tuple[str, ...]:
        """The folders of an image's layers, top first; they stay until :meth:`release`. Raises
        RuntimeUnavailable."""
        ...

    def release(self, holder: str) -> None:
        """The holder needs its layers no more. Idempotent."""
        ...


Meter = Callable[[Sequence[Usage]], None]
"""Takes invocations in the order in which they ended, some at a time."""
LogWriter = Callable[[Target, str, Sequence[LogLine]], None]
"""Takes records of a target's log stream, in order. Texts are without the final newline."""
Credentials = Callable[[Target], Awaitable[Mapping[str, str]]]
"""Fresh variables for one instance: the role's short-lived keys."""
