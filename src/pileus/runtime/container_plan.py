"""What one container is to be, as the node tells the keeper: plain data that travels as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PROTOCOL_VERSION = 1
"""Grows when messages change, so that a platform knows which keepers it can speak to."""

CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL = 0, 1, 3, 4, 5
SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SETFCAP = 6, 7, 8, 10, 18, 31
CAPABILITIES = (CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE,
                SYS_CHROOT)  # fmt: skip
"""What root inside keeps: enough to install packages, change users and bind low ports. Container
engines also leave MKNOD, NET_RAW, AUDIT_WRITE, SETPCAP and SETFCAP, which nothing here needs."""


DEVICE = "device"
"""Option of a mount whose source is a device: the container gets a node of its own."""


@dataclass
class Mount:
    """A folder or file of the host (``source``), or a tmpfs (no source), shown at ``target``.

    ``options`` are a tmpfs's, or :data:`DEVICE`.
    """

    target: str
    source: str = ""
    is_writable: bool = False
    size_mb: int = 0
    options: str = ""


@dataclass
class ContainerPlan:
    """One container.

    Attributes:
        folder: the container's own on the host; holds ``root``, ``lowers``, ``output-*``.
        lowers: layers' folders, top first.
        upper_dir, work_dir: where the overlay keeps what is written; on one file system.
        mounts: in the order they are made.
        old_root: name of the place the host's root passes through; nobody inside can guess it.
        entrances: control group files into which the process writes ``0`` to be inside.
        late_limits: ``[path, text]`` to be written once the program runs: a CPU quota or a low weight
            that also held for its making would make every start slow.
        oom_files: ``[path, field]`` of counters of out-of-memory kills.
    """

    name: str
    folder: str
    lowers: list[str]
    upper_dir: str
    work_dir: str
    command: list[str]
    environment: dict[str, str]
    old_root: str
    working_dir: str = "/"
    user: str = ""
    hostname: str = "localhost"
    mounts: list[Mount] = field(default_factory=list)
    ulimits: list[list[Any]] = field(default_factory=list)
    entrances: list[str] = field(default_factory=list)
    oom_files: list[list[str]] = field(default_factory=list)
    late_limits: list[list[str]] = field(default_factory=list)
    shared_memory_mb: int = 64
    is_root_read_only: bool = False
    has_init: bool = False

    @staticmethod
    def read(plain: dict[str, Any]) -> ContainerPlan:
        """From what :func:`dataclasses.asdict` made of one."""
        mounts = [Mount(**mount) for mount in plain["mounts"]]
        return ContainerPlan(**{**plain, "mounts": mounts})


@dataclass
class TaskPlan:
    """What the containers of a task share.

    Attributes:
        folder: of the task; holds the control socket and the status file.
        gateway_port: on which 127.0.0.1 inside leads to the platform; 0 for none.
        metadata_address: address of port 80 inside that leads to the metadata service; or empty.
        seccomp_path: file with the BPF program.
        is_root: whether the platform runs as root.
        disk_mb: bound of what all containers together keep below ``folder``; 0 for none.
    """

    folder: str
    gateway_port: int
    metadata_address: str
    seccomp_path: str
    is_root: bool
    disk_mb: int = 0
    program: bytes = b""

    def read_program(self) -> None:
        """Have the filter at hand; its file goes with the platform. Raises OSError."""
        if self.seccomp_path:
            with open(self.seccomp_path, "rb") as file:
                self.program = file.read()

    def plain(self) -> dict[str, Any]:
        """What :meth:`read` reads."""
        return {**vars(self), "program": self.program.hex()}

    @staticmethod
    def read(plain: dict[str, Any]) -> TaskPlan:
        """From :meth:`plain`; without a program where there was none yet."""
        return TaskPlan(**{**plain, "program": bytes.fromhex(plain.get("program", ""))})
