"""The walls around one instance, applied by the forked child itself.

Three tiers. A: own mount, process, network, IPC, host name and cgroup namespaces (and a user
namespace where the platform is not root), a small read-only root, Landlock, seccomp. B: Landlock
and seccomp only. C: resource limits only. Which one holds is told by the plan; nothing here
falls back by itself.
"""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import dataclass
from typing import Any

from pileus.runtime import image_root, landlock, linux, tree_copy

NOBODY = 65534
TASK_DIR = "/var/task"
LAYERS_DIR = "/opt"
RUNTIME_DIR = "/var/runtime"
RUNTIME_API_PORT = 9001
OLD_ROOT = "/.host"
OPEN_FILES_MAX = 1024
PROCESSES_MAX = 1024
_INODES_PER_MIB = 256
"""One for each page: empty files take memory as well, which no size bounds."""
_MIB = 1 << 20

_WRITABLE = ["/tmp", "/proc", "/dev"]
_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWPID
)
_DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass
class Plan:
    """What every instance of one zygote shares.

    Attributes:
        tier: ``A``, ``B`` or ``C``.
        root_dir: the prepared skeleton that becomes the root (tier A): mount points, ``/etc``.
        shown: host paths shown read-only at the same place inside.
        libraries: host packages shown read-only in ``/var/runtime``.
        gateway_port: port the instance reaches the gateway on; 0 for none.
        seccomp_path: file with the BPF program; empty in tier C.
        snapshot_seccomp_path: the same for a snapshot, whose copies may enter the namespaces they
            are handed.
        is_root: whether the platform runs as root.
        limit_processes: set RLIMIT_NPROC, because no cgroup bounds forks.
    """

    tier: str
    root_dir: str
    shown: list[str]
    libraries: list[str]
    gateway_port: int
    seccomp_path: str
    snapshot_seccomp_path: str
    is_root: bool
    limit_processes: bool
    program: bytes = b""
    snapshot_program: bytes = b""

    def prepare(self) -> None:
        """In the zygote, once: read the filter, assemble the part of the tree all share."""
        if self.seccomp_path:
            with open(self.seccomp_path, "rb") as file:
                self.program = file.read()
        if self.snapshot_seccomp_path:
            with open(self.snapshot_seccomp_path, "rb") as file:
                self.snapshot_program = file.read()
        if self.tier != "A":
            return
        if not self.is_root:
            uid, gid = os.getuid(), os.getgid()
            linux.unshare(linux.CLONE_NEWUSER)
            linux.map_one_user(NOBODY, NOBODY, uid, gid)
        linux.unshare(linux.CLONE_NEWNS)
        linux.make_mounts_private()
        linux.bind(self.root_dir, self.root_dir)
        for path in self.shown:
            linux.bind(path, self.root_dir + path)
        for path in self.libraries:
            linux.bind(path, f"{self.root_dir}{RUNTIME_DIR}/{os.path.basename(path)}")
        for name in _DEVICES:
            linux.bind(f"/dev/{name}", f"{self.root_dir}/dev/{name}", writable=True)
        # From here on the zygote sees the files of an instance at the paths of an instance, so
        # that what it imports for its children finds its data there later.
        linux.pivot_root(self.root_dir, self.root_dir + OLD_ROOT)

    def thread_count(self) -> int:
        """Threads of the zygote; more than one makes forking unsafe."""
        return len(os.listdir(f"{OLD_ROOT if self.tier == 'A' else ''}/proc/self/task"))

    def leave_user_namespace(self) -> None:
        """A new user namespace that belongs to, and holds, the user every instance is."""
        linux.set_dumpable(True)  # else /proc/self would not be its own
        linux.unshare(linux.CLONE_NEWUSER)
        linux.map_one_user(NOBODY, NOBODY, NOBODY, NOBODY)

    def leave_namespaces(self) -> list[socket.socket]:
        """In the first child: new namespaces; the listeners made inside the network one.

        Returns the gateway's listener (when there is a port) and the Runtime API's. The next
        fork's child is process 1 inside.
        """
        if self.tier != "A":
            return []
        linux.unshare(_NAMESPACES)
        linux.loopback_up()
        socket.sethostname("localhost")
        ports = [self.gateway_port, RUNTIME_API_PORT] if self.gateway_port else [RUNTIME_API_PORT]
        return [_listen(port) for port in ports]

    def enter_root(self, tmp_mb: int = 1) -> None:
        """In process 1: own ``/proc`` and ``/tmp``."""
        if self.tier != "A":
            return
        quiet = linux.MS_NOSUID | linux.MS_NODEV
        linux.mount("proc", "/proc", "proc", quiet | linux.MS_NOEXEC)
        linux.mount("tmpfs", "/tmp", "tmpfs", quiet, _tmp_options(tmp_mb))

    def enter_copy_root(self, tmp_mb: int, late_shown: list[str]) -> None:
        """In process 1 of a copy: the same with what the snapshot left in its ``/tmp``, and with what
        is shown below it, read-only as before."""
        hidden = [path for path in late_shown if path.startswith("/tmp/")]
        shown = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in hidden]
        with tree_copy.Folder("/tmp") as left:
            self.enter_root(tmp_mb)
            left.copy_to("/tmp")
        for path, descriptor in shown:
            source = f"/proc/self/fd/{descriptor}"
            _make_place(path, is_dir=os.path.isdir(source))
            linux.bind(source, path)
            os.close(descriptor)

    def show_code(self, start: dict[str, Any]) -> None:
        """In the worker: this function's code, layers and ``/tmp`` size; the host disappears."""
        if self.tier != "A":
            return
        if start["image"]:
            _size_tmp(start["tmp_mb"])
            _keep_rings(start.get("http"))
            image_root.enter(OLD_ROOT + start["image"]["folder"], start["image"]["layers"])
            return
        linux.bind(OLD_ROOT + start["code_dir"], TASK_DIR)
        if start["layers_dir"]:
            linux.bind(OLD_ROOT + start["layers_dir"], LAYERS_DIR)
        for path in start["late_shown"]:
            _make_place(path, is_dir=os.path.isdir(OLD_ROOT + path))
            linux.bind(OLD_ROOT + path, path)
        _size_tmp(start["tmp_mb"])
        linux.unmount(OLD_ROOT)

    def restrict_copy(self) -> None:
        """In a copy of a snapshot, once it has entered its namespaces with every power over them:
        from here on it is as bound as any other instance."""
        linux.drop_bounding_capabilities()
        linux.drop_capabilities()
        linux.set_dumpable(True)
        if linux.landlock_abi():
            landlock.restrict(["/"], _WRITABLE)
        if self.program:
            linux.load_seccomp(self.program)

    def drop_power(self) -> None:
        """Give up identity and capabilities for good."""
        linux.set_no_new_privileges()
        if self.is_root:
            linux.drop_bounding_capabilities()
            if self.tier == "A":
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
        linux.drop_capabilities()

    def restrict(self, start: dict[str, Any], *, is_snapshot: bool = False) -> None:
        """In the worker, last: limits, identity, Landlock, seccomp.

        A snapshot's Landlock leaves it what its mounts let it write: a copy has another ``/tmp``,
        and restricts itself to that.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
        if self.limit_processes:
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES_MAX, PROCESSES_MAX))
        if self.tier != "A":  # /tmp is a folder of the host; one file at least has its bound
            resource.setrlimit(resource.RLIMIT_FSIZE, (start["tmp_mb"] * _MIB,) * 2)
        self.drop_power()
        linux.set_dumpable(True)
        if self.tier == "A":
            if linux.landlock_abi():
                writable = ["/"] if is_snapshot else _WRITABLE
                landlock.restrict(["/", *_kept_rings(start.get("http"))], writable)
        elif self.tier == "B":
            shown = [*self.shown, *self.libraries, *start["late_shown"], "/proc"]
            shown += [start["code_dir"], start["layers_dir"], start["runtime_dir"]]
            ports = [port for port in (self.gateway_port, start["runtime_api_port"]) if port]
            devices = [f"/dev/{name}" for name in _DEVICES]
            landlock.restrict(filter(None, shown), [start["tmp_dir"], *devices], ports)
        program = self.snapshot_program if is_snapshot else self.program
        if program:
            linux.load_seccomp(program)


def _keep_rings(http: dict[str, Any] | None) -> None:
    """Keep the folder of rings open, which the root of an image will not show."""
    if http:
        path = OLD_ROOT + http["rings_dir"]
        http["rings_fd"] = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _kept_rings(http: dict[str, Any] | None) -> list[str]:
    return [f"/proc/self/fd/{http['rings_fd']}"] if http and http["rings_fd"] >= 0 else []


def _size_tmp(size_mb: int) -> None:
    flags = linux.MS_REMOUNT | linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("", "/tmp", "", flags, _tmp_options(size_mb))


def _tmp_options(size_mb: int) -> str:
    return f"size={size_mb}m,nr_inodes={size_mb * _INODES_PER_MIB},mode=1777"


def _make_place(path: str, *, is_dir: bool) -> None:
    """A mount point in the instance's own ``/tmp``, which hides the skeleton's."""
    os.makedirs(path if is_dir else os.path.dirname(path), exist_ok=True)
    if not is_dir:
        with open(path, "w"):
            pass


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener
