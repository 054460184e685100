"""The file system of one container: layers, a place for writes, what every Linux program expects.

Images come from anywhere. Whatever is mounted into the tree is therefore mounted after the tree has
become the root, where no link of an image leads out of it. What does not depend on the image waits beside
it until then.
"""

from __future__ import annotations

import os
import socket
import stat

from pileus.runtime import linux
from pileus.runtime.container_plan import DEVICE, ContainerPlan, Mount

_STAGE = "/proc/driver"
"""Where ``/dev`` of a container to come waits: a folder that every ``/proc`` has and nobody needs."""
_QUIET = linux.MS_NOSUID | linux.MS_NODEV
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_PROC_HIDDEN = ("acpi", "asound", "dynamic_debug", "kcore", "keys", "kmsg", "kpagecgroup",
                "kpagecount", "kpageflags", "latency_stats", "sched_debug", "scsi", "slabinfo",
                "timer_list", "timer_stats", "vmallocinfo")  # fmt: skip
"""Some are root's to read and even to write, capabilities or none."""


def stage() -> None:
    """In process 1 of a container to come, in namespaces of its own: mount what all containers have alike.

    Raises:
        OSError: what the kernel refuses.
    """
    linux.make_mounts_private()
    is_root = os.getuid() == 0 and linux.has_initial_users()
    linux.mount("proc", "/proc", "proc", _QUIET | linux.MS_NOEXEC)
    linux.mount("tmpfs", _STAGE, "tmpfs", linux.MS_NOSUID, "size=64k,mode=755")
    _fill_devices(_STAGE, is_root=is_root)
    _veil_proc(f"{_STAGE}/null")


def hold_old_root(plan: ContainerPlan) -> int:
    """Make the place where the old root passes through, before anything is mounted, and hold it open.

    Some disks are told of every block that becomes free and are waited for; what is held open is freed
    when it is closed, not when :func:`assemble` removes it.
    """
    place = f"{plan.upper_dir}/{plan.old_root}"
    os.makedirs(place, exist_ok=True)
    return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def assemble(plan: ContainerPlan) -> None:
    """In the same process: make ``plan`` the root.

    Raises:
        OSError: what the kernel refuses.
    """
    is_root = os.getuid() == 0 and linux.has_initial_users()
    root = _mount_layers(plan)
    sources = [os.path.realpath(mount.source) if mount.source else "" for mount in plan.mounts]
    os.makedirs(f"{root}/{plan.old_root}", exist_ok=True)
    linux.pivot_root(root, f"{root}/{plan.old_root}")
    old_root = f"/{plan.old_root}"
    _take_over(old_root, plan.shared_memory_mb)
    for mount, source in zip(plan.mounts, sources, strict=True):
        if mount.options == DEVICE:
            _show_device(old_root + source, mount.target, is_root=is_root)
        else:
            _mount(mount, old_root + source if source else "")
    linux.unmount(old_root)
    os.rmdir(old_root)
    os.umask(0o022)
    if plan.working_dir:
        os.makedirs(plan.working_dir, exist_ok=True)
    if plan.is_root_read_only:
        flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | _QUIET
        linux.mount("", "/", "", flags)
    socket.sethostname(plan.hostname)


def _take_over(old_root: str, shared_memory_mb: int) -> None:
    """Move what was prepared to where programs look for it."""
    for source, target in ((_STAGE, "/dev"), ("/proc", "/proc")):
        os.makedirs(target, exist_ok=True)
        linux.move_mount(f"{old_root}{source}", target)
    size = f"size={shared_memory_mb}m,mode=1777"
    linux.mount("tmpfs", "/dev/shm", "tmpfs", _QUIET, size)


def _mount_layers(plan: ContainerPlan) -> str:
    """The overlay, mounted; options name layers by short links, since they must fit into a page."""
    links, root = f"{plan.folder}/lowers", f"{plan.folder}/root"
    os.makedirs(links, exist_ok=True)
    names = []
    for number, lower in enumerate(plan.lowers):
        names.append(str(number))
        if not os.path.lexists(f"{links}/{number}"):
            os.symlink(lower, f"{links}/{number}")
    for name, target in (("upper", plan.upper_dir), ("work", plan.work_dir)):
        os.makedirs(target, exist_ok=True)
        if not os.path.lexists(f"{links}/{name}"):
            os.symlink(target, f"{links}/{name}")
    os.makedirs(root, exist_ok=True)
    os.chdir(links)
    options = f"lowerdir={':'.join(names)},upperdir=upper,workdir=work"
    if os.getuid() != 0 or not linux.has_initial_users():
        options += ",userxattr"
    linux.mount("overlay", root, "overlay", _QUIET, options)
    return root


def _veil_proc(nothing: str) -> None:
    """Root inside is root to these files, whatever capabilities it has lost."""
    for name in _PROC_READ_ONLY:
        if os.path.exists(f"/proc/{name}"):
            linux.bind(f"/proc/{name}", f"/proc/{name}")
    for name in _PROC_HIDDEN:
        path = f"/proc/{name}"
        if os.path.isdir(path):
            linux.mount("tmpfs", path, "tmpfs", _QUIET | linux.MS_RDONLY, "size=0,mode=555")
        elif os.path.exists(path):
            linux.bind(nothing, path)


def _fill_devices(place: str, *, is_root: bool) -> None:
    for name in _DEVICES:
        if os.path.exists(f"/dev/{name}"):
            _show_device(f"/dev/{name}", f"{place}/{name}", is_root=is_root)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{place}/{name}")
    os.mkdir(f"{place}/pts")
    linux.mount("devpts", f"{place}/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC,
                "newinstance,ptmxmode=0666,mode=0620")  # fmt: skip
    os.mkdir(f"{place}/shm")


def _show_device(source: str, target: str, *, is_root: bool) -> None:
    if is_root:
        # A node of its own: root inside owns what it sees, and could change the host's.
        os.mknod(target, stat.S_IFCHR | 0o666, os.stat(source).st_rdev)
        os.chmod(target, 0o666)
        return
    with open(target, "w"):
        pass
    linux.mount(source, target, "", linux.MS_BIND)


def _mount(mount: Mount, source: str) -> None:
    # Resolved by hand, so that a link of the image whose goal is missing gets one inside.
    target = os.path.realpath(mount.target)
    if not source:
        os.makedirs(target, exist_ok=True)
        options = f"size={mount.size_mb}m,mode=1777"
        flags = _QUIET if mount.is_writable else _QUIET | linux.MS_RDONLY
        if "noexec" in mount.options.split(","):
            flags |= linux.MS_NOEXEC
        linux.mount("tmpfs", target, "tmpfs", flags, options)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    linux.bind(source, target, writable=mount.is_writable)
